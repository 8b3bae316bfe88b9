"""Readings of Chinese words: a phrase dictionary, our own corrections, and rules for single characters by neighbours.

A reading is a list of toned pinyin syllables ("hao3"), one per character. Tone sandhi is the next module's work.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from functools import lru_cache
from typing import NamedTuple

from text.zh.phrases import WORDS


class Word(NamedTuple):
    """A word, its part of speech (jieba's letters), and a syllable per character."""

    text: str
    tag: str
    syllables: tuple[str, ...]


@lru_cache(maxsize=65536)
def dictionary(word: str, tag: str = "") -> tuple[str, ...]:
    """The reading of a word by itself, one syllable per character; "" for a character without one.

    A word that no list holds is read as the longest listed words in it, then character by character.

    Args:
        word: the characters.
        tag: part of speech; names ("nr") begin with a family name.
    """
    phrases = _phrases()
    out: list[str] = []
    at = 0
    if tag == "nr" and 1 < len(word) < 4 and word[0] in _SURNAMES and word not in WORDS and word not in phrases:
        out, at = [_SURNAMES[word[0]]], 1
    while at < len(word):
        size = next((n for n in range(min(len(word) - at, 8), 1, -1) if _listed(word[at : at + n], phrases)), 1)
        out += _lookup(word[at : at + size], alone=len(word) == size)
        at += size
    return tuple(out)


@lru_cache(maxsize=1)
def _phrases() -> Container[str]:
    from pypinyin.constants import PHRASES_DICT

    return PHRASES_DICT


def _listed(word: str, phrases: Container[str]) -> bool:
    return word in WORDS or word in phrases


#: Characters whose reading in words that no list holds is that of the character alone.
_SAME_INSIDE = frozenset("长弹谁")


def _lookup(word: str, alone: bool) -> list[str]:
    """The reading of a listed word, or of a single character (``alone`` or inside an unlisted word)."""
    if word in WORDS and (alone or len(word) > 1 or word in _SAME_INSIDE):
        return WORDS[word].split()
    from pypinyin import Style, lazy_pinyin

    syllables = lazy_pinyin(word, style=Style.TONE3, neutral_tone_with_five=True, errors=lambda rest: "", v_to_u=True)
    return syllables if len(syllables) == len(word) else [""] * len(word)


_NUMERALS = frozenset("零一二三四五六七八九十百千万亿两几半")
_PRONOUNS = frozenset("我你您他她它咱们谁")
_COMPARE = frozenset("很更最太非常特别有多又")


def _at(words: Sequence[tuple[str, str]], at: int) -> tuple[str, str]:
    return words[at] if 0 <= at < len(words) else ("", "x")


def in_place(words: Sequence[tuple[str, str]], at: int) -> str:
    """The syllable of a single-character word by its neighbours, "" where the dictionary may decide.

    Args:
        words: (text, part of speech) of the whole clause.
        at: position of the word.
    """
    text = words[at][0]
    rule = _RULES.get(text)
    return rule(words, at) if rule else ""


_Words = Sequence[tuple[str, str]]


def _de(words: _Words, at: int) -> str:
    """得: děi before what must be done, de after a verb or adjective."""
    before, after = _at(words, at - 1), _at(words, at + 1)
    subject = before[1] in ("r", "nr", "n", "d", "x") and before[0] != "觉"
    if after[0][:1] in ("了", "到", "过"):
        return "de2" if subject else "de5"
    must = after[1][:1] in ("v", "p", "d", "r") or after[0].startswith(
        ("好好", "快", "小心", "多", "早", "先", "赶", "马上")
    )
    if subject and must and before[1] != "v":
        return "dei3"
    return "de2" if before[1] == "x" and after[1][:1] in ("n", "m") else "de5"


def _di(words: _Words, at: int) -> str:
    """地: de between an adverb and a verb, dì as ground."""
    before, after = _at(words, at - 1), _at(words, at + 1)
    adverb = before[1][:1] in ("a", "d", "z", "i", "l", "b", "o") or (
        len(before[0]) >= 2 and before[0][-1] == before[0][-2:-1]
    )
    return (
        "de5"
        if words[at][1].startswith("u") or (adverb and after[1][:1] in ("v", "a", "p", "d", "i", "l", "z"))
        else "di4"
    )


def _hai(words: _Words, at: int) -> str:
    """还: huán with something to give back."""
    before, after = _at(words, at - 1), _at(words, at + 1)
    things = ("钱", "书", "债", "款", "贷", "给", "你", "我", "他", "她", "回", "清", "了", "车", "东西", "信用卡")
    given = before[0] in ("来", "去", "要", "会", "想", "没", "已经", "借", "该", "再", "必须", "按时") or before[
        1
    ] in ("r", "nr")
    owed = after[0].startswith(("钱", "债", "款", "贷", "给", "清", "回", "书", "了", "信用卡", "完"))
    return "huan2" if owed or (given and after[0] in things[:8]) else "hai2"


def _zhang(words: _Words, at: int) -> str:
    """长: zhǎng as growing, cháng as a length."""
    before, after = _at(words, at - 1), _at(words, at + 1)
    grown = (
        "大",
        "高",
        "得",
        "出",
        "满",
        "胖",
        "成",
        "在",
        "着",
        "了",
        "草",
        "痘痘",
        "个",
        "毛",
        "牙",
        "肉",
        "相",
        "什么",
        "起",
    )
    measured = before[1] == "m" or before[0] in _COMPARE or before[0] in ("米", "公里", "厘米", "千米", "时间")
    return "zhang3" if not measured and after[0].startswith(grown) else "chang2"


def _hang(words: _Words, at: int) -> str:
    """行: háng as a row or trade."""
    before = _at(words, at - 1)
    return (
        "hang2"
        if before[1] == "m"
        or before[0] in ("这", "那", "哪", "各", "每", "同", "隔", "一", "两", "几", "第")
        or (before[0] and before[0][-1] in _NUMERALS)
        else "xing2"
    )


def _wei(words: _Words, at: int) -> str:
    """为: wéi as being or becoming, wèi as being for."""
    before, after = _at(words, at - 1), _at(words, at + 1)
    becoming = before[0] in (
        "以",
        "成",
        "变",
        "视",
        "改",
        "定",
        "评",
        "选",
        "作",
        "称",
        "命名",
        "翻译",
        "分",
        "化",
        "转",
    )
    held = any(words[i][0] in ("以", "视", "把", "将") for i in range(max(0, at - 4), at))
    counted = after[1] == "m" or bool(after[0] and after[0][0] in _NUMERALS)
    return "wei2" if becoming or held or counted else "wei4"


def _zhi(words: _Words, at: int) -> str:
    """只: zhī as a measure word."""
    before = _at(words, at - 1)
    counted = before[1] == "m" or (before[0] and before[0][-1] in _NUMERALS) or before[0] in ("这", "那", "哪", "每")
    return "zhi1" if counted else "zhi3"


def _zhong(words: _Words, at: int) -> str:
    """种: zhòng as planting, zhǒng as a kind."""
    before, after = _at(words, at - 1), _at(words, at + 1)
    kind = before[1] == "m" or before[0] in ("这", "那", "哪", "各", "每", "某", "此", "一", "几", "多")
    kind = kind or bool(before[0] and before[0][-1] in _NUMERALS)
    return "zhong3" if kind or after[0] not in _PLANTED and after[1] not in ("n", "ul", "uz") else "zhong4"


_PLANTED = frozenset("了 着 树 花 菜 地 草 田 瓜 豆 下 在 过 些 满".split())


def _shu(words: _Words, at: int) -> str:
    """数: shǔ as counting."""
    before, after = _at(words, at - 1), _at(words, at + 1)
    counting = after[0] in ("一数", "一", "到", "着", "了", "清", "不清", "起来") or before[0] in (
        "来",
        "去",
        "数",
        "开始",
    )
    return "shu3" if counting else "shu4"


def _zhao(words: _Words, at: int) -> str:
    """着: zháo after 睡, 找, 猜 and before 急, 火."""
    before, after = _at(words, at - 1), _at(words, at + 1)
    return (
        "zhao2"
        if before[0] in ("睡", "睡不", "猜", "找", "找不", "买不", "点", "用不", "够")
        and after[1] in ("x", "ul", "y", "uj")
        or before[0] in ("睡不", "找不", "用不", "买不", "够不")
        else "zhe5"
    )


def _le(words: _Words, at: int) -> str:
    """了: liǎo after a verb with 不 or 得."""
    before = _at(words, at - 1)
    after_verb = before[0] in ("不", "得") and _at(words, at - 2)[1][:1] in ("v", "a")
    return "liao3" if after_verb or (before[0].endswith(("不", "得")) and len(before[0]) > 1) else "le5"


def _kong(words: _Words, at: int) -> str:
    """空: kòng as free time."""
    before = _at(words, at - 1)
    return "kong4" if before[0] in ("有", "没", "没有", "得", "抽", "有没有", "填") else "kong1"


def _dao(words: _Words, at: int) -> str:
    """倒: dǎo as falling."""
    before, after = _at(words, at - 1), _at(words, at + 1)
    return (
        "dao3"
        if before[0] in ("摔", "跌", "推", "打", "撞", "吹", "绊", "滑", "病", "累", "晕", "醉")
        or after[0] in ("下", "塌", "闭")
        or (after[0] == "在" or after[0] == "了")
        and before[1][:1] in ("n", "r", "v")
        else "dao4"
    )


def _bei(words: _Words, at: int) -> str:
    """背: bēi as carrying."""
    before, after = _at(words, at - 1), _at(words, at + 1)
    return "bei1" if after[0] in ("着", "起", "上", "包", "书包", "了", "在") and before[1] != "ul" else "bei4"


def _zhuan(words: _Words, at: int) -> str:
    """转: zhuàn as going round."""
    after = _at(words, at + 1)
    return (
        "zhuan4"
        if after[0].startswith(("圈", "了一圈", "个不停", "着圈", "来转去", "一圈", "两圈", "几圈"))
        else "zhuan3"
    )


def _tan(words: _Words, at: int) -> str:
    """弹: dàn as a bomb."""
    before = _at(words, at - 1)
    return "dan4" if before[0] in ("核", "炸", "导", "枚", "颗", "一枚", "一颗") else "tan2"


def _xi(words: _Words, at: int) -> str:
    """系: jì as tying."""
    after = _at(words, at + 1)
    return (
        "ji4"
        if after[0].startswith(("鞋", "领带", "围巾", "安全带", "好", "着", "上", "红", "紧", "扣子", "绳"))
        else "xi4"
    )


def _chong(words: _Words, at: int) -> str:
    """重: chóng as again or as a layer."""
    before, after = _at(words, at - 1), _at(words, at + 1)
    again = after[0].startswith(
        ("写", "做", "来", "读", "启", "装", "新", "建", "申", "庆", "逢", "返", "考", "看", "说", "开")
    )
    layer = before[1] == "m" and after[1][:1] == "n" and before[0] not in ("吨", "公斤", "斤")
    return "chong2" if again or layer else "zhong4"


def _sheng(words: _Words, at: int) -> str:
    """盛: chéng as filling a vessel."""
    after = _at(words, at + 1)
    return "cheng2" if after[0].startswith(("饭", "汤", "了", "满", "粥", "菜", "一", "碗", "上", "着")) else "sheng4"


def _fa(words: _Words, at: int) -> str:
    """发: fà as hair."""
    before, after = _at(words, at - 1), _at(words, at + 1)
    return (
        "fa4"
        if before[0] in ("长", "短", "卷", "黑", "白", "金", "秀", "一头", "染", "烫", "剪", "洗") and after[1] == "x"
        else "fa1"
    )


def _hit(words: _Words, at: int) -> str:
    """中: zhòng as hitting or winning."""
    before, after = _at(words, at - 1), _at(words, at + 1)
    won = after[0].startswith(("奖", "了", "毒", "彩", "枪", "弹", "计", "头奖", "大奖", "标", "签", "风", "暑"))
    return (
        "zhong4"
        if won
        and before[1][:1] not in ("n", "s")
        or before[0] in ("打", "射", "猜", "击", "考", "没", "看", "选", "投")
        else "zhong1"
    )


def _surname(words: _Words, at: int) -> str:
    """A family name with a reading of its own, after 姓."""
    before, after = _at(words, at - 1), _at(words, at + 1)
    titled = after[0] in _TITLES and before[1][:1] not in ("n", "v", "m") and words[at][0] not in ("区", "华")
    if titled or before[0] in ("姓", "老", "小"):
        return _SURNAMES[words[at][0]]
    return WORDS.get(words[at][0], "")


_TITLES = frozenset("先生 女士 小姐 老师 教授 医生 大夫 经理 总 主任 同学 师傅 老板 律师 博士 阿姨 叔叔".split())


#: Family names whose reading differs from the word's.
_SURNAMES = {
    "曾": "zeng1",
    "任": "ren2",
    "单": "shan4",
    "解": "xie4",
    "查": "zha1",
    "仇": "qiu2",
    "朴": "piao2",
    "区": "ou1",
    "盖": "ge3",
    "华": "hua4",
    "燕": "yan1",
    "翟": "zhai2",
    "缪": "miao4",
    "覃": "qin2",
    "乐": "yue4",
    "洗": "xian3",
    "纪": "ji3",
    "万俟": "mo4 qi2",
}

_RULES = {
    "得": _de,
    "地": _di,
    "还": _hai,
    "长": _zhang,
    "行": _hang,
    "为": _wei,
    "只": _zhi,
    "种": _zhong,
    "数": _shu,
    "着": _zhao,
    "了": _le,
    "空": _kong,
    "倒": _dao,
    "背": _bei,
    "转": _zhuan,
    "弹": _tan,
    "系": _xi,
    "重": _chong,
    "盛": _sheng,
    "发": _fa,
    "中": _hit,
    **dict.fromkeys((name for name in _SURNAMES if len(name) == 1), _surname),
}
