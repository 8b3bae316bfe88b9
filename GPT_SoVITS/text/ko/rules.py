"""Korean spelling to sound, by the rules of Standard Pronunciation (표준 발음법), on syllables as (onset, vowel, coda).

Written from the published rules (the numbers in the comments). Word gaps are kept: assimilation and tensing go over
them, linking does not. Compounds that no rule shows are in ``text.ko.words``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from text.ko.words import BOUND, ENDINGS, FUTURES, LONG_L, NOT_STEMS, NOUNS_L, NOUNS_RG, SPOKEN, STEMS_NASAL

ONSETS = "ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ"
VOWELS = "ㅏㅐㅑㅒㅓㅔㅕㅖㅗㅘㅙㅚㅛㅜㅝㅞㅟㅠㅡㅢㅣ"
CODAS = ("", *"ㄱㄲㄳㄴㄵㄶㄷㄹㄺㄻㄼㄽㄾㄿㅀㅁㅂㅄㅅㅆㅇㅈㅊㅋㅌㅍㅎ")
_SPLIT = dict(
    zip("ㄳㄵㄶㄺㄻㄼㄽㄾㄿㅀㅄ", "ㄱㅅ ㄴㅈ ㄴㅎ ㄹㄱ ㄹㅁ ㄹㅂ ㄹㅅ ㄹㅌ ㄹㅍ ㄹㅎ ㅂㅅ".split(), strict=True)
)
#: 9, 10, 11: what a coda sounds like at the end or before a consonant.
_PLAIN = dict.fromkeys("ㄱㄲㅋㄳㄺ", "ㄱ") | dict.fromkeys("ㄷㅅㅆㅈㅊㅌㅎ", "ㄷ") | dict.fromkeys("ㅂㅍㅄㄿ", "ㅂ")
_PLAIN |= (
    dict.fromkeys("ㄴㄵㄶ", "ㄴ")
    | dict.fromkeys("ㄹㄼㄽㄾㅀ", "ㄹ")
    | dict.fromkeys("ㅁㄻ", "ㅁ")
    | {"ㅇ": "ㅇ", "": ""}
)
_TENSE = {"ㄱ": "ㄲ", "ㄷ": "ㄸ", "ㅂ": "ㅃ", "ㅅ": "ㅆ", "ㅈ": "ㅉ"}
_ASPIRATED = {"ㄱ": "ㅋ", "ㄷ": "ㅌ", "ㅂ": "ㅍ", "ㅈ": "ㅊ"}
_NASAL = {"ㄱ": "ㅇ", "ㄷ": "ㄴ", "ㅂ": "ㅁ"}


@dataclass
class Syllable:
    """One syllable block; ``gap`` says that a word gap follows."""

    onset: str
    vowel: str
    coda: str
    gap: bool = False


def decompose(char: str) -> Syllable:
    """A Hangul syllable block (가..힣) in its letters."""
    code = ord(char) - 0xAC00
    return Syllable(ONSETS[code // 588], VOWELS[code // 28 % 21], CODAS[code % 28])


def respell(text: str) -> str:
    """Words of the list of exceptions as they sound, and tensing that depends on words."""
    text = _exceptions().sub(lambda m: SPOKEN[m[0]], text)
    text = _FUTURE.sub(_tensed_future, text)
    text = _BOUND.sub(_tensed_bound, text)
    return _STEM.sub(_tensed_ending, text)


@lru_cache(maxsize=1)
def _exceptions() -> re.Pattern[str]:
    return re.compile("|".join(re.escape(w) for w in sorted(SPOKEN, key=len, reverse=True)))


_BOUND = re.compile(rf"([가-힣]+) ({'|'.join(BOUND)})")
_STEM = re.compile(rf"({'|'.join(sorted(STEMS_NASAL, key=len, reverse=True))})({'|'.join(ENDINGS)})(?=[가-힣]{{0,4}})")


#: 27: endings in -ㄹ whose next consonant is tense: 할게요, 갈수록, 올지도, 할걸.
_FUTURE = re.compile(r"([가-힣])(게(?=요|\s|$)|수록|지(?=도|는|를|가|요|라도|언정|\s|$)|걸(?=요|\s|$)|세라|지니)")
_NEGATED = re.compile(r"지(?:는|도|를|가)?\s?(?:않|안|마|말(?!지)|못)")


def _tensed_future(match: re.Match[str]) -> str:
    before, ending = match[1], match[2]
    if (
        decompose(before).coda != "ㄹ"
        or before in LONG_L
        and not (ending == "게" and match.string[match.end() :][:1] == "요")
    ):
        return match[0]
    if ending[0] in "지걸" and (before not in FUTURES or _NEGATED.match(match.string, match.start(2))):
        return match[0]
    word = match.start() == 0 or not "가" <= match.string[match.start() - 1] <= "힣"
    if ending == "수록" and word and before in NOUNS_L:
        return match[0]
    return before + _harden(ending[0]) + ending[1:]


def _harden(char: str) -> str:
    block = decompose(char)
    onset = _TENSE.get(block.onset, block.onset)
    return chr(0xAC00 + (ONSETS.index(onset) * 21 + VOWELS.index(block.vowel)) * 28 + CODAS.index(block.coda))


def _tensed_bound(match: re.Match[str]) -> str:
    """27: after -ㄹ a bound noun is tense (할 수 -> 할 쑤)."""
    before, noun = match[1], match[2]
    if decompose(before[-1]).coda != "ㄹ" or before in NOUNS_L:
        return match[0]
    return f"{before} {_harden(noun[0])}{noun[1:]}"


def _tensed_ending(match: re.Match[str]) -> str:
    """24: after a stem in ㄴ or ㅁ an ending is tense (남고 -> 남꼬)."""
    whole = match[0]
    before = match.string[match.start() - 1 : match.start()]
    inside_word = "가" <= before <= "힣" and len(match[1]) == 1
    if (
        whole in NOT_STEMS
        or inside_word
        or len(match[1]) == 1
        and match[1] in "신안감심"
        and match[2] not in ("습", "더", "거든")
    ):
        return whole
    return match[1] + _harden(match[2][0]) + match[2][1:]


def sound(blocks: list[Syllable]) -> list[Syllable]:
    """The syllables as they sound; the list is changed in place and returned."""
    for at, block in enumerate(blocks):
        _vowel(block)
        if at + 1 < len(blocks):
            _meet(block, blocks[at + 1])
        else:
            block.coda = _PLAIN[block.coda]
    return blocks


def _vowel(block: Syllable) -> None:
    if block.onset in "ㅈㅉㅊ" and block.vowel == "ㅕ":  # 5.1
        block.vowel = "ㅓ"
    if block.vowel == "ㅢ" and block.onset != "ㅇ":  # 5.3
        block.vowel = "ㅣ"


def _meet(left: Syllable, right: Syllable) -> None:
    """What a coda and the onset after it make of each other."""
    if not left.coda:
        return
    if right.onset == "ㅎ" and _joins_h(left, right):
        return
    if left.coda in ("ㅎ", "ㄶ", "ㅀ") and _gives_h(left, right):
        return
    if right.onset == "ㅇ" and left.coda != "ㅇ" and not left.gap:
        _link(left, right)
        return
    _consonants(left, right)


def _joins_h(left: Syllable, right: Syllable) -> bool:
    """12.1: ㄱ ㄷ ㅂ ㅈ and ㅎ make one aspirated consonant; 17: ㄷ and 히 make 치."""
    rest, last = _parts(left.coda)
    if last in ("ㅅ", "ㅆ", "ㅊ", "ㅌ") and not rest:
        last = "ㄷ" if right.vowel != "ㅣ" or last != "ㅌ" else "ㅈ"
    if last not in _ASPIRATED:
        return False
    palatal = (
        last == "ㄷ"
        and left.coda == "ㄷ"
        and (right.vowel == "ㅣ" or (right.vowel == "ㅕ" and right.coda in ("", "ㅆ")))
    )
    left.coda, right.onset = _PLAIN[rest], "ㅊ" if palatal else _ASPIRATED[last]
    return True


def _gives_h(left: Syllable, right: Syllable) -> bool:
    """12: ㅎ ㄶ ㅀ before ㄱ ㄷ ㅈ, ㅅ, ㄴ and vowels."""
    rest = {"ㅎ": "", "ㄶ": "ㄴ", "ㅀ": "ㄹ"}[left.coda]
    if right.onset in ("ㄱ", "ㄷ", "ㅈ"):
        left.coda, right.onset = rest, _ASPIRATED[right.onset]
    elif right.onset == "ㅅ":
        left.coda, right.onset = rest, "ㅆ"
    elif right.onset == "ㄴ":
        left.coda, right.onset = rest or "ㄴ", "ㄹ" if rest == "ㄹ" else "ㄴ"
    elif right.onset == "ㅇ" and not left.gap:
        left.coda, right.onset = "", rest or "ㅇ"
    else:
        return False
    return True


def _parts(coda: str) -> tuple[str, str]:
    """What stays and what meets the next syllable."""
    return (_SPLIT[coda][0], _SPLIT[coda][1]) if coda in _SPLIT else ("", coda)


def _link(left: Syllable, right: Syllable) -> None:
    """13, 14: a coda goes over to a vowel; 17: ㄷ ㅌ before 이 become ㅈ ㅊ."""
    rest, moved = _parts(left.coda)
    if moved in ("ㄷ", "ㅌ") and (right.vowel == "ㅣ" or (right.vowel == "ㅕ" and right.coda in ("", "ㅆ"))):
        moved = {"ㄷ": "ㅈ", "ㅌ": "ㅊ"}[moved]
        if right.vowel == "ㅕ":
            right.vowel = "ㅓ"
    left.coda, right.onset = rest, "ㅆ" if rest and moved == "ㅅ" else moved


def _consonants(left: Syllable, right: Syllable) -> None:
    """Tensing (23, 25), nasals (18, 19) and ㄹ (20), after the coda has become plain."""
    coda, onset = left.coda, right.onset
    plain = _PLAIN[coda]
    if coda == "ㄺ" and onset == "ㄱ" and not left.gap and _block(left) not in NOUNS_RG:  # 11.1
        plain = "ㄹ"
    if onset in _TENSE and (_PLAIN[coda] in _NASAL or coda in ("ㄵ", "ㄼ", "ㄾ", "ㄽ")):
        onset = _TENSE[onset]
    elif plain in _NASAL and onset in ("ㄴ", "ㅁ", "ㄹ") and not (onset == "ㄹ" and left.gap):
        plain, onset = _NASAL[plain], "ㄴ" if onset == "ㄹ" else onset
    elif plain in ("ㅁ", "ㅇ") and onset == "ㄹ" and not left.gap:
        onset = "ㄴ"
    elif {plain, onset} == {"ㄴ", "ㄹ"} and not left.gap:
        plain = onset = "ㄹ"
    left.coda, right.onset = plain, onset


def _block(syllable: Syllable) -> str:
    code = (ONSETS.index(syllable.onset) * 21 + VOWELS.index(syllable.vowel)) * 28 + CODAS.index(syllable.coda)
    return chr(0xAC00 + code)
