"""English words with two readings, chosen by the words beside them; no tagger, no download.

The list (data/homographs.txt) has a reading for verbs and one for the rest. Without a clear sign the reading of the
noun is taken, as the published reference does without its tagger, so that ordinary words keep their trained phones.
Words that need a rule of their own are in ``text.en.homograph_rules``.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from importlib.resources import files

from text.en.homograph_rules import RULES, Place

_SWAPPED = frozenset("exploit exploits fragment imprint misconduct object rebel segment subcontract torment".split())


@lru_cache(maxsize=1)
def _table() -> dict[str, tuple[list[str], list[str], str]]:
    rows: dict[str, tuple[list[str], list[str], str]] = {}
    for line in (files("text.en") / "data" / "homographs.txt").read_text(encoding="utf-8").splitlines():
        word, first, second, tag = line.split("|")
        pair = (first.split(), second.split())
        # Some rows of the source have their readings swapped; a verb never has its stress before the noun's.
        if tag == "V" and word in _SWAPPED:
            pair = (pair[1], pair[0])
        rows[word] = (*pair, tag)
    return rows


def reading(words: Sequence[str], at: int, written: str = "") -> list[str] | None:
    """Phones of the homograph ``words[at]`` in its place, or None when the word is no homograph.

    Args:
        words: the sentence's words in lower case.
        at: position of the word.
        written: the word as it is written: Polish is not polish.
    """
    word = words[at]
    rule = RULES.get(word)
    if rule is not None:
        phones = rule(Place(words, at, written or word))
        return phones.split() if phones else None
    row = _table().get(word)
    if row is None:
        return None
    first, second, tag = row
    if tag != "V":
        return second if tag != "N" else first
    return first if Place(words, at, written or word).is_verb() else second
