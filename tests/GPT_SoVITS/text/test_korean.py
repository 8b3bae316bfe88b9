"""Korean: pronunciation rules, numbers, and phones in single letters."""

from __future__ import annotations

import pytest

from text import clean_text
from text.ko import normalize, rules


def spoken(text: str) -> str:
    """Syllables as they sound, written in Hangul."""
    blocks = rules.sound([rules.decompose(c) for c in rules.respell(text) if c != " "])
    return "".join(rules._block(block) for block in blocks)


@pytest.mark.parametrize(
    ("spelled", "sounds"),
    [
        ("국물", "궁물"),
        ("신라", "실라"),
        ("독립", "동닙"),
        ("같이", "가치"),
        ("해돋이", "해도지"),
        ("굳히다", "구치다"),
        ("좋아요", "조아요"),
        ("좋고", "조코"),
        ("많이", "마니"),
        ("입학", "이팍"),
        ("못하다", "모타다"),
        ("읽고", "일꼬"),
        ("닭과", "닥꽈"),
        ("값이", "갑씨"),
        ("앉아", "안자"),
        ("넓다", "널따"),
        ("밟고", "밥꼬"),
        ("맛없다", "마덥따"),
        ("꽃잎", "꼰닙"),
        ("갈등", "갈뜽"),
        ("떨어졌다", "떠러젇따"),
        ("희망", "히망"),
        ("침략", "침냑"),
        ("생산량", "생산냥"),
        ("남고", "남꼬"),
    ],
)
def test_standard_pronunciation(spelled: str, sounds: str) -> None:
    assert spoken(spelled) == sounds


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("사과 3개, 20살, 100명", "사과 세개, 스무살, 백명"),
        ("3월 15일, 6월, 10월", "삼월 십오일, 유월, 시월"),
        ("오후 3:30", "오후 세시 반"),
        ("010-1234-5678", "영일영-일이삼사-오육칠팔"),
        ("1,234원", "천이백삼십사원"),
        ("$20, 3.14", "이십달러, 삼 점 일사"),
        ("98%", "구십팔퍼센트"),
        ("GPT", "지피티"),
        ("10000", "만"),
    ],
)
def test_reads_as_a_person_would(text: str, read: str) -> None:
    assert normalize.normalize(text) == read


def test_gaps_and_foreign_characters_have_phones_of_their_own() -> None:
    assert clean_text("밥 中", "ko")[0] == "ㅂ ㅏ ㅂ 空 停".split()
