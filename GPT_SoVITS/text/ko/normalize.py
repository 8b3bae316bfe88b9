"""Korean text as it is read: numbers (native and Sino-Korean), money, times, units, letters and signs in Hangul."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from functools import lru_cache

from text.ko.numbers import has_coda, native, number, sino, spell
from text.ko.tables import (
    AGED,
    CURRENCIES,
    MACHINES,
    NATIVE_COUNTERS,
    NUMBERED_AFTER,
    NUMBERED_BEFORE,
    ONE_CHARACTER,
    SIGNS,
    SINO_WORDS,
    UNITS,
)

_LETTERS = dict(
    zip(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
        (
            "에이 비 씨 디 이 에프 지 에이치 아이 제이 케이 엘 엠 엔 오 피 큐 아르 에스 티 유 브이 더블유 "
            "엑스 와이 제트"
        ).split(),
        strict=True,
    )
)
_NUM = r"\d+(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?"
_COUNTER = "|".join(sorted(NATIVE_COUNTERS, key=len, reverse=True))
_UNIT = "|".join(re.escape(u) for u in sorted(UNITS, key=len, reverse=True) if u != "A")
_SIGN = "|".join(re.escape(c) for c in sorted(CURRENCIES, key=len, reverse=True))
_RAISED = re.compile("[⁻⁺]?[⁰¹²³⁴⁵⁶⁷⁸⁹]+")
_RAISED_DIGITS = str.maketrans("⁻⁺⁰¹²³⁴⁵⁶⁷⁸⁹", "-+0123456789")
_MARKS = (
    dict.fromkeys("，、；：;:,", ",")
    | dict.fromkeys("。.．", ".")
    | {"！": "!", "？": "?", "!": "!", "?": "?", "…": "…"}
)
_MARKS |= {"-": "-", "~": "…", "～": "…", "—": ",", "–": ","}


@lru_cache(maxsize=8192)
def _fold_char(char: str) -> str:
    if char in _MARKS or char in SIGNS or char in CURRENCIES or char in UNITS:
        return char
    category = unicodedata.category(char)
    if category in ("Cc", "Zl", "Zp", "Zs"):
        return " "
    return "" if category == "Cf" else unicodedata.normalize("NFKC", char)


def _fold(text: str) -> str:
    """Full-width forms to plain ones, single letters of Hangul joined to syllables, control characters to spaces."""
    text = _RAISED.sub(lambda m: "^" + m[0].translate(_RAISED_DIGITS), text)
    text = "".join(ONE_CHARACTER.get(char, char) for char in text)
    text = unicodedata.normalize("NFC", "".join(map(_fold_char, text))).replace("−", "-")
    # No number is that long; spelled here, since the steps that look for units would take quadratic time on it.
    return re.sub(r"\d{41,}", lambda m: spell("".join(str(int(d)) for d in m[0])), text)


def _addresses(text: str) -> str:
    return re.sub(r"\bhttps?://[\x21-\x7e]+|\b[\w.+-]{1,64}@[a-zA-Z0-9-]{1,63}(?:\.[a-zA-Z]{2,24})+", " ", text)


def _dashed(match: re.Match[str]) -> str:
    return "-".join(spell(part) for part in re.findall(r"\d+", match[0]))


_CODE = re.compile(r"((?:번호|코드|암호|비번)(?:는|은|가|이|:|를|을)?:?\s?)(\d{4,})(?!\d|[,.]\d|[년월일원명개번])")
_EMERGENCY = re.compile(
    r"(?<![\d.,/:-])(11[29])(?=에|로|를|을|가|이|은|는|의|와|과|\s|[.,!?]|$|구급|신고|대원|상황|종합|안전)"
)


def _names(text: str) -> str:
    """Numbers that are names, digit by digit: telephones, codes, 119, 6·25."""
    text = re.sub(r"(?<![\d-])\d{2,4}[-)] ?\d{3,4}-\d{4}(?![\d-])|(?<![\d-])\d{3,4}-\d{4}(?![\d-])", _dashed, text)
    text = re.sub(r"(?<!\d)01\d{8,9}(?!\d)", lambda m: spell(m[0]), text)
    text = re.sub(r"(?<=번호)((?:는|은|가|:)?:?\s?)(\d{2,8}(?:-\d{2,8}){1,3})", lambda m: m[1] + _dashed(m), text)
    text = _CODE.sub(lambda m: m[1] + spell(m[2]), text)
    text = _EMERGENCY.sub(lambda m: spell(m[1]), text)
    return re.sub(r"(?<![\d.])(\d{1,2})[·ㆍ‧](\d{1,2})(?![\d.])", lambda m: spell(m[1] + m[2]), text)


_WEEKDAY = re.compile(r"(?<=[일\d])\s?\(([월화수목금토일])\)")


def _dates(text: str) -> str:
    """2024-03-15, 12/25(수), 3월 5일(토), 10:30, 14시."""
    text = re.sub(
        r"(?<!\d)(\d{4})[/.-]\s?(\d{1,2})[/.-]\s?(\d{1,2})(?!\d)\.?(?=(\s?\()?)",
        lambda m: f"{m[1]}년 {int(m[2])}월 {int(m[3])}일",
        text,
    )
    text = re.sub(
        r"(?<![\d/.])(1[0-2]|0?[1-9])/(3[01]|[12]\d|0?[1-9])(?=\s?\([월화수목금토일]\)|(?:부터|까지))",
        lambda m: f"{int(m[1])}월 {int(m[2])}일",
        text,
    )
    text = _WEEKDAY.sub(r" \1요일", text)
    text = re.sub(r"(?<![\d:])(\d{1,2}):([0-5]\d)(?![\d:])", _clock, text)
    text = re.sub(r"(?<![\d:.])\d{1,4}(?::\d{1,4}){1,3}(?![\d:.])", _ratio, text)
    return re.sub(r"(?<!\d)6월", "유월", re.sub(r"(?<!\d)10월", "시월", text))


def _ratio(match: re.Match[str]) -> str:
    return " 대 ".join(sino(part) for part in match[0].split(":"))


def _clock(match: re.Match[str]) -> str:
    if int(match[1]) > 24:
        return match[0]
    minute = "" if match[2] == "00" else " 반" if match[2] == "30" else f" {sino(match[2])}분"
    return f"{_hour(match[1])}시{minute}"


def _hour(digits: str) -> str:
    """Hours to twelve are native, those of the 24-hour clock Sino-Korean."""
    return native(digits) if 1 <= int(digits) <= 12 else sino(digits)


_TERM = rf"(?:{_NUM})"
_EQUATION = re.compile(rf"(?<![\w.])({_TERM}(?:\s?[-+×*÷/]\s?{_TERM}){{1,8}})\s?=\s?(-?{_TERM})?")
_OPERATORS = {"+": "더하기", "-": "빼기", "×": "곱하기", "*": "곱하기", "÷": "나누기", "/": "나누기"}


def _equation(match: re.Match[str]) -> str:
    left = re.sub(
        _TERM, lambda m: number(m[0]), re.sub(r"\s?([-+×*÷/])\s?", lambda m: f" {_OPERATORS[m[1]]} ", match[1])
    )
    result = match[2] or ""
    right = ("마이너스 " if result.startswith("-") else "") + (number(result.lstrip("-")) if result else "")
    return f"{left}{'은' if has_coda(left) else '는'} {right}"


def _power(match: re.Match[str]) -> str:
    base = number(match[1]) if match[1] else ""
    minus = "마이너스 " if match[2] == "-" else ""
    power = (
        {"2": "제곱", "3": "세제곱"}.get(match[3], f"{sino(match[3])}제곱") if not minus else f"{sino(match[3])}제곱"
    )
    return f"{base}의 {minus}{power}"


def _amounts(text: str) -> str:
    """Money, fractions, ranges, units, powers, minus."""
    text = re.sub(
        rf"(?<![A-Za-z])({_SIGN})\s?({_NUM})\s?([만억조천백]*)", lambda m: f"{m[2]}{m[3]}{CURRENCIES[m[1]]}", text
    )
    text = _EQUATION.sub(_equation, text)
    text = re.sub(r"(?<![\d/])(\d{1,4})/(\d{1,4})(?![\d/])", lambda m: f"{sino(m[2])}분의 {sino(m[1])}", text)
    text = re.sub(rf"(?<![\d.,-])({_NUM})\s?-\s?({_NUM})(?=로\s?(?:이[겼기긴]|승|패|졌|꺾|역전|완승|앞))", _score, text)
    text = _COUNTED_RANGE.sub(_counted_range, text)
    text = re.sub(rf"({_NUM}[가-힣%]{{0,3}})\s?[~～〜]\s?(?=-?{_NUM})", r"\1에서 ", text)
    text = re.sub(
        rf"(?<![\d.,-])({_NUM})-(?={_NUM}\s?(?:일|년|월|분|시간|명|개|세|회|도|%|퍼센트|페이지|쪽|원|만|{_UNIT}))",
        r"\1에서 ",
        text,
    )
    text = re.sub(rf"(?:시속\s?(약\s?)?)?({_NUM})\s?(km/h|mph)(?![A-Za-z0-9])", _per_hour, text)
    text = re.sub(
        rf"(?:초속\s?(약\s?)?)?({_NUM})\s?m/s(?![A-Za-z0-9^])", lambda m: f"초속 {m[1] or ''}{m[2]}미터", text
    )
    text = re.sub(rf"({_NUM})\s?(?:℉|°F)", r"화씨 \1도", text)
    text = re.sub(rf"(?<=\d)\s?({_UNIT})(?![A-Za-z0-9^])", lambda m: UNITS[m[1]], text)
    text = re.sub(r"(?<=\d)\s?A(?!\w)", UNITS["A"], text)
    text = re.sub(rf"(?:(?<![\d.,])({_NUM})|(?<=[A-Za-z)])|^)\^([-+]?)(\d{{1,6}})", _power, text)
    text = re.sub(rf"(?<![\d\w])-\s?(?={_NUM}\s?(?:도(?![가-힣]{{0,1}}시)|℃|°))", "영하 ", text)
    return re.sub(r"(?<![\d\w])-\s?(?=\d)", "마이너스 ", text)


def _score(match: re.Match[str]) -> str:
    return f"{number(match[1])} 대 {number(match[2])}"


def _per_hour(match: re.Match[str]) -> str:
    return f"시속 {match[1] or ''}{match[2]}{'킬로미터' if match[3] == 'km/h' else '마일'}"


_COUNTED_RANGE = re.compile(rf"(?<![\d.,])(\d{{1,2}})\s?[~～〜-]\s?(\d{{1,2}})\s?({_COUNTER})(?!월|국|년|러|럴|지|간)")


def _counted_range(match: re.Match[str]) -> str:
    """2~3개 as 두개에서 세개, 10~20명 as 십에서 이십명."""
    first, last, counter = match.groups()
    if counter in ("시", "대", "번") or int(first) >= 10 and int(last) >= 20:
        if counter != "시":
            return f"{sino(first)}에서 {sino(last)}{counter}"
        return f"{_hour(first)}시에서 {_hour(last)}시"
    return f"{native(first)}{counter}에서 {native(last)}{counter}"


_SINO = "|".join(sorted(SINO_WORDS, key=len, reverse=True))
_AFTER = "|".join(NUMBERED_AFTER)
_BEFORE = "|".join(NUMBERED_BEFORE)
_ORDINAL = re.compile(r"(?<![가-힣])제\s?(\d+)")
_NUMBER_OF = re.compile(
    rf"(?<![\d.,])(\d+)(?=\s?번(?:\s(?:{_AFTER})|(?:을|를|으로)?\s?(?:눌러|누르|타[고세면]|탔|선택|고르|클릭)))"
    rf"|(?<=[가-힣] )(?<![\d.,])(\d+)(?=번)(?:(?<=교향곡 \d)|(?<=버스 \d)|(?<=국도 \d)|(?<=채널 \d)|(?<=기호 \d))"
)
_AGE = re.compile(
    rf"(?:(?P<machine>{'|'.join(MACHINES)})(?:[가-힣]?\s))?(?<![\d.,])(?P<age>[1-9]0)대(?=\s?(?:{'|'.join(AGED)})|[\s.,!?·~]|$)"
)


def _sino_contexts(text: str) -> str:
    """Numbers that are Sino-Korean although a native counter seems to follow: 제3장, 5번 출구, 30대, 3대 2, 2개국."""
    text = _ORDINAL.sub(lambda m: f"제{sino(m[1])}", text)
    text = _NUMBER_OF.sub(lambda m: sino(m[1] or m[2]), text)
    text = re.sub(r"(?<=(?:호선|번호) )(\d+)(?=번)", lambda m: sino(m[1]), text)
    text = re.sub(r"(?<![\d.,])(\d{1,3})(\s?)대(\s?)(\d{1,3})(?![\d.,]*\s?(?:대|개|명))", _against, text)
    text = _AGE.sub(lambda m: m[0] if m["machine"] else f"{sino(m['age'])}대", text)
    text = re.sub(r"(?<![\d.,])(\d{1,3})장 (?=\d{1,3}절)", lambda m: f"{sino(m[1])}장 ", text)
    text = re.sub(r"(?<![\d.,])(\d{2})(?=\s?시(?!간))", lambda m: _hour(m[1]), text)
    text = re.sub(r"(?<![\d.,])([2-9]\d)(?=\s?시간)", lambda m: sino(m[1]), text)
    return re.sub(rf"(?<![\d.,])(\d+)(?=\s?(?:{_SINO}))", lambda m: sino(m[1]), text)


def _against(match: re.Match[str]) -> str:
    return f"{sino(match[1])}{match[2]}대{match[3] or ' '}{sino(match[4])}"


def _numbers(text: str) -> str:
    text = _sino_contexts(_amounts(text))
    text = re.sub(r"(?<![\d.,])1(?=번째)", "첫", text)
    text = re.sub(rf"(?<![\d.,])(\d{{1,2}})\s?({_COUNTER})", _counted, text)
    text = re.sub(r"\d+(?:\.\d+){2,}", lambda m: " 점 ".join(spell(p) for p in m[0].split(".")), text)
    text = re.sub(r"(?<![\d.,])0\d+(?![\d.])", lambda m: spell(m[0]), text)
    return re.sub(_NUM, lambda m: number(m[0]), text)


def _counted(match: re.Match[str]) -> str:
    rest = match.string[match.end() : match.end() + 1]
    if match[2] in ("시", "장", "번", "대") and rest and rest in "즌험스리호":
        return match[0]
    return native(match[1]) + match[2]


def _signs(text: str) -> str:
    for sign, words in SIGNS.items():
        if sign in text:
            text = text.replace(sign, words)
    return re.sub(r"[A-Za-z]", lambda m: _LETTERS[m[0].upper()], text)


@lru_cache(maxsize=8192)
def _final_char(char: str) -> str:
    if char in _MARKS:
        return _MARKS[char]
    # Letters of other scripts stay: they have no Korean reading and become the phone for that.
    return (
        char
        if unicodedata.category(char) in ("Lo", "Lm", "Ll", "Lu", "Lt") and not "\u0600" <= char <= "\u08ff"
        else " "
    )


def _clean(text: str) -> str:
    text = "".join(map(_final_char, text.replace("...", "…")))
    text = re.sub(r"([,.!?…-])(?:\s*[,.!?…-])+", r"\1", text)
    # A gap at the end stays: the next run may be a word of another language.
    return re.sub(r"(?<=[,.!?…]) +$| +(?=[,.!?…])", "", re.sub(r"\s+", " ", text)).lstrip(" ")


_STEPS: tuple[Callable[[str], str], ...] = (_fold, _addresses, _names, _dates, _numbers, _signs, _clean)


def normalize(text: str) -> str:
    """Text to Hangul, spaces and the marks ``, . ! ? … -``; linear in the length of the text."""
    for step in _STEPS:
        text = step(text)
    return text
