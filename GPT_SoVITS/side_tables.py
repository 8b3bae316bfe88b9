"""The tables of a training folder (AR/data/side_tables.py) for all that is not the text-to-semantic stage."""

from __future__ import annotations

from pathlib import Path

from AR.data import side_tables
from AR.data.side_tables import ALIGNMENT_TABLE, SPEAKER_TABLE, TEXT_TABLE, TOKEN_TABLE
from AR.errors import T2SError
from errors import DatasetError

__all__ = [
    "ALIGNMENT_TABLE",
    "SPEAKER_TABLE",
    "TEXT_TABLE",
    "TOKEN_TABLE",
    "read_alignment",
    "read_table",
    "read_tokens",
]


def read_table(path: Path) -> dict[str, str]:
    """Values by clip name; empty where there is no such file.

    Raises:
        DatasetError: the file cannot be read, or is not UTF-8.
    """
    try:
        return side_tables.read_table(path)
    except T2SError as error:
        raise DatasetError(str(error)) from error


def read_alignment(path: Path) -> dict[str, tuple[int, ...]]:
    """Index of the phone spoken at each token, by clip name (-1: none); empty where there is no such file.

    Raises:
        DatasetError: the file cannot be read, or a clip's indices are no whole numbers.
    """
    try:
        return side_tables.read_alignment(path)
    except T2SError as error:
        raise DatasetError(str(error)) from error


def read_tokens(path: Path) -> dict[str, list[int]]:
    """``6-name2semantic.tsv`` as a mapping from clip name to semantic tokens.

    Raises:
        DatasetError: no such file, or not in that form.
    """
    try:
        rows = [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines()[1:]]
        return {name: [int(word) for word in ids.split()] for name, ids in rows}
    except (OSError, ValueError) as error:
        raise DatasetError(f"tokens {path} cannot be read ({error})", f"a {TOKEN_TABLE}") from error
