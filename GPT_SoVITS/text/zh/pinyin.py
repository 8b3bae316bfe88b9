"""Pinyin syllables to the two phones (initial, final with tone) that the published weights know.

A syllable without a written initial gets one: y and w as they are spelled, else AA, EE or OO by its vowel.
"""

from __future__ import annotations

from functools import lru_cache

from text.symbols import symbols

_INITIALS = ("zh", "ch", "sh", *"bpmfdtnlgkhjqxrzcsyw")
_ALLOWED = frozenset(symbols)
#: Syllables without a vowel, and ones that are too rare to have a phone of their own: the nearest that has.
_NEAREST = {
    "n": "en",
    "ng": "en",
    "m": "mu",
    "hm": "heng",
    "hng": "heng",
    "ê": "ei",
    "io": "yo",
    "yai": "ya",
    "lün": "lun",
}
#: What the spelling leaves out after y, w and in compounds.
_AFTER_Y = {"an": "En", "e": "E", "u": "v", "ue": "ve", "uan": "van", "un": "vn"}
_UMLAUT = {"u": "v", "ue": "ve", "uan": "van", "un": "vn", "ü": "v", "üe": "ve", "üan": "van", "ün": "vn"}


def _final(initial: str, rest: str) -> str:
    """The final as the symbol table writes it."""
    if initial == "y":
        return _AFTER_Y.get(rest, rest)
    if initial in ("j", "q", "x"):
        return _UMLAUT.get(rest, rest)
    if rest == "i" and initial in ("z", "c", "s"):
        return "i0"
    if rest == "i" and initial in ("zh", "ch", "sh", "r"):
        return "ir"
    return {"v": "v", "ue": "ve", "ü": "v", "üe": "ve", "uei": "ui", "iou": "iu", "uen": "un"}.get(rest, rest)


@lru_cache(maxsize=4096)
def phones(syllable: str) -> tuple[str, str] | None:
    """("hao3") -> ("h", "ao3"); None for what is no syllable.

    Args:
        syllable: toned pinyin, tone 1-5 at the end, ü as ü or v.
    """
    base, tone = syllable[:-1].lower().replace("v", "ü"), syllable[-1:]
    if tone not in tuple("12345") or not base:
        return None
    base = _NEAREST.get(base, base)
    initial = next((i for i in _INITIALS if base.startswith(i) and len(base) > len(i)), "")
    rest = base[len(initial) :]
    if not initial:
        initial = {"a": "AA", "e": "EE", "o": "OO"}.get(base[0], "")
    pair = (initial, _final(initial, rest) + tone)
    return pair if pair[0] in _ALLOWED and pair[1] in _ALLOWED else None


def is_syllable(text: str) -> bool:
    """Whether ``text`` is a toned pinyin syllable with phones."""
    return phones(text) is not None
