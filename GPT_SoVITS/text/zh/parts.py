"""What the steps of the Chinese normaliser share: patterns of numbers, units and ranges, and what a dialect says.

The tables are in simplified characters; Cantonese folds the characters that they use before the steps run and unfolds
them afterwards (``text.yue.script``).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from text.zh import numbers as n
from text.zh.tables import CURRENCIES, LENGTHS, MEASURES, ORDER_MEASURES, UNITS


@dataclass(frozen=True)
class Dialect:
    """What Mandarin and Cantonese say differently.

    Attributes:
        one: the digit 1 in telephone numbers and codes.
        units: word of each unit that is written in letters.
        currencies: word of each sign of a currency.
        squared: what follows a number to the second power; ``cubed`` and ``power`` (with the exponent for {}) likewise.
        local_telephone: numbers that are telephone numbers without a word that says so; None: none.
        spoken: whether a character has a reading.
    """

    one: str
    units: Mapping[str, str]
    currencies: Mapping[str, str]
    squared: str
    cubed: str
    power: str
    local_telephone: re.Pattern[str] | None
    spoken: Callable[[str], bool]


Step = Callable[[str, Dialect], str]


def _longest_first(words: Mapping[str, str] | tuple[str, ...] | set[str]) -> str:
    return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))


#: A number; commas count only where they part thousands.
NUM = r"(?:\d{1,3}(?:,\d{3})+(?!\d)(?:\.\d+)?|\d+(?:\.\d+)?)"
#: A measure word, or an ordinal's.
MEASURE = f"(?:{_longest_first({*MEASURES, *ORDER_MEASURES})})"
LENGTH = f"(?:{_longest_first(LENGTHS)})"
AFTER_UNIT = "(?![A-Za-z0-9])"
#: A unit in letters; ``fold`` has written m² and m^2 as m2.
UNIT = rf"(?:{LENGTH}[23]|{_longest_first(UNITS)}){AFTER_UNIT}"
CURRENCY = f"(?:{_longest_first(CURRENCIES)})"
DASH = r"\s?[-~～〜—–]{1,2}\s?"
#: What stands between the ends of a range.
SPAN = rf"(?:{DASH}|\s?[到至]\s?)"
_PREFIX = {"2": "平方", "3": "立方"}


def until(span: str) -> str:
    """The word of a range: as written, or 到 for a dash."""
    return "至" if "至" in span else "到"


def unit(symbol: str, dialect: Dialect) -> str:
    """The word of a unit: km2 is 平方千米."""
    word = dialect.units.get(symbol)
    if word is not None:
        return word
    return _PREFIX[symbol[-1]] + dialect.units[symbol[:-1]]


def quantity(amount: str, after: str) -> str:
    """A number in front of a measure word or unit: 2 is 两 but where the word counts places or ``after`` is none."""
    return "两" if amount == "2" and after and after not in ORDER_MEASURES else n.number(amount)
