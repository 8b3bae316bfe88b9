"""English times, dates, years and days of the week in words.

A number is a time or a date by its form (10:30, 2024-03-15) or by the words around it (on 5/12, Mon.-Fri.).
"""

from __future__ import annotations

import re

from text.en import numbers as n
from text.en.tables import DAYS, MONTHS

_MONTH = "|".join(sorted((*MONTHS, *(m.capitalize() for m in MONTHS)), key=len, reverse=True))
_MONTH_NAMES = tuple(dict.fromkeys(MONTHS.values()))
_DAY = "|".join(sorted(DAYS, key=len, reverse=True))
_HALF = r"[AaPp]\.?\s?[Mm]\b\.?"
_CLOCK_BEFORE = re.compile(r"\b(?:at|by|until|till|since|from|before|after|around|the|is)\s*$", re.I)


def times(text: str) -> str:
    """10:30 a.m., 5pm, 9am-6pm, 14:05, 10:30:15; what is left of the form 3:2 is a ratio or a score."""
    text = _time_ranges(text)
    if ":" in text:
        mark = r"(?:\s?([AaPp])\.?[Mm]\b(?:\.(?=\s+[a-z,;]|[,;]))?)?"
        text = re.sub(r"\b([01]?\d|2[0-4]):([0-5]\d)(?::([0-5]\d))?(?![\d:]|\.\d)" + mark, _clock, text)
    text = re.sub(r"\b(1[0-2]|0?\d)\s?([AaPp])\.?[Mm]\b\.?(?=\s+[a-z,;]|[,;])", _hour, text)
    text = re.sub(r"\b(1[0-2]|0?\d)\s?([AaPp])\.?[Mm]\b", _hour, text)
    # What is left is no time of day: a ratio or a score.
    return re.sub(r"(?<![\w:.,])\d{1,4}(?::\d{1,4})+(?![\w:]|[.,]\d)", lambda m: m[0].replace(":", " to "), text)


def _time_ranges(text: str) -> str:
    """9am-6pm, 8-10 pm, 9:00-17:30: the dash is "to"."""
    clock = r"\d{1,2}(?::[0-5]\d)?"
    text = re.sub(rf"\b({clock}\s?(?:{_HALF})?)\s?[-—~]\s?(?={clock}\s?{_HALF})", r"\1 to ", text)
    return re.sub(r"\b(\d{1,2}:[0-5]\d)\s?[-—~]\s?(?=\d{1,2}:[0-5]\d\b)", r"\1 to ", text)


def _hour(match: re.Match[str]) -> str:
    return f"{n.cardinal(match[1])} {match[2].upper()} M"


def _clock(match: re.Match[str]) -> str:
    hour, minute, second, mark = match.groups()
    if second and not mark and not _CLOCK_BEFORE.search(match.string[max(0, match.start() - 8) : match.start()]):
        return _duration(hour, minute, second)
    words = n.cardinal(hour)
    if int(minute):
        words += f" oh {n.cardinal(minute)}" if int(minute) < 10 else f" {n.cardinal(minute)}"
    elif not mark and not second:
        words += " o'clock" if 1 <= int(hour) <= 12 else " hundred"
    if second:
        words += f" and {_counted(second, 'second')}"
    return words + (f" {mark[0].upper()} M" if mark else "")


def _counted(digits: str, noun: str) -> str:
    return f"{n.cardinal(digits)} {noun}{'' if int(digits) == 1 else 's'}"


def _duration(hour: str, minute: str, second: str) -> str:
    """2:03:45 of a race or a film."""
    parts = [_counted(hour, "hour"), _counted(minute, "minute")] if int(hour) else [_counted(minute, "minute")]
    return f"{', '.join(parts)} and {_counted(second, 'second')}"


def dates(text: str) -> str:
    """2024-03-15, 3/15/2024, on 3/15, March 15, 2024, 15 March 2024, 2023-24, Mon.-Fri."""
    text = re.sub(r"\b(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})\b(?![-/.]\d)", _iso, text)
    text = re.sub(r"\b(\d{1,2})[/](\d{1,2})[/](\d{4})\b", _slashed, text)
    text = re.sub(
        r"\b([Oo]n|[Bb]y|[Ss]ince|[Uu]ntil|[Dd]ue|[Dd]ated|[Ff]rom) "
        r"(1[0-2]|0?[1-9])/(3[01]|[12]?\d|0\d)\b(?![/\d]| of\b)",
        lambda m: f"{m[1]} {_MONTH_NAMES[int(m[2]) - 1]} {n.ordinal(m[3])}",
        text,
    )
    text = re.sub(r"\b((?:1[89]|20)(\d\d))[-—](\d\d)\b(?![-—/.]?\d)", _season, text)
    text = re.sub(rf"\b({_MONTH})\.?\s+(\d{{1,2}})(?!\d|[:.]\d)(?:st|nd|rd|th)?\b", _month_day, text)
    text = re.sub(rf"\b(?:([Tt]he)\s+)?(\d{{1,2}})(?:st|nd|rd|th)?\s+(?:of\s+)?({_MONTH})\b(?!\w)", _day_month, text)
    return _days(text)


def _say(year: str, month: int, day: str) -> str:
    return f"{_MONTH_NAMES[month - 1]} {n.ordinal(day)}, {n.year(year)}"


def _iso(match: re.Match[str]) -> str:
    month = int(match[2])
    return _say(match[1], month, match[3]) if 1 <= month <= 12 and 1 <= int(match[3]) <= 31 else match[0]


def _slashed(match: re.Match[str]) -> str:
    month, day = (match[1], match[2]) if int(match[1]) <= 12 else (match[2], match[1])
    return _say(match[3], int(month), day) if 1 <= int(month) <= 12 and 1 <= int(day) <= 31 else match[0]


def _season(match: re.Match[str]) -> str:
    """2023-24: a year and the last two digits of a later one."""
    return f" {n.year(match[1])} to {n.cardinal(match[3])}" if int(match[3]) > int(match[2]) else match[0]


def _month_day(match: re.Match[str]) -> str:
    return f"{MONTHS[match[1].lower()]} {n.ordinal(match[2])}"


def _day_month(match: re.Match[str]) -> str:
    if match[3].lower() in ("may", "march") and not match[3][0].isupper():
        return match[0]
    return f"{match[1] or 'the'} {n.ordinal(match[2])} of {MONTHS[match[3].lower()]}"


_DAY_RANGE = re.compile(rf"\b({_DAY})(?:\.?\s?[-—/]\s?|\.)({_DAY})\b(\.(?!\s*$))?")
_DAY_ABBREVIATION = re.compile(rf"(?<!\bthe )(?<!\ba )\b({_DAY})\.(?!\w)(?=(\s*$)?)")
_DAY_BEFORE_DATE = re.compile(rf"\b({_DAY})(?=,?\s+(?:\d|{_MONTH}\b))")
_MONTH_ABBREVIATION = re.compile(r"\b(Jan|Feb|Apr|Aug|Sept|Sep|Oct|Nov|Dec)\.(?!\w)(?=(\s*$)?)")


def _days(text: str) -> str:
    """Mon. is Monday, Mon.-Fri. Monday to Friday, Nov. November; a stop at the end of the text stays."""
    text = _DAY_RANGE.sub(lambda m: f"{DAYS[m[1]]} to {DAYS[m[2]]}", text)
    text = _DAY_ABBREVIATION.sub(lambda m: DAYS[m[1]] + ("." if m[2] is not None else ""), text)
    text = _DAY_BEFORE_DATE.sub(lambda m: DAYS[m[1]], text)
    return _MONTH_ABBREVIATION.sub(lambda m: MONTHS[m[1].lower()] + ("." if m[2] is not None else ""), text)


def decades(text: str) -> str:
    """The 1990s, the '80s."""
    text = re.sub(r"\b(1[1-9]\d0|20\d0)'?s\b", lambda m: n.plural(n.year(m[1])), text)
    return re.sub(r"(?<!\w)'?([2-9]0)'?s\b", lambda m: n.plural(n.cardinal(m[1])), text)
