"""Mandarin tone sandhi: 不 and 一, third tones in a row, neutral tones and the tone of 儿.

Works on one clause (no marks inside): a list of :class:`~text.zh.readings.Word`. Written from the rules as grammars
of standard Mandarin give them. Syllables whose reading the user gave are never changed.
"""

from __future__ import annotations

from collections.abc import Sequence

from text.zh.readings import Word
from text.zh.words import FULL_ER, LIGHT, NOT_LIGHT, PARTICLES

_NUMERALS = frozenset("零一二三四五六七八九十百千万亿点幺两")
_AFTER_NUMBER = frozenset("几有两半多各整每做是这那哪某")
_LIGHT_ENDS = frozenset("上下进出回过起开")
_MAX_PAIR = 3
#: Words whose last syllable keeps its tone behind other characters too.
_NOT_LIGHT_ENDS = tuple(word for word in NOT_LIGHT if len(word) == 3)
_DOUBLING = frozenset("n v vn vi vg nz ng r".split())
_FINAL_PARTICLES = frozenset("吗呢吧嘛么呀啊")
#: Verbs after which 不 with a result is light (看不见).
_RESULT_VERBS = frozenset(
    "看听做吃受忘干说写想记睡找买用够走跑跳飞进出回过打拿搬弄学读念认分离放住站坐等赶追来去开关禁忍舍怪差对"
)


def apply(
    words: Sequence[Word],
    fixed: frozenset[int] = frozenset(),
    syllables: list[str] | None = None,
    toned_er: bool = True,
) -> list[str]:
    """Syllables of a clause with sandhi, one per character.

    Args:
        words: the clause's words.
        fixed: positions (characters from the clause's start) that must keep their reading.
        syllables: readings to use instead of the words' own.
        toned_er: whether 儿 takes the tone of the syllable before it (as from v2 on) or only its lightness (v1).
    """
    text = "".join(word.text for word in words)
    plain = syllables or [s for word in words for s in word.syllables]
    out = list(plain)
    starts = _starts(words)
    _neutral(words, starts, text, out)
    _not(text, out)
    _one(words, starts, text, out)
    _third_tones(words, starts, out)
    _er(words, starts, out, toned_er)
    for at in fixed:
        out[at] = plain[at]
    return out


def _starts(words: Sequence[Word]) -> list[int]:
    starts, at = [], 0
    for word in words:
        starts.append(at)
        at += len(word.text)
    return starts


def _toned(syllable: str, tone: int) -> str:
    return f"{syllable[:-1]}{tone}" if syllable else syllable


def _tone(out: Sequence[str], at: int) -> str:
    return out[at][-1:] if 0 <= at < len(out) else ""


def _neutral(words: Sequence[Word], starts: Sequence[int], text: str, out: list[str]) -> None:
    """Light syllables: particles, doubled nouns and verbs, 子 头 们, 个 after a number, and listed words."""
    for word, start in zip(words, starts, strict=True):
        last = start + len(word.text) - 1
        if _is_light(word, text[start - 1 : start]):
            out[last] = _toned(out[last], 5)
        for at in range(start + 1, last + 1):
            if text[at - 1 : at + 1] in LIGHT and word.text not in NOT_LIGHT and at < last:
                out[at] = _toned(out[at], 5)
        for at in range(start + 1, last + 1):
            doubled = text[at] == text[at - 1] != "数" and out[at][:-1] == out[at - 1][:-1]
            if (
                doubled
                and word.tag in _DOUBLING
                and len(word.text) <= 3
                and (at == last or text[at + 1] not in "不没一了")
            ):
                out[at] = _toned(out[at], 5)
        if word.text == "儿" and start > 1 and text[start - 2] == text[start - 1]:
            out[start - 1] = _toned(out[start - 1], 5)


def _is_light(word: Word, before: str) -> bool:
    """Whether the last syllable of a word is light."""
    text = word.text
    if text[-1] in PARTICLES and (len(text) == 1 or text[-1] in _FINAL_PARTICLES):
        return True
    if text == "个":
        return bool(before) and (before in _NUMERALS or before in _AFTER_NUMBER)
    if len(text) < 2 or text in NOT_LIGHT or text.endswith(_NOT_LIGHT_ENDS):
        return False
    if text[-1] == "个":
        return text[-2] in _NUMERALS or text[-2] in _AFTER_NUMBER
    if text[-2:] in LIGHT and text[-2:] not in NOT_LIGHT:
        return True
    if text[-1] == "们" and word.tag[:1] in ("n", "r"):
        return True
    if text[-1] in "子头" and word.tag[:1] == "n" and text[-2:] not in NOT_LIGHT:
        return text[-1] == "子" and len(text) == 2
    return text[-1] in "来去" and text[-2] in _LIGHT_ENDS


def _not(text: str, out: list[str]) -> None:
    """不 is bú before a fourth tone, light between two verbs (看不看)."""
    for at, char in enumerate(text):
        if char != "不":
            continue
        if 0 < at < len(text) - 1 and text[at - 1] == text[at + 1]:
            out[at] = "bu5"
        elif 0 < at < len(text) - 1 and text[at + 1] in "了到见动起清懂完好住得着" and text[at - 1] in _RESULT_VERBS:
            out[at] = "bu5"
        elif _tone(out, at + 1) == "4" or (_tone(out, at + 1) == "5" and text[at + 1 : at + 2] == "是"):
            out[at] = "bu2"


def _one(words: Sequence[Word], starts: Sequence[int], text: str, out: list[str]) -> None:
    """一: yí before a fourth tone, yì before others, yī in numbers read off and at the end, light in 看一看."""
    for at, char in enumerate(text):
        if char != "一" or out[at][:2] != "yi":
            continue
        before, after = text[at - 1 : at], text[at + 1 : at + 2]
        if before and before == after and before not in _NUMERALS:
            out[at] = "yi5"
        elif not after or _is_counted_off(text, at):
            out[at] = "yi1"
        else:
            out[at] = "yi2" if _tone(out, at + 1) == "4" or after == "个" else "yi4"


_DIGITS = frozenset("一二三四五六七八九")


def _is_counted_off(text: str, at: int) -> bool:
    """Whether this 一 is a digit of a number, an ordinal or a date, which keep the first tone."""
    before, after = text[at - 1 : at], text[at + 1 : at + 2]
    if after == "个":
        return False
    in_number = before in _DIGITS and after not in ("百", "千", "万", "亿")
    if before in ("第", "初", "十", "之", "点", "零", "幺") or in_number:
        return True
    if after in _DIGITS or after in ("零", "幺", "月", "号", "楼", "班"):
        return True
    if text[at - 2 : at] in ("星期", "礼拜") or before == "周":
        return True
    return after == "点" and bool(text[at + 2 : at + 3]) and text[at + 2] in "零一二三四五六七八九" or after == "十"


def _third_tones(words: Sequence[Word], starts: Sequence[int], out: list[str]) -> None:
    """The first of two third tones is a second: inside words first, then across short neighbours."""
    for word, start in zip(words, starts, strict=True):
        if not (word.tag == "m" and len(word.text) > _MAX_PAIR):
            _third_in_word(word, start, out)
    paired = False
    for at in range(len(words) - 1):
        left, right = words[at], words[at + 1]
        last, first = starts[at] + len(left.text) - 1, starts[at + 1]
        meets = _tone(out, last) == "3" and _tone(out, first) == "3" and left.text != right.text
        if not meets or len(left.text) + len(right.text) > _MAX_PAIR or (paired and len(left.text) == 1):
            paired = False
            continue
        # Two single syllables belong together rather than to the longer word before them (五两 好酒).
        next_single = at + 2 < len(words) and len(words[at + 2].text) == len(right.text) == 1
        if len(left.text) > 1 and next_single and _tone(out, starts[at + 2]) == "3":
            continue
        if not paired and _is_last_of_three(words, starts, out, at):
            continue
        out[last] = _toned(out[last], 2)
        paired = True


def _is_last_of_three(words: Sequence[Word], starts: Sequence[int], out: list[str], at: int) -> bool:
    """Whether exactly three single third tones begin at ``at``: the last two are the pair (我 也想)."""
    if at and len(words[at - 1].text) == 1 and words[at - 1].syllables[-1].endswith("3"):
        return False
    single = [i < len(words) and len(words[i].text) == 1 and _tone(out, starts[i]) == "3" for i in range(at, at + 4)]
    return single == [True, True, True, False]


def _third_in_word(word: Word, start: int, out: list[str]) -> None:
    end = start + len(word.text)
    at = start
    while at < end:
        run = at
        while run < end and _tone(out, run) == "3":
            run += 1
        length = run - at
        if length == 3 and len(word.text) == 3 and _is_one_and_two(word.text):
            out[at + 1] = _toned(out[at + 1], 2)
        elif length > 3 and length % 2 == 0:
            for i in range(at, run, 2):
                out[i] = _toned(out[i], 2)
        else:
            for i in range(at, run - 1):
                out[i] = _toned(out[i], 2)
        at = run + 1


def _is_one_and_two(text: str) -> bool:
    """Whether a word of three is one and two (小老鼠), not two and one (展览馆)."""
    from text.zh.segment import is_word

    return is_word(text[1:]) and not is_word(text[:2])


def _er(words: Sequence[Word], starts: Sequence[int], out: list[str], toned: bool) -> None:
    """儿 at the end of a word takes the tone of the syllable before it, as the published weights were trained."""
    for at, (word, start) in enumerate(zip(words, starts, strict=True)):
        if word.text[-1] != "儿":
            continue
        whole = word.text if len(word.text) > 1 or not at else words[at - 1].text[-2:] + "儿"
        if word.text in FULL_ER and len(word.text) > 1 or whole in FULL_ER:
            continue
        last = start + len(word.text) - 1
        if last > 0 and (toned or _tone(out, last - 1) == "5"):
            out[last] = "er" + _tone(out, last - 1)
