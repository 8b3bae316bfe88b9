"""Readings of Chinese polyphones by what stands beside them: a sentence, the character, and its syllables there."""

from __future__ import annotations

import pytest

from text import chinese
from text.zh import contexts

pytest.importorskip("rjieba")

_SENTENCES = """
小女孩扎着两条辫子 扎 za1
医生给他扎了一针 扎 zha1
他在扎帐篷 扎 zha1
把这捆书扎好 扎 za1
妈妈在和面 和 huo2
天气暖和了 和 huo5
他自摸和了 和 hu2
我和了解他的人聊过 和 he2
我和牌友打牌 和 he2
牛肉脯很好吃 脯 fu3
新车谱照曝光了 曝 bao4
照片曝光不足 曝 bao4
写了五行诗 行 hang2
他学一行精一行 行 hang2 hang2
这行字写错了 行 hang2
请另起一行 行 hang2
内行看门道 行 hang2
一行三人抵达北京 行 xing2
他是班长 长 zhang3
公司副总裁兼财务长 长 zhang3
她长了一颗痣 长 zhang3
这条路很长 长 chang2
年龄比我长三岁 长 zhang3
他留着长发 长 chang2
弹珠掉了 弹 dan4
弹一首曲子 弹 tan2
弹药用完了 弹 dan4
飞船绕着地球转 转 zhuan4
陀螺转个不停 转 zhuan4
转眼三年 转 zhuan3
轮子在转 转 zhuan4
帮我数数有几个人 数 shu3 shu3
他数学很好 数 shu4
数到三就跳 数 shu3
你还欠我钱 还 hai2
欠债还钱 还 huan2
我明天还你 还 huan2
书已经还了 还 huan2
他还我行我素 还 hai2
还能这样 还 hai2
重写一遍 重 chong2
重男轻女 重 zhong4
他得了冠军 得 de2
这道题得十分 得 de2
他打扮得十分帅气 得 de5
你得早点睡 得 dei3
写得好 得 de5
龙卷旋风 旋 xuan4
圈养动物 圈 juan4
朋友圈 圈 quan1
她很称职 称 chen4
他称自己是王 称 cheng1
住了一宿 宿 xiu3
胶水粘手 粘 zhan1
等待会议开始 待 dai4
我待在家里 待 dai1
热烈的招待会 待 dai4
他的名字叫单雄信 单 shan4
曾国藩 曾 zeng1
解先生 解 xie4
差生和差距 差 cha4
鱼刺卡在喉咙 卡 qia3
卡车 卡 ka3
发了大财 发 fa1
剪了头发 发 fa5
他中了彩票 中 zhong4
看中国足球 中 zhong1
她种了很多花 种 zhong4
这种了解 种 zhong3
他觉得累了 累 lei4
睡了个好觉 觉 jiao4
感觉到 觉 jue2
扇子 扇 shan4
多少年了 少 shao3
少年宫 少 shao4
将军和士兵 将 jiang1
麻将 将 jiang4
会计算吗 会 hui4
会计师 会 kuai4
给水果 给 gei3
供给不足 给 ji3
教会学生 教 jiao1
基督教会 教 jiao4
落叶 落 luo4
他把钱包落在车上了 落 la4
背着手 背 bei4
背着孩子 背 bei1
吐了一地 吐 tu4
吐槽 吐 tu3
相信自己 相 xiang1
面相很好 相 xiang4
舍不得 舍 she3
宿舍 舍 she4
模样 模 mu2
模范 模 mo2
便宜货 便 pian2
随便 便 bian4
空位 空 kong4
天空 空 kong1
混为一谈 混 hun4
夹衣 夹 jia2
涨价 涨 zhang3
脸涨得通红 涨 zhang4
他趴在那儿挣扎 扎 zha2
参差不齐 参 cen1
人参 参 shen1
应聘 应 ying4
似的 似 shi4
调料 调 tiao2
调查 调 diao4
处理 处 chu3
好处 处 chu4
倒了一杯水 倒 dao4
房子倒了 倒 dao3
当铺 当 dang4
着落 着 zhuo2
猜不着 着 zhao2
薄荷 薄 bo4
"""
SENTENCES = [line.split(maxsplit=2) for line in _SENTENCES.split("\n") if line]


def said(text: str, char: str) -> list[str]:
    """The syllables of a character in a text, sandhi applied."""
    return [syllable for syllable, at in zip(chinese._clause(text, {}, "v2"), text, strict=True) if at == char]


def is_reading(syllable: str, listed: str) -> bool:
    """Whether a spoken syllable is the listed one, or what sandhi makes of it (a third tone a second, a light one)."""
    return syllable[:-1] == listed[:-1] and (
        syllable[-1] in (listed[-1], "5") or (listed[-1], syllable[-1]) == ("3", "2")
    )


@pytest.mark.parametrize(("text", "char", "listed"), SENTENCES)
def test_a_polyphone_is_read_by_its_surroundings(text: str, char: str, listed: str) -> None:
    syllables = said(text, char)
    assert len(syllables) >= len(listed.split())
    assert all(map(is_reading, syllables, listed.split())), syllables


@pytest.mark.parametrize(
    ("clause", "words", "found"),
    [
        ("看中国", ["看", "中国"], {}),
        ("看中他", ["看中", "他"], {1: "zhong4"}),
        ("弹幕", ["弹", "幕"], {0: "dan4"}),
        ("给水果", ["给", "水果"], {}),
        ("", [], {}),
    ],
)
def test_a_phrase_does_not_count_across_a_word_border(clause: str, words: list[str], found: dict[int, str]) -> None:
    assert contexts.in_clause(clause, words) == found
