"""Readings of Chinese words: a phrase dictionary, our own corrections, and rules for single characters by neighbours.

A reading is a list of toned pinyin syllables ("hao3"), one per character. Tone sandhi is the next module's work.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from text.zh.phrases import WORDS


class Word(NamedTuple):
    """A word, its part of speech (jieba's letters), and a syllable per character."""

    text: str
    tag: str
    syllables: tuple[str, ...]


@lru_cache(maxsize=65536)
def dictionary(word: str) -> tuple[str, ...]:
    """The reading of a word by itself, one syllable per character; "" for a character without one."""
    if word in WORDS:
        return tuple(WORDS[word].split())
    from pypinyin import Style, lazy_pinyin

    syllables = lazy_pinyin(
        word, style=Style.TONE3, neutral_tone_with_five=True, errors=lambda rest: [""] * len(rest), v_to_u=True
    )
    return tuple(syllables) if len(syllables) == len(word) else ("",) * len(word)


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
    text, tag = words[at]
    rule = _RULES.get(text)
    return rule(_at(words, at - 1), _at(words, at + 1), tag) if rule else ""


_Neighbour = tuple[str, str]


def _de(before: _Neighbour, after: _Neighbour, tag: str) -> str:
    """得: děi before what must be done, de after a verb or adjective."""
    subject = before[1] in ("r", "nr", "n", "d", "x") and before[0] != "觉"
    if subject and after[1][:1] in ("v", "p", "d", "r") and before[1] != "v":
        return "dei3"
    return "de2" if before[1] == "x" and after[1][:1] in ("n", "m") else "de5"


def _di(before: _Neighbour, after: _Neighbour, tag: str) -> str:
    """地: de between an adverb and a verb, dì as ground."""
    adverb = before[1][:1] in ("a", "d", "z", "i", "l", "b", "o") or (len(before[0]) >= 2 and before[0][-1] == before[0][-2:-1])
    return "de5" if tag.startswith("u") or (adverb and after[1][:1] in ("v", "a", "p", "d", "i", "l", "z")) else "di4"


def _hai(before: _Neighbour, after: _Neighbour, tag: str) -> str:
    """还: huán with something to give back."""
    things = ("钱", "书", "债", "款", "贷", "给", "你", "我", "他", "她", "回", "清", "了", "车", "东西", "信用卡")
    given = before[0] in ("来", "去", "要", "会", "想", "没", "已经", "借", "该", "再", "必须", "按时") or before[1] in ("r", "nr")
    owed = after[0].startswith(("钱", "债", "款", "贷", "给", "清", "回", "书", "了", "信用卡", "完"))
    return "huan2" if owed or (given and after[0] in things[:8]) else "hai2"


def _zhang(before: _Neighbour, after: _Neighbour, tag: str) -> str:
    """长: zhǎng as growing, cháng as a length."""
    grown = ("大", "高", "得", "出", "满", "胖", "成", "在", "着", "了", "草", "痘痘", "个", "毛", "牙", "肉", "相", "什么", "起")
    measured = before[1] == "m" or before[0] in _COMPARE or before[0] in ("米", "公里", "厘米", "千米", "时间")
    return "zhang3" if not measured and after[0].startswith(grown) else "chang2"


def _hang(before: _Neighbour, after: _Neighbour, tag: str) -> str:
    """行: háng as a row or trade."""
    return "hang2" if before[1] == "m" or before[0] in ("这", "那", "哪", "各", "每", "同", "隔", "一", "两", "几", "第") or (
        before[0] and before[0][-1] in _NUMERALS
    ) else "xing2"


def _wei(before: _Neighbour, after: _Neighbour, tag: str) -> str:
    """为: wéi as being or becoming, wèi as being for."""
    if after[1] == "m" or (after[0] and after[0][0] in _NUMERALS) or before[0] in ("以", "成", "变", "视", "改", "定", "评", "选", "作"):
        return "wei2"
    return "wei4"


def _zhi(before: _Neighbour, after: _Neighbour, tag: str) -> str:
    """只: zhī as a measure word."""
    counted = before[1] == "m" or (before[0] and before[0][-1] in _NUMERALS) or before[0] in ("这", "那", "哪", "每")
    return "zhi1" if counted else "zhi3"


def _zhong(before: _Neighbour, after: _Neighbour, tag: str) -> str:
    """种: zhòng as planting, zhǒng as a kind."""
    kind = before[1] == "m" or before[0] in ("这", "那", "哪", "各", "每", "某", "此", "一", "几", "多")
    kind = kind or bool(before[0] and before[0][-1] in _NUMERALS)
    return "zhong3" if kind or after[0] not in _PLANTED and after[1] not in ("n", "ul", "uz") else "zhong4"


_PLANTED = frozenset("了 着 树 花 菜 地 草 田 瓜 豆 下 在 过 些 满".split())


def _shu(before: _Neighbour, after: _Neighbour, tag: str) -> str:
    """数: shǔ as counting."""
    counting = after[0] in ("一数", "一", "到", "着", "了", "清", "不清", "起来") or before[0] in ("来", "去", "数", "开始")
    return "shu3" if counting else "shu4"


def _zhao(before: _Neighbour, after: _Neighbour, tag: str) -> str:
    """着: zháo after 睡, 找, 猜 and before 急, 火."""
    return "zhao2" if before[0] in ("睡", "睡不", "猜", "找", "找不", "买不", "点", "用不", "够") and after[1] in (
        "x", "ul", "y", "uj") or before[0] in ("睡不", "找不", "用不", "买不", "够不") else "zhe5"


def _le(before: _Neighbour, after: _Neighbour, tag: str) -> str:
    """了: liǎo after 不 or 得."""
    return "liao3" if before[0].endswith("不") and len(before[0]) > 1 or before[0] == "得" else "le5"


def _kong(before: _Neighbour, after: _Neighbour, tag: str) -> str:
    """空: kòng as free time."""
    return "kong4" if before[0] in ("有", "没", "没有", "得", "抽", "有没有", "填") else "kong1"


def _dao(before: _Neighbour, after: _Neighbour, tag: str) -> str:
    """倒: dǎo as falling."""
    return "dao3" if before[0] in ("摔", "跌", "推", "打", "撞", "吹", "绊", "滑", "病", "累", "晕", "醉") or after[0] in (
        "下", "塌", "闭") or (after[0] == "在" or after[0] == "了") and before[1][:1] in ("n", "r", "v") else "dao4"


def _bei(before: _Neighbour, after: _Neighbour, tag: str) -> str:
    """背: bēi as carrying."""
    return "bei1" if after[0] in ("着", "起", "上", "包", "书包", "了", "在") and before[1] != "ul" else "bei4"


def _zhuan(before: _Neighbour, after: _Neighbour, tag: str) -> str:
    """转: zhuàn as going round."""
    return "zhuan4" if after[0].startswith(("圈", "了一圈", "个不停", "着圈", "来转去", "一圈", "两圈", "几圈")) else "zhuan3"


def _tan(before: _Neighbour, after: _Neighbour, tag: str) -> str:
    """弹: dàn as a bomb."""
    return "dan4" if before[0] in ("核", "炸", "导", "枚", "颗", "一枚", "一颗") else "tan2"


def _xi(before: _Neighbour, after: _Neighbour, tag: str) -> str:
    """系: jì as tying."""
    return "ji4" if after[0].startswith(("鞋", "领带", "围巾", "安全带", "好", "着", "上", "红", "紧", "扣子", "绳")) else "xi4"


def _chong(before: _Neighbour, after: _Neighbour, tag: str) -> str:
    """重: chóng as again or as a layer."""
    again = after[0].startswith(("写", "做", "来", "读", "启", "装", "新", "建", "申", "庆", "逢", "返", "考", "看", "说", "开"))
    layer = before[1] == "m" and after[1][:1] == "n" and before[0] not in ("吨", "公斤", "斤")
    return "chong2" if again or layer else "zhong4"


def _sheng(before: _Neighbour, after: _Neighbour, tag: str) -> str:
    """盛: chéng as filling a vessel."""
    return "cheng2" if after[0].startswith(("饭", "汤", "了", "满", "粥", "菜", "一", "碗", "上", "着")) else "sheng4"


def _fa(before: _Neighbour, after: _Neighbour, tag: str) -> str:
    """发: fà as hair."""
    return "fa4" if before[0] in ("长", "短", "卷", "黑", "白", "金", "秀", "一头", "染", "烫", "剪", "洗") and after[1] == "x" else "fa1"


def _hit(before: _Neighbour, after: _Neighbour, tag: str) -> str:
    """中: zhòng as hitting or winning."""
    won = after[0].startswith(("奖", "了", "毒", "彩", "枪", "弹", "计", "头奖", "大奖", "标", "签", "风", "暑"))
    return "zhong4" if won and before[1][:1] not in ("n", "s") or before[0] in ("打", "射", "猜", "击", "考", "没", "看", "选", "投") else "zhong1"


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
}
