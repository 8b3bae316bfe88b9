"""Chinese text as it is read: numbers, dates, money, times, units and signs in characters, and six marks.

``normalize`` is a row of small rewriting steps. Its result holds Chinese characters, the marks ``, . ! ? … -`` and
placeholders of private use (explicit pronunciations, see ``text.markup``); all else has no phone here and is dropped.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from functools import lru_cache

from text.zh import calendar, formulas, names, quantities
from text.zh import numbers as n
from text.zh.parts import LENGTH, Dialect, Step
from text.zh.tables import CURRENCIES, MARKS, SAME_SOUND, SIGNS, UNITS

_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺", "0123456789-+")


@lru_cache(maxsize=4096)
def _fold_char(char: str) -> str:
    if char in SIGNS or char in MARKS or char in CURRENCIES or char in UNITS:
        return char
    if unicodedata.category(char) in ("Cc", "Cf", "Zl", "Zp", "Zs"):
        return "\n" if char in "\n\r\u2028\u2029" else ("" if unicodedata.category(char) == "Cf" else " ")
    return unicodedata.normalize("NFKC", char).replace("\u2044", "/")


def _fold(text: str) -> str:
    """Full-width letters and digits to plain ones, spaces and control characters to one space, marks kept.

    Powers are written with ^, those of units of length as digits: 10² is 10^2, m² is m2.
    """
    if not text.isascii():
        text = re.sub(rf"(?<![A-Za-z])({LENGTH})([²³])", lambda m: m[1] + m[2].translate(_SUPERSCRIPTS), text)
        text = re.sub(r"[⁻⁺]?[⁰¹²³⁴⁵⁶⁷⁸⁹]+", lambda m: "^" + m[0].translate(_SUPERSCRIPTS).lstrip("+"), text)
        text = "".join(_fold_char(c) for c in text).replace("−", "-").replace("：", ":")
    text = re.sub(rf"(?<=\d)(\s?{LENGTH})\^([23])(?!\d)", r"\1\2", text)
    # No number is that long; spelled here, since the steps that look for units would take quadratic time on it.
    return re.sub(r"\d{41,}", lambda m: n.spell(m[0]), text)


def _addresses(text: str) -> str:
    """Links and mail addresses say nothing in Chinese here (their letters are the English frontend's)."""
    return re.sub(r"\bhttps?://[\x21-\x7e]+|\b[\w.+-]{1,64}@[a-zA-Z0-9-]{1,63}(?:\.[a-zA-Z]{2,24})+", " ", text)


@lru_cache(maxsize=1)
def _known() -> frozenset[int]:
    from pypinyin.constants import PINYIN_DICT

    return frozenset(PINYIN_DICT)


@lru_cache(maxsize=16384)
def has_reading(char: str) -> bool:
    """Whether a character has a Mandarin reading."""
    return ord(char) in _known()


def _clean(text: str, spoken: Callable[[str], bool]) -> str:
    """Only what has phones stays; repeated marks shrink to the first one."""
    return re.sub(r"([,.!?…-])[,.!?…-]+", r"\1", "".join(_final_char(c, spoken) for c in text.replace("...", "…")))


@lru_cache(maxsize=16384)
def _final_char(char: str, spoken: Callable[[str], bool]) -> str:
    char = SAME_SOUND.get(char, char)
    if char in MARKS:
        return MARKS[char]
    is_letter = unicodedata.category(char) == "Lo" and spoken(char)
    return char if is_letter or "\U000f0000" <= char <= "\U000ffffd" else ""


#: In this order: a step leaves to the next ones what it does not know.
_NUMBER_STEPS: tuple[Step, ...] = (
    names.lone,
    formulas.powers,
    formulas.sums,
    names.telephones,
    names.services,
    names.places,
    calendar.years,
    calendar.dates,
    calendar.times,
    calendar.scores,
    formulas.minus,
    quantities.temperatures,
    quantities.money,
    quantities.ratios,
    quantities.rates,
    quantities.ranges,
    quantities.units,
    quantities.measured,
    formulas.signs,
    names.rest,
)
#: For a text without digits.
_OTHER_STEPS: tuple[Step, ...] = (calendar.weekdays, formulas.signs)

MANDARIN = Dialect(
    one="幺",
    units=UNITS,
    currencies=CURRENCIES,
    squared="的平方",
    cubed="的立方",
    power="的{}次方",
    local_telephone=None,
    spoken=has_reading,
)


def normalize(text: str, dialect: Dialect = MANDARIN) -> str:
    """Text to characters and marks that have phones; linear in the length of the text.

    Args:
        text: any text, in simplified characters, or folded to those of the tables (``text.yue.script``).
        dialect: what differs between Mandarin and Cantonese.
    """
    text = _addresses(_fold(text))
    for step in _NUMBER_STEPS if re.search(r"\d", text) else _OTHER_STEPS:
        text = step(text, dialect)
    return _clean(text, dialect.spoken)


@lru_cache(maxsize=1)
def _converter() -> Callable[[str], str]:
    from opencc import OpenCC

    return OpenCC("t2s").convert


def simplified(text: str) -> str:
    """Traditional characters to simplified ones; a text that is simplified already comes back as it is."""
    try:
        text.encode("gb2312")
    except UnicodeEncodeError:
        return _converter()(text)
    return text
