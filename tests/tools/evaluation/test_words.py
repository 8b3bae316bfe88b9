"""What is compared: numbers as words on both sides, Japanese by how it is read."""

from __future__ import annotations

import pytest

from tools.evaluation.scoring import ErrorCount, score
from tools.evaluation.words import hearings, units

pytest.importorskip("transformers")


@pytest.mark.parametrize(
    ("said", "written"),
    [
        ("In nineteen oh seven he left.", "in 1907 he left"),
        ("In nineteen hundred and seven he left.", "in 1907 he left"),
        ("It was one thousand nine hundred and seven.", "It was 1907."),
        ("In 1907 he left.", "in nineteen-oh-seven he left"),
        ("In two thousand and five.", "In 2005."),
        ("Call 555-0147.", "Call 555-0147."),
        ("Call five five five, zero one four seven.", "call 555 0147"),
        ("Room one oh one.", "Room 101"),
        ("Flight seven forty-seven.", "flight 747"),
        ("It costs a hundred and five pounds.", "It costs £105."),
        ("Forty per cent of them.", "40% of them"),
        ("At five p.m. on the 2nd of May.", "at 5pm on the second of May"),
        ("I can't pay twenty-five dollars, Mr. Smith!", "i cannot pay $25 mister smith"),
        ("They'll be here.", "[music] they will be here"),
    ],
)
def test_digits_and_words_are_the_same(said: str, written: str) -> None:
    assert score(said, written, "en").errors == 0, (units(said, "en"), hearings(written, "en"))


def test_another_number_is_an_error() -> None:
    assert score("In nineteen sixty-eight.", "In 1986.", "en") == ErrorCount(2, 0, 0, 4)
    assert score("The cat sat.", "The cat sat on it.", "en").rate == pytest.approx(66.67, abs=0.01)


def test_words_of_numbers_count_as_words() -> None:
    assert units("It is 1,250 miles.", "en") == "it is one thousand two hundred fifty miles".split()


def test_only_digits_have_several_readings() -> None:
    assert len(hearings("No digits at all.", "en")) == 1
    assert len(hearings("In 1907.", "en")) == 4
    assert len(hearings("At 5 p.m.", "en")) == 1


def test_languages_without_spaces_count_characters() -> None:
    assert score("你好，世界。", "你好世间", "zh") == ErrorCount(1, 0, 0, 4)


def test_japanese_is_compared_by_its_reading() -> None:
    pytest.importorskip("pyopenjtalk")
    same = [
        ("籠枕が合わなかった。", "カゴ枕が会わなかった"),
        ("東京へ行こう", "とうきょうえいこう"),
        ("先生は昨日、CDを買った。", "せんせいは昨日シーディーを買った"),
        ("２０２３年五月", "2023年5月"),
    ]
    assert [score(said, written, "ja").errors for said, written in same] == [0] * len(same)
    assert units("猫だ。", "ja") == ["ネ", "コ", "ダ"]
    assert score("猫だ。", "箱だ", "ja") == ErrorCount(1, 0, 0, 3)
    assert score("猫だ。", "", "ja") == ErrorCount(0, 3, 0, 3)
