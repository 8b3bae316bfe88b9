"""Japanese text as it is read, as far as Open JTalk does not read it so itself.

Open JTalk reads numbers with counters, years and dates. What it misreads is written out here: thousands commas,
telephone numbers, money signs, clock times, fractions, ranges, units and signs.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from functools import lru_cache

from text.ja.tables import ABBREVIATIONS, CURRENCIES, SIGNS, UNITS, VARIANTS

_NUM = r"\d+(?:\.\d+)?"
_DIGITS = dict(zip("0123456789", "ゼロ イチ ニー サン ヨン ゴー ロク ナナ ハチ キュー".split(), strict=True))
_UNIT = "|".join(re.escape(u) for u in sorted(UNITS, key=len, reverse=True) if u != "A")
_SIGN = "|".join(re.escape(c) for c in sorted(CURRENCIES, key=len, reverse=True))
_KEEP = frozenset("、。，．！？…・「」『』（）【】〈〉《》〜～：；ー々〆")
_RAISED = re.compile("[⁻⁺]?[⁰¹²³⁴⁵⁶⁷⁸⁹]+")
_RAISED_DIGITS = str.maketrans("⁻⁺⁰¹²³⁴⁵⁶⁷⁸⁹", "-+0123456789")
_VARIANT = str.maketrans(VARIANTS)
_SHORT = re.compile("|".join(re.escape(sign) for sign in sorted(ABBREVIATIONS, key=len, reverse=True)))


@lru_cache(maxsize=8192)
def _fold_char(char: str) -> str:
    if char in _KEEP or char in SIGNS or char in CURRENCIES or char in UNITS:
        return char
    category = unicodedata.category(char)
    if category in ("Cc", "Zl", "Zp", "Zs"):
        return " "
    if "\ufe00" <= char <= "\ufe0f" or "\U000e0100" <= char <= "\U000e01ef":
        return ""  # which glyph of a character is meant
    if char == "℉":
        return "°F"
    if category in ("Cf", "Co", "Cs", "Cn", "So"):
        return unicodedata.normalize("NFKC", char) if category == "So" and "㋀" <= char <= "㏿" else ""
    return unicodedata.normalize("NFKC", char)


def _fold(text: str) -> str:
    """Full-width letters and digits to plain ones, half-width kana to full ones, combining marks joined."""
    text = _SHORT.sub(lambda m: ABBREVIATIONS[m[0]], text)
    text = _RAISED.sub(lambda m: "^" + m[0].translate(_RAISED_DIGITS), text)
    text = unicodedata.normalize("NFC", text).translate(_VARIANT)
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
    # An address: 千代田区1-2-3.
    text = re.sub(
        r"(?<=[区町村市台目条島原山川田丘])\d{1,4}(?:-\d{1,4}){1,3}(?![\d-])", lambda m: m[0].replace("-", "の"), text
    )
    text = re.sub(r"(?<!\d)0[789]0\d{8}(?!\d)", said, text)
    text = re.sub(r"(?<![\d-])\(?0\d{1,4}\)\s?\d{1,4}-\d{4}(?![\d-])", said, text)
    return re.sub(r"(?<=〒)\s?\d{3}-\d{4}(?!\d)", said, text)


_CODE = re.compile(
    r"((?:番号|コード|暗証|パスワード|ＩＤ|ID)(?:は|が|を|：|:|、|「|\s)?\s?)(\d{4,})(?!\d|[,，.]\d|[年月日円人個件回万千百点位番号])"
)


def _codes(text: str) -> str:
    """Numbers that are names: digit by digit."""
    return _CODE.sub(lambda m: m[1] + spell(m[2]), text)


def _money(text: str) -> str:
    text = re.sub(r"(?<![\d.])\d{1,3}(?:[,，]\d{3})+(?!\d)", lambda m: re.sub("[,，]", "", m[0]), text)
    return re.sub(
        rf"(?<![A-Za-z])({_SIGN})\s?({_NUM})\s?([万億兆千百]*)(?=(円|ドル|ユーロ|ポンド|元)?)",
        lambda m: f"{m[2]}{m[3]}{'' if m[4] else CURRENCIES[m[1]]}",
        text,
    )


_WEEKDAY = re.compile(r"(?<=[日\d])\s?[（(]([月火水木金土日])(?:[・･]?[祝休])?[)）]")
_DAY_OF_MONTH = re.compile(
    r"(?<![\d/.年月])(1[0-2]|0?[1-9])/(3[01]|[12]\d|0?[1-9])(?![\d/]|%)"
    r"(?=(\s?[（(][月火水木金土日])|(?:に|の|から|まで|は|、)?(?:開催|発売|締切|発送|更新|放送|公開|必着)|(?:から|まで)(?!\d))"
)


def _dates(text: str) -> str:
    """2024/3/15, 5/3（土）, 12/25に, 月〜金."""
    text = re.sub(r"(?<!\d)(\d{4})[/.-](\d{1,2})[/.-](\d{1,2})(?!\d)", _ymd, text)
    text = _DAY_OF_MONTH.sub(lambda m: f"{int(m[1])}月{int(m[2])}日", text)
    text = re.sub(r"(?<![\d/.])(1[0-2]|[1-9])/(1[3-9]|2\d|3[01])(?=[にのはを、])(?<!1/1\d)", _late_day, text)
    text = _WEEKDAY.sub(r"\1曜日", text)
    text = re.sub(
        r"(?<![月火水木金土日曜\u4e00-\u9fff])([月火水木金土日])\s?[〜～~]\s?([月火水木金土日])(?!曜?[\u4e00-\u9fff])",
        r"\1曜から\2曜",
        text,
    )
    return re.sub(r"(?<![\d零〇])[0零〇]時(?!間)", "レージ", text)


def _ymd(match: re.Match[str]) -> str:
    return f"{match[1]}年{int(match[2])}月{int(match[3])}日"


def _late_day(match: re.Match[str]) -> str:
    """12/25 is a day: no fraction of everyday is written so, except one in many."""
    return match[0] if match[1] == "1" else f"{match[1]}月{match[2]}日"


_OPERATORS = {"+": "たす", "-": "引く", "−": "引く", "×": "かける", "*": "かける", "÷": "わる", "/": "わる", "=": "は"}
_TERM = rf"(?:{_NUM}|[a-zA-Zπ])"
_EQUATION = re.compile(rf"(?<![\w.]){_TERM}(?:\s?[-+−×÷*/]\s?{_TERM}){{1,8}}\s?=\s?(?=-?{_TERM}|[?？])")


def _arithmetic(text: str) -> str:
    """5-3=2, 10^5, 3:1, 3対1."""
    text = _EQUATION.sub(lambda m: re.sub(r"\s?([-+−×÷*/=])\s?", lambda s: _OPERATORS[s[1]], m[0]), text)
    text = re.sub(r"(?<=\d)\s?×\s?(?=\d)", "かける", text)
    text = re.sub(r"(?<![\d:.])\d{1,4}(?::\d{1,4}){1,3}(?![\d:.])", lambda m: m[0].replace(":", "たい"), text)
    # The dictionary reads 対 after a number as a counter of pairs.
    return re.sub(r"(?<=[\d一二三四五六七八九十百])対(?=[\d一二三四五六七八九十百千])", "たい", text)


def _power(match: re.Match[str]) -> str:
    return f"の{'マイナス' if match[1] == '-' else ''}{match[2]}乗"


def _numbers(text: str) -> str:
    text = re.sub(r"((?:比|割合|縮尺|倍率)[はがを]?\s?)(\d{1,4}):(?=\d)", r"\1\2たい", text)
    text = re.sub(r"(?<![\d:])([01]?\d|2[0-4]):([0-5]\d):([0-5]\d)(?![\d:])", r"\1時\2分\3秒", text)
    text = re.sub(r"(?<![\d:])([01]?\d|2[0-4]):([0-5]\d)(?![\d:])", _clock, text)
    text = _arithmetic(_dates(text))
    text = re.sub(r"(?<![\d/])(\d{1,3})/(\d{1,3})(?![\d/])", r"\2分の\1", text)
    text = re.sub(rf"({_NUM}(?:[^\W\d_]{{1,3}})?%?)\s?[〜～~]\s?(?=-?{_NUM})", r"\1から", text)
    text = re.sub(
        r"(?<![\d-])(\d{1,3})\s?[-–]\s?(\d{1,3})(?=\s?(?:で(?:勝|負|引|敗|破|快勝|完敗|逆転)|の(?:勝|敗|接戦|完封)))",
        r"\1たい\2",
        text,
    )
    text = re.sub(
        rf"(?<![\d-])({_NUM})[-–](?={_NUM}(?:[人個円年月日時分回本枚台歳名件度点杯冊匹章話巻号%]|パーセント))",
        r"\1から",
        text,
    )
    text = re.sub(r"(?<![\dA-Za-z])[-−]\s?(?=\d)", "マイナス", text)
    text = re.sub(r"\d+(?:\.\d+){2,}", lambda m: "点".join(spell(p) for p in m[0].split(".")), text)
    return re.sub(r"(?<![\d.^])0\d{2,}(?!\d)|\d{17,}", lambda m: spell(m[0]), text)


def _clock(match: re.Match[str]) -> str:
    if match[2] == "00":
        return f"{int(match[1])}時"
    return f"{int(match[1])}時半" if match[2] == "30" else f"{int(match[1])}時{int(match[2])}分"


_PER_HOUR = {"km/h": "キロメートル", "mph": "マイル"}


def _units(text: str) -> str:
    """60kg, 120km/h (as 時速120キロメートル), 華氏 for °F, powers of what is no unit, signs."""
    text = re.sub(rf"(?:時速\s?(?:約\s?)?)?({_NUM})\s?(km/h|mph)(?![A-Za-z0-9])", _per_hour, text)
    text = re.sub(rf"((?:秒速|風速)\s?(?:約\s?)?{_NUM})\s?m/s(?![A-Za-z0-9^])", r"\1メートル", text)
    text = re.sub(rf"({_NUM})\s?(?:℉|°F)", r"華氏\1度", text)
    text = re.sub(rf"(?<=\d)\s?({_UNIT})(?![A-Za-z0-9^])", lambda m: UNITS[m[1]], text)
    text = re.sub(r"(?<=\d)\s?A(?!\w)", UNITS["A"], text)
    text = re.sub(r"(?:(?<=[\w)）])|^)\s?\^\s?([-+−]?)(\d{1,6})", _power, text)
    for sign, words in SIGNS.items():
        if sign in text:
            text = text.replace(sign, words)
    return text


def _per_hour(match: re.Match[str]) -> str:
    about = "約" if "約" in match[0] else ""
    return f"時速{about}{match[1]}{_PER_HOUR[match[2]]}"


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
        (r"(?<![\u4e00-\u9fff])市場(?=で(?:魚|野菜|果物|買))", "いちば"),
        (r"(?<![0-9])20歳(?!代|以|未)", "二十歳"),
        (r"彼女(?=らし)", "かのじょ"),
        (r"嗤(?=[わいうえおっ])", "笑"),
        (r"(?<=[\d一二三四五六七八九]割)([一二三四五六七八九\d])分", r"\1ぶ"),
        (r"(?<=メートル)走(?![っらりるれろ])", "そう"),
        (r"119番", "ひゃくじゅうきゅうばん"),
    )
)


def _homographs(text: str) -> str:
    for pattern, words in _READINGS:
        text = pattern.sub(words, text)
    return text


_STEPS: tuple[Callable[[str], str], ...] = (_fold, _addresses, _phones, _codes, _money, _numbers, _units, _homographs)


def normalize(text: str) -> str:
    """Text to what Open JTalk reads right; linear in the length of the text."""
    for step in _STEPS:
        text = step(text)
    return re.sub(r"\s+", " ", text)
