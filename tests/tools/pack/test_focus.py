"""A folder in which one voice prevails."""

from __future__ import annotations

from pathlib import Path

import pytest

from errors import DatasetError
from side_tables import read_tokens
from tools.pack import focus


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    exp = tmp_path / "exp"
    (exp / "5-wav32k").mkdir(parents=True)
    names = [f"{voice}{number}" for voice in ("anna", "ben") for number in range(6)]
    names += [f"target_{name}" for name in names]
    for name in names:
        (exp / "5-wav32k" / name).write_bytes(b"wav")
    (exp / "2-name2text.txt").write_text("".join(f"{name}\tHH AH0\tNone\thuh\n" for name in names), encoding="utf-8")
    (exp / "speakers.tsv").write_text("".join(f"{name}\t{name[:-1]}\n" for name in names[:12]), encoding="utf-8")
    tokens = "".join(f"{name}\t1 2\n" for name in names)
    (exp / "6-name2semantic.tsv").write_text("item_name\tsemantic_audio\n" + tokens, encoding="utf-8")
    return tmp_path


def run(folder: Path, *more: str) -> list[str]:
    focus.main(["--exp", str(folder / "exp"), "--out", str(folder / "out"), *more])
    return [row.split("\t")[0] for row in (folder / "out" / "2-name2text.txt").read_text(encoding="utf-8").splitlines()]


def test_the_voice_is_there_whole_and_a_few_of_the_others(folder: Path) -> None:
    names = run(folder, "--voice", "anna", "--others", "2")
    own = [name for name in names if "anna" in name]
    others = [name for name in names if "ben" in name]
    assert len(own) == 12 and len(others) == 4
    assert {f"target_{name}" for name in others[:2]} == set(others[2:])  # with both kinds of tokens
    assert run(folder, "--voice", "anna", "--others", "2") == names
    assert len(run(folder, "--voice", "ben", "--others", "99")) == 24


def test_sound_and_tokens_are_those_of_the_whole_folder(folder: Path) -> None:
    run(folder, "--voice", "anna", "--others", "0")
    assert (folder / "out" / "5-wav32k" / "anna3").read_bytes() == b"wav"
    assert read_tokens(folder / "out" / "6-name2semantic.tsv")["anna3"] == [1, 2]
    assert not (folder / "out" / "alignment.tsv").is_symlink()  # there is none


def test_tables_that_were_extended_stay(folder: Path) -> None:
    run(folder, "--voice", "anna", "--others", "0")
    table = folder / "out" / "6-name2semantic.tsv"
    own = table.read_text(encoding="utf-8") + "lower_anna3\t3 4\n"
    table.unlink()
    table.write_text(own, encoding="utf-8")
    run(folder, "--voice", "anna", "--others", "0")
    assert read_tokens(table)["lower_anna3"] == [3, 4]


def test_an_unknown_voice_is_told_the_known_ones(folder: Path) -> None:
    with pytest.raises(DatasetError, match=r"no clip of 'carl'.*anna, ben"):
        run(folder, "--voice", "carl")
