"""The tables of hard items in docs/text_hard_items: our readings are what they say, and enough of them are right.

A row has what a person says in the hard place (``right``: pinyin, ARPAbet, romaji, or words), what we say (``ours``)
and the judgement.
"""

from __future__ import annotations

import csv
import importlib.util
from pathlib import Path

import pytest

from text import clean_text

TABLES = Path(__file__).resolve().parents[3] / "docs" / "text_hard_items"
LANGUAGES = ("zh", "en", "ja")
NEEDS = {"zh": "rjieba", "ja": "pyopenjtalk"}
_PITCH = frozenset("[]")


def reading(text: str, language: str) -> str:
    """How we read a text: as it is read in words, and its phones in the notation of the table."""
    phones, word2ph, norm_text = clean_text(text, language, "v2")
    if language == "zh":
        return f"{norm_text} / {_pinyin(phones, word2ph or [])}"
    if language == "ja":
        spoken = "".join(p for p in phones if p not in _PITCH).replace("UNK", " ").replace("cl", "q")
        return f"{norm_text} / {' '.join(spoken.split())}"
    return f"{norm_text} / {' '.join(phones)}"


def _pinyin(phones: list[str], word2ph: list[int]) -> str:
    out, at = [], 0
    for count in word2ph:
        if count == 2:
            out.append(_syllable(phones[at], phones[at + 1]))
        at += count
    return " ".join(out)


def _syllable(initial: str, final: str) -> str:
    """The pinyin that two phones stand for."""
    initial = "" if initial in ("AA", "EE", "OO") else initial
    final = final.replace("i0", "i").replace("ir", "i").replace("En", "an").replace("E", "e")
    if initial in ("j", "q", "x", "y"):
        final = final.replace("v", "u")
    return initial + final


def matches(right: str, ours: str) -> bool:
    """Whether what is right is in what we say."""
    return right.replace(" ", "") in ours.replace(" ", "")


def rows(language: str) -> list[dict[str, str]]:
    """The rows of a table."""
    with (TABLES / f"{language}.tsv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def depends_on_absent_package(language: str, row: dict[str, str]) -> bool:
    """Open JTalk reads the character for "what" with a small model, which it leaves out where onnxruntime is absent."""
    return language == "ja" and "何" in row["text"] and importlib.util.find_spec("onnxruntime") is None


@pytest.mark.parametrize("language", LANGUAGES)
def test_our_readings_are_those_of_the_table(language: str) -> None:
    if language in NEEDS:
        pytest.importorskip(NEEDS[language])
    for row in rows(language):
        if depends_on_absent_package(language, row):
            continue
        assert reading(row["text"], language) == row["ours"], row
        assert (row["judgement"] == "right") == matches(row["right"], row["ours"]), row


@pytest.mark.parametrize("language", LANGUAGES)
def test_nine_of_ten_hard_items_are_right(language: str) -> None:
    table = rows(language)
    assert len(table) >= 200
    assert len({row["text"] for row in table}) == len(table)
    assert sum(row["judgement"] == "right" for row in table) >= 0.9 * len(table)
