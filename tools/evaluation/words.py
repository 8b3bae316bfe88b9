"""Text made comparable: what was to be said and what a judge wrote down become lists of the same units.

English counts words, and a number is its words on both sides: what a judge writes as "1907" is compared as it is read.
Japanese counts the kana of the reading, since a judge chooses among kanji that sound alike; Chinese and Cantonese count
characters. Knows text only.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache, lru_cache

from errors import MissingDependencyError
from text.en import numbers
from text.en.normalize import normalize as read_english

CHARACTER_LANGUAGES = {"zh", "ja", "yue"}

_NUMBER_WORDS = frozenset(
    (
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
        "seventeen eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred thousand million "
        "billion trillion"
    ).split()
)
_SCALES = ("hundred", "thousand", "million", "billion")
_SAME = {"o": "zero", "oh": "zero", "okay": "ok", "mr": "mister", "mrs": "missus", "ms": "miss"}
_BARE_NUMBER = re.compile(r"(?<![\d.,:/$€£¥#])\b\d{2,12}\b(?![\d:/%]|[.,]\d)")


@cache
def normaliser(language: str) -> Callable[[str], str]:
    """The normaliser that Whisper's authors use for scoring: contractions, spelling, case and punctuation made equal.

    Args:
        language: "en" has one of its own, here without its numbers as digits; the others share one that only drops
            case and punctuation.

    Raises:
        MissingDependencyError: `transformers` is not installed.
    """
    try:
        from transformers.models.whisper.english_normalizer import BasicTextNormalizer, EnglishTextNormalizer
    except ImportError as error:
        raise MissingDependencyError("scoring needs transformers", "", "pip install transformers") from error
    if language == "en":
        english = EnglishTextNormalizer({})
        english.standardize_numbers = lambda text: text
        return english
    return BasicTextNormalizer(split_letters=language in CHARACTER_LANGUAGES)


def units(text: str, language: str) -> list[str]:
    """What is compared, in the order of the text: words, kana of the reading, or characters.

    Raises:
        MissingDependencyError: the normaliser, or for Japanese the dictionary, is not installed.
    """
    if language == "en":
        return list(_english(text))
    if language == "ja":
        return list(_kana(text))
    return normaliser(language)(text).split()


def hearings(text: str, language: str) -> list[list[str]]:
    """Ways to read what a judge wrote; more than one only where it wrote digits.

    Digits do not tell how they were spoken: "1907" may be nineteen oh seven, nineteen hundred seven, one thousand nine
    hundred seven or one nine zero seven. The judge gets the benefit of the doubt, so whoever counts takes the best one.
    """
    readings = [units(text, language)]
    if language == "en" and _BARE_NUMBER.search(text):
        for read in (numbers.spell, numbers.cardinal, _by_hundreds, _by_pairs):
            other = units(_BARE_NUMBER.sub(lambda match, read=read: read(match[0]), text), language)  # type: ignore[misc]
            if other not in readings:
                readings.append(other)
    return readings


def _by_hundreds(digits: str) -> str:
    """ "1907" as nineteen hundred seven; numbers of other lengths as they are."""
    if len(digits) != 4 or digits[:2] in ("00", "10", "20"):
        return digits
    low = numbers.cardinal(digits[2:]) if digits[2:] != "00" else ""
    return f"{numbers.cardinal(digits[:2])} hundred {low}"


def _by_pairs(digits: str) -> str:
    """ "747" as seven forty-seven, "1066" as ten sixty-six; numbers of other lengths as they are."""
    if len(digits) not in (3, 4) or digits.endswith("00"):
        return digits
    high, low = digits[:-2], digits[-2:]
    return f"{numbers.cardinal(high)} {'oh ' if low[0] == '0' else ''}{numbers.cardinal(low)}"


@lru_cache(maxsize=4096)
def _english(text: str) -> tuple[str, ...]:
    """Words as the project's own frontend reads them, then made equal where two spellings sound the same."""
    spoken = re.sub(r"\[[^\]]*\]|<[^>]*>", " ", text)  # a judge's remarks: [music]
    normal = normaliser("en")(read_english(spoken))
    normal = re.sub(r"\bcannot\b", "can not", normal)  # what the normaliser makes of "can't"
    normal = re.sub(r"\bper cent\b", "percent", normal)
    return tuple(_plain_numbers(normal.split()))


def _plain_numbers(words: list[str]) -> list[str]:
    """Numbers in one manner: no "and" between their words, "one hundred" for "a hundred", "zero" for "oh"."""
    out: list[str] = []
    for at, word in enumerate(words):
        before = words[at - 1] if at else ""
        after = words[at + 1] if at + 1 < len(words) else ""
        if word == "and" and before in _SCALES and after in _NUMBER_WORDS:
            continue
        if word == "a" and after in _SCALES:
            word = "one"
        elif word in ("o", "oh"):
            word = "zero" if {before, after} & (_NUMBER_WORDS | {"o", "oh"}) else "oh"
        else:
            word = _SAME.get(word, word)
        out.append(word)
    return out


_SOUNDS_LIKE = str.maketrans({"ヲ": "オ", "ヂ": "ジ", "ヅ": "ズ", "ヱ": "エ", "ヰ": "イ"})
_NOT_KANA = re.compile(r"[^ァ-ヺー]")
_LENGTHENED_BY = {
    **dict.fromkeys("アカサタナハマヤラワガザダバパァャヮ", "ア"),
    **dict.fromkeys("イキシチニヒミリギジビピィ", "イ"),
    **dict.fromkeys("ウクスツヌフムユルグズブプゥュヴ", "ウ"),
    **dict.fromkeys("エケセテネヘメレゲゼデベペェ", "エイ"),
    **dict.fromkeys("オコソトノホモヨロゴゾドボポォョ", "オウ"),
}
"""The vowel kana that only lengthen the kana before them."""


@lru_cache(maxsize=4096)
def _kana(text: str) -> str:
    """The reading in katakana, as it sounds: は as ワ, long vowels as ー, no marks."""
    try:
        import pyopenjtalk
    except ImportError as error:
        fix = 'pip install -e ".[ja]"'
        raise MissingDependencyError("Japanese is compared by its readings", "pyopenjtalk-plus", fix) from error
    from text.ja.normalize import normalize

    reading = _NOT_KANA.sub("", pyopenjtalk.g2p(normalize(text), kana=True).translate(_SOUNDS_LIKE))
    out = ""
    for kana in reading:
        out += "ー" if kana in _LENGTHENED_BY.get(out.rstrip("ー")[-1:], "") else kana
    return out
