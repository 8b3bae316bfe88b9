"""Traditional and simplified characters of Cantonese text.

Readings come from traditional characters: where simplified writing has one character for two words (只 for 只 and 隻),
or one that is a rare old character (胜, 适, 离), the reading would be another word's. Text in simplified characters is
made traditional first; traditional text stays as it is written.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

#: Characters of the normaliser's tables, traditional and simplified. The simplified ones are written for these alone.
_FOLDED = (
    "專专為为樂乐畝亩傾倾內内擊击單单盧卢歷历員员圓圆場场奪夺寬宽對对層层歲岁幣币帳帐幀帧張张戰战掃扫報报撥拨揮挥攝摄敵敌時时殺杀"
    "來来棟栋檔档樁桩樓楼橫横歐欧畢毕匯汇滿满熱热愛爱盤盘碼码窮穷豎竖約约級级紀纪納纳線线組组絕绝編编節节獲获襲袭訂订證证話话課课"
    "負负財财敗败賬账賠赔賽赛贏赢轉转輛辆過过釋释錢钱銖铢鎊镑隊队陣阵韓韩頂顶頃顷項项頓顿領领顆颗驗验萬万兩两個个亞亚億亿會会茲兹"
    "準准減减動动華华廂厢雙双發发號号噸吨塊块聲声頭头學学爾尔屆届總总護护無无晉晋機机條条樣样點点電电畫画禮礼種种筆笔類类緯纬經经"
    "聯联勝胜視视貝贝車车輸输達达郵邮鐵铁門门間间險险頁页馬马鐘钟確确讓让買买賣卖錄录續续"
)
_FOLD = {ord(traditional): simplified for traditional, simplified in zip(_FOLDED[::2], _FOLDED[1::2], strict=True)}
_UNFOLD = {ord(simplified): traditional for traditional, simplified in zip(_FOLDED[::2], _FOLDED[1::2], strict=True)}
#: 于 is a name too, so it becomes 於 in these words alone.
_SIGN_WORDS = ("等于", "小于", "大于")
#: Characters that Cantonese writing shares between the scripts, whatever OpenCC makes of them.
_SHARED = frozenset("喎噃")


def fold(text: str) -> str:
    """The characters that the normaliser's tables use, in simplified form; as many characters as before."""
    return text.translate(_FOLD)


def unfold(text: str) -> str:
    """Back from :func:`fold`, and the words that the normaliser wrote, in traditional characters."""
    for word in _SIGN_WORDS:
        text = text.replace(word, word[0] + "於")
    return text.translate(_UNFOLD)


def traditional(text: str) -> str:
    """Text in traditional characters, as Hong Kong writes them; what is traditional stays as it is.

    Text with more simplified than traditional characters is converted with its words, and so is text that shows no
    script. In traditional text only those characters change that exist in simplified writing alone.
    """
    scripts = [_script(char) for char in text]
    simplified, old = scripts.count("s"), scripts.count("t")
    if not old and text.isascii():
        return text
    if simplified >= old:
        return _converter("s2hk")(text)
    return "".join(_char(char) if script == "s" else char for char, script in zip(text, scripts, strict=True))


@lru_cache(maxsize=16384)
def _script(char: str) -> str:
    """ "s" for a character of simplified writing alone, "t" for traditional alone, "" for what both have."""
    if char.isascii() or char in _SHARED:
        return ""
    if _converter("t2s")(char) != char:
        return "t"
    return "s" if _char(char) != char and not _in_big5(char) else ""


def _in_big5(char: str) -> bool:
    try:
        char.encode("big5")
    except UnicodeEncodeError:
        return False
    return True


@lru_cache(maxsize=16384)
def _char(char: str) -> str:
    return _converter("s2hk")(char)


@lru_cache(maxsize=2)
def _converter(name: str) -> Callable[[str], str]:
    from opencc import OpenCC

    return OpenCC(name).convert
