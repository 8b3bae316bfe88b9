"""One function in front of all languages: ``clean_text``: readings and the lexicon, then the language's frontend.

It knows nothing about any language itself; ``text.registry`` does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

from errors import TextError
from text.language_row import Language
from text.markup import Given, Marked, pauses_as_marks, read, restore, restored
from text.places import Placed, Span, evenly, monotonic, spread
from text.registry import LANGUAGE_ROWS, frontend_module, language_row, spoken_in
from text.symbol_tables import symbol_version, symbols_for
from text.user_lexicon import current

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
    marked = mark(pauses_as_marks(text), language)
    return clean_marked(marked.text, language, version, marked.given)


def mark(text: str | Placed, mode: str) -> Marked:
    """``text`` with its explicit readings, and those of the user's lexicon, as placeholders.

    Args:
        text: as the user wrote it.
        mode: a language, or a language mode of ``text.language``.

    Raises:
        TextError: for a wrong lexicon file.
    """
    placed = Placed.of(text) if isinstance(text, str) else text
    lexicon = current()
    if lexicon is not None:
        for language in spoken_in(mode):
            placed = lexicon.marked(placed, language)
    return read(placed, mode)


def clean_marked(
    text: str, language: str, version: str = "v2", given: Mapping[str, Given] | None = None
) -> tuple[list[str], list[int] | None, str]:
    """:func:`clean_text` for a text that :func:`mark` made; ``given`` tells what its placeholders stand for."""
    table, entry = symbol_version(version), language_row(language)
    if entry.symbols == "v2" and table == "v1":
        raise TextError(f"model version v1 has no phones for language {language!r}", "v2 or later", "use a v2 model")
    module = frontend_module(language)
    norm_text, readings = restore(module.text_normalize(text), given or {}, language)
    result = module.g2p(norm_text, **_arguments(entry, table, readings))
    phones, word2ph = result if entry.has_word2ph else (result, None)
    allowed = _allowed(table)
    return [phone if phone in allowed else "UNK" for phone in phones], word2ph, norm_text


def _arguments(entry: Language, table: str, readings: dict[int, tuple[int, str]]) -> dict[str, Any]:
    """What a frontend's ``g2p`` takes beside the text."""
    arguments: dict[str, Any] = {"given": readings} if readings else {}
    return arguments | {"version": table} if entry.versioned else arguments


class Cleaned(NamedTuple):
    """A run of one language as it is spoken.

    ``spans`` is the place of each phone in the original text (``text.places``), empty where nothing was written.
    """

    phones: list[str]
    word2ph: list[int] | None
    norm_text: str
    spans: list[Span]


def clean_placed(run: Placed, language: str, version: str = "v2", given: Mapping[str, Given] | None = None) -> Cleaned:
    """Phones of a run of one language, each with the place in the original text that it came from.

    Args:
        run: what :func:`mark` made, with the places of its characters.
        language, version: as :func:`clean_text`.
        given: what the placeholders of the run stand for.

    Raises:
        TextError: a language that the version has no phones for.
    """
    phones, word2ph, norm_text = clean_marked(run.text, language, version, given)
    module, entry = frontend_module(language), language_row(language)
    norm = run.rewritten(norm_text) if not given else restored(run, norm_text, given)
    if word2ph is not None:
        spans = spread(word2ph, norm.spans)
    else:
        readings = restore(module.text_normalize(run.text), given, language)[1] if given else {}
        arguments = _arguments(entry, symbol_version(version), readings)
        spans = _stretched(norm, len(phones), module.stretches(norm_text, **arguments))
    return Cleaned(phones, word2ph, norm_text, monotonic(spans))


def _stretched(norm: Placed, count: int, stretches: Iterable[tuple[int, int, Sequence[str]]]) -> list[Span]:
    """Places of ``count`` phones, by the stretches of text that they belong to; the rest is in front of the text."""
    spans: list[Span] = []
    for start, end, phones in stretches:
        characters: list[Span] = []
        for char, span in zip(norm.text[start:end], norm.spans[start:end], strict=True):
            # A Chinese character sounds about as long as two letters of an alphabet.
            characters += [span] * (2 if "\u3400" <= char <= "\u9fff" else 1)
        spans += evenly(len(phones), characters)
    first = norm.span(0, 0)
    return [first] * (count - len(spans)) + spans


@cache
def _allowed(table: str) -> frozenset[str]:
    return frozenset(symbols_for(table))
