"""Errors in the page's language: found again by their English text, which is that of the sources."""

from __future__ import annotations

import ast
import re

import pytest

from config import REPO_ROOT
from errors import GSVError, RequestError
from tools.i18n import PAGE_LANGUAGES, Translator
from tools.i18n.error_texts import told, told_line
from tools.i18n.translator import texts

PLACES = re.compile(r"\{[^{}]*\}")


def source_sentences() -> set[str]:
    """Every string of the sources that an error may be made of, with ``{}`` for what is put in."""
    found: set[str] = set()
    for folder in ("GPT_SoVITS", "tools"):
        for path in (REPO_ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    found.add(node.value)
                elif isinstance(node, ast.JoinedStr):
                    parts = (part.value if isinstance(part, ast.Constant) else "{}" for part in node.values)
                    found.add("".join(map(str, parts)))
    return found


def test_the_english_texts_are_those_of_the_sources() -> None:
    known = {PLACES.sub("{}", sentence) for sentence in source_sentences()}
    ours = {key: PLACES.sub("{}", text) for key, text in texts("en_US").items() if key.startswith("errors.")}
    put_together = {"errors.number_range", "errors.whole_range", "errors.row_no", "errors.lasts", "errors.what_audio"}
    assert not sorted(key for key, text in ours.items() if text not in known and key not in put_together)


@pytest.mark.parametrize("language", PAGE_LANGUAGES)
def test_values_are_put_into_the_translation(language: str) -> None:
    say = Translator(language).say
    error = RequestError("top_k=-5 cannot be used", "a whole number from 1 to 100")
    for sentence in (told(say, error), told_line(say, str(error))):
        assert all(value in sentence for value in ("top_k", "-5", "1", "100"))
        assert ("cannot be used" in sentence) == (language == "en_US")
    assert told(Translator("en_US").say, error) == str(error)


def test_what_is_not_known_stays_as_it_is() -> None:
    assert told(Translator("ja_JP").say, GSVError("a new sentence")) == "a new sentence"
