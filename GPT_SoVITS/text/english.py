"""English frontend: ``text_normalize`` and ``g2p``, phones in ARPAbet with stress digits.

Words come from the CMU dictionary, homographs from their neighbours, unknown words from a letter-to-sound model; all of
them are data of this package, so nothing is downloaded.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from text.en import homographs, lexicon
from text.en.normalize import normalize
from text.en.tables import SPOKEN_ACRONYMS
from text.symbols import symbols

_TOKEN = re.compile(r"[A-Za-z](?:[A-Za-z'\-]*[A-Za-z'])?|'[A-Za-z]+|[.,?!]")
_CAPS_INSIDE = re.compile(r"(?<=[A-Za-z])(?=[A-Z])")
_MIN_PHONES = 4


def text_normalize(text: str) -> str:
    """The text as it is read: numbers and signs in words, capitals that are spelled set apart ("F B I")."""
    words = normalize(text).split(" ")
    shouting = _is_shouting(words)
    return " ".join(_split_capitals(word, shouting) for word in words)


def _is_shouting(words: list[str]) -> bool:
    """Whether a whole sentence is in capitals, so that capitals say nothing about spelling."""
    known = [w for w in words if len(w) > 3 and w.isupper() and lexicon.lookup(w.strip(".,?!"))]
    return len(known) >= 3 and not any(c.islower() for w in words for c in w)


def _split_capitals(word: str, shouting: bool) -> str:
    core = word.strip(".,?!")
    stem = re.sub(r"'s$", "", core)
    if not _CAPS_INSIDE.search(core) or stem in SPOKEN_ACRONYMS:
        return word
    if shouting or ("-" in core and core.title() == core) or re.fullmatch(r"[A-Z]'[A-Z][a-z]+", core):
        return word
    if not stem.isupper() and lexicon.lookup(core):
        return word
    return _CAPS_INSIDE.sub(" ", word)


def g2p(norm_text: str, given: Mapping[int, tuple[int, str]] | None = None) -> list[str]:
    """Phones of a normalised text; empty when it holds no word and no mark.

    Fewer than four phones get a leading comma, as the published models were trained with.

    Args:
        norm_text: as ``text_normalize`` gives it.
        given: ARPAbet that the user wants, by place: {start: (end, phones)}.
    """
    phones = [phone for _, _, word in stretches(norm_text, given) for phone in word]
    if phones and len(phones) < _MIN_PHONES:
        phones.insert(0, ",")
    return phones


def stretches(norm_text: str, given: Mapping[int, tuple[int, str]] | None = None) -> list[tuple[int, int, list[str]]]:
    """(from, to, phones) of each word and mark of a normalised text; arguments as :func:`g2p`."""
    tokens, readings = _tokens(norm_text, given or {})
    lowered = [norm_text[start:end].lower() for start, end in tokens]
    return [
        (start, end, readings[at].split() if at in readings else _word(norm_text[start:end], lowered, at))
        for at, (start, end) in enumerate(tokens)
    ]


def _tokens(norm_text: str, given: Mapping[int, tuple[int, str]]) -> tuple[list[tuple[int, int]], dict[int, str]]:
    """Places of words and marks, and the reading of those that have a given one, by their number."""
    tokens: list[tuple[int, int]] = []
    readings: dict[int, str] = {}
    start = 0
    for at in sorted(given):
        end, reading = given[at]
        tokens += [match.span() for match in _TOKEN.finditer(norm_text, start, at)]
        readings[len(tokens)] = reading
        tokens.append((at, end))
        start = end
    return tokens + [match.span() for match in _TOKEN.finditer(norm_text, start)], readings


def _word(token: str, lowered: list[str], at: int) -> list[str]:
    if token in ".,?!":
        return [token]
    if token == "a":
        return ["AH0"]
    if len(token) == 1:
        return lexicon.letters(token)
    found = homographs.reading(lowered, at)
    return found if found is not None else lexicon.pronounce(token)


def parse_reading(reading: str) -> list[str] | None:
    """An explicit pronunciation (ARPAbet with stress digits), or None when it is none."""
    phones = reading.split()
    known = set(symbols)
    plain = all(p in known and p.isascii() and p[:1].isupper() and p.upper() == p for p in phones)
    return phones if phones and plain and any(p[-1].isdigit() for p in phones) else None
