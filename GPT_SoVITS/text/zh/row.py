"""Chinese (Mandarin) in the registry of languages."""

from __future__ import annotations

from text.language_row import ALL, MIXED, Language, Notation

#: Words after a number that are Chinese, in simplified and traditional characters.
COUNTERS = tuple(
    "个 個 位 名 人 天 年 月 日 号 號 次 点 點 分 秒 元 块 塊 蚊 岁 歲 周 週 期 级 級 款 倍 折 层 層 楼 樓 件 条 條 张 張 本 台 部 支 只 隻 "
    "间 間 家 页 頁 章 集 季 届 屆 世纪 世紀 小时 小時 钟 鐘 万 萬 亿 億 千 百 度 米 公里 公斤 斤 克 升 股 场 場 回 遍 套 种 種 项 項 "
    "美元 欧元 英镑 日元 港元 人次 成 多 余 餘 来 來 几 幾".split()
)

ROW = Language(
    code="zh",
    order=20,
    module="text.chinese",
    modes={"zh": MIXED, "all_zh": ALL},
    han=True,
    counters=COUNTERS,
    spells_names=True,
    reading=Notation(
        shape=r"[a-zü]{1,6}[1-6](?: +[a-zü]{1,6}[1-6])*",
        example="toned pinyin, one syllable per character, such as chong2 qing4",
        per_character=True,
    ),
    has_word2ph=True,
    extra="zh",
    versioned=True,
)
