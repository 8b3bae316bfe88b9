"""Journals: finished clips are found again, cut-off lines and old digests are not believed."""

from __future__ import annotations

from pathlib import Path

import pytest

from prepare_datasets.journal import FOLDER, Journal, atomic_file, write_atomic


def test_results_survive_and_belong_to_their_digest(tmp_path: Path) -> None:
    Journal(tmp_path, "stage", part=1).add("a", "d1", "x\ty")
    again = Journal(tmp_path, "stage", part=0)  # other workers' results count too
    assert again.get("a", "d1") == "x\ty"
    assert again.get("a", "d2") is None and again.get("b", "d1") is None


def test_a_line_that_was_cut_off_is_dropped(tmp_path: Path) -> None:
    Journal(tmp_path, "stage").add("a", "d", "whole")
    path = tmp_path / FOLDER / "stage-0.tsv"
    path.write_text(path.read_text() + "d\tb\thalf of a res")
    journal = Journal(tmp_path, "stage")
    assert journal.get("b", "d") is None
    journal.add("b", "d", "whole too")
    assert Journal(tmp_path, "stage").get("b", "d") == "whole too"
    assert Journal(tmp_path, "stage").get("a", "d") == "whole"


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    write_atomic(path, "old")
    with pytest.raises(RuntimeError), atomic_file(path) as stream:
        stream.write(b"new")
        raise RuntimeError("killed")
    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file.txt"]
