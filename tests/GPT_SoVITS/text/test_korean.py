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
        ("할게요", "할께요"),
        ("갈수록", "갈쑤록"),
        ("올지도", "올찌도"),
        ("될걸", "될껄"),
        ("살지", "살지"),
        ("길게", "길게"),
        ("물걸레", "물걸레"),
        ("값있는", "가빈는"),
        ("문제점", "문제쩜"),
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
        ("제3장, 5번 출구, 5번", "제삼장, 오번 출구, 다섯번"),
        ("30대 남성, 트럭 30대", "삼십대 남성, 트럭 서른대"),
        ("3:2로, 50:50, 10:30", "삼 대 이로, 오십 대 오십, 열시 반"),
        ("2개국, 2개", "이개국, 두개"),
        ("119에, 119명", "일일구에, 백십구명"),
        ("14시, 24시간", "십사시, 이십사시간"),
        ("12/25(수)", "십이월 이십오일 수요일"),
        ("2~3개, 10~20명", "두개에서 세개, 십에서 이십명"),
        ("5-3=2, 10⁵, 3m²", "오 빼기 삼은 이, 십의 오제곱, 삼제곱미터"),
        ("-5도, -5%", "영하 오도, 마이너스 오퍼센트"),
        ("100km/h", "시속 백킬로미터"),
    ],
)
def test_reads_as_a_person_would(text: str, read: str) -> None:
    assert normalize.normalize(text) == read


def test_gaps_and_foreign_characters_have_phones_of_their_own() -> None:
    assert clean_text("밥 中", "ko")[0] == "ㅂ ㅏ ㅂ 空 停".split()
