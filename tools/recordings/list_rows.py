"""The list file as a table that people edit: rows read as they stand, checked before they are written."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from errors import DatasetError
from prepare_datasets.journal import write_atomic
from prepare_datasets.list_file import LANGUAGES, LINE_FORMAT, lines_of

FIX = "correct the row, or take it out"


class ListRow(NamedTuple):
    """One line of the list, as written."""

    path: str
    speaker: str
    language: str
    text: str

    def line(self) -> str:
        """The line with its end."""
        return "|".join(self) + "\n"


def path_in_list(audio: Path, list_path: Path) -> str:
    """How ``list_path`` names ``audio``: by its place below the list's folder, else by its absolute path."""
    audio, folder = Path(os.path.abspath(audio)), Path(os.path.abspath(list_path.parent))
    return audio.relative_to(folder).as_posix() if audio.is_relative_to(folder) else str(audio)


def audio_path(row: ListRow, list_path: Path) -> Path:
    """Where the audio of a row lies."""
    path = Path(row.path)
    return path if path.is_absolute() else list_path.parent / path


def read_rows(list_path: Path) -> list[ListRow]:
    """All rows with four fields; others are left out, as every stage does.

    Raises:
        DatasetError: the list is missing or no text.
    """
    try:
        lines = lines_of(list_path.read_bytes().decode("utf-8-sig"))
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(
            f"list {list_path} cannot be read", "a UTF-8 text file", "transcribe first, or check its path"
        ) from error
    parts = [line.split("|", 3) for line in lines]
    return [ListRow(*(field.strip() for field in fields)) for fields in parts if len(fields) == 4]


def checked(row: ListRow, number: int) -> ListRow:
    """``row`` with trimmed fields and the language as the stages write it.

    Raises:
        DatasetError: naming row ``number`` and what is wrong with it.
    """
    path, speaker, tag, text = (" ".join(str(field or "").split()) for field in row)
    language = LANGUAGES.get(tag.lower())
    if not path or not speaker:
        raise DatasetError(f"row {number} has no {'speaker' if path else 'path'}", LINE_FORMAT, FIX)
    if "|" in path or "|" in speaker:
        raise DatasetError(f"row {number} has a | in its path or speaker", LINE_FORMAT, FIX)
    if language is None:
        raise DatasetError(f"row {number} is in the language {tag!r}", f"one of {', '.join(LANGUAGES)}", FIX)
    if not any(character.isalnum() for character in text):
        raise DatasetError(f"row {number} ({path}) has no text", "what is spoken", FIX)
    return ListRow(path, speaker, language, text)


def write_rows(list_path: Path, rows: Iterable[ListRow]) -> int:
    """Write the list, whole or not at all; returns how many rows it has.

    Raises:
        DatasetError: a row that no stage could use, or no row.
        OSError: the file cannot be written.
    """
    good = [checked(row, number) for number, row in enumerate(rows, 1)]
    if not good:
        raise DatasetError("the list would be empty", "at least one row", "transcribe some recordings first")
    write_atomic(list_path, "".join(row.line() for row in good))
    return len(good)
