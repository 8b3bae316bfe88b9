"""Powers, sums, signs and minus of the Chinese normaliser."""

from __future__ import annotations

import re

from text.zh import numbers as n
from text.zh.parts import CURRENCY, NUM, SPAN, Dialect
from text.zh.tables import SIGNS

_OPERATORS = {"-": "减", "/": "除以", "÷": "除以", "x": "乘", "×": "乘", "*": "乘", "+": "加"}
_SUM = re.compile(
    rf"(?<![\d.,\-/]){NUM}(?:\s?[-+×x*÷/]\s?-?{NUM})+(?=\s?(?:[=≈≠<>]|等于|是多少|等于几|是几|係幾多|得(?:\d|多少|几)))"
)
_COMMA_FIRST = re.compile(r"(?<![\d,.])(\d{1,3}),(\d{3})([-+×x*])(\d{1,9})=(\d{1,9})(?![\d,.])")
_ANGLES = re.compile(r"(?:角|经|纬|旋转|倾斜|转|偏|视|近视)[度了]?[是为:]?\s?$")


def powers(text: str, dialect: Dialect) -> str:
    """10^2 is 十的平方, 10^6 十的六次方. What follows a letter, as in x^2, keeps its letter before it."""

    def words(match: re.Match[str]) -> str:
        base, exponent = match[1], match[2]
        amount = n.number(base) if base else ""
        if exponent == "2":
            return amount + dialect.squared
        return amount + (dialect.cubed if exponent == "3" else dialect.power.format(n.number(exponent)))

    return re.sub(rf"((?<![\d.]){NUM})?\^\s?(-?\d{{1,9}})", words, text)


def _holds(first: str, sign: str, second: str, result: str) -> bool:
    left, right = int(first), int(second)
    found = left - right if sign == "-" else left + right if sign == "+" else left * right
    return found == int(result)


def sums(text: str, dialect: Dialect) -> str:
    """5-3=2: within a sum, - is 减, / is 除以; 6,100-1=99 is two numbers, since one would make the sum wrong."""

    def parted(match: re.Match[str]) -> str:
        whole, last = match[1] + match[2], match[2]
        if not _holds(whole, *match.groups()[2:]) and _holds(last, *match.groups()[2:]):
            return f"{match[1]}、{match[0][len(match[1]) + 1 :]}"
        return match[0]

    def words(match: re.Match[str]) -> str:
        parts = re.findall(rf"{NUM}|[^\d\s]", match[0])
        out, operand = "", True
        for part in parts:
            if part[0].isdigit():
                out, operand = out + n.number(part), False
            else:
                out, operand = out + ("负" if operand else _OPERATORS[part]), True
        return out

    return _SUM.sub(words, _COMMA_FIRST.sub(parted, text))


def minus(text: str, dialect: Dialect) -> str:
    """A - before a number that is no dash: 负, and 零下 before degrees of temperature."""

    def words(match: re.Match[str]) -> str:
        before = match.string[: match.start()][-6:]
        return ("零下" if match[2] and not _ANGLES.search(before) else "负") + match[1]

    degrees = rf"(\s?(?:°?C?{SPAN}-?{NUM}\s?)?(?:°C?(?!F)|摄氏度|度(?!数)))?"
    # A digit, letter or quantity before the sign makes it a dash: 3-5, 10°C-15°C, 第1章-2.
    free = r"(?<![\dA-Za-z.%°\-])(?<!\d[个章节页楼层号年月日元岁天人级分秒米克升斤万亿])"
    text = re.sub(rf"{free}-\s?((?:{CURRENCY}\s?)?{NUM})(?={degrees})", words, text)
    return re.sub(rf"({CURRENCY})\s?-\s?({NUM})", r"负\1\2", text)


def signs(text: str, dialect: Dialect) -> str:
    """Signs of formulas, and x between numbers."""
    text = re.sub(r"(?<=[\d.])\s?[x×*]\s?(?=\d)", "乘", text)
    for sign, words in SIGNS.items():
        if sign in text:
            text = text.replace(sign, words)
    return text
