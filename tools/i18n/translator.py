"""Texts of the page: one JSON file a section and language, ``locale/<language>/<section>.json``, {name: text}.

A page of a fixed language gets its texts at once. On a page of language "auto" a label is a mark, ``@@section.name@@``,
and the texts are put in its place when a visitor's browser asks for the page (``put_texts``), so that one server speaks
to each visitor in their own language. This file knows nothing about web pages beyond the Accept-Language header.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from errors import ConfigError

logger = logging.getLogger(__name__)

LOCALE_DIR = Path(__file__).resolve().parent / "locale"
PAGE_LANGUAGES = ("zh_CN", "en_US", "ja_JP", "ko_KR")
FALLBACK_LANGUAGE = "en_US"
LANGUAGE_COOKIE = "gsv_language"
"""A visitor's own choice, which wins over what the browser asks for."""
MARK = re.compile(r"@@([a-z_]+\.[a-z0-9_]+)@@")
HTML_ESCAPES = {ord(character): f"\\u{ord(character):04x}" for character in "<>&'"}


@cache
def texts(language: str) -> Mapping[str, str]:
    """All texts of a page language by key, ``section.name``.

    Raises:
        ConfigError: a file that is no JSON object of texts, or a language that there is none of.
    """
    if language not in PAGE_LANGUAGES:
        raise ConfigError(f"there is no page in {language!r}", "one of " + ", ".join(PAGE_LANGUAGES))
    found: dict[str, str] = {}
    for path in sorted((LOCALE_DIR / language).glob("*.json")):
        try:
            section = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
            raise ConfigError(f"page texts {path} cannot be read ({error})", "a JSON object of texts") from error
        found |= {f"{path.stem}.{name}": text for name, text in section.items()}
    return found


def language_of(header: str) -> str:
    """The page language that an Accept-Language header likes best: "ja,en;q=0.8" is ja_JP; English where none fits."""
    known = {name.split("_")[0]: name for name in PAGE_LANGUAGES}
    wishes = []
    for order, part in enumerate(header.split(",")):
        tag, _, quality = part.strip().partition(";q=")
        try:
            weight = float(quality) if quality else 1.0
        except ValueError:
            continue
        wishes.append((-weight, order, tag.split("-")[0].split("_")[0].lower()))
    return next((known[tag] for weight, _, tag in sorted(wishes) if tag in known and weight < 0), FALLBACK_LANGUAGE)


def wished_language(cookies: Mapping[str, str], header: str) -> str:
    """The page language of a visitor with these cookies and this Accept-Language header."""
    chosen = cookies.get(LANGUAGE_COOKIE, "")
    return chosen if chosen in PAGE_LANGUAGES else language_of(header)


def text_of(key: str, language: str) -> str:
    """The text of ``key`` in a page language; English, then the key itself, where there is none."""
    for name in (language, FALLBACK_LANGUAGE):
        if key in texts(name):
            return texts(name)[key]
    logger.error("page text %s is missing", key)
    return key


def put_texts(document: str, language: str) -> str:
    """``document`` (JSON, or HTML with JSON inside) with every mark replaced by its text, escaped for both."""
    return MARK.sub(lambda mark: json.dumps(text_of(mark[1], language))[1:-1].translate(HTML_ESCAPES), document)


@dataclass(frozen=True)
class Message:
    """A sentence that is told later, to whoever looks, each in their own language.

    Attributes:
        key: of its text.
        values: what stands in it; a value may be a message itself.
    """

    key: str
    values: Mapping[str, object] = field(default_factory=dict)

    def told(self, say: Callable[..., str]) -> str:
        """The sentence, by a function that is :meth:`Translator.say` for somebody."""
        return say(self.key, **{k: v.told(say) if isinstance(v, Message) else v for k, v in self.values.items()})

    def __str__(self) -> str:
        return self.told(lambda key, **values: text_of(key, FALLBACK_LANGUAGE).format(**values))


class Translator:
    """Texts for a page and its visitors.

    Args:
        language: a page language, or "auto": each visitor's own.
        accept_language: gives the Accept-Language header of the visitor whose event is being handled, "" for none.

    Raises:
        ConfigError: there is no page in ``language``.
    """

    def __init__(self, language: str = "auto", accept_language: Callable[[], str] = lambda: "") -> None:
        self.language = language
        self._accept_language = accept_language
        if language != "auto":
            texts(language)

    def visitor_language(self) -> str:
        """The page's language, or that of the visitor whose event is being handled."""
        return language_of(self._accept_language()) if self.language == "auto" else self.language

    def label(self, key: str) -> str:
        """Text for a widget: the text itself, or its mark where visitors' languages differ."""
        return f"@@{key}@@" if self.language == "auto" else text_of(key, self.language)

    def say(self, key: str, **values: object) -> str:
        """A sentence for the visitor; ``{name}`` in it becomes ``values["name"]``."""
        return text_of(key, self.visitor_language()).format(**values)
