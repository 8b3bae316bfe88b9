"""Numbers that are names: telephones, codes, rooms, trains. They are read digit by digit."""

from __future__ import annotations

import re

from text.zh import numbers as n
from text.zh.parts import DASH, MEASURE, NUM, UNIT, Dialect
from text.zh.tables import EMERGENCY_NUMBERS, SERVICE_NUMBERS, SOUND_NUMBERS, SPELLED_AFTER

_NAME_BEFORE = re.compile(
    rf"(?:(?:{'|'.join(sorted(SPELLED_AFTER, key=len, reverse=True))})(?:号码|号|码)?|[^尺]码|(?:^|[^\d第])号)"
    r"\s?(?:[是为系係:：]|\s)?\s?$"
)
_LOOK_BACK = 12
#: What makes a number a quantity, whatever stands before it.
_COUNTED = rf"(?!\s?(?:{MEASURE}|{UNIT}|[%‰]|{DASH}\d+\s?(?:{MEASURE}|{UNIT})))"
_CALLED = re.compile(r"(?:[打拨找叫呼]|报警|热线|电话)\s?$")
_CALLS = re.compile(r"\s?(?:报警|急救|火警|救护|热线|电话|指挥|接警|查号|求助|专线)")
_ROOM = r"(?=\s?(?:号?(?:房间|房|室|病房|教室|宿舍|包厢|包间)))"
_LISTED = re.compile(r"[\s.,!?。！？，、…]*\d{3,}(?:(?:[,;、/]\s?|\s)\d{3,})*[\s.,!?。！？，、…]*")
_THOUSANDS = re.compile(r"\W*\d{1,3}(?:,\d{3})+\W*")
_SOUND = re.compile(rf"(?:{'|'.join(SOUND_NUMBERS)})+")


def said(text: str, one: str) -> str:
    """The digits of a name, with a pause between its groups."""
    return ",".join(n.spell(part, one) for part in re.findall(r"\d+", text))


def telephones(text: str, dialect: Dialect) -> str:
    """Telephone numbers that show by their form, and what follows a word such as 电话 or 验证码."""

    def spell(match: re.Match[str]) -> str:
        return said(match[0], dialect.one)

    def named(match: re.Match[str]) -> str:
        before = match.string[max(0, match.start() - _LOOK_BACK) : match.start()]
        return spell(match) if _NAME_BEFORE.search(before) else match[0]

    text = re.sub(r"(?<![\d.])(?:\+?86[-\s]?)?1[3-9]\d(?:\d{8}|[-\s]\d{4}[-\s]\d{4})(?![\d.])", spell, text)
    text = re.sub(r"(?<![\d.])(?:0\d{2,3}|400|800)-\d{3,4}-?\d{3,4}(?!\d)", spell, text)
    if dialect.local_telephone:
        text = dialect.local_telephone.sub(spell, text)
    text = re.sub(r"(?<=[零一二三四五六七八九幺]转)\d{3,5}(?!\d)", spell, text)
    text = re.sub(rf"(?<![\d.])\d+(?:-\d+)+(?![\d.]){_COUNTED}", named, text)
    return re.sub(rf"(?<![\d.])\d{{3,20}}(?![\d.%]){_COUNTED}", named, text)


def services(text: str, dialect: Dialect) -> str:
    """Emergency and service numbers: 拨打110, 10086."""

    def spell(match: re.Match[str]) -> str:
        number = match[0]
        if number in SERVICE_NUMBERS:
            return said(number, dialect.one)
        called = _CALLED.search(match.string[max(0, match.start() - 4) : match.start()])
        if number in EMERGENCY_NUMBERS and (called or _CALLS.match(match.string, match.end())):
            return said(number, dialect.one)
        return number

    text = re.sub(rf"(?<![\d.,:\-~])\d{{3}}(?![\d.%:]){_COUNTED}", spell, text)
    return re.sub(r"(?<![\d.,:\-~])\d{5}(?![\d.%:])(?!\s?[个元块人名次米斤克吨万亿公千位件只])", spell, text)


def places(text: str, dialect: Dialect) -> str:
    """Rooms, zero-led ordinals, trains, birth cohorts, discounts: 502室, 第007号, G1234次列车, 90后, 85折."""

    def spell(match: re.Match[str]) -> str:
        return n.spell(match[0], dialect.one)

    def plain(match: re.Match[str]) -> str:
        return n.spell(match[0])

    text = re.sub(rf"(?<![\d.])\d{{3,4}}{_ROOM}", spell, text)
    text = re.sub(rf"(?:(?<=单元)|(?<=[栋幢座楼]))\d{{3,4}}(?![\d.]){_COUNTED}", spell, text)
    text = re.sub(r"(?<![\d.])\d{3,4}(?=次(?:列车|航班|高铁|动车|特快|直达|普快|车))", spell, text)
    text = re.sub(r"(?<=第)0\d+(?![\d.])", spell, text)
    text = re.sub(r"(?<![\d.年月日点第满过近超])(?:[05-9][05]|[12]0)(?=[后後](?![\d天年来日來]))", plain, text)
    text = re.sub(r"(?<![\d.])[1-9][1-9](?=折)", plain, text)
    return re.sub(r"(?<![\d.])2(?=排\s?\d+\s?[座号])", "二", text)


def lone(text: str, dialect: Dialect) -> str:
    """A text that holds only numbers of three and more digits, and numbers that stand for words by their sound."""

    def spell(match: re.Match[str]) -> str:
        return n.spell(match[0], "一" if _SOUND.fullmatch(match[0]) else dialect.one)

    if _LISTED.fullmatch(text) and not _THOUSANDS.fullmatch(text):
        return re.sub(r"\d+", spell, re.sub(r"(?<=\d)\s(?=\d)", ",", text))
    text = re.sub(r"(?<![\d.,])618(?=大促|购物|年中|狂欢)", lambda m: n.spell(m[0]), text)
    text = re.sub(r"(?<![\d.,])(?:520|521)(?=快乐|表白|情人|礼物|我爱|那天|文案)", spell, text)
    return re.sub(rf"(?<![\d.,])(?:5201314|1314520|1314)(?![\d.,%]){_COUNTED}", spell, text)


def rest(text: str, dialect: Dialect) -> str:
    """Digits that are left: long and zero-led ones and those beside letters are spelled, the rest are numbers."""

    def words(match: re.Match[str]) -> str:
        digits = match[0]
        before, after = text[match.start() - 1 : match.start()], text[match.end() : match.end() + 1]
        if "." in digits or "," in digits:
            return n.number(digits)
        lettered = any(char.isascii() and char.isalpha() for char in (before, after)) and len(digits) > 2
        long = len(digits) >= 8 and not digits.endswith("0000")
        if (len(digits) > 1 and digits[0] == "0") or long or lettered:
            return n.spell(digits, dialect.one)
        return n.number(digits)

    text = re.sub(r"\d+(?:\.\d+){2,}", lambda m: "点".join(n.spell(p) for p in m[0].split(".")), text)
    return re.sub(NUM, words, text)
