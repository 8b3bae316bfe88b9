"""The held-out sentences: tables with the columns path, speaker, text, language, category; only text must be there."""

from __future__ import annotations

import csv
import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
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
        language: of the text.
        category: what is hard about it; may be empty.
    """

    number: int
    text: str
    path: Path | None = None
    speaker: str = ""
    language: str = "en"
    category: str = ""


def _find(written: str, roots: Sequence[Path]) -> Path | None:
    """The recording under the first root that has it; None where ``written`` is empty or nowhere."""
    if not written:
        return None
    return next((root / written for root in roots if (root / written).is_file()), None)


def _rows(path: Path) -> list[Mapping[str, str]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream, delimiter="\t", quoting=csv.QUOTE_NONE)
            if "text" not in (reader.fieldnames or []):
                raise DatasetError(f"{path} has no column 'text'", "a header line: path, speaker, text")
            return [row for row in reader if (row["text"] or "").strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"table {path} cannot be read ({error})", "a tab-separated text file") from error


def read_items(
    path: Path, audio_root: Path | None = None, limit: int | None = None, language: str = "en"
) -> list[Item]:
    """Read a table of sentences.

    Args:
        path: tab-separated, UTF-8, with a header line that names at least ``text``.
        audio_root: where relative recordings lie (default: beside the table).
        limit: only so many, see :func:`sample`.
        language: of rows that name none.

    Raises:
        DatasetError: no such table, no text column, or no sentence.
    """
    roots = [audio_root] if audio_root else [path.parent]
    items = [
        Item(
            number,
            row["text"].strip(),
            _find(row.get("path") or "", roots),
            row.get("speaker") or "",
            row.get("language") or language,
            row.get("category") or "",
        )
        for number, row in enumerate(_rows(path))
    ]
    if not items:
        raise DatasetError(f"{path} holds no sentence", "at least one line under the header")
    return items if limit is None else sample(items, limit)


def sample(items: Sequence[Item], limit: int) -> list[Item]:
    """``limit`` of ``items`` in their order, as many of each category, drawn by a hash of the text.

    A larger limit holds every sentence of a smaller one, so that a longer run only adds to what is done.
    """
    order = sorted(items, key=lambda item: hashlib.sha256(item.text.encode()).digest())
    seen: dict[str, int] = defaultdict(int)
    ranked = []
    for item in order:
        ranked.append((seen[item.category], item))
        seen[item.category] += 1
    chosen = [item for _, item in sorted(ranked, key=lambda pair: pair[0])[:limit]]
    return sorted(chosen, key=lambda item: item.number)
