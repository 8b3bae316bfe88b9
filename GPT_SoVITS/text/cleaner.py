"""One function in front of all languages: ``clean_text``.

Knows which module speaks which language and which pip extra it needs. It knows nothing about any language itself and
imports a frontend only when a text in its language comes.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import ModuleType
from typing import Any

from errors import MissingDependencyError, TextError
from text import markup, symbol_version, symbols_for, user_lexicon


@dataclass(frozen=True)
class Frontend:
    """Where a language's frontend is: ``module`` gives ``text_normalize(text) -> str`` and ``g2p(norm)``.

    ``g2p`` returns phones, or (phones, word2ph) where ``has_word2ph``: phones per character of the normalised text.
    ``parse_reading(str) -> list[str] | None`` checks an explicit reading.
    ``extra`` is the pip extra that installs what the module imports; ``symbols`` the first symbol table it fits;
    ``versioned`` says that ``g2p`` takes the table's name as ``version``.
    """

    module: str
    has_word2ph: bool = False
    extra: str = ""
    symbols: str = "v1"
    versioned: bool = False


#: Languages that can be spoken. More frontends are added here, nowhere else.
FRONTENDS: dict[str, Frontend] = {
    "en": Frontend("text.english"),
    "zh": Frontend("text.chinese", has_word2ph=True, extra="zh", versioned=True),
    "ja": Frontend("text.japanese", extra="ja"),
    "ko": Frontend("text.korean", symbols="v2"),
    "yue": Frontend("text.cantonese", has_word2ph=True, extra="yue", symbols="v2"),
}


@cache
def frontend_module(language: str) -> ModuleType:
    """The module of a language, imported on first use.

    Raises:
        TextError: for a language without a frontend.
        MissingDependencyError: when the frontend's packages are not installed.
    """
    entry = frontend_of(language)
    try:
        return importlib.import_module(entry.module)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] == "text":
            raise
        raise MissingDependencyError(
            f"the text frontend for {language!r} needs the package {error.name!r}, which is not installed",
            "its language packages",
            f"pip install -e '.[{entry.extra}]'" if entry.extra else f"pip install {error.name}",
        ) from error


def frontend_of(language: str) -> Frontend:
    """The registry row of a language; raises TextError naming the available ones."""
    if language not in FRONTENDS:
        raise TextError(
            f"there is no text frontend for language {language!r}",
            f"one of {', '.join(sorted(FRONTENDS))}",
            "choose an available language",
        )
    return FRONTENDS[language]


def clean_text(text: str, language: str, version: str = "v2") -> tuple[list[str], list[int] | None, str]:
    """Text of one language to phones.

    Args:
        text: any Unicode string; it may hold explicit readings and pauses (``text.markup``).
        language: a key of ``FRONTENDS`` ("en", ...).
        version: model version; it decides the symbol table.

    Returns:
        (phones, word2ph, norm_text): phones of the version's table; phones per character of norm_text for Chinese and
        Cantonese, else None; the text as it is read. Text that holds nothing to speak gives no phones.

    Raises:
        TextError: for an unknown language or version, a language the version has no phones for, or a wrong lexicon.
        MissingDependencyError: when the language's packages are not installed.
    """
    frontend_of(language)
    marked = mark(markup.pauses_as_marks(text), language)
    return clean_marked(marked.text, language, version, marked.given)


def mark(text: str, mode: str) -> markup.Marked:
    """``text`` with its explicit readings, and those of the user's lexicon, as placeholders.

    Args:
        text: as the user wrote it.
        mode: a language, or a language mode of ``text.language``.

    Raises:
        TextError: for a wrong lexicon file.
    """
    lexicon = user_lexicon.current()
    if lexicon is not None:
        for language in _spoken_in(mode):
            text = lexicon.marked(text, language)
    return markup.read(text, mode)


def _spoken_in(mode: str) -> tuple[str, ...]:
    """Languages that a mode may speak, for the lexicon."""
    if mode in ("auto", "auto_yue"):
        return ("en", "ja", "ko", "yue" if mode == "auto_yue" else "zh")
    own = mode.removeprefix("all_")
    return (own,) if own == "en" else ("en", own)


def clean_marked(
    text: str, language: str, version: str = "v2", given: Mapping[str, markup.Given] | None = None
) -> tuple[list[str], list[int] | None, str]:
    """:func:`clean_text` for a text that :func:`mark` made; ``given`` tells what its placeholders stand for."""
    table, entry = symbol_version(version), frontend_of(language)
    if entry.symbols == "v2" and table == "v1":
        raise TextError(f"model version v1 has no phones for language {language!r}", "v2 or later", "use a v2 model")
    module = frontend_module(language)
    norm_text, readings = markup.restore(module.text_normalize(text), given or {}, language)
    arguments: dict[str, Any] = {"given": readings} if readings else {}
    if entry.versioned:
        arguments["version"] = table
    result = module.g2p(norm_text, **arguments)
    phones, word2ph = result if entry.has_word2ph else (result, None)
    allowed = _allowed(table)
    return [phone if phone in allowed else "UNK" for phone in phones], word2ph, norm_text


@cache
def _allowed(table: str) -> frozenset[str]:
    return frozenset(symbols_for(table))
