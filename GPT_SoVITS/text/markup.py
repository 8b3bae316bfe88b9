"""Control in the text: explicit pronunciations ``word[[reading]]`` and pauses ``[pause 0.5s]``.

``[[reading]]`` says how the word before it is spoken, ``[[word|reading]]`` names the word itself. A reading is toned
pinyin (zh), Jyutping (yue), ARPAbet with stress digits (en), kana (ja) or Hangul (ko); brackets that hold anything else
are ordinary text. Chinese, Cantonese and English words become placeholders of private use, one per character or
word, that pass through cutting and normalising untouched; Japanese and Korean ones are written as they sound.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from errors import TextError
from text.places import Placed, Span
from text.registry import LANGUAGE_ROWS, frontend_module, spoken_in

logger = logging.getLogger(__name__)

_FIRST = 0xF0000
_LAST = 0xFFFFD
_PRIVATE = re.compile("[\U000f0000-\U000ffffd]")
_GIVEN = re.compile(r"\[\[(?:([^\[\]|\n]{1,64})\|)?([^\[\]|\n]{1,160})\]\]")
_PAUSE = re.compile(r"\[pause (\d{1,3}(?:\.\d{1,3})?|\.\d{1,3}) ?(ms|s)\]", re.IGNORECASE)
MAX_PAUSE = 10.0
_SHORT_PAUSE = 0.35

_HAN = "\u3005-\u3007\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0003ffff"
#: Stands for the word where a reading has none before it.
_NO_WORD = "某"


class Given(NamedTuple):
    """What a placeholder stands for: the written character or word, and its reading in one language."""

    text: str
    reading: str
    language: str


@dataclass
class Marked:
    """A text whose markup is replaced by placeholders; ``placed`` knows where it came from."""

    placed: Placed
    given: dict[str, Given] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The text itself."""
        return self.placed.text

    @property
    def languages(self) -> dict[str, str]:
        """The language of each placeholder."""
        return {char: entry.language for char, entry in self.given.items()}


class Paused(NamedTuple):
    """A stretch of text, the silence after it in seconds, and its place in the whole text."""

    text: str
    seconds: float
    start: int = 0


def split_pauses(text: str) -> list[Paused]:
    """The text between ``[pause 0.5s]`` marks; the last stretch has no pause.

    Raises:
        TextError: for a pause longer than ``MAX_PAUSE``.
    """
    out: list[Paused] = []
    start = 0
    for match in _PAUSE.finditer(text):
        seconds = float(match[1]) * (0.001 if match[2].lower() == "ms" else 1)
        if seconds > MAX_PAUSE:
            raise TextError(f"{match[0]} is too long", f"at most {MAX_PAUSE:g} s", "write a shorter pause")
        out.append(Paused(text[start : match.start()], seconds, start))
        start = match.end()
    return [*out, Paused(text[start:], 0.0, start)]


def pauses_as_marks(text: str) -> str:
    """Pauses as the marks that sound nearest, for callers that only want phones."""
    parts = split_pauses(text)
    return "".join(part + (("," if seconds < _SHORT_PAUSE else ".") if seconds else "") for part, seconds, _ in parts)


def read(text: str | Placed, mode: str) -> Marked:
    """Replace markup by placeholders; characters of private use in ``text`` itself are dropped.

    Args:
        text: as the user wrote it.
        mode: a language or language mode; it says whether toned syllables are Mandarin or Cantonese.
    """
    placed = (Placed.of(text) if isinstance(text, str) else text).sub(_PRIVATE, lambda _: "")
    if "[[" not in placed.text:
        return Marked(placed)
    out: list[Placed] = []
    given: dict[str, Given] = {}
    start = 0
    seen: dict[Given, str] = {}
    for match in _GIVEN.finditer(placed.text):
        language = _language_of(match[2], mode)
        if not language:
            continue
        out.append(placed.part(start, match.start()))
        start = match.end()
        if match[1] is not None:
            word = placed.part(match.start(1), match.end(1))
        else:
            word = _take_word(out, language, len(match[2].split()), placed.span(match.start(), match.end()))
        out.append(_placed(word, place(word.text, match[2], language, given, seen)))
    return Marked(Placed.joined([*out, placed.part(start, len(placed.text))]), given)


def _placed(word: Placed, text: str) -> Placed:
    """``text`` in the place of a word: character by character where there are as many."""
    return Placed(text, word.spans) if len(text) == len(word.text) else word.written(0, len(word.text), text)


def _language_of(reading: str, mode: str) -> str:
    """The language whose notation ``reading`` is in, those that ``mode`` speaks first; "" for ordinary text."""
    own = spoken_in(mode)
    reading = reading.strip()
    # A reading of a language that the mode does not speak is still a reading, and no words to be said.
    for code in (*own, *(code for code in LANGUAGE_ROWS if code not in own)):
        if not re.fullmatch(LANGUAGE_ROWS[code].reading.shape, reading):
            continue
        if frontend_module(code).parse_reading(reading):
            return code
        if LANGUAGE_ROWS[code].reading.per_character:
            logger.warning("[[%s]] is no reading in %r, so it is ordinary text", reading, code)
            return ""
    return ""


def _take_word(out: list[Placed], language: str, syllables: int, brackets: Span) -> Placed:
    """Take the word before the brackets off ``out``; a stand-in, in the place of the brackets, where there is none."""
    notation = LANGUAGE_ROWS[language].reading
    before = out.pop() if out else Placed("", [])
    if notation.per_character:
        match = re.search(rf"[{_HAN}]{{{syllables}}}$", before.text)
    else:
        match = re.search(notation.before, before.text[-64:])
    length = len(match[0]) if match else 0
    cut = len(before.text) - length
    out.append(before.part(0, cut))
    if length:
        return before.part(cut, len(before.text))
    stand_in = _NO_WORD * syllables if notation.per_character else ""
    return Placed(stand_in, [brackets] * len(stand_in))


def place(word: str, reading: str, language: str, given: dict[str, Given], seen: dict[Given, str]) -> str:
    """The placeholders of a word (added to ``given``), or the text that is spoken instead of it."""
    notation = LANGUAGE_ROWS[language].reading
    units = frontend_module(language).parse_reading(reading)
    if units is None:
        return word
    if notation.as_text:
        return str(units[0])
    if notation.per_character:
        word = word if len(word) == len(units) else (_NO_WORD * len(units))
        pairs = list(zip(word, units, strict=True))
    else:
        pairs = [(word or "uh", reading)]
    return "".join(_placeholder(Given(text, unit, language), given, seen) for text, unit in pairs)


def _placeholder(entry: Given, given: dict[str, Given], seen: dict[Given, str]) -> str:
    if entry not in seen:
        if _FIRST + len(seen) > _LAST:
            return entry.text
        seen[entry] = chr(_FIRST + len(seen))
        given[seen[entry]] = entry
    return seen[entry]


def restore(norm_text: str, given: Mapping[str, Given], language: str) -> tuple[str, dict[int, tuple[int, str]]]:
    """Placeholders back to what was written.

    Returns:
        (text, {start: (end, reading)}): where each reading applies; those of other languages are left out.
    """
    if not given:
        return norm_text, {}
    out: list[str] = []
    readings: dict[int, tuple[int, str]] = {}
    at = 0
    for char in norm_text:
        entry = given.get(char)
        piece = entry.text if entry else char
        if entry and entry.language == language:
            readings[at] = (at + len(piece), entry.reading)
        out.append(piece)
        at += len(piece)
    return "".join(out), readings


def restored(run: Placed, norm_text: str, given: Mapping[str, Given]) -> Placed:
    """``norm_text``, in which placeholders are words again, with the places of the run that it was made of."""
    words = [
        run.written(at, at + 1, given[char].text) if char in given else run.part(at, at + 1)
        for at, char in enumerate(run.text)
    ]
    return Placed.joined(words).rewritten(norm_text)
