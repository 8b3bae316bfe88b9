"""Cantonese frontend: ``text_normalize`` and ``g2p``, Jyutping phones with a leading Y and the tone on the final.

Readings come from ``ToJyutping`` (a dictionary with words and context) and from the traditional characters as they are
written; numbers and signs are normalised as in Chinese (``text.yue.normalize``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

from text.symbols2 import symbols
from text.yue.normalize import dialect, normalize

_MARKS = frozenset(",.!?…-")
_CLAUSE = re.compile(r"[,.!?…\-]|[^,.!?…\-]+")
_JYUTPING = re.compile(r"(gw|kw|ng|[bpmfdtnlgkhwzcsj])?([aeiouy][a-z]*|m|ng)([1-6])")
_KNOWN = frozenset(symbols)
_MAX_CLAUSE = 400


def text_normalize(text: str) -> str:
    """The text as it is read, in traditional characters and six marks."""
    return normalize(text, dialect(has_reading))


@lru_cache(maxsize=16384)
def has_reading(char: str) -> bool:
    """Whether a character has a Cantonese reading."""
    return _jyutping(char)[0] != ""


def _jyutping(clause: str) -> list[str]:
    """Jyutping per character, "" where there is none."""
    from ToJyutping import get_jyutping_list

    syllables = [(reading or "").split(" ")[0] for _, reading in get_jyutping_list(clause)]
    return syllables if len(syllables) == len(clause) else [(get_jyutping_list(c)[0][1] or "") for c in clause]


@lru_cache(maxsize=4096)
def phones(syllable: str) -> tuple[str, str] | None:
    """("hou2") -> ("Yh", "You2"); None for what is no syllable.

    A syllable without an initial is split as the published weights have it: its last letter with the tone is the final
    ("aa3" -> Yaa Ya3, "ng5" -> Yng Yg5).
    """
    match = _JYUTPING.fullmatch(syllable)
    if match is None:
        return None
    initial, final, tone = match.groups()
    pair = (f"Y{initial}", f"Y{final}{tone}") if initial else (f"Y{final}", f"Y{final[-1]}{tone}")
    return pair if pair[0] in _KNOWN and pair[1] in _KNOWN else None


def g2p(norm_text: str, given: Mapping[int, tuple[int, str]] | None = None) -> tuple[list[str], list[int]]:
    """Phones of a normalised text, and how many of them each character has.

    Args:
        norm_text: as ``text_normalize`` gives it.
        given: Jyutping that the user wants: {start: (end, syllable)}, one character each.
    """
    out: list[str] = []
    word2ph: list[int] = []
    for match in _CLAUSE.finditer(norm_text):
        if match[0] in _MARKS:
            out.append(match[0])
            word2ph.append(1)
            continue
        for start in range(0, len(match[0]), _MAX_CLAUSE):
            for at, syllable in enumerate(_jyutping(match[0][start : start + _MAX_CLAUSE]), match.start() + start):
                pair = phones(given[at][1] if given and at in given else syllable)
                out.extend(pair or ())
                word2ph.append(2 if pair else 0)
    return out, word2ph


def parse_reading(reading: str) -> list[str] | None:
    """An explicit pronunciation (Jyutping with tones, one syllable per character), or None when it is none."""
    syllables = reading.split()
    return syllables if syllables and all(map(phones, syllables)) else None
