"""Sentences for distillation: plain ones only, none of those that are held out, in the same order every time."""

from __future__ import annotations

from pathlib import Path

from tools.pack import text_list

COOKIES = """The cat sat
on the mat. It cost $5 in 1999!
\t\t-- A. Nonymous
%
"Nobody knows what the blorfing is." Does Anna's dog bark?
%
NASA is far away. Short one.
%
He came in late.
"""


def run(folder: Path, *more: str) -> list[str]:
    (folder / "cookies").write_text(COOKIES, encoding="utf-8")
    (folder / "cookies.dat").write_text("The binary index is not a text.", encoding="utf-8")
    (folder / "train.list").write_text("a.wav|a|en|Call 911 now.\n", encoding="utf-8")
    (folder / "test.list").write_text("b.wav|a|en|He came in late.\n", encoding="utf-8")
    out = folder / "out" / "texts.txt"
    text_list.main(
        [
            *map(str, sorted(folder.glob("cookies*"))),
            "--list",
            str(folder / "train.list"),
            "--without",
            str(folder / "test.list"),
            "--out",
            str(out),
            *more,
        ]
    )
    return out.read_text(encoding="utf-8").splitlines()


def test_plain_sentences_only(tmp_path: Path) -> None:
    assert run(tmp_path) == ["Call 911 now.", "Does Anna's dog bark?", "The cat sat on the mat."]


def test_length(tmp_path: Path) -> None:
    assert run(tmp_path, "--words", "2", "4") == ["Call 911 now.", "Does Anna's dog bark?", "Short one."]
