"""One function in front of all languages: ``clean_text``: readings and the lexicon, then the language's frontend.

It knows nothing about any language itself; ``text.registry`` does.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from errors import TextError
from text import markup, symbol_version, symbols_for, user_lexicon
from text.language_row import Language
from text.registry import LANGUAGE_ROWS, frontend_module, language_row, spoken_in

#: Languages that can be spoken, by code; see ``text.registry``.
FRONTENDS: Mapping[str, Language] = LANGUAGE_ROWS


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
    language_row(language)
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
        for language in spoken_in(mode):
            text = lexicon.marked(text, language)
    return markup.read(text, mode)


def clean_marked(
    text: str, language: str, version: str = "v2", given: Mapping[str, markup.Given] | None = None
) -> tuple[list[str], list[int] | None, str]:
    """:func:`clean_text` for a text that :func:`mark` made; ``given`` tells what its placeholders stand for."""
    table, entry = symbol_version(version), language_row(language)
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
