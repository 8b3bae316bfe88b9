"""Units and currencies of text/units.py: whole in every mode, and read by every language."""

from __future__ import annotations

import pytest

from text import clean_text
from text.language import neutral_language, runs_for_mode
from text.registry import LANGUAGE_ROWS
from text.units import CURRENCIES, UNITS

NEEDS = {"zh": "rjieba", "ja": "pyopenjtalk", "yue": "ToJyutping"}
WEIGHS = {"zh": "它有{}重", "yue": "佢有{}重", "ja": "それは{}です", "ko": "그것은 {}이다", "en": "it has {} now"}
MODES = [
    *(("zh", mode) for mode in ("zh", "all_zh", "auto")),
    *(("yue", mode) for mode in ("yue", "all_yue", "auto_yue")),
    *(("ja", mode) for mode in ("ja", "all_ja", "auto")),
    *(("ko", mode) for mode in ("ko", "all_ko", "auto")),
    ("en", "en"),
]


@pytest.mark.parametrize(("language", "mode"), MODES)
def test_a_quantity_stays_whole_in_the_language_of_its_sentence(language: str, mode: str) -> None:
    quantities = (
        [f"60{unit}" for unit in UNITS] + [f"60 {unit}" for unit in UNITS] + [f"{sign}60" for sign in CURRENCIES]
    )
    for quantity in (*quantities, "-5%", "10²", "2^8", "-$5"):
        text = WEIGHS[language].format(quantity)
        if quantity.endswith("A") and language != "en":
            continue  # 60A is a name where a letter of the language follows
        if quantity.endswith(LANGUAGE_ROWS[language].spelled_units or ("-",)) and "/" not in quantity:
            continue  # the letters of 60GB are English there
        assert [tuple(run) for run in runs_for_mode(text, mode)] == [(language, text)]


@pytest.mark.parametrize("language", LANGUAGE_ROWS)
def test_every_language_reads_every_unit_and_currency(language: str) -> None:
    """A frontend that does not know a unit drops its letters, or spells them: here both are faults."""
    if language in NEEDS:
        pytest.importorskip(NEEDS[language])
    bare = clean_text("60", language)[2]
    unread = [
        quantity
        for quantity in (*(f"60{unit}" for unit in UNITS), *(f"{sign}60" for sign in CURRENCIES))
        if not _is_read(quantity, bare, language)
    ]
    assert unread == []


def _is_read(quantity: str, bare: str, language: str) -> bool:
    words = clean_text(quantity, language)[2].strip(" .,")
    letters = language != "en" and any(char.isascii() and char.isalpha() for char in words)
    return words != bare and not letters and not (language == "en" and words.split()[-1] in quantity)


@pytest.mark.parametrize(
    ("mode", "text", "runs"),
    [
        ("zh", "APP，3天内更新。", [("en", "APP，"), ("zh", "3天内更新。")]),
        ("auto", "iPad（2022款）", [("en", "iPad"), ("zh", "（2022款）")]),
        ("ja", "OK、10分後に", [("en", "OK、"), ("ja", "10分後に")]),
        ("ko", "KTX, 3시", [("en", "KTX, "), ("ko", "3시")]),
        ("auto", "KTX 3시 출발", [("en", "KTX "), ("ko", "3시 출발")]),
        ("zh", "Windows 11发布了", [("en", "Windows 11"), ("zh", "发布了")]),
        ("zh", "iPhone 5s很好", [("en", "iPhone 5s"), ("zh", "很好")]),
        ("zh", "买A4纸，G20峰会", [("zh", "买"), ("en", "A"), ("zh", "4纸，"), ("en", "G"), ("zh", "20峰会")]),
        ("zh", "内存16GB。", [("zh", "内存16"), ("en", "GB。")]),
        ("zh", "浓度5mg/L吗", [("zh", "浓度5mg/L吗")]),
        ("zh", "5G，来了", [("zh", "5"), ("en", "G，"), ("zh", "来了")]),
        ("zh", "5A级景区", [("zh", "5"), ("en", "A"), ("zh", "级景区")]),
        ("zh", "x²的值", [("en", "x"), ("zh", "²的值")]),
        ("zh", "发到test_123@qq.com吧", [("zh", "发到"), ("en", "test_123@qq.com"), ("zh", "吧")]),
        ("zh", "今天好。3 people came.", [("zh", "今天好。"), ("en", "3 people came.")]),
        ("zh", "In 2024, 30 people came, 3, 4, 5.", [("en", "In 2024, 30 people came, 3, 4, 5.")]),
        ("zh", "5% to ￥300", [("zh", "5% "), ("en", "to "), ("zh", "￥300")]),
        ("ko", "3 to 5", [("ko", "3 "), ("en", "to "), ("ko", "5")]),
        ("zh", "价格是USD 30吗", [("zh", "价格是USD 30吗")]),
        ("zh", "下午5pm见", [("zh", "下午"), ("en", "5pm"), ("zh", "见")]),
    ],
)
def test_whose_number_it_is(mode: str, text: str, runs: list[tuple[str, str]]) -> None:
    assert [tuple(run) for run in runs_for_mode(text, mode, neutral_language(text, mode))] == runs
