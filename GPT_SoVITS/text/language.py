"""Which language a stretch of text is in, and what each language mode of a request makes of it.

``segments`` cuts mixed text into (language, text) runs; ``runs_for_mode`` applies the mode names that users know (auto,
auto_yue, en, zh, ja, ko, yue, all_zh, ...). No frontend is loaded here.

Letters decide by their script. Chinese characters are shared, so a stretch of them is judged by the character sets of
the two languages (GB 2312, Shift JIS level 1, Big5: the codecs of the standard library) and by kana beside it in the
same clause. A trained identifier guesses badly on two to ten characters: it is where the known bug of Chinese text read
as Japanese comes from.

Numbers are no one's letters. A number is one piece with what belongs to it: its sign and currency before it, its power
and unit (``text.units``) behind it, so that 60kg, -5% or US$12.50 reach a normaliser whole. ``_Numbers`` says whose it
is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import groupby
from typing import NamedTuple

from text.registry import ALL, ALONE, AUTO, LANGUAGE_ROWS, MODE_ROWS, mode_row
from text.units import CURRENCY, POWER, UNIT

#: Every language mode of a request: what it means is in ``runs_for_mode``.
MODES = tuple(MODE_ROWS)

_HAN = "\u2e80-\u2fdf\u3005-\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_DIGITS = r"\d+(?:[.,:/]\d+)*"
#: Links and mail addresses, and numbers that are English by their ending.
_ENGLISH = (
    r"https?://[\x21-\x7e]+|www\.[\x21-\x7e]+|[A-Za-z0-9_.+\-]{1,64}@[A-Za-z0-9\-]{1,63}(?:\.[A-Za-z0-9\-]{1,63})+"
    r"|(?<![A-Za-z0-9])\d{1,3}(?:st|nd|rd|th)(?![A-Za-z0-9])"
    r"|(?<![A-Za-z0-9])\d{1,2}(?::\d\d)? ?(?:[ap]\.m\.|[AaPp][Mm](?![A-Za-z0-9]))"
)
#: Between a number and its unit: a scale, or what is counted per unit (38万km, 50元/m²).
_SCALED = "(?:[万萬亿億][元]?|[元块塊次人])"
_NUMBER = (
    rf"(?:(?<![A-Za-z0-9])[-−+±])?(?:{CURRENCY} ?)?{_DIGITS}(?:{POWER})?"
    rf"(?: ?{UNIT}|[万萬亿億] ?{UNIT}|{_SCALED}/{UNIT})?"
)
#: Signs of a formula that a letter may stand before: x² = 4.
_FORMULA = rf"(?<=[A-Za-z)])(?:{POWER})|(?<=[A-Za-z)²³]) ?[=≈≠≤≥÷±](?![=>])"
_SCRIPTS = re.compile(
    rf"(?P<web>{_ENGLISH})|(?P<number>{_NUMBER})|(?P<formula>{_FORMULA})|"
    + "|".join(f"(?P<{row.code}>{row.letters})" for row in LANGUAGE_ROWS.values() if row.letters)
    + rf"|(?P<han>[{_HAN}]+)|(?P<given>[\U000f0000-\U000ffffd])"
)
#: Pieces that are not words of a language of their own.
_NEUTRAL = frozenset({"number", "formula"})
#: Marks that part a number from the word before it, and those that end a sentence.
_PARTS = re.compile(r"[,，、。.;；:：!！?？…\n（(「『【《—]")
_ENDS = re.compile(r"[.。!！?？…\n]")
#: Opening brackets and quotes, which belong to what follows them.
_OPENING = frozenset("（(「『【《〈“‘[")
#: Pronouns and particles that settle Chinese alone, even beside kana.
_STRONG = frozenset("你您她们吗呢吧这么怎谁很没還沒嗎這麼們妳啲嘅咗喺唔哋冇嚟")
#: Words of Chinese in characters that Japanese has too.
_FUNCTION = frozenset("是他到把讓給跟也就要去")
_MAX_TITLE = 8
#: English words that stand between two numbers and say nothing of the language of a text.
_CONNECTING = frozenset({"to", "and", "or", "vs", "x"})


class Run(NamedTuple):
    """A stretch of text in one language."""

    language: str
    text: str


@lru_cache(maxsize=16384)
def _kind(char: str) -> str:
    """Who writes a character: "s" simplified Chinese, "t" traditional, "j" Japanese, "b" the last two, "" everyone."""
    simplified = _in(char, "gb2312")
    japanese = _in(char, "shift_jis") and char.encode("shift_jis") < b"\x98\x9f"
    if simplified:
        return "" if japanese else "s"
    traditional = _in(char, "big5")
    if japanese:
        return "b" if traditional else "j"
    return "t" if traditional else ""


def _in(char: str, codec: str) -> bool:
    try:
        char.encode(codec)
    except UnicodeEncodeError:
        return False
    return True


def han_language(text: str, touches_kana: bool = False) -> str:
    """ "zh", "ja", or "" where a stretch of Chinese characters may be either.

    Args:
        text: the characters.
        touches_kana: whether kana stand directly beside them.
    """
    if any(char in _STRONG for char in text):
        return "zh"
    if touches_kana:
        return "zh" if any(_kind(char) == "s" and not _in(char, "shift_jis") for char in text) else "ja"
    kinds = {_kind(char) for char in text}
    if kinds & {"s", "t"} and "j" not in kinds:
        return "zh"
    if "j" in kinds:
        return "ja"
    if "b" not in kinds:
        return ""
    return "zh" if len(text) > _MAX_TITLE or any(char in _FUNCTION for char in text) else "ja"


class _Piece(NamedTuple):
    start: int
    end: int
    script: str


def _pieces(text: str) -> list[_Piece]:
    return [
        _Piece(m.start(), m.end(), "en" if m.lastgroup == "web" else str(m.lastgroup)) for m in _SCRIPTS.finditer(text)
    ]


def has_words(text: str) -> bool:
    """Whether a text shows a language: numbers and marks do not."""
    return any(match.lastgroup not in _NEUTRAL for match in _SCRIPTS.finditer(text))


def segments(text: str, default: str = "", neutral: str = "zh", given: Mapping[str, str] | None = None) -> list[Run]:
    """Text cut into runs of one language, in order; joined they are ``text`` again.

    Marks and spaces belong to the run before them (at the start, to the first run), opening brackets to the run behind
    them. With a default language all numbers are in that language; without, :class:`_Numbers` decides.

    Args:
        default: language of everything that is not in Latin letters; empty: found by script and characters.
        neutral: language of a text that shows none, such as "3.14".
        given: language of each placeholder of ``text.markup``.
    """
    pieces = _pieces(text)
    if not pieces:
        return [Run(default or neutral, text)] if text else []
    words = [piece for piece in pieces if piece.script not in _NEUTRAL]
    found = dict(zip(words, _languages(text, words, default, neutral, given or {}), strict=True))
    languages = _Numbers(text, pieces, found, default, neutral).languages()
    runs: list[Run] = []
    start = 0
    for at, piece in enumerate(pieces):
        stop = pieces[at + 1].start if at + 1 < len(pieces) else len(text)
        if at + 1 < len(pieces):
            while stop > piece.end and text[stop - 1] in _OPENING:
                stop -= 1
        letters = _letters_of_unit(text[start : piece.end], languages[at]) if piece.script == "number" else 0
        if letters:
            runs.append(Run(languages[at], text[start : piece.end - letters]))
            start = piece.end - letters
        runs.append(Run("en" if letters else languages[at], text[start:stop]))
        start = stop
    return _merged(runs)


def _letters_of_unit(number: str, language: str) -> int:
    """How many letters at the end of a number are a unit that ``language`` spells in English, as in 16GB."""
    units = LANGUAGE_ROWS[language].spelled_units if language in LANGUAGE_ROWS else ()
    return max((len(unit) for unit in units if number.endswith(unit)), default=0)


class _Numbers:
    """Which language reads each number of a text.

    A number is read in the language of the word before it, or, at the start, of the word behind it. After an English
    word it is English (Windows 11), unless the sentence is in another language and a mark parts it from the word
    (APP，3天), a counter of that language follows it (KTX 3시), or only one letter stands before it (A4纸).
    """

    def __init__(
        self, text: str, pieces: Sequence[_Piece], found: Mapping[_Piece, str], default: str, neutral: str
    ) -> None:
        self.text, self.pieces, self.found = text, pieces, found
        self.default, self.neutral = default, neutral
        # For each piece the next word, and the language of the nearest word that is not English, behind it or before.
        self._next: list[_Piece | None] = [None] * len(pieces)
        self._sentence = [""] * len(pieces)
        word, language = None, ""
        for at in range(len(pieces) - 1, -1, -1):
            self._next[at], self._sentence[at] = word, language
            if found.get(pieces[at], "en") != "en":
                language = found[pieces[at]]
            word = pieces[at] if pieces[at] in found else word
        language = ""
        for at, piece in enumerate(pieces):
            self._sentence[at] = self._sentence[at] or language
            language = found[piece] if found.get(piece, "en") != "en" else language

    def languages(self) -> list[str]:
        """One language per piece."""
        out: list[str] = []
        for at, piece in enumerate(self.pieces):
            if piece in self.found:
                out.append(self.found[piece])
            else:
                out.append(self.default or self._number(at, out[-1] if out else ""))
        return out

    def _number(self, at: int, before: str) -> str:
        """The language of the number ``at``; ``before`` is that of the piece before it."""
        piece, after = self.pieces[at], self._next[at]
        following = self.found[after] if after else ""
        touches = after is not None and after.start == piece.end
        if not before:
            return self._spelled(at) if following == "en" and touches else following or self.neutral
        if before != "en":
            return "en" if following == "en" and not touches and self._begins(at) else before
        if piece.script == "formula":
            return self._sentence[at] or "en"
        if following not in ("", "en") and self._counts(piece, following):
            return following
        if not _PARTS.search(self.text, self.pieces[at - 1].end, piece.start):
            return self._spelled(at) if self._names(at) and not (touches and following == "en") else "en"
        if following == "en":
            return self._spelled(at) if touches else "en"
        return following or self._sentence[at] or "en"

    def _begins(self, at: int) -> bool:
        """Whether a sentence begins with a number and an English word: 今天好。3 people came."""
        piece, after = self.pieces[at], self._next[at]
        ended = _ENDS.search(self.text, self.pieces[at - 1].end, piece.start)
        return bool(ended) and after is not None and self.text[piece.end : after.start] == " "

    def _counts(self, piece: _Piece, language: str) -> bool:
        """Whether a counter of a language follows a number."""
        rest = self.text[piece.end : piece.end + 5]
        return rest.removeprefix(" ").startswith(LANGUAGE_ROWS[language].counters)

    def _names(self, at: int) -> bool:
        """Whether a number stands directly behind a single letter, as in A4 or G20."""
        last = self.pieces[at - 1]
        return last.end == self.pieces[at].start and last.end - last.start == 1

    def _spelled(self, at: int) -> str:
        """The language of a number in a name (5G, A4): the sentence's, where that says such numbers."""
        sentence = self._sentence[at]
        return sentence if sentence and LANGUAGE_ROWS[sentence].spells_names else "en"


def _merged(runs: list[Run]) -> list[Run]:
    grouped = groupby(runs, key=lambda run: run.language)
    return [Run(language, "".join(run.text for run in group)) for language, group in grouped]


def _languages(text: str, pieces: list[_Piece], default: str, neutral: str, given: Mapping[str, str]) -> list[str]:
    """The language of every script run; "" is settled by the runs beside it."""
    out: list[str] = []
    for at, (start, end, script) in enumerate(pieces):
        if script == "given":
            out.append(given.get(text[start:end], ""))
        elif script == "en" or default:
            out.append("en" if script == "en" else default)
        elif script == "han":
            beside = {pieces[i].script for i in (at - 1, at + 1) if 0 <= i < len(pieces) and _touch(pieces, at, i)}
            out.append(han_language(text[start:end], "ja" in beside))
        else:
            out.append(script)
    return _settled(out, neutral)


def _touch(pieces: list[_Piece], at: int, other: int) -> bool:
    first, second = sorted((at, other))
    return pieces[first].end == pieces[second].start


def _settled(languages: list[str], neutral: str) -> list[str]:
    """Undecided runs take the language of the nearest decided run that has Chinese characters, left one first."""
    left = list(languages)
    for at in range(1, len(left)):
        if not left[at]:
            left[at] = next((left[i] for i in range(at - 1, max(-1, at - 4), -1) if left[i] in ("zh", "ja", "yue")), "")
    right = list(languages)
    for at in range(len(right) - 2, -1, -1):
        if not right[at]:
            right[at] = next(
                (right[i] for i in range(at + 1, min(len(right), at + 4)) if right[i] in ("zh", "ja", "yue")), ""
            )
    undecided = neutral if neutral in ("zh", "ja", "yue") else "zh"
    return [a or b or c or undecided for a, b, c in zip(languages, left, right, strict=True)]


def main_language(text: str) -> str:
    """The language of a text's first run, in which numbers and marks alone are read; "zh" where there is none."""
    start = next((match for match in _SCRIPTS.finditer(text) if match.lastgroup not in _NEUTRAL), None)
    if start is None:
        return "en" if re.search(rf"\d ?{UNIT}", text) else "zh"
    found = segments(text[start.start() : start.start() + 200])
    return found[0].language if found else "zh"


def neutral_language(text: str, mode: str) -> str:
    """The language of numbers and marks in pieces of ``text`` that show none.

    English where all its words are English; else that of the mode, or, where the text decides, of its first words.

    Raises:
        TextError: for an unknown mode.
    """
    row = mode_row(mode)
    if row.kind in (ALL, ALONE):
        return row.language
    if row.kind == AUTO:
        return main_language(text)
    scripts = {piece.script for piece in _pieces(text)} - _NEUTRAL
    return "en" if scripts == {"en"} and not _connects(text) else row.language


def _connects(text: str) -> bool:
    """Whether the words of a text only stand between its numbers: 5% to ￥300."""
    pieces = _pieces(text)
    words = {text[piece.start : piece.end].lower() for piece in pieces if piece.script not in _NEUTRAL}
    return words <= _CONNECTING and len(words) < len(pieces)


def runs_for_mode(text: str, mode: str, neutral: str = "zh", given: Mapping[str, str] | None = None) -> list[Run]:
    """The runs of ``text`` as a request in ``mode`` reads them.

    * ``en``: everything is English.
    * ``zh``, ``ja``, ``ko``, ``yue``: Latin words with the numbers after them are English, all else is that language.
    * ``all_*``: Latin words alone are English, all else, numbers too, is that language.
    * ``auto``: each run in its own language; ``auto_yue``: Chinese runs are Cantonese.

    Args:
        text: what is spoken.
        mode: one of ``MODES``.
        neutral: language of numbers and marks when the text shows none (:func:`neutral_language`).
        given: language of each placeholder of ``text.markup``.

    Raises:
        TextError: for an unknown mode.
    """
    row = mode_row(mode)
    if row.kind == ALONE:
        return [Run(row.language, text)] if text else []
    if row.kind == ALL:
        return segments(text, row.language, given=given)
    if row.kind != AUTO and neutral == row.language and has_words(text) and _connects(text):
        return segments(text, row.language, given=given)
    found = segments(text, neutral=neutral, given=given)
    if row.kind == AUTO:
        return _merged(
            [Run(row.language if row.language and run.language == "zh" else run.language, run.text) for run in found]
        )
    if not has_words(text):
        return [Run(neutral if neutral == "en" else row.language, text)] if text else []
    return _merged([Run(run.language if run.language == "en" else row.language, run.text) for run in found])
