"""The text lists that come with the project: no sentence twice, none that is held out, all of their language."""

from __future__ import annotations

import csv

import pytest

from config import REPO_ROOT
from text.cleaner import clean_text
from tools.teaching.wish import TEXTS_FOLDER

LANGUAGES = ("en", "ja", "ko", "yue", "zh")
BOUNDARY = "UNK"  # between accent phrases, as the published Japanese weights have it


def lines_of(language: str) -> list[str]:
    return (TEXTS_FOLDER / f"{language}.txt").read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_list_has_a_few_hundred_different_sentences(language: str) -> None:
    lines = lines_of(language)
    assert len(lines) > 250 and len(set(lines)) == len(lines)
    assert all(line == line.strip() and line[-1] in ".!?。！？…”’」" for line in lines)


def test_no_sentence_is_held_out() -> None:
    held_out = {
        value
        for path in (REPO_ROOT / "tests" / "data").glob("eval_*.tsv")
        for row in csv.reader(path.open(encoding="utf-8"), delimiter="\t")
        for value in row
    }
    assert len(held_out) > 300
    for language in LANGUAGES:
        assert not held_out & set(lines_of(language)), language


@pytest.mark.parametrize("language", ["ko", "yue"])
def test_the_frontend_reads_a_list(language: str) -> None:
    """Every sixteenth line: at least a consonant and a vowel for each two letters, nothing unknown."""
    for line in lines_of(language)[::16]:
        phones, _, _ = clean_text(line, language)
        letters = sum(character.isalnum() for character in line)
        assert len(phones) > letters and BOUNDARY not in phones, line


def test_a_list_uses_the_sounds_of_its_language() -> None:
    """Nine of ten Korean phones are in a quarter of the Korean list, and all six tones in the Cantonese one."""
    korean = {phone for line in lines_of("ko")[::4] for phone in clean_text(line, "ko")[0]}
    assert len(korean) >= 28
    cantonese = {phone[-1] for line in lines_of("yue")[::16] for phone in clean_text(line, "yue")[0]}
    assert set("123456") <= cantonese
