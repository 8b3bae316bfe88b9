"""The voices under test: what the settings or a pack folder name, loaded once, when first needed.

Several packs can be in one run, each with a label of its own, so that old and new weights speak side by side.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from config import PACK_DIR, REPO_ROOT
from errors import ConfigError
from tools.evaluation.store import content_key
from TTS_infer_pack.pack import PACK_FILE, read_pack

if TYPE_CHECKING:
    from TTS_infer_pack.TTS import TTS, TTS_Config

SPEAKING_CODE = ("AR", "module", "text", "TTS_infer_pack", "feature_extractor")
"""Folders whose code decides how a text sounds."""


@dataclass(frozen=True)
class Reference:
    """The clip that lends its voice, and its words (empty: spoken without them)."""

    path: Path
    text: str = ""
    language: str = "en"


class VoiceUnderTest:
    """Weights and a reference clip.

    Args:
        label: before the names of its systems; empty for the only one.
        settings: of ``TTS_Config``: a pack folder, paths of weights.
        reference: the clip; None takes the pack's own, else that of the checkout's pack.

    Raises:
        ConfigError: settings that cannot be used.
    """

    def __init__(
        self, label: str = "", settings: Mapping[str, Any] | None = None, reference: Reference | None = None
    ) -> None:
        self.label = label
        self.settings = dict(settings or {})
        self.pack_folder = Path(self.settings["pack"]) if "pack" in self.settings else PACK_DIR
        self.reference = reference or self._own_reference()

    def named(self, system: str) -> str:
        """Name of one of its systems."""
        return f"{self.label}/{system}" if self.label else system

    @cached_property
    def config(self) -> TTS_Config:
        """The settings as the pipeline reads them."""
        from TTS_infer_pack.TTS import TTS_Config

        return TTS_Config(**self.settings)

    @cached_property
    def tts(self) -> TTS:
        """The loaded pipeline."""
        from TTS_infer_pack.TTS import TTS

        return TTS(self.config)

    def _own_reference(self) -> Reference | None:
        default = self.config.default_reference
        if default is None and (PACK_DIR / PACK_FILE).is_file():
            default = read_pack(PACK_DIR).default_reference
        return Reference(Path(default.path), default.text, default.lang) if default else None

    def model_name(self, name: str) -> str:
        """A language model's name, as this voice's pack has it: a stage of the pack becomes its folder's path."""
        from AR.models.lm_folder import is_lm_folder
        from TTS_infer_pack.language_model import PACK_STAGES

        folder = self.pack_folder / PACK_STAGES.get(name, name)
        return str(folder.resolve()) if self.pack_folder != PACK_DIR and is_lm_folder(folder) else name

    def model_folder(self, name: str) -> Path | None:
        """Where the weights of a language model lie; None where they are not on disk."""
        from TTS_infer_pack.language_model import at_home, places

        return places().find(at_home(self.model_name(name)))

    @cached_property
    def sound_facts(self) -> dict[str, Any]:
        """What decides how given tokens sound: weights and code by content, and the clip."""
        config, clip = self.config, self.reference
        return {
            "weights": content_key([Path(config.cnhuhbert_base_path), Path(config.vits_weights_path)]),
            "code": content_key(REPO_ROOT / "GPT_SoVITS" / folder for folder in SPEAKING_CODE),
            "version": config.version,
            "reference": content_key([clip.path]) if clip else None,
        }

    @cached_property
    def facts(self) -> dict[str, Any]:
        """What decides how a text sounds, the language model aside."""
        from TTS_infer_pack.pack import recommended_for

        config, clip = self.config, self.reference
        table = recommended_for(Path(config.t2s_weights_path), Path(config.vits_weights_path)).read_back
        return self.sound_facts | {
            "ar_weights": content_key([Path(config.t2s_weights_path)]),
            "sampling": dict(config.sampling),
            "reference_free": config.reference_free,
            "read_back": content_key([table]) if table else None,
            "prompt": [clip.text, clip.language] if clip else None,
        }


def parse_pack(argument: str) -> tuple[str, Path]:
    """``NAME=FOLDER`` or ``FOLDER`` as label and folder; the folder's name is the label where none is given.

    Raises:
        ConfigError: there is no pack in the folder.
    """
    name, found, rest = argument.partition("=")
    if not found or "/" in name:
        name, rest = "", argument
    folder = Path(rest).expanduser().resolve()
    if not (folder / PACK_FILE).is_file():
        raise ConfigError(f"{folder} holds no {PACK_FILE}", "a voice pack folder", "check --pack")
    return name or folder.name, folder


def make_voices(
    packs: Sequence[str], settings: Mapping[str, Any], reference: Reference | None = None
) -> list[VoiceUnderTest]:
    """One voice for each ``--pack``; without any, the one that the settings give.

    Raises:
        ConfigError: a folder without a pack, or two of one name.
    """
    if not packs:
        return [VoiceUnderTest("", settings, reference)]
    parsed = [parse_pack(argument) for argument in packs]
    labels = [label for label, _ in parsed]
    if len(set(labels)) < len(labels):
        raise ConfigError(f"two packs are called {labels[0]}", "names that differ", "--pack old=A --pack new=B")
    return [VoiceUnderTest(label, {**settings, "pack": str(folder)}, reference) for label, folder in parsed]
