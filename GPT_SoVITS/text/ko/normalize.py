"""Korean text as it is read: numbers (native and Sino-Korean), money, times, units, letters and signs in Hangul."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from functools import lru_cache

_SINO = "영일이삼사오육칠팔구"
_NATIVE_ONES = ("", "한", "두", "세", "네", "다섯", "여섯", "일곱", "여덟", "아홉")
_NATIVE_TENS = ("", "열", "스물", "서른", "마흔", "쉰", "예순", "일흔", "여든", "아흔")
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
#: Counters that take native numbers below one hundred.
_NATIVE_COUNTERS = (
    "가지 가닥 갈래 개 군데 그루 그릇 끼 다발 달 대 마리 마디 명 모금 모 바퀴 발짝 방울 번째 번 벌 병 "
    "사람 살 송이 술 스푼 시간 시 알 쌍 자루 잔 장 접시 조각 줄 쪽 채 척 켤레 통 판 포기 곡 곳 권 걸음 "
    "말 되 돌 배"
).split()
_CURRENCIES = {"₩": "원", "￦": "원", "$": "달러", "＄": "달러", "€": "유로", "£": "파운드", "¥": "엔", "￥": "엔"}
_UNITS = {
    "km/h": "킬로미터 퍼 아워",
    "m/s": "미터 퍼 세컨드",
    "km²": "제곱킬로미터",
    "㎢": "제곱킬로미터",
    "m²": "제곱미터",
    "㎡": "제곱미터",
    "m³": "세제곱미터",
    "km": "킬로미터",
    "cm": "센티미터",
    "mm": "밀리미터",
    "kg": "킬로그램",
    "mg": "밀리그램",
    "ml": "밀리리터",
    "mL": "밀리리터",
    "GHz": "기가헤르츠",
    "MHz": "메가헤르츠",
    "kHz": "킬로헤르츠",
    "Hz": "헤르츠",
    "TB": "테라바이트",
    "GB": "기가바이트",
    "MB": "메가바이트",
    "KB": "킬로바이트",
    "kW": "킬로와트",
    "dB": "데시벨",
    "m": "미터",
    "g": "그램",
    "t": "톤",
    "L": "리터",
    "l": "리터",
}
_SIGNS = {
    "%": "퍼센트",
    "℃": "도",
    "°C": "도",
    "°": "도",
    "&": "앤드",
    "@": "골뱅이",
    "=": "는",
    "+": "더하기",
    "×": "곱하기",
    "÷": "나누기",
    "#": "샵",
    "№": "번호",
}
_NUM = r"\d+(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?"
_COUNTER = "|".join(sorted(_NATIVE_COUNTERS, key=len, reverse=True))
_UNIT = "|".join(re.escape(u) for u in sorted(_UNITS, key=len, reverse=True))
_SIGN = "|".join(re.escape(c) for c in _CURRENCIES)
_MARKS = (
    dict.fromkeys("，、；：;:,", ",")
    | dict.fromkeys("。.．", ".")
    | {"！": "!", "？": "?", "!": "!", "?": "?", "…": "…"}
)
_MARKS |= {"-": "-", "~": "…", "～": "…", "—": ",", "–": ","}


def spell(digits: str) -> str:
    """Digits one by one."""
    return "".join(_SINO[int(d)] for d in digits)


def sino(digits: str) -> str:
    """A whole number in Sino-Korean words ("2024" -> 이천이십사); more than 20 digits are spelled."""
    digits = digits.lstrip("0")
    if not digits:
        return "영"
    if len(digits) > 20:
        return spell(digits)
    head = len(digits) % 4 or 4
    groups = [digits[:head], *(digits[i : i + 4] for i in range(head, len(digits), 4))]
    out = ""
    for at, group in enumerate(groups):
        words = "".join(
            ("" if d == "1" and power else _SINO[int(d)]) + ("", "십", "백", "천")[power]
            for d, power in zip(group, range(len(group) - 1, -1, -1), strict=True)
            if d != "0"
        )
        scale = ("", "만", "억", "조", "경")[len(groups) - at - 1]
        if words:
            out += ("" if words == "일" and scale == "만" and not out else words) + scale
    return out


def native(digits: str) -> str:
    """A number below one hundred in native words, as before a counter ("20" -> 스무); others in Sino-Korean."""
    number = int(digits) if len(digits) < 3 else 100
    if not 1 <= number <= 99:
        return sino(digits)
    return "스무" if number == 20 else _NATIVE_TENS[number // 10] + _NATIVE_ONES[number % 10]


def number(text: str) -> str:
    """A number with thousands commas and decimal places."""
    whole, _, places = text.replace(",", "").partition(".")
    return sino(whole) + (f" 점 {spell(places)}" if places else "")


@lru_cache(maxsize=8192)
def _fold_char(char: str) -> str:
    if char in _MARKS or char in _SIGNS or char in _CURRENCIES or char in _UNITS:
        return char
    category = unicodedata.category(char)
    if category in ("Cc", "Zl", "Zp", "Zs"):
        return " "
    return "" if category == "Cf" else unicodedata.normalize("NFKC", char)


def _fold(text: str) -> str:
    """Full-width forms to plain ones, single letters of Hangul joined to syllables, control characters to spaces."""
    text = unicodedata.normalize("NFC", "".join(map(_fold_char, text)))
    # No number is that long; spelled here, since the steps that look for units would take quadratic time on it.
    return re.sub(r"\d{41,}", lambda m: spell("".join(str(int(d)) for d in m[0])), text)


def _addresses(text: str) -> str:
    return re.sub(r"\bhttps?://[\x21-\x7e]+|\b[\w.+-]{1,64}@[a-zA-Z0-9-]{1,63}(?:\.[a-zA-Z]{2,24})+", " ", text)


def _numbers(text: str) -> str:
    def dashed(match: re.Match[str]) -> str:
        return "-".join(spell(part) for part in re.findall(r"\d+", match[0]))

    text = re.sub(r"(?<![\d-])\d{2,4}-\d{3,4}-\d{4}(?![\d-])|(?<![\d-])\d{3,4}-\d{4}(?![\d-])", dashed, text)
    text = re.sub(r"(?<!\d)(\d{4})[/.-](\d{1,2})[/.-](\d{1,2})(?!\d)", r"\1년 \2월 \3일", text)
    text = re.sub(r"(?<![\d:])(\d{1,2}):([0-5]\d)(?![\d:])", _clock, text)
    text = re.sub(rf"({_SIGN})\s?({_NUM})\s?([만억조천백]*)", lambda m: f"{m[2]}{m[3]}{_CURRENCIES[m[1]]}", text)
    text = re.sub(r"(?<![\d/])(\d{1,3})/(\d{1,3})(?![\d/])", lambda m: f"{sino(m[2])}분의 {sino(m[1])}", text)
    text = re.sub(rf"({_NUM})\s?[~～]\s?(?={_NUM})", r"\1에서 ", text)
    text = re.sub(rf"(?<=\d)\s?({_UNIT})(?![A-Za-z0-9])", lambda m: _UNITS[m[1]], text)
    text = re.sub(r"(?<![\d\w])-\s?(?=\d)", "영하 " if "℃" in text or "도" in text else "마이너스 ", text)
    text = re.sub(r"(?<!\d)6월", "유월", re.sub(r"(?<!\d)10월", "시월", text))
    text = re.sub(rf"(?<![\d.,])(\d{{1,2}})\s?({_COUNTER})", _counted, text)
    text = re.sub(r"\d+(?:\.\d+){2,}", lambda m: " 점 ".join(spell(p) for p in m[0].split(".")), text)
    text = re.sub(r"(?<![\d.,])0\d+(?![\d.])", lambda m: spell(m[0]), text)
    return re.sub(_NUM, lambda m: number(m[0]), text)


def _counted(match: re.Match[str]) -> str:
    rest = match.string[match.end() :]
    if match[2] in ("시", "장", "번", "대") and rest[:1] in "즌험스리호" and rest:
        return match[0]
    if (
        match[2] == "달"
        and rest[:1] == "러"
        or match[2] == "배"
        and rest[:1] == "럴"
        or match[2] == "개"
        and rest[:1] == "월"
    ):
        return match[0]
    return native(match[1]) + match[2]


def _clock(match: re.Match[str]) -> str:
    hour = native(str((int(match[1]) - 1) % 12 + 1)) if int(match[1]) <= 12 and int(match[1]) else sino(match[1])
    minute = "" if match[2] == "00" else " 반" if match[2] == "30" else f" {sino(match[2])}분"
    return f"{hour}시{minute}"


def _signs(text: str) -> str:
    for sign, words in _SIGNS.items():
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


_STEPS: tuple[Callable[[str], str], ...] = (_fold, _addresses, _numbers, _signs, _clean)


def normalize(text: str) -> str:
    """Text to Hangul, spaces and the marks ``, . ! ? … -``; linear in the length of the text."""
    for step in _STEPS:
        text = step(text)
    return text
