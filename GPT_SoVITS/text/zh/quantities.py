"""Temperatures, money, percentages, fractions, ranges, units and measure words of the Chinese normaliser."""

from __future__ import annotations

import re

from text.zh import numbers as n
from text.zh.parts import AFTER_UNIT, CURRENCY, MEASURE, NUM, SPAN, UNIT, Dialect, quantity, unit, until

_SIGN = r"(零下|负)?"
_DEGREE = r"(?:°C?(?!F)|摄氏度)"
_SCALE = r"\s?(万亿|[万亿千百]+)?"
_MONEY_WORD = r"(?:美元|美金|欧元|英镑|日元|港元|港币|韩元|元|块|圆|蚊)"
_ROUND = {"100": "百", "1000": "千", "10000": "万"}
#: What a quantity may be counted per.
_PER = (
    r"小时|分钟|分|秒钟?|天|日|周|月|季度|年|人次?|次|公?斤|千克|克|吨|平方米|平米|平方呎|呎|百公里|公里|千米|米|毫升|升|个|份|件|只|本|张|"
    r"盒|瓶|袋|杯|箱|套|台|位|晚|间|亩|度|条|组|班|股|桶|户|字|篇|节|场|局|盎司|磅"
)
_PER_WORDS = frozenset(re.sub(r"\?", "", _PER).split("|")) | {"公斤", "斤", "秒", "人次", "人"}
_COUNTED = r"[元块次人转帧米字件个辆步拍升天]|千米|公里|美元|港元|欧元|万元|公斤|千克"
_UNIT_START = UNIT.removesuffix(AFTER_UNIT)


def temperatures(text: str, dialect: Dialect) -> str:
    """Degrees of Celsius, single and in ranges; ``formulas.minus`` has written 零下 before."""

    def degrees(sign: str | None, amount: str) -> str:
        return (sign or "") + ("两" if amount == "2" else n.number(amount))

    def ranged(match: re.Match[str]) -> str:
        if "°" not in match[0] and not match[1]:
            return match[0]
        return f"{degrees(match[1], match[2])}{until(match[3])}{degrees(match[4], match[5])}度"

    span = rf"(?<![\d.]){_SIGN}({NUM})\s?{_DEGREE}?({SPAN}){_SIGN}({NUM})\s?(?:{_DEGREE}|度)"
    text = re.sub(span, ranged, text)
    return re.sub(rf"(?<![\d.]){_SIGN}({NUM})\s?{_DEGREE}", lambda m: degrees(m[1], m[2]) + "度", text)


def _sum(amount: str) -> str:
    """A sum of money: zeros at the end of the places are not said."""
    return n.number(amount.rstrip("0").rstrip(".") if "." in amount else amount)


def money(text: str, dialect: Dialect) -> str:
    """The currency's name goes behind the sum: $3.5亿, ￥5.00, ￥100-200."""

    def words(match: re.Match[str]) -> str:
        return f"{_sum(match[2])}{match[3] or ''}{'' if match[4] else dialect.currencies[match[1]]}"

    def ranged(match: re.Match[str]) -> str:
        return f"{_sum(match[2])}{until(match[3])}{match[1]}{match[4]}"

    text = re.sub(rf"({CURRENCY})\s?({NUM})({SPAN})(?:{CURRENCY})?\s?({NUM})(?!{_MONEY_WORD})", ranged, text)
    text = re.sub(rf"({CURRENCY})\s?({NUM}){_SCALE}(?=({_MONEY_WORD})?)", words, text)
    text = re.sub(rf"(?<![\d.])({NUM})(?=\s?{_MONEY_WORD})", lambda m: _sum(m[1]) if "." in m[1] else m[1], text)
    return re.sub(r"[￥¥]", "", text)


def ratios(text: str, dialect: Dialect) -> str:
    """Percentages, per mille and fractions, with ranges of percentages."""

    def percent(amount: str, sign: str = "%") -> str:
        return (
            "百分之百" if (amount, sign) == ("100", "%") else f"{'百' if sign == '%' else '千'}分之{n.number(amount)}"
        )

    def fraction(match: re.Match[str]) -> str:
        whole = n.cardinal(match[1]) + "又" if match[1] else ""
        return f"{whole}{_ROUND.get(match[3]) or n.cardinal(match[3])}分之{n.cardinal(match[2])}"

    span = rf"(?<![\d.])({NUM})[%％]?({SPAN})(负?)-?({NUM})%"
    text = re.sub(span, lambda m: f"{percent(m[1])}{until(m[2])}{m[3]}{percent(m[4])}", text)
    text = re.sub(rf"(?<![\d.])({NUM})\s?([%‰])", lambda m: percent(m[1], m[2]), text)
    return re.sub(r"(?<![\d/.])(?:(\d{1,4})又)?(\d{1,4})/(\d{1,5})(?![\d/.])", fraction, text)


def rates(text: str, dialect: Dialect) -> str:
    """120km/h, 5元/斤, 6.5L/百公里: the stroke is 每; the unit before it is read by the steps that follow."""

    def words(match: re.Match[str]) -> str:
        symbol = match[2]
        return f"{match[1]}每{symbol if symbol in _PER_WORDS else unit(symbol, dialect)}"

    return re.sub(rf"(?<=[\d\s万亿千百多方])({_UNIT_START}|{_COUNTED})\s?/\s?({UNIT}|{_PER})", words, text)


def ranges(text: str, dialect: Dialect) -> str:
    """10~20千米, 2-3天: a quantity from one number to another; the steps that follow read the last number."""

    def words(match: re.Match[str]) -> str:
        amount, symbol, span, following = match.groups()
        own = symbol if symbol is None or not symbol.isascii() else unit(symbol, dialect)
        ordinal = match.string[: match.start()][-1:] == "第"
        first = n.number(amount) if ordinal else quantity(amount, own or following or "")
        return f"{first}{own or ''}{until(span)}"

    counted = rf"{MEASURE}|{UNIT}"
    return re.sub(
        rf"(?<![\d.A-Za-z-])(?!0\d)({NUM})\s?({counted})?({SPAN})(?={NUM}\s?({counted})?(?![\d-]))", words, text
    )


def units(text: str, dialect: Dialect) -> str:
    """60kg, 85m2, and units after a power or a scale: 10^8m, 3万km."""

    def words(match: re.Match[str]) -> str:
        word = unit(match[2], dialect)
        return (quantity(match[1], word) if match[1] else "") + word

    return re.sub(rf"(?:(?<![\d.])({NUM})|(?<=[方万亿]))\s?({UNIT})", words, text)


def measured(text: str, dialect: Dialect) -> str:
    """Numbers with a measure word: quantities, where 2 is 两."""

    def words(match: re.Match[str]) -> str:
        amount, measure = match[1], match[2]
        before = match.string[: match.start()][-1:]
        return (n.number(amount) if before in ("第", "十") else quantity(amount, measure)) + measure

    return re.sub(rf"(?<![\d.])(?!0\d)({NUM})\s?({MEASURE})", words, text)
