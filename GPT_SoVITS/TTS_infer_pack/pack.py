"""A voice pack folder: weights, a reference clip and recommended settings that belong together, described by pack.json.

It knows the folder's layout and nothing about models.

    pack.json = {"name", "version", "languages",
                 "files": {"hubert": "hubert", "s2": "s2G.pth", "s1": "s1.ckpt",        paths inside the folder
                           "read_back": "read_back.safetensors"},       optional: what its tokens tell of phones
                 "default_reference": {"path", "text", "lang"},
                 "sampling": {"top_k", "top_p", "temperature", "repetition_penalty"},   optional, as is each in it
                 "reference_free": true,                        optional: its AR model speaks best without a prompt
                 "span": {"phones", "seconds"}}                 optional: the longest speech that its stages learned
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from AR.plausible import LearnedSpan
from errors import ConfigError

logger = logging.getLogger(__name__)

PACK_FILE = "pack.json"
KNOWN_KEYS = frozenset(
    {
        "name",
        "version",
        "language",  # of packs made before there were several
        "languages",
        "files",
        "default_reference",
        "sampling",
        "description",
        "licence",
        "made",
        "reference_free",
        "span",
    }
)
FILES = {"hubert": "hubert", "s2": "s2G.pth", "s1": "s1.ckpt"}
READ_BACK = "read_back"
PARENTS = 3
"""Folders above a file in which its pack is looked for."""
SAMPLING_KEYS = frozenset({"top_k", "top_p", "temperature", "repetition_penalty", "text_split_method", "speed_factor"})


class DefaultReference(NamedTuple):
    """The clip that speaks when a request names none: absolute path, its words, and their language."""

    path: str
    text: str
    lang: str


@dataclass(frozen=True)
class Recommended:
    """What a pack recommends for its own weights; nothing of it holds for others.

    Attributes:
        default_reference: the clip that speaks when a request names none.
        sampling: request values that its AR model sounds best with, used where a request does not name them.
        reference_free: the AR model is asked without the reference's tokens and text; the clip lends its timbre.
        span: the longest speech that its stages have learned.
        languages: that it was trained for; empty where that is not known.
        read_back: file of what its tokens tell of phones (``AR.read_back``), or None.
    """

    default_reference: DefaultReference | None = None
    sampling: Mapping[str, Any] = field(default_factory=dict)
    reference_free: bool = False
    span: LearnedSpan = LearnedSpan()
    languages: tuple[str, ...] = ()
    read_back: Path | None = None


@dataclass(frozen=True)
class VoicePack:
    """A pack on disk; paths are absolute. The last six attributes are those of :class:`Recommended`."""

    name: str
    version: str
    languages: tuple[str, ...]
    hubert: Path
    s2: Path
    s1: Path
    default_reference: DefaultReference | None = None
    sampling: Mapping[str, Any] = field(default_factory=dict)
    reference_free: bool = False
    span: LearnedSpan = LearnedSpan()
    read_back: Path | None = None

    def recommended(self, s1: Path, s2: Path) -> Recommended:
        """What of it holds for a GPT and a SoVITS file: all of it for the pack's own two.

        Sampling and span are about the AR model alone; the clip and how it is used are about the voice as a whole.
        What the tokens tell is about the codebook, which whatever is trained on from the pack's files has kept.
        """
        if s1.resolve() != self.s1.resolve():
            return Recommended(read_back=self.read_back)
        if s2.resolve() != self.s2.resolve():
            return Recommended(
                sampling=self.sampling, span=self.span, languages=self.languages, read_back=self.read_back
            )
        return Recommended(
            self.default_reference, self.sampling, self.reference_free, self.span, self.languages, self.read_back
        )


def _section(path: Path, content: Mapping[str, Any], name: str, known: frozenset[str]) -> dict[str, Any]:
    section = content.get(name) or {}
    unknown = sorted(set(section) - known) if isinstance(section, dict) else ["(not an object)"]
    if unknown:
        raise ConfigError(f"{path}: unknown {name} entries {', '.join(unknown)}", f"only {', '.join(sorted(known))}")
    return dict(section)


def read_pack(folder: Path) -> VoicePack:
    """Read and check ``folder``/pack.json (the files it names are checked when they are loaded).

    Raises:
        ConfigError: no such file, not JSON, unknown entries, or no version.
    """
    path = folder / PACK_FILE
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ConfigError(
            f"voice pack {path} cannot be read ({error})",
            "a voice pack folder",
            "check out the repository again, or name weights of your own",
        ) from error
    if not isinstance(content, dict) or not isinstance(content.get("version"), str):
        raise ConfigError(f"{path} describes no voice pack", "an object with 'name', 'version' and 'files'")
    unknown = sorted(set(content) - KNOWN_KEYS)
    if unknown:
        raise ConfigError(f"{path}: unknown entries {', '.join(unknown)}", f"only {', '.join(sorted(KNOWN_KEYS))}")
    files = FILES | _section(path, content, "files", frozenset({*FILES, READ_BACK}))
    reference = _section(path, content, "default_reference", frozenset(DefaultReference._fields))
    return VoicePack(
        name=str(content.get("name") or folder.name),
        version=content["version"],
        languages=_languages(content),
        hubert=folder / files["hubert"],
        s2=folder / files["s2"],
        s1=folder / files["s1"],
        default_reference=DefaultReference(str(folder / reference["path"]), reference["text"], reference["lang"])
        if len(reference) == len(DefaultReference._fields)
        else None,
        sampling=_section(path, content, "sampling", SAMPLING_KEYS),
        reference_free=content.get("reference_free") is True,
        span=_span(path, content),
        read_back=folder / files[READ_BACK] if READ_BACK in files else None,
    )


def _languages(content: Mapping[str, Any]) -> tuple[str, ...]:
    named = content.get("languages") or filter(None, [content.get("language")])
    return tuple(str(language) for language in named)


def _span(path: Path, content: Mapping[str, Any]) -> LearnedSpan:
    values = _section(path, content, "span", frozenset(LearnedSpan._fields))
    try:
        return LearnedSpan(int(values.get("phones", 0)), float(values.get("seconds", 0)))
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{path}: span is {values}", "phones and seconds as numbers") from error


def pack_of(s1: Path, s2: Path) -> VoicePack | None:
    """The pack that a GPT or a SoVITS file is a part of: one of the folders above it describes it as its own."""
    for path, part in ((s1, "s1"), (s2, "s2")):
        for folder in list(path.resolve().parents)[:PARENTS]:
            pack = _pack_in(folder)
            if pack is not None and getattr(pack, part).resolve() == path.resolve():
                return pack
    return None


def _pack_in(folder: Path) -> VoicePack | None:
    if not (folder / PACK_FILE).is_file():
        return None
    try:
        return read_pack(folder)
    except ConfigError as error:  # whoever loads single files out of it can still do so
        logger.warning("what the voice pack recommends is not known: %s", error)
        return None


def recommended_for(s1: Path, s2: Path) -> Recommended:
    """What is recommended for a GPT and a SoVITS file by the pack that they belong to; nothing for all others."""
    pack = pack_of(s1, s2)
    return Recommended() if pack is None else pack.recommended(s1, s2)
