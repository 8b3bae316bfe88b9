"""Chinese and Cantonese: normalisation, tone sandhi, polyphones, and phones per character."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from text import clean_text
from text.zh import numbers, pinyin

pytest.importorskip("rjieba")


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("2024年3月15日", "二零二四年三月十五日"),
        ("2024-03-15", "二零二四年三月十五日"),
        ("下午3:30到4:05", "下午三点半到四点零五分"),
        ("比分3:2", "比分三比二"),
        ("￥1,234.50", "一千二百三十四点五元"),
        ("-5℃到10℃", "零下五到十度"),
        ("99.8%，3/4", "百分之九十九点八,四分之三"),
        ("10%-20%", "百分之十到百分之二十"),
        ("2个人，2米，第2名，2月", "两个人,两米,第二名,二月"),
        ("13812345678", "幺三八幺二三四五六七八"),
        ("010-12345678", "零幺零,幺二三四五六七八"),
        ("满200减50", "满二百减五十"),
        ("5+3=8", "五加三等于八"),
        ("100km/h", "一百千米每小时"),
        ("10~20千米", "十到二十千米"),
        ("他说：“好吧……那就这样——再见。”", "他说,好吧…那就这样,再见."),
        ("這個問題", "这个问题"),
        ("😀你好\u200b吗", "你好吗"),
        ("10²和2^8", "十的平方和二的八次方"),
        ("6,100-1=99", "六,一百减一等于九十九"),
        ("6,100-1=6,099", "六千一百减一等于六千零九十九"),
        ("余额为-200元", "余额为负二百元"),
        ("5元/斤，6.5L/百公里", "五元每斤,六点五升每百公里"),
        ("1939—1945年，1000年前", "一九三九到一九四五年,一千年前"),
        ("主队3-1获胜，共3-1天", "主队三比一获胜,共三到一天"),
        ("拨打110，共110人", "拨打幺幺零,共一百一十人"),
        ("第007号住2单元1203", "第零零七号住二单元幺二零三"),
        ("1314520,520", "一三一四五二零,五二零"),
        ("1,250,000元", "一百二十五万元"),
    ],
)
def test_reads_as_a_person_would(text: str, read: str) -> None:
    assert clean_text(text, "zh")[2] == read


@pytest.mark.parametrize(
    ("digits", "words"),
    [
        ("0", "零"),
        ("10", "十"),
        ("101", "一百零一"),
        ("110", "一百一十"),
        ("1010", "一千零一十"),
        ("20000", "两万"),
        ("100000001", "一亿零一"),
        ("12345678", "一千二百三十四万五千六百七十八"),
    ],
)
def test_cardinals(digits: str, words: str) -> None:
    assert numbers.cardinal(digits) == words


def test_long_digit_strings_are_spelled() -> None:
    assert numbers.cardinal("7" * 30) == "七" * 30


@pytest.mark.parametrize(
    ("text", "phones"),
    [
        ("你好", "n i2 h ao3"),
        ("展览馆", "zh an2 l an2 g uan3"),
        ("小老鼠", "x iao3 l ao2 sh u3"),
        ("一个", "y i2 g e5"),
        ("一天", "y i4 t ian1"),
        ("第一", "d i4 y i1"),
        ("看一看", "k an4 y i5 k an4"),
        ("不是", "b u2 sh ir4"),
        ("去不去", "q v4 b u5 q v4"),
        ("妈妈", "m a1 m a5"),
        ("女儿", "n v3 EE er2"),
        ("玩儿", "w an2 EE er2"),
        ("银行", "y in2 h ang2"),
        ("略", "l ve4"),
    ],
)
def test_sandhi_and_phones(text: str, phones: str) -> None:
    assert clean_text(text, "zh")[0] == phones.split()


def test_v1_weights_know_er_without_the_tone_before_it() -> None:
    assert clean_text("点儿", "zh", "v1")[0][-1] == "er2"
    assert clean_text("点儿", "zh", "v2")[0][-1] == "er3"


@pytest.mark.parametrize("language", ["zh", "yue"])
@pytest.mark.parametrize("text", ["你好，世界！", "2024年3月", "abc", "", "㗎𠮶", "嗯……"])
def test_phones_per_character_add_up(text: str, language: str) -> None:
    pytest.importorskip("ToJyutping")
    phones, word2ph, norm_text = clean_text(text, language)
    assert word2ph is not None and len(word2ph) == len(norm_text) and sum(word2ph) == len(phones)


def test_every_syllable_of_the_dictionary_has_phones() -> None:
    from pypinyin.constants import PINYIN_DICT
    from pypinyin.contrib.tone_convert import to_tone3

    syllables = {s for row in PINYIN_DICT.values() for s in row.split(",")}
    assert [s for s in syllables if not pinyin.is_syllable(to_tone3(s, neutral_tone_with_five=True))] == []


def test_cantonese_phones_have_a_y_and_the_tone_on_the_final() -> None:
    pytest.importorskip("ToJyutping")
    assert clean_text("你好，五安㗎", "yue")[0] == "Yn Yei5 Yh You2 , Yng Yg5 Yon Yn1 Yg Yaa3".split()


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("我們贏得勝利", "我們贏得勝利"),
        ("他离开了工厂，头发好长", "他離開了工廠,頭髮好長"),
        ("皇后喺後面，一隻狗", "皇后喺後面,一隻狗"),
        ("佢哋去边度", "佢哋去邊度"),
        ("個样，2樓3號", "個樣,二樓三號"),
        ("電話2345 6789，身份證號碼123456", "電話二三四五,六七八九,身份證號碼一二三四五六"),
        ("60kg，10²，2日後，5月2日", "六十公斤,十嘅二次方,兩日後,五月二日"),
        ("呢個$50，US$50", "呢個五十元,五十美元"),
    ],
)
def test_cantonese_is_read_from_traditional_characters(text: str, read: str) -> None:
    pytest.importorskip("ToJyutping")
    assert clean_text(text, "yue")[2] == read


def test_characters_fold_and_unfold() -> None:
    pytest.importorskip("opencc")
    from text.yue import script

    text = "點樣計算兩萬億個單元號碼，皇后後面，等於"
    assert script.unfold(script.fold(text)) == text
    assert len(script.fold(text)) == len(text)


@pytest.fixture
def polyphone_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A g2pW folder with two characters, and an ONNX session that always wants the last reading."""
    (tmp_path / "g2pW.onnx").write_bytes(b"")
    (tmp_path / "POLYPHONIC_CHARS.txt").write_text("行\tㄏㄤ2\n行\tㄒㄧㄥ2\n重\tㄔㄨㄥ2\n重\tㄓㄨㄥ4", encoding="utf-8")
    (tmp_path / "vocab.txt").write_text("[CLS]\n[SEP]\n[UNK]\n行\n重", encoding="utf-8")

    class Session:
        def __init__(self, path: str, providers: list[str]) -> None:
            self.path = path

        def get_inputs(self) -> list[SimpleNamespace]:
            return [SimpleNamespace(name=n) for n in ("input_ids", "phoneme_mask", "char_ids", "position_ids")]

        def run(self, _: None, inputs: dict[str, np.ndarray]) -> list[np.ndarray]:
            assert inputs["input_ids"].shape[0] == len(inputs["char_ids"]) == len(inputs["position_ids"])
            assert "token_type_ids" not in inputs
            # Labels in order: ㄏㄤ2, ㄒㄧㄥ2, ㄓㄨㄥ4, ㄔㄨㄥ2.
            return [np.tile(np.array([[0.1, 0.9, 0.2, 0.8]]), (len(inputs["char_ids"]), 1))]

    monkeypatch.setitem(sys.modules, "onnxruntime", SimpleNamespace(InferenceSession=Session))
    monkeypatch.setenv("GSV_G2PW", str(tmp_path))
    return tmp_path


def test_polyphone_model_is_used_when_its_folder_is_there(polyphone_folder: Path) -> None:
    from text.zh import g2pw

    assert g2pw.polyphones("银行很重") == {1: "xing2", 3: "chong2"}
    assert clean_text("银行", "zh")[0] == "y in2 x ing2".split()


def test_without_the_folder_the_dictionary_decides(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GSV_G2PW", str(tmp_path / "none"))
    assert clean_text("银行", "zh")[0] == "y in2 h ang2".split()


def test_a_broken_folder_is_told_once_and_passed_over(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("GSV_G2PW", str(tmp_path))
    for _ in range(3):
        assert clean_text("银行", "zh")[0] == "y in2 h ang2".split()
    assert sum("g2pW.onnx" in record.message for record in caplog.records) == 1
