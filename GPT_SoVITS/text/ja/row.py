"""Japanese in the registry of languages."""

from __future__ import annotations

from text.language_row import ALL, MIXED, Language, Notation

_HAN = "\u3005-\u3007\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0003ffff"

ROW = Language(
    code="ja",
    order=30,
    module="text.japanese",
    modes={"ja": MIXED, "all_ja": ALL},
    aliases=("jp",),
    letters="[\u3041-\u309f\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff\uff66-\uff9d]+",
    han=True,
    counters=tuple(
        "個 人 名 年 月 日 時 分 秒 円 歳 才 回 本 枚 台 冊 匹 頭 羽 件 階 番 度 週 か月 ヶ月 カ月 ヵ月 ケ月 つ 倍 割 点 位 級 号 代 杯 軒 "
        "着 足 通 万 億 千 百 世紀 ドル ユーロ ポンド ウォン メートル キロ センチ ミリ グラム リットル パーセント 周年".split()
    ),
    reading=Notation(
        shape="[\u3041-\u3096\u30a1-\u30fa\u30fc]+",
        example="kana, such as はし",
        as_text=True,
        before=rf"(?:[{_HAN}]+|[\u30a1-\u30fc]+|[\u3041-\u3096]+)$",
    ),
    extra="ja",
)
