"""Where a text may be cut: at which marks, and, where there are none, between which words.

A mark between two digits, inside an abbreviation, a decimal, a time, a mail address, a link or a domain is part of
what stands there, and no place to cut, for any method. Knows no language's phones and no model.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate

_MARKS = frozenset("，。？！,.?!~:：—…;；、-–")
_LINK = r"(?:(?:https?|ftp)://|www\.)[^\s，。！？；、（）「」《》…]+"
_MAIL = r"[A-Za-z0-9_.+\-]+@[A-Za-z0-9\-]+(?:\.[A-Za-z0-9\-]+)*"
_DOMAIN = r"[A-Za-z0-9\-]+(?:\.[A-Za-z0-9\-]+)*\.[A-Za-z]{2,}/[^\s，。！？；、（）「」《》…]+"
#: Dates as Korean writes them (2025. 9. 28.), file types and the like (.NET).
_DATE = r"\d{4}\. ?\d{1,2}\. ?\d{1,2}\.?"
_WHOLE = re.compile(rf"{_LINK}|{_MAIL}|{_DOMAIN}|{_DATE}|(?<=[\s(（])\.[A-Za-z0-9]+|(?<![A-Za-z0-9])\.NET\b")
_AFTER_LINK = ".,;:!?)'\"~-"

#: Abbreviations that a name follows, and those that a number follows.
_TITLES = frozenset(
    "dr mr mrs ms mx prof st sr sra mt gen sen rep gov pres capt cmdr lt col maj sgt rev hon fr vs cf approx viz esp "
    "incl dept univ assn".split()
)
_NUMBERED = frozenset("no nos fig figs vol vols ch chap sec pp p pg art eq ext tel ca".split())
#: Abbreviations that may end a sentence: they do where a capital letter follows.
_MAY_END = frozenset(
    "etc inc ltd co corp jr bros ph.d m.d b.a m.a a.m p.m a.k.a a.d b.c e.g i.e jan feb mar apr jun jul aug sep sept "
    "oct nov dec mon tue tues wed thu thur thurs fri sat sun min max hr hrs oz lb lbs in ft mi yd gal sq".split()
)
_NEVER_ENDS = frozenset({"e.g", "i.e", "a.k.a"})
_WORD_BEFORE = re.compile(r"[A-Za-z](?:[A-Za-z]|\.(?=[A-Za-z]))*$")
_CLOSING = frozenset("”’\"')）」』】》〉]")


def mark_ends(text: str, marks: frozenset[str]) -> list[int]:
    """Places behind the marks of ``marks`` where ``text`` may be cut, closing brackets and quotes stepped over."""
    whole = _whole_parts(text)
    starts = [start for start, _ in whole]
    out: list[int] = []
    for at, char in enumerate(text):
        if char not in marks:
            continue
        number = bisect_right(starts, at) - 1
        if number >= 0 and at < whole[number][1] - (1 if whole[number][1] == len(text) else 0):
            continue
        if not _inside(text, at):
            out.append(_behind(text, at))
    return sorted(set(out))


def _whole_parts(text: str) -> list[tuple[int, int]]:
    """Links, mail addresses, domains and dates: from, to."""
    parts: list[tuple[int, int]] = []
    for match in _WHOLE.finditer(text):
        dated = match[0][:4].isdigit() and ". " in match[0]
        body = match[0] if dated else match[0].rstrip(_AFTER_LINK)
        parts.append((match.start(), match.start() + len(body)))
    return parts


def _behind(text: str, at: int) -> int:
    """The place behind a mark and what closes with it: 好。」, go.)"""
    end = at + 1
    while end < len(text) and text[end] in _CLOSING and not (text[end] in "\"'" and text[end + 1 : end + 2].isalnum()):
        end += 1
    return end


def _inside(text: str, at: int) -> bool:
    """Whether the mark at a place is inside a number, word or abbreviation."""
    first = last = at
    while first > 0 and text[first - 1] in _MARKS and at - first < 4:
        first -= 1
    while last + 1 < len(text) and text[last + 1] in _MARKS and last - at < 4:
        last += 1
    before, after = text[first - 1 : first], text[last + 1 : last + 2]
    if before.isdigit() and after.isdigit():
        return True
    char, after = text[at], text[at + 1 : at + 2]
    before = text[at - 1 : at]
    ascii_both = before.isascii() and before.isalnum() and after.isascii() and (after.isalnum() or after in "/\\_")
    if char in ".:" and after and ascii_both:
        return True
    if char == "." and after.isdigit() and not before.isalnum():
        return True
    return char == "." and abbreviates(text, at)


def abbreviates(text: str, at: int) -> bool:
    """Whether the full stop at a place ends an abbreviation, and no sentence."""
    match = _WORD_BEFORE.search(text, max(0, at - 12), at)
    if match is None:
        return False
    word, following = match[0].lower(), text[at + 1 : at + 4].lstrip(" ")[:1]
    spaced = text[at + 1 : at + 2] == " "
    if not spaced or not following:
        return following in tuple(",;:'’?!)-–") and (word in _TITLES | _MAY_END or "." in word)
    if word in _TITLES or (word in _NUMBERED and following.isdigit()):
        return True
    if len(match[0]) == 1 or ("." in word and all(len(part) == 1 for part in word.split("."))):
        # Initials (J. Smith, the U.S. Senate); 5 p.m. ends a sentence where a capital follows.
        return word not in _MAY_END or word in _NEVER_ENDS or not following.isupper()
    return word in _MAY_END and not following.isupper()


#: How good a place is to breathe, by the mark before it.
_STRENGTHS = {
    **dict.fromkeys("。？！.?!…\n", 4.0),
    **dict.fromkeys(";；:：", 3.0),
    **dict.fromkeys("，,、—～~", 2.5),
    **dict.fromkeys("）)」』】》”", 1.5),
    " ": 1.0,
}
_ALL_MARKS = frozenset(_STRENGTHS) - {" "}
_HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff]+")
_INSIDE_WORD = re.compile(r"[A-Za-z0-9'’\-]")


def cut_to_fit(text: str, costs: Sequence[float], limit: float) -> list[int]:
    """Places that cut ``text`` into as few parts of about equal length as need no more than ``limit`` each.

    The best mark near each place is taken, else the border of a word; never inside a number or a Latin word.

    Args:
        costs: what each character needs (phones).
        limit: most that a part may need.
    """
    total = list(accumulate(costs, initial=0.0))
    strengths = _borders(text)
    places = list(strengths)
    cuts: list[int] = []
    start = 0
    while total[-1] - total[start] > limit:
        rest = total[-1] - total[start]
        ideal = rest / -(-rest // limit)
        best, best_score = 0, float("-inf")
        for at in places[bisect_right(places, start) :]:
            need = total[at] - total[start]
            if need > limit:
                # No border is near: the next one there is, however long the part gets.
                best = best or at
                break
            score = strengths[at] - 3 * abs(need - ideal) / ideal
            if need >= 0.3 * ideal and score > best_score:
                best, best_score = at, score
        if not best:
            break
        cuts.append(best)
        start = best
    return cuts


def _borders(text: str) -> dict[int, float]:
    """Places where ``text`` may be cut, in order, and how good each is."""
    out: dict[int, float] = {}
    for end in mark_ends(text, _ALL_MARKS):
        out[end] = max(_STRENGTHS.get(char, 0.0) for char in text[max(0, end - 2) : end])
    for at, char in enumerate(text[:-1], 1):
        if char == " " and not (text[at - 2 : at - 1].isdigit() and text[at].isdigit()):
            out.setdefault(at, 1.0)
    for match in _HAN.finditer(text):
        for word_end in _word_ends(match[0]):
            out.setdefault(match.start() + word_end, 0.5)
    for at in range(1, len(text)):
        # A Japanese phrase ends where hiragana do.
        if "\u3041" <= text[at - 1] <= "\u3096" and ("\u30a1" <= text[at] <= "\u30fa" or _HAN.match(text[at])):
            out[at] = max(out.get(at, 0.0), 0.8)
    return {at: out[at] for at in sorted(out) if 0 < at < len(text) and not _in_abbreviation(text, at)} or _letters(
        text
    )


def _in_abbreviation(text: str, at: int) -> bool:
    """Whether a space follows the full stop of an abbreviation: Dr. Smith."""
    return text[at - 1] == " " and at > 1 and text[at - 2] == "." and abbreviates(text, at - 2)


def _letters(text: str) -> dict[int, float]:
    """Where there is no border at all: between characters, but not in a Latin word or number of ordinary length."""
    out = {}
    begun = 0
    for at in range(1, len(text)):
        inside = _INSIDE_WORD.match(text[at - 1]) and _INSIDE_WORD.match(text[at])
        begun = begun + 1 if inside else 0
        digits = text[at - 1].isdigit() and text[at].isdigit()
        if not inside or (begun % 40 == 0 and not digits):
            out[at] = 0.0
    return out


def _word_ends(text: str) -> list[int]:
    """Ends of the words of a stretch of Chinese characters; of all characters where there is no list of words."""
    try:
        import rjieba
    except ImportError:
        return list(range(1, len(text) + 1))
    return list(accumulate(len(word) for word in rjieba.cut(text)))
