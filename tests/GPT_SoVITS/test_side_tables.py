"""Tables beside a training folder's public files: what is read, and what is said about a broken one."""

from __future__ import annotations

from pathlib import Path

import pytest

from errors import DatasetError
from side_tables import read_alignment, read_table


def test_values_by_name(tmp_path: Path) -> None:
    path = tmp_path / "speakers.tsv"
    path.write_text("\ufeffa.wav\tanna\r\nb.wav\tben of x \n\nno tab\n", encoding="utf-8")
    assert read_table(path) == {"a.wav": "anna", "b.wav": "ben of x"}
    path.write_text("a\t0 0 -1 2\nb\t\n", encoding="utf-8")
    assert read_alignment(path) == {"a": (0, 0, -1, 2), "b": ()}


def test_an_absent_table_is_empty(tmp_path: Path) -> None:
    assert read_table(tmp_path / "none.tsv") == {} == read_alignment(tmp_path / "none.tsv")


def test_a_broken_table_names_file_and_clip(tmp_path: Path) -> None:
    path = tmp_path / "alignment.tsv"
    path.write_text("a\t0 1\nb\t0 one\n", encoding="utf-8")
    with pytest.raises(DatasetError, match=r"alignment\.tsv: what stands behind b is no alignment"):
        read_alignment(path)
    path.write_bytes(b"a\t\xff\xfe")
    with pytest.raises(DatasetError, match=r"alignment\.tsv cannot be read"):
        read_table(path)
