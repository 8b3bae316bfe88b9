"""Japanese text as it is read, as far as Open JTalk does not read it so itself.

Open JTalk reads numbers with counters, years and dates. What it misreads is written out here: thousands commas,
telephone numbers, money signs, clock times, fractions, ranges, units and signs.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from functools import lru_cache

_NUM = r"\d+(?:\.\d+)?"
_DIGITS = dict(zip("0123456789", "ゼロ イチ ニー サン ヨン ゴー ロク ナナ ハチ キュー".split(), strict=True))
_CURRENCIES = {
    "¥": "円",
    "￥": "円",
    "$": "ドル",
    "＄": "ドル",
    "€": "ユーロ",
    "£": "ポンド",
    "₩": "ウォン",
    "₿": "ビットコイン",
}
_UNITS = {
    "km/h": "キロメートル毎時",
    "m/s": "メートル毎秒",
    "km²": "平方キロメートル",
    "㎢": "平方キロメートル",
    "cm²": "平方センチメートル",
    "m²": "平方メートル",
    "㎡": "平方メートル",
    "m³": "立方メートル",
    "km": "キロメートル",
    "cm": "センチメートル",
    "mm": "ミリメートル",
    "nm": "ナノメートル",
    "kg": "キログラム",
    "mg": "ミリグラム",
    "ml": "ミリリットル",
    "dl": "デシリットル",
    "kWh": "キロワット時",
    "kW": "キロワット",
    "GHz": "ギガヘルツ",
    "MHz": "メガヘルツ",
    "kHz": "キロヘルツ",
    "Hz": "ヘルツ",
    "TB": "テラバイト",
    "GB": "ギガバイト",
    "MB": "メガバイト",
    "KB": "キロバイト",
    "dB": "デシベル",
    "hPa": "ヘクトパスカル",
    "kcal": "キロカロリー",
    "cal": "カロリー",
    "ha": "ヘクタール",
    "m": "メートル",
    "g": "グラム",
    "t": "トン",
    "L": "リットル",
    "l": "リットル",
    "V": "ボルト",
    "W": "ワット",
    "A": "アンペア",
}
_SIGNS = {
    "%": "パーセント",
    "℃": "度",
    "°C": "度",
    "℉": "華氏度",
    "°": "度",
    "&": "アンド",
    "@": "アットマーク",
    "=": "イコール",
    "+": "プラス",
    "×": "かける",
    "÷": "わる",
    "≒": "ニアリーイコール",
    "±": "プラスマイナス",
    "∞": "無限大",
    "№": "ナンバー",
    "〒": "郵便番号",
    "→": "、",
    "#": "シャープ",
}
_UNIT = "|".join(re.escape(u) for u in sorted(_UNITS, key=len, reverse=True))
_SIGN = "|".join(re.escape(c) for c in _CURRENCIES)
_KEEP = frozenset("、。，．！？…・「」『』（）【】〈〉《》〜～：；ー々〆")


@lru_cache(maxsize=8192)
def _fold_char(char: str) -> str:
    if char in _KEEP or char in _SIGNS or char in _CURRENCIES or char in _UNITS:
        return char
    category = unicodedata.category(char)
    if category in ("Cc", "Zl", "Zp", "Zs"):
        return " "
    if category in ("Cf", "Co", "Cs", "Cn", "So"):
        return unicodedata.normalize("NFKC", char) if category == "So" and "㋀" <= char <= "㏿" else ""
    return unicodedata.normalize("NFKC", char)


def _fold(text: str) -> str:
    """Full-width letters and digits to plain ones, half-width kana to full ones, combining marks joined."""
    text = unicodedata.normalize("NFC", text)
    text = re.sub("[\uff66-\uff9f]+", lambda m: unicodedata.normalize("NFKC", m[0]), text)
    text = "".join(map(_fold_char, text)).replace("−", "-").replace("’", "'")
    return re.sub(r"\d{41,}", lambda m: spell("".join(str(int(d)) for d in m[0])), text)


def _addresses(text: str) -> str:
    return re.sub(r"\bhttps?://[\x21-\x7e]+|\b[\w.+-]{1,64}@[a-zA-Z0-9-]{1,63}(?:\.[a-zA-Z]{2,24})+", " ", text)


def spell(digits: str) -> str:
    """Digits one by one, in katakana."""
    return "".join(_DIGITS[d] for d in digits)


def _phones(text: str) -> str:
    def said(match: re.Match[str]) -> str:
        return "、".join(spell(part) for part in re.findall(r"\d+", match[0]))

    text = re.sub(r"(?<![\d-])(?:\+81[- ]?)?0\d{1,4}-\d{1,4}-\d{3,4}(?![\d-])", said, text)
    text = re.sub(r"(?<!\d)0[789]0\d{8}(?!\d)", said, text)
    return re.sub(r"(?<=〒)\s?\d{3}-\d{4}(?!\d)", said, text)


def _numbers(text: str) -> str:
    text = re.sub(r"(?<![\d.])\d{1,3}(?:[,，]\d{3})+(?!\d)", lambda m: re.sub("[,，]", "", m[0]), text)
    text = re.sub(
        rf"({_SIGN})\s?({_NUM})\s?([万億兆千百]*)(?=(円|ドル|ユーロ|ポンド)?)",
        lambda m: f"{m[2]}{m[3]}{'' if m[4] else _CURRENCIES[m[1]]}",
        text,
    )
    text = re.sub(r"(?<!\d)(\d{4})[/.-](\d{1,2})[/.-](\d{1,2})(?!\d)", r"\1年\2月\3日", text)
    text = re.sub(r"(?<![\d:])([01]?\d|2[0-4]):([0-5]\d):([0-5]\d)(?![\d:])", r"\1時\2分\3秒", text)
    text = re.sub(r"(?<![\d:])([01]?\d|2[0-4]):([0-5]\d)(?![\d:])", _clock, text)
    text = re.sub(r"(?<![\d/])(\d{1,3})/(\d{1,3})(?![\d/])", r"\2分の\1", text)
    text = re.sub(rf"({_NUM}(?:[^\W\d_]{{1,3}})?%?)\s?[〜～~]\s?(?={_NUM})", r"\1から", text)
    text = re.sub(r"(?<![\d-])(\d{1,2})\s?[-–]\s?(\d{1,2})(?=\s?で(?:勝|負|引|敗))", r"\1対\2", text)
    text = re.sub(
        rf"(?<![\d-])({_NUM})[-–](?={_NUM}(?:[人個円年月日時分回本枚台歳名件度点杯冊匹%]|パーセント))", r"\1から", text
    )
    text = re.sub(r"(?<![\dA-Za-z])-(?=\d)", "マイナス", text)
    text = re.sub(r"\d+(?:\.\d+){2,}", lambda m: "点".join(spell(p) for p in m[0].split(".")), text)
    text = re.sub(r"(?<!\d)(\d+)\.(\d+)", _decimal, text)
    return re.sub(r"(?<![\d.])0\d{2,}(?!\d)|\d{17,}", lambda m: spell(m[0]), text)


def _decimal(match: re.Match[str]) -> str:
    return ("レイ" if match[1] == "0" else match[1]) + "テン" + spell(match[2])


def _clock(match: re.Match[str]) -> str:
    if match[2] == "00":
        return f"{int(match[1])}時"
    return f"{int(match[1])}時半" if match[2] == "30" else f"{int(match[1])}時{int(match[2])}分"


def _units(text: str) -> str:
    text = re.sub(rf"(?<=\d)\s?({_UNIT})(?![A-Za-z0-9])", lambda m: _UNITS[m[1]], text)
    for sign, words in _SIGNS.items():
        if sign in text:
            text = text.replace(sign, words)
    return text


#: Homographs that Open JTalk reads the rarer way, by what follows; written so that its dictionary reads them right.
_READINGS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), words)
    for pattern, words in (
        (
            r"辛(?=[いくさ](?:カレー|料理|ラーメン|もの|物|食べ|味|スープ|キムチ|ソース|の(?:が|は)(?:好|苦手)|鍋|お菓子))",
            "から",
        ),
        (r"日本人", "にほん人"),
        (r"額(?=に(?:汗|手|しわ|皺))", "ひたい"),
        (r"人気(?=の(?:ない|無い)(?:道|夜道|路地|場所|所|ところ|森|通り))", "ひとけ"),
        (r"(?<![定金全総高少])市場(?=で(?:魚|野菜|果物|買))", "いちば"),
        (r"(?<![0-9])20歳(?!代|以|未)", "二十歳"),
    )
)


def _homographs(text: str) -> str:
    for pattern, words in _READINGS:
        text = pattern.sub(words, text)
    return text


_STEPS: tuple[Callable[[str], str], ...] = (_fold, _addresses, _phones, _numbers, _units, _homographs)


def normalize(text: str) -> str:
    """Text to what Open JTalk reads right; linear in the length of the text."""
    for step in _STEPS:
        text = step(text)
    return re.sub(r"\s+", " ", text)
