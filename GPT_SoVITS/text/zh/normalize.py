"""Chinese text as it is read: numbers, dates, money, times, units and signs in characters, and six marks.

``normalize`` is a row of small rewriting steps. Its result holds Chinese characters, the marks ``, . ! ? … -`` and
placeholders of private use (explicit pronunciations, see ``text.markup``); all else has no phone here and is dropped.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from functools import lru_cache

from text.zh import numbers as n
from text.zh.tables import (
    CURRENCIES,
    MARKS,
    MEASURES,
    ORDER_MEASURES,
    SAME_SOUND,
    SERVICE_NUMBERS,
    SIGNS,
    SPELLED_AFTER,
    UNITS,
)

_NUM = r"\d+(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?"
_MEASURE = "|".join(sorted({*MEASURES, *ORDER_MEASURES}, key=len, reverse=True))
_UNIT = "|".join(re.escape(u) for u in sorted(UNITS, key=len, reverse=True))
_SIGN = "|".join(re.escape(c) for c in sorted(CURRENCIES, key=len, reverse=True))
_PRIVATE = "\U000f0000-\U000ffffd"


@lru_cache(maxsize=4096)
def _fold_char(char: str) -> str:
    if char in SIGNS or char in MARKS or char in CURRENCIES or char in UNITS:
        return char
    if char == "℃":
        return "°C"
    if unicodedata.category(char) in ("Cc", "Cf", "Zl", "Zp", "Zs"):
        return "\n" if char in "\n\r\u2028\u2029" else ("" if unicodedata.category(char) == "Cf" else " ")
    if char in "½⅓⅔¼¾⅛":
        return unicodedata.normalize("NFKC", char).replace("\u2044", "/")
    return unicodedata.normalize("NFKC", char)


def _fold(text: str) -> str:
    """Full-width letters and digits to plain ones, spaces and control characters to one space, marks kept."""
    text = "".join(_fold_char(c) for c in text).replace("−", "-").replace("：", ":")
    # No number is that long; spelled here, since the steps that look for units would take quadratic time on it.
    return re.sub(r"\d{41,}", lambda m: n.spell(m[0]), text)


def _addresses(text: str) -> str:
    """Links and mail addresses say nothing in Chinese here (their letters are the English frontend's)."""
    return re.sub(r"\bhttps?://[\x21-\x7e]+|\b[\w.+-]{1,64}@[a-zA-Z0-9-]{1,63}(?:\.[a-zA-Z]{2,24})+", " ", text)


def _dates(text: str) -> str:
    def year(match: re.Match[str]) -> str:
        return n.spell(match[1]) + "年"

    def iso(match: re.Match[str]) -> str:
        if not (1 <= int(match[3]) <= 12 and 1 <= int(match[4]) <= 31):
            return match[0]
        return f"{n.spell(match[1])}年{n.cardinal(match[3])}月{n.cardinal(match[4])}日"

    text = re.sub(r"(?<!\d)(\d{4})([-/.])(\d{1,2})\2(\d{1,2})(?!\d)", iso, text)
    text = re.sub(r"(?<!\d)(\d{4})\s?(?:[-~至到])\s?(\d{4})年", lambda m: f"{n.spell(m[1])}到{n.spell(m[2])}年", text)
    text = re.sub(r"(?<![\d.])([12]\d{3})\s?年", year, text)
    text = re.sub(
        r"(?<![\d.])([4-9]\d|00|1[0-9]|20)\s?年代",
        lambda m: n.spell(m[1]) + "年代" if m[1][0] in "0" else n.cardinal(m[1]) + "年代",
        text,
    )
    text = re.sub(r"(?<![\d.])(0\d|[5-9]\d)年(?!后|前|来|间|内|的|之)", lambda m: n.spell(m[1]) + "年", text)
    return re.sub(r"(?<![\d.])(\d{1,2})\s?(月份?)(?:\s?(\d{1,2})\s?([日号]))?", _month, text)


def _month(match: re.Match[str]) -> str:
    day = f"{n.cardinal(match[3])}{match[4]}" if match[3] else ""
    return f"{n.cardinal(match[1])}{match[2]}{day}"


def _times(text: str) -> str:
    """3:30 is 三点半, 10:05 十点零五分, 8:00-9:30 a range; 3:2 is a score."""

    def clock(hour: str, minute: str, second: str | None) -> str:
        words = ("两" if hour.lstrip("0") == "2" else n.cardinal(hour)) + "点"
        if second:
            return f"{words}{n.cardinal(minute)}分{n.cardinal(second)}秒"
        if minute == "00":
            return words
        if minute == "30":
            return words + "半"
        return words + ("零" if minute[0] == "0" else "") + n.cardinal(minute) + "分"

    time = r"([01]?\d|2[0-4]):([0-5]\d)(?::([0-5]\d))?"
    text = re.sub(
        rf"(?<![\d:.]){time}\s?[-~—–至到]\s?{time}(?![\d:])",
        lambda m: f"{clock(m[1], m[2], m[3])}到{clock(m[4], m[5], m[6])}",
        text,
    )
    text = re.sub(rf"(?<![\d:.]){time}(?![\d:])", lambda m: clock(m[1], m[2], m[3]), text)
    return re.sub(r"(?<![\d:.])(\d{1,3}):(\d{1,3})(?![\d:])", lambda m: f"{n.cardinal(m[1])}比{n.cardinal(m[2])}", text)


def _phones(text: str) -> str:
    """Telephone numbers and other numbers that are names: digit by digit, 1 as 幺."""

    def said(match: re.Match[str]) -> str:
        parts = re.findall(r"\d+", match[0])
        return ",".join(n.spell(part, "幺") for part in parts)

    text = re.sub(r"(?<![\d.])(?:\+?86[-\s]?)?1[3-9]\d(?:\d{8}|[-\s]\d{4}[-\s]\d{4})(?![\d.])", said, text)
    text = re.sub(r"(?<![\d.])(?:0\d{2,3}|400|800)-\d{3,4}-?\d{3,4}(?!\d)", said, text)
    text = re.sub(
        r"(?<![\d.])\d{3,20}(?![\d.%])",
        lambda m: said(m) if _NAME_BEFORE.search(m.string[max(0, m.start() - 12) : m.start()]) else m[0],
        text,
    )
    return re.sub(
        r"(?<![\d.,])\d{3,5}(?![\d.%])(?!\s?[个元块人名次])",
        lambda m: said(m) if m[0] in SERVICE_NUMBERS else m[0],
        text,
    )


_NAME_BEFORE = re.compile(
    rf"(?:{'|'.join(sorted(SPELLED_AFTER, key=len, reverse=True))})(?:号|码)?\s?[是为系係:：]?\s?$"
)


def _temperature(text: str) -> str:
    """Degrees: below zero is 零下, and both ends of a range are numbers."""

    def degrees(sign: str, amount: str) -> str:
        return ("零下" if sign else "") + n.number(amount)

    def ranged(match: re.Match[str]) -> str:
        return f"{degrees(match[1], match[2])}到{degrees(match[3], match[4])}度" if "°" in match[0] else match[0]

    text = re.sub(rf"(?<![\d.-])(-?)({_NUM})\s?(?:°C?)?\s?[~～到至-]\s?(-?)({_NUM})\s?°C?", ranged, text)
    text = re.sub(rf"(?<![\d~-])(-?)\s?({_NUM})\s?(?:°C|摄氏度)", lambda m: degrees(m[1], m[2]) + "度", text)
    return re.sub(rf"({_NUM})\s?°(?!F)", lambda m: n.number(m[1]) + "度", text)


def _money(text: str) -> str:
    def words(match: re.Match[str]) -> str:
        amount, scale, unit = n.number(match[2]), match[3] or "", CURRENCIES[match[1]]
        return f"{amount}{scale}{'' if match[4] else unit}"

    text = re.sub(rf"({_SIGN})\s?({_NUM})\s?([万亿千百]+)?(?=(元|块|圆|美元|美金|欧元|英镑|日元)?)", words, text)
    return re.sub(r"[￥¥]", "", text)


def _ratios(text: str) -> str:
    """Percentages, per mille and fractions, with ranges of percentages."""
    text = re.sub(
        rf"({_NUM})%?\s?[-~—–至到]\s?({_NUM})%", lambda m: f"百分之{n.number(m[1])}到百分之{n.number(m[2])}", text
    )
    text = re.sub(
        rf"(?<![\d~])([-−]?)({_NUM})\s?([%‰])",
        lambda m: f"{'负' if m[1] else ''}{'百' if m[3] == '%' else '千'}分之{n.number(m[2])}",
        text,
    )
    return re.sub(
        r"(?<![\d/.])(?:(\d{1,4})又)?(\d{1,4})/(\d{1,4})(?![\d/.])",
        lambda m: (n.cardinal(m[1]) + "又" if m[1] else "") + f"{n.cardinal(m[3])}分之{n.cardinal(m[2])}",
        text,
    )


def _ranges(text: str) -> str:
    """10~20千米, 3-5天: a quantity from one number to another; the last number is read by the steps that follow."""
    return re.sub(
        rf"(?<![\d.A-Za-z-])({_NUM})({_MEASURE}|{_UNIT})?\s?[~～—–-]\s?(?=(?:{_NUM})(?![\d-]))",
        lambda m: f"{n.number(m[1])}{UNITS.get(m[2] or '', m[2] or '')}到",
        text,
    )


def _units(text: str) -> str:
    return re.sub(
        rf"({_NUM})\s?({_UNIT})(?![A-Za-z0-9])",
        lambda m: ("两" if m[1] == "2" else n.number(m[1])) + UNITS[m[2]],
        text,
    )


def _signs(text: str) -> str:
    text = re.sub(r"(?<=[\d²³)])\s?-\s?(?=\d+(?:\.\d+)?\s?=)", "减", text)
    text = re.sub(r"(?<=[\d.])\s?[x×*]\s?(?=\d)", "乘", text)
    text = re.sub(r"(?<![\d\w])-(?=\d)", "负", text)
    text = text.replace("²", "的平方").replace("³", "的立方")
    for sign, words in SIGNS.items():
        if sign in text:
            text = text.replace(sign, words)
    return text


def _quantities(text: str) -> str:
    """Numbers with a measure word: quantities, where 2 is 两."""

    def words(match: re.Match[str]) -> str:
        amount, measure = match[1], match[2]
        before = match.string[: match.start()][-1:]
        two = amount == "2" and measure not in ORDER_MEASURES and before not in ("第", "十")
        return ("两" if two else n.number(amount)) + measure

    return re.sub(rf"(?<![\d.])({_NUM})\s?({_MEASURE})", words, text)


def _plain(text: str) -> str:
    """What digits are left: names beside letters and long or zero-led strings are spelled, the rest are numbers."""

    def words(match: re.Match[str]) -> str:
        digits = match[0]
        before, after = text[match.start() - 1 : match.start()], text[match.end() : match.end() + 1]
        beside_letter = (before.isascii() and before.isalpha()) or (after.isascii() and after.isalpha())
        if "." in digits or "," in digits:
            return n.number(digits)
        if len(digits) > 1 and digits[0] == "0" or len(digits) >= 9 or (beside_letter and len(digits) > 2):
            return n.spell(digits, "幺")
        return n.number(digits)

    if re.fullmatch(r"\W*\d{3,}\W*", text):
        return re.sub(r"\d+", lambda m: n.spell(m[0], "幺"), text)
    text = re.sub(r"\d+(?:\.\d+){2,}", lambda m: "点".join(n.spell(p) for p in m[0].split(".")), text)
    return re.sub(_NUM, words, text)


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


_STEPS: tuple[Callable[[str], str], ...] = (
    _fold,
    _addresses,
    _phones,
    _dates,
    _times,
    _temperature,
    _money,
    _ratios,
    _ranges,
    _units,
    _quantities,
    _signs,
    _plain,
)


def normalize(text: str, spoken: Callable[[str], bool] = has_reading) -> str:
    """Text to characters and marks that have phones; linear in the length of the text.

    Args:
        text: any text, in simplified characters.
        spoken: whether a character has a reading.
    """
    for step in _STEPS:
        text = step(text)
    return _clean(text, spoken)


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
