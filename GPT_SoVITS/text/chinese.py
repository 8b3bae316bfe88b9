"""Chinese frontend: ``text_normalize`` and ``g2p``, phones in pairs of initial and final with tone.

Words come from jieba, readings from a phrase dictionary with our corrections, tones from our sandhi rules; with the
g2pW model (``text.zh.g2pw``) present, it chooses the readings of polyphones instead.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from text.zh import contexts, normalize, pinyin, readings, segment, tone_sandhi
from text.zh.g2pw import polyphones

_CLAUSE = re.compile(r"[,.!?…\-]|[^,.!?…\-]+")
_MARKS = frozenset(",.!?…-")


def text_normalize(text: str) -> str:
    """The text as it is read, in simplified characters and the marks ``, . ! ? … -``."""
    return normalize.normalize(normalize.simplified(text))


def g2p(
    norm_text: str, given: Mapping[int, tuple[int, str]] | None = None, version: str = "v2"
) -> tuple[list[str], list[int]]:
    """Phones of a normalised text, and how many of them each character has.

    Args:
        norm_text: as ``text_normalize`` gives it.
        given: toned pinyin that the user wants: {start: (end, syllable)}, one character each.
        version: symbol table; the weights of v1 know 儿 without the tone of the syllable before it.

    Returns:
        (phones, word2ph); characters that have no reading have no phones.
    """
    phones: list[str] = []
    word2ph: list[int] = []
    for match in _CLAUSE.finditer(norm_text):
        clause = match[0]
        if clause in _MARKS:
            phones.append(clause)
            word2ph.append(1)
            continue
        for syllable in _clause(clause, _within(given or {}, match.start(), match.end()), version):
            pair = pinyin.phones(syllable)
            phones.extend(pair or ())
            word2ph.append(2 if pair else 0)
    return phones, word2ph


def _within(given: Mapping[int, tuple[int, str]], start: int, end: int) -> dict[int, str]:
    return {at - start: given[at][1] for at in range(start, end) if at in given} if given else {}


def _clause(clause: str, given: Mapping[int, str], version: str) -> list[str]:
    """Toned syllables of a clause, sandhi applied; "" for a character without one."""
    tokens = segment.tagged(clause)
    words = [readings.Word(text, tag, _reading(tokens, at)) for at, (text, tag) in enumerate(tokens)]
    syllables = [s for word in words for s in word.syllables]
    for at, syllable in contexts.in_clause(clause, [word.text for word in words]).items():
        syllables[at] = syllable
    for at, syllable in polyphones(clause).items():
        syllables[at] = syllable
    fixed = frozenset(at for at in given if 0 <= at < len(syllables))
    for at in fixed:
        syllables[at] = given[at]
    return tone_sandhi.apply(words, fixed, syllables, toned_er=version != "v1")


def _reading(tokens: list[tuple[str, str]], at: int) -> tuple[str, ...]:
    text, tag = tokens[at]
    if len(text) == 1 and (chosen := readings.in_place(tokens, at)):
        return (chosen,)
    return readings.dictionary(text, tag)


def parse_reading(reading: str) -> list[str] | None:
    """An explicit pronunciation (toned pinyin, one syllable per character), or None when it is none."""
    syllables = reading.split()
    return syllables if syllables and all(map(pinyin.is_syllable, syllables)) else None
