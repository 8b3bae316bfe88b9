"""Properties of cutting and reading that hold for all texts, and the places of phones in the original text."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from errors import GSVError
from text.language import MODES
from text.places import Placed, evenly, spread
from TTS_infer_pack.reading import read_line
from TTS_infer_pack.text_segmentation_method import get_method
from TTS_infer_pack.TextPreprocessor import TextPreprocessor

for package in ("rjieba", "ToJyutping", "pyopenjtalk"):
    pytest.importorskip(package)

METHODS = [f"cut{number}" for number in range(6)]
WHOLE = "e.g. i.e. U.S. p.m. a@b.co x.y@mail.org https://a.b/c?d=1,2 www.a.com/x. 1,234 3.14".split()
PIECES = st.sampled_from(
    """10:30 2025.09.28 3:2 1,250,000 $5.50 60kg -5℃ 你好， 世界。 今天！ こんにちは。 東京、 안녕, 세계.
    hello, there. really? Dr. Smith No. 8 5 ； ： … —— ! 、 OK 走吧""".split()
    + WHOLE
    + [" ", "\n", " and "]
)
TEXTS = st.lists(PIECES, min_size=1, max_size=14).map("".join)
FEW = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
FRONTEND = TextPreprocessor()


def letters(text: str) -> str:
    """Letters and digits of a text."""
    return "".join(char for char in text if char.isalnum())


@FEW
@given(TEXTS, st.sampled_from(METHODS))
def test_cutting_and_joining_keeps_every_letter_and_digit(text: str, method: str) -> None:
    assert letters(get_method(method)(text)) == letters(text)
    assert letters("".join(FRONTEND.pre_seg_text(text, "auto", method))) == letters(text)


@FEW
@given(TEXTS, st.sampled_from(METHODS))
def test_no_cut_between_two_digits(text: str, method: str) -> None:
    text = text.replace("\n", " ")
    pieces = "\n".join(FRONTEND.pre_seg_text(text, "auto", method))
    joined = re.findall(r"\d[,.:：，](?=\d)", text)
    assert len(re.findall(r"\d[,.:：，](?=\d)", pieces)) == len(joined)


@FEW
@given(st.lists(st.sampled_from(["你好", "word", "30"]), max_size=3), st.sampled_from(WHOLE), st.sampled_from(METHODS))
def test_no_cut_inside_an_abbreviation_or_address(before: list[str], whole: str, method: str) -> None:
    text = " ".join([*before, whole, "goes on, and on. Then it ends."])
    assert any(whole.rstrip(".") in piece for piece in get_method(method)(text).split("\n"))


@FEW
@given(TEXTS, st.sampled_from(MODES))
def test_a_training_line_is_read_as_a_request(text: str, mode: str) -> None:
    try:
        segments = FRONTEND.preprocess(text, mode, "cut0", max_phones=10_000)
        line = FRONTEND.whole(text, mode)
    except GSVError:
        return
    phones, word2ph, norm_text = read_line(text, mode)
    assert line["phones"] == [phone for segment in segments for phone in segment["phones"]]
    assert len(phones) == len(line["phones"])
    assert word2ph is None or (len(word2ph) == len(norm_text) and sum(word2ph) == len(phones))


@pytest.mark.parametrize(
    ("mode", "text"),
    [
        ("zh", "我用iPhone给你发了3条消息"),
        ("zh", "Hello"),
        ("yue", "我用iPhone影咗3張相"),
        ("ja", "これはiPhoneです"),
        ("ko", "이것은 iPhone입니다"),
        ("zh", "涨了1%"),
        ("zh", "5% to ￥300"),
    ],
)
def test_english_in_a_training_line_is_spoken(mode: str, text: str) -> None:
    phones, _, _ = read_line(text, mode)
    asked = FRONTEND.preprocess(text, mode, "cut0")
    assert len(phones) == sum(len(segment["phones"]) for segment in asked)
    english = {"iPhone": "AY1 F OW2 N", "Hello": "HH AH0 L OW1"}
    for word, said in english.items():
        assert word not in text or said in " ".join(phones)
    assert "-" not in phones


TEXT_OF = {
    "zh": [
        "他在2024年3月5日买了60kg大米。",
        "體重是5.5公斤，还行吗？",
        "用APP，3天内更新。",
        "[[重庆|chong2 qing4]]在哪儿",
    ],
    "yue": ["佢有3個蘋果，$50蚊。", "我哋2020年去咗香港。", "OK，走啦！"],
    "en": [
        "Dr. Smith paid $19.99 at 10:30 p.m., and left.",
        "It weighs 60kg; that is a lot!",
        "I [[read|R EH1 D]] it.",
    ],
    "ja": ["この本は1,980円です。", "東京は25℃、晴れ。", "橋[[はし]]を渡る。"],
    "ko": ["사과 3개 주세요.", "오늘은 5월 3일, 25도예요.", "무게는 5kg이다."],
}


BEFORE = {
    "zh": ["今天天气很好。", "他们都已经回家了！"],
    "yue": ["今日天氣好好。", "佢哋都返咗屋企！"],
    "ko": ["오늘은 날씨가 좋아요.", "모두 집에 갔어요!"],
    "en": ["The weather is fine today.", "They all went home!"],
    "ja": ["今日はいい天気です。", "みんな帰りました！"],
}


@pytest.mark.parametrize(("language", "text"), [(name, text) for name, texts in TEXT_OF.items() for text in texts])
def test_phones_do_not_depend_on_the_sentence_before(language: str, text: str) -> None:
    first, second = (
        [segment["phones"] for segment in FRONTEND.preprocess(f"{before}\n{text}", language, "cut5")[1:]]
        for before in BEFORE[language]
    )
    assert first == second


@pytest.mark.parametrize("method", ["cut0", "cut5"])
@pytest.mark.parametrize(("language", "text"), [(name, text) for name, texts in TEXT_OF.items() for text in texts])
def test_every_phone_has_its_place_in_the_text(language: str, text: str, method: str) -> None:
    check_spans(text, language, method)


@FEW
@given(
    st.sampled_from(sorted(TEXT_OF)).flatmap(
        lambda name: st.tuples(st.just(name), st.lists(st.sampled_from(TEXT_OF[name]), min_size=1, max_size=4))
    ),
    st.sampled_from(METHODS),
    st.sampled_from([30, 300]),
)
def test_places_hold_for_any_join_and_cut(case: tuple[str, list[str]], method: str, limit: int) -> None:
    language, texts = case
    check_spans(" ".join(texts), language, method, limit)


def check_spans(text: str, mode: str, method: str, limit: int = 300) -> None:
    """Spans are one a phone, never go back, and cover every letter and digit that is spoken."""
    segments = FRONTEND.preprocess(text, mode, method, max_phones=limit)
    spans = [span for segment in segments for span in segment["spans"]]
    assert all(len(segment["spans"]) == len(segment["phones"]) for segment in segments)
    assert all(0 <= start <= end <= len(text) for start, end in spans)
    assert all(a[0] <= b[0] and a[1] <= b[1] for a, b in pairwise(spans))
    covered = {at for start, end in spans for at in range(start, end)}
    readings = {at for match in re.finditer(r"\|[^\]]*\]\]|\[\[[^|\]]*\]\]", text) for at in range(*match.span())}
    missing = [at for at, char in enumerate(text) if char.isalnum() and at not in covered | readings]
    assert not missing, (text, [text[at] for at in missing])


def test_a_number_has_the_place_of_its_digits() -> None:
    text = "It costs $19.99 now."
    (segment,) = FRONTEND.preprocess(text, "en", "cut0")
    places = [text[start:end] for start, end in segment["spans"]]
    assert places.count("$19.99") > 20 and places[0] == "I" and places[-2] in "now" and places[-1] == "."


@pytest.mark.parametrize(
    ("old", "new", "places"),
    [
        ("abc", "abc", [(0, 1), (1, 2), (2, 3)]),
        ("a 5 b", "a five b", [(0, 1), (1, 2), *[(2, 3)] * 4, (3, 4), (4, 5)]),
        ("體重", "体重", [(0, 1), (1, 2)]),
        ("5kg", "五千克", [(0, 3)] * 3),
        ("", "x", [(0, 0)]),
    ],
)
def test_what_is_rewritten_keeps_its_place(old: str, new: str, places: list[tuple[int, int]]) -> None:
    assert list(Placed.of(old).rewritten(new).spans) == places


def test_places_of_long_texts_take_linear_time_and_stay_exact() -> None:
    text = "".join(f"number {n} of many, " for n in range(400))
    new = text.replace("number", "the number").replace("many", "a great many")
    placed = Placed.of(text).rewritten(new)
    assert [text[slice(*placed.spans[match.start()])] for match in re.finditer("of", new)] == ["o"] * 400


def test_phones_are_shared_out() -> None:
    assert spread([2, 0, 1], [(0, 1), (1, 2), (2, 3)]) == [(0, 1), (0, 1), (2, 3)]
    assert spread([0, 1], [(0, 1), (1, 2)]) == [(0, 2)]
    assert evenly(2, [(0, 1), (1, 2), (2, 3), (3, 4)]) == [(0, 2), (2, 4)]
    assert evenly(3, [(4, 6)]) == [(4, 6)] * 3
