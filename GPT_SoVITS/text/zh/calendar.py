"""Dates, years and times of the Chinese normaliser, and ranges of them."""

from __future__ import annotations

import re

from text.zh import numbers as n
from text.zh.parts import DASH, SPAN, Dialect, until

_YEARS_OF = r"(?=\s?(?:年|学年|赛季|财年|年度|届))"
_WEEKDAY = r"(周|星期|礼拜)([一二三四五六日天])"
_TIME = r"([01]?\d|2[0-4]):([0-5]\d)(?::([0-5]\d))?"
#: What makes 1:10 a ratio and not a time.
_RATIO = re.compile(
    r"(?:比例|比率|配比|比值|比例尺|宽高|画面|屏幕?|按|稀释|兑|概率|赔率|分成|横屏|竖屏|汇率)[是为约:]{0,2}\s?$"
)
_SCORED = re.compile(
    r"(?:比分|比数|大比分|总分|战平|领先|落[后後]|打成|追成|扳成|踢成|打到|踢到|以|赢|输|胜|负)[了]?[是为係系:]?\s?$"
)
_SCORES = re.compile(
    r"\s?(?:的比分|战胜|击败|获胜|险胜|大胜|完胜|小胜|取胜|胜|输|赢|负|不敌|落[后後]|领先|战平|逼平|平|逆转|淘汰|横扫|晋级|力克|惜败|"
    r"完败|告负|拿下|夺|绝杀|反超)"
)


def _spelled(match: re.Match[str]) -> str:
    return n.spell(match[1] or match[2])


def years(text: str, dialect: Dialect) -> str:
    """Years digit by digit, and ranges of them: 1939—1945年, (1990-2000), 2023-2024学年."""

    def ranged(match: re.Match[str]) -> str:
        first, last = match[1], match[4]
        if not match[0].startswith("(") and int(last) <= int(first):
            return match[0]
        return f"{n.spell(first)}{match[2] or ''}{until(match[3])}{n.spell(last)}"

    text = re.sub(rf"(?<![\d.-])([12]\d{{3}})(年?)({SPAN})([12]\d{{3}}){_YEARS_OF}", ranged, text)
    text = re.sub(rf"(?<=[(（])([12]\d{{3}})(年?)({DASH})([12]\d{{3}})(?=[)）])", ranged, text)
    text = re.sub(r"(?<![\d.])([12]\d00)(?=年(?:[前来间]|以[前上]|之[前久]|的?历史))", lambda m: n.cardinal(m[1]), text)
    text = re.sub(r"(?<![\d.])([12]\d{3})\s?(?=年)|(?<![\d.])((?:19|20)\d\d)(?=款|级[学新毕]|届)", _spelled, text)
    text = re.sub(
        r"(?<![\d.])([4-9]\d|00|1[0-9]|20)(?=\s?年代)",
        lambda m: n.spell(m[1]) if m[1][0] == "0" else n.cardinal(m[1]),
        text,
    )
    return re.sub(r"(?<![\d.])(0\d|[5-9]\d)(?=年(?![后後前来间内的之多以]))", lambda m: n.spell(m[1]), text)


def dates(text: str, dialect: Dialect) -> str:
    """2024-03-15, 3月15日, 3月-5月, 5月1日-7日, 周一-周五."""

    def iso(match: re.Match[str]) -> str:
        if not (1 <= int(match[3]) <= 12 and 1 <= int(match[4]) <= 31):
            return match[0]
        return f"{n.spell(match[1])}年{n.cardinal(match[3])}月{n.cardinal(match[4])}日"

    def month(match: re.Match[str]) -> str:
        day = f"{n.cardinal(match[3])}{match[4]}" if match[3] else ""
        return f"{n.cardinal(match[1])}{match[2]}{day}"

    text = re.sub(r"(?<!\d)(\d{4})([-/.])(\d{1,2})\2(\d{1,2})(?!\d)", iso, text)
    text = re.sub(
        rf"(\d\s?)(月份?|日|号){DASH}(?=\d{{1,2}}\s?(?:月|日|号)|[零一二三四五六七八九]{{4}}年)", r"\1\2到", text
    )
    text = re.sub(
        rf"(?<![\d.])(\d{{1,2}})({DASH})(?=\d{{1,2}}\s?(?:月(?!球)|日|号(?!楼)))",
        lambda m: f"{n.cardinal(m[1])}到",
        text,
    )
    text = re.sub(r"(?<![\d.])(\d{1,2})\s?(月份?)(?:\s?(\d{1,2})\s?([日号]))?", month, text)
    return weekdays(text, dialect)


def weekdays(text: str, dialect: Dialect) -> str:
    """周一-周五 is 周一到周五."""
    return re.sub(rf"{_WEEKDAY}{DASH}(?=(?:周|星期|礼拜)?[一二三四五六日天])", r"\1\2到", text)


def _clock(hour: str, minute: str, second: str | None) -> str:
    """3:30 is 三点半, 10:05 十点零五分."""
    words = ("两" if hour.lstrip("0") == "2" else n.cardinal(hour)) + "点"
    if second:
        return f"{words}{n.cardinal(minute)}分{n.cardinal(second)}秒"
    if minute == "00":
        return words
    if minute == "30":
        return words + "半"
    return words + ("零" if minute[0] == "0" else "") + n.cardinal(minute) + "分"


def times(text: str, dialect: Dialect) -> str:
    """Times and ranges of them, but where the words beside say that it is a score or a ratio."""

    def single(match: re.Match[str]) -> str:
        before = match.string[max(0, match.start() - 8) : match.start()]
        other = _RATIO.search(before) or _SCORED.search(before) or _SCORES.match(match.string, match.end())
        return match[0] if other and not match[3] else _clock(match[1], match[2], match[3])

    text = re.sub(
        rf"(?<![\d:.]){_TIME}({SPAN}){_TIME}(?![\d:])",
        lambda m: f"{_clock(m[1], m[2], m[3])}{until(m[4])}{_clock(m[5], m[6], m[7])}",
        text,
    )
    return re.sub(rf"(?<![\d:.]){_TIME}(?![\d:])", single, text)


def scores(text: str, dialect: Dialect) -> str:
    """3:2 and 1:1000 and 3:2:1 are 比; 3-1 is where the words beside are a match's."""

    def dashed(match: re.Match[str]) -> str:
        before = match.string[max(0, match.start() - 8) : match.start()]
        if _SCORED.search(before) and not before.endswith("以") or _SCORES.match(match.string, match.end()):
            return f"{n.cardinal(match[1])}比{n.cardinal(match[2])}"
        return match[0]

    text = re.sub(r"(?<![\d:.-])(\d{1,3})-(\d{1,3})(?![\d:.%-])", dashed, text)
    return re.sub(
        r"(?<![\d:.])\d+(?:\.\d+)?(?::\d+(?:\.\d+)?)+(?![\d:])",
        lambda m: "比".join(n.number(part) for part in m[0].split(":")),
        text,
    )
