"""The held-out sentences: a table with the columns path, speaker, text (path and speaker may be missing or empty)."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from errors import DatasetError


@dataclass(frozen=True)
class Item:
    """One sentence.

    Attributes:
        number: place in the table, from 0; seeds are derived from it.
        text: what is to be said.
        path: a recording of it, or None.
        speaker: who says it there; may be empty.
    """

    number: int
    text: str
    path: Path | None = None
    speaker: str = ""


def _find(written: str, roots: Sequence[Path]) -> Path | None:
    """The recording under the first root that has it; None where ``written`` is empty or nowhere."""
    if not written:
        return None
    return next((root / written for root in roots if (root / written).is_file()), None)


def read_items(path: Path, audio_root: Path | None = None, limit: int | None = None) -> list[Item]:
    """Read a table of sentences.

    Args:
        path: tab-separated, UTF-8, with a header line that names at least ``text``.
        audio_root: where relative recordings lie (default: beside the table).
        limit: read only that many.

    Raises:
        DatasetError: no such table, no text column, or no sentence.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream, delimiter="\t", quoting=csv.QUOTE_NONE)
            if "text" not in (reader.fieldnames or []):
                raise DatasetError(f"{path} has no column 'text'", "a header line: path, speaker, text")
            rows = [row for row in reader if (row["text"] or "").strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"table {path} cannot be read ({error})", "a tab-separated text file") from error
    roots = [audio_root] if audio_root else [path.parent]
    items = [
        Item(number, row["text"].strip(), _find(row.get("path") or "", roots), row.get("speaker") or "")
        for number, row in enumerate(rows[:limit])
    ]
    if not items:
        raise DatasetError(f"{path} holds no sentence", "at least one line under the header")
    return items
