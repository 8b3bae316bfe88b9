"""The list of recordings, ``vocal_path|speaker|language|text`` a line: read, checked, and each clip given its name.

Knows paths and fields only; opens no audio and cleans no text.
"""

from __future__ import annotations

import logging
import os
import re
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from errors import DatasetError
from prepare_datasets.journal import write_atomic
from prepare_datasets.report import Report, SkippedClip
from text.registry import ALIASES

logger = logging.getLogger(__name__)

#: As users write them, in any case, and the language that each means.
LANGUAGES = dict(ALIASES)
UNSAFE = re.compile(r"[^-.\w]")  # in file names
LINE_FORMAT = "vocal_path|speaker|language|text"


@dataclass(frozen=True)
class Clip:
    """One good line of the list.

    Attributes:
        name: what all later files call the clip: its base name with extension, made unique within the list.
        path: the audio file.
        speaker: as written in the list.
        language: zh, ja, en, ko or yue.
        text: as written in the list, trimmed.
    """

    name: str
    path: Path
    speaker: str
    language: str
    text: str


def lines_of(text: str) -> list[str]:
    """The lines of a list: what \\n or \\r\\n ends. Other separators (U+2028, U+0085, ...) are part of the text."""
    return [line.removesuffix("\r") for line in text.split("\n")]


def unquoted(written: str) -> str:
    """A path as a shell or file manager gives it, without the quotes around it."""
    return written.strip().strip("\"'")


def find_audio(written: str, list_folder: Path, wav_dir: Path | None) -> Path:
    """The audio file that a list means by ``written``.

    With ``wav_dir`` it is looked for there only, by its relative path and then by its base name. Without, an absolute
    path stands for itself and a relative one starts at the list's folder or, as the public tools have it, at the
    working directory.

    Raises:
        SkippedClip: no such file.
    """
    plain = unquoted(written)
    path = Path(plain if os.path.exists(plain) else plain.replace("\\", "/"))
    if wav_dir is not None:
        candidates = [wav_dir / path.name] if path.is_absolute() else [wav_dir / path, wav_dir / path.name]
    elif path.is_absolute():
        candidates = [path]
    else:
        candidates = [list_folder / path, path]
    for candidate in candidates:
        if candidate.is_file():
            return candidate
    raise SkippedClip("file missing", str(candidates[0]))


def parse_line(line: str, list_folder: Path, wav_dir: Path | None, languages: Collection[str]) -> Clip:
    """Read one line; the name is still the plain base name.

    Raises:
        SkippedClip: with the reason.
    """
    fields = [part.strip() for part in line.split("|", 3)]
    if len(fields) < 4:
        raise SkippedClip("fields missing", f"{len(fields)} of 4, the form is {LINE_FORMAT}")
    written, speaker, tag, text = fields
    if not written or not speaker:
        raise SkippedClip("fields missing", "no path" if not written else "no speaker")
    if "\t" in line:
        raise SkippedClip("tab in line", "the training files are separated by tabs")
    language = LANGUAGES.get(tag.lower())
    if language is None or language not in languages:
        raise SkippedClip("unknown language", f"{tag!r}, known are {', '.join(sorted(languages))}")
    if not any(character.isalnum() for character in text):
        raise SkippedClip("empty text", repr(text) if text else "")
    path = find_audio(written, list_folder, wav_dir)
    return Clip(path.name, path, speaker, language, text)


def name_clips(clips: list[Clip], report: Report) -> list[Clip]:
    """Give each clip a name of its own; a file listed twice is kept once.

    Base names that collide become ``<speaker>_<base name>``; where that is not enough, the folders of the clip come
    between, as many as are needed: ``<speaker>_<folder>_<base name>``.
    """
    unique: dict[Path, Clip] = {}
    for clip in clips:
        path = Path(os.path.abspath(clip.path))
        if path in unique:
            report.skip(clip.name, "listed twice", str(clip.path))
        else:
            unique[path] = clip
    names = {path: clip.name for path, clip in unique.items()}
    for depth in range(max((len(path.parts) for path in unique), default=0) + 1):
        counts = Counter(names.values())
        colliding = [path for path, name in names.items() if counts[name] > 1]
        if not colliding:
            break
        for path in colliding:
            names[path] = _long_name(unique[path], path, depth)
    named: dict[str, Clip] = {}
    for path, clip in unique.items():
        if names[path] in named:
            report.skip(clip.name, "name taken", f"{clip.path} and {named[names[path]].path}")
        else:
            named[names[path]] = replace(clip, name=names[path])
    renamed = sum(clip.name != names[path] for path, clip in unique.items())
    if renamed:
        logger.info("%d clips share a base name with another: these are called <speaker>_<base name>", renamed)
    return list(named.values())


def _long_name(clip: Clip, path: Path, folders: int) -> str:
    """The name of a clip with its speaker and its last ``folders`` folders in front."""
    parts = (clip.speaker, *path.parent.parts[len(path.parent.parts) - folders :]) if folders else (clip.speaker,)
    return "_".join(UNSAFE.sub("_", part) for part in (*parts, clip.name))


def read_list(
    list_path: str | Path, wav_dir: str | Path | None = None, languages: Collection[str] = frozenset(LANGUAGES.values())
) -> tuple[list[Clip], Report]:
    """All good lines of a list, in its order, and a report of the others.

    Args:
        list_path: UTF-8 text; empty lines are passed over.
        wav_dir: where the audio is, when that is not what the paths in the list say.
        languages: the languages that the text stage can read; lines in others are left out.

    Raises:
        DatasetError: the list or ``wav_dir`` is missing or unreadable, or no line is good.
    """
    path = Path(unquoted(str(list_path)))
    folder = Path(unquoted(str(wav_dir))) if wav_dir else None
    if folder is not None and not folder.is_dir():
        raise DatasetError(f"audio folder {folder} does not exist", "the folder of the recordings", "check --wav-dir")
    try:
        lines = lines_of(path.read_bytes().decode("utf-8-sig"))
    except OSError as error:
        raise DatasetError(f"list {path} cannot be read ({error.strerror})", "a text file", "check --list") from error
    except UnicodeDecodeError as error:
        raise DatasetError(f"list {path} is not UTF-8 text", "UTF-8", "save the list as UTF-8") from error
    report = Report("list")
    clips = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            clips.append(parse_line(line, path.parent, folder, languages))
        except SkippedClip as skipped:
            report.skip(f"line {number}", skipped.reason, skipped.detail)
    named = name_clips(clips, report)
    report.done = len(named)
    report.require_usable(str(path))
    return named, report


def write_speakers(path: Path, clips: Iterable[Clip]) -> None:
    """Write ``speakers.tsv``: name TAB speaker, no header."""
    write_atomic(path, "".join(f"{clip.name}\t{clip.speaker}\n" for clip in clips))
