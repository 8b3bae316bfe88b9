"""Texts of the page: complete in four languages, and put where a visitor's browser finds them."""

from __future__ import annotations

import ast
import json
import re
import string
from pathlib import Path
from typing import get_args

import pytest

from AR.errors import FallbackReason
from config import REPO_ROOT
from errors import ConfigError
from pages.controls import CUTS, STREAMING
from text.language import MODES
from tools.i18n import PAGE_LANGUAGES, Translator
from tools.i18n.translator import LOCALE_DIR, language_of, put_texts, texts

PAGES = REPO_ROOT / "GPT_SoVITS" / "pages"
KEY = re.compile(r"[a-z_]+\.[a-z0-9_]+")
SAME_EVERYWHERE = re.compile(r"[A-Z]?[A-Za-z0-9_ ./%+-]*(\{\w+\}[ ./%]*)*")
"""A text without words of its own: a model's name, a unit."""
UNTRANSLATED_LABELS = {"top_k", "top_p", "temperature", "if_freeze", "voice"}
"""Names that are the same in every language, or never seen."""
SHOWN = ("label", "info", "placeholder")
NAMED_BY_CODE = {
    *(f"reason.{reason}" for reason in get_args(FallbackReason)),
    *(f"languages.{mode}" for mode in MODES),
    *(f"cuts.{cut}" for cut in CUTS),
    *(f"inference.streaming_{mode}" for mode in STREAMING),
    *(f"voice.{stage}" for stage in ("waiting", "libraries", "weights", "ready", "failed")),
}
"""Keys that the code puts together."""


def calls() -> list[tuple[Path, ast.Call]]:
    return [
        (path, node)
        for path in sorted(PAGES.glob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
    ]


def called(node: ast.Call) -> str:
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def used_keys() -> set[str]:
    """Every key that the pages name in a string of its own."""
    found = set(NAMED_BY_CODE)
    for _, node in calls():
        first = node.args[0] if node.args else None
        if called(node) in ("t", "say", "label") and isinstance(first, ast.Constant) and isinstance(first.value, str):
            found.add(first.value)
    return found


@pytest.mark.parametrize("language", PAGE_LANGUAGES)
def test_every_key_of_the_pages_has_a_text(language: str) -> None:
    missing = sorted(used_keys() - set(texts(language)))
    assert not missing, f"{language} lacks {missing}"


@pytest.mark.parametrize("language", PAGE_LANGUAGES)
def test_languages_have_the_same_keys_and_places(language: str) -> None:
    english, own = texts("en_US"), texts(language)
    assert set(own) == set(english)

    def places(text: str) -> list[str]:
        return sorted(name for _, name, _, _ in string.Formatter().parse(text) if name is not None)

    wrong = [key for key in own if places(own[key]) != places(english[key]) or not own[key].strip()]
    assert not wrong


@pytest.mark.parametrize("language", [name for name in PAGE_LANGUAGES if name != "en_US"])
def test_nothing_is_left_in_english(language: str) -> None:
    own = texts(language)
    left = [
        key
        for key, text in texts("en_US").items()
        if own[key] == text and len(text.split()) > 2 and not SAME_EVERYWHERE.fullmatch(text.strip("* "))
    ]
    ascii_only = [key for key, text in own.items() if text.isascii() and len(re.findall(r"[a-z]{3,}", text)) > 3]
    assert not left and not ascii_only


def test_files_are_sorted_into_sections() -> None:
    names = {language: {path.name for path in (LOCALE_DIR / language).glob("*.json")} for language in PAGE_LANGUAGES}
    assert len({frozenset(found) for found in names.values()}) == 1
    for path in LOCALE_DIR.glob("*/*.json"):
        content = json.loads(path.read_text(encoding="utf-8"))
        assert all(isinstance(text, str) and KEY.fullmatch(f"{path.stem}.{name}") for name, text in content.items())


def test_widgets_have_no_words_in_the_code() -> None:
    """A label that is written into a page's code would be the same for every visitor."""
    literal = []
    for path, node in calls():
        values = {word.arg: word.value for word in node.keywords if word.arg in SHOWN}
        if called(node) in ("Button", "Markdown", "Tab", "Accordion") and node.args:
            values["value"] = node.args[0]
        for value in values.values():
            text = value.value if isinstance(value, ast.Constant) else None
            if isinstance(text, str) and re.search(r"[a-z]{2}", text) and text not in UNTRANSLATED_LABELS:
                literal.append(f"{path.name}: {text}")
    assert not literal


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("ja,en;q=0.8", "ja_JP"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh_CN"),
        ("ko-KR", "ko_KR"),
        ("fr,de;q=0.5", "en_US"),
        ("en;q=0.3, ko;q=0.7", "ko_KR"),
        ("", "en_US"),
        ("ja;q=0, zh", "zh_CN"),
        (";;;,q=x;q=oh", "en_US"),
    ],
)
def test_the_browser_chooses(header: str, language: str) -> None:
    assert language_of(header) == language


def test_marks_become_texts_that_survive_json_and_html() -> None:
    page = json.dumps({"label": Translator("auto").label("inference.stop"), "n": 1})
    assert json.loads(put_texts(page, "ja_JP")) == {"label": texts("ja_JP")["inference.stop"], "n": 1}
    assert "<" not in put_texts("@@inference.reference_help@@", "en_US") and "'" not in put_texts(
        "@@inference.reference_help@@", "en_US"
    )


def test_a_fixed_language_needs_no_marks_and_a_visitor_is_spoken_to_in_theirs() -> None:
    assert Translator("ko_KR").label("inference.stop") == texts("ko_KR")["inference.stop"]
    visitor = Translator("auto", lambda: "zh-CN")
    assert visitor.say("page.path_missing", path="/x") == texts("zh_CN")["page.path_missing"].format(path="/x")


def test_an_unknown_language_is_refused_and_an_unknown_key_shows_itself() -> None:
    with pytest.raises(ConfigError, match="fr_FR"):
        Translator("fr_FR")
    assert Translator("en_US").say("page.no_such_thing") == "page.no_such_thing"
