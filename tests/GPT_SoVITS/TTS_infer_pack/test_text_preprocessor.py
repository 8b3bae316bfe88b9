"""Sentence preparation against the reference, segments, prompts, and texts with nothing to speak."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from errors import RequestError, TextError
from text import clean_text, cleaned_text_to_sequence
from TTS_infer_pack.TextPreprocessor import MAX_PHONES, TextPreprocessor

METHODS = [f"cut{number}" for number in range(6)]
EN_MODES = ["en", "auto", "auto_yue", "zh", "ja", "ko", "yue", "all_zh", "all_ja", "all_ko", "all_yue"]


@pytest.fixture
def frontend() -> TextPreprocessor:
    return TextPreprocessor()


#: Cases of the reference that give way (docs/text.md): a pause that it loses, and a word that it takes apart.
GIVE_WAY = {("cut3", "第一段没有标点\n第二段，有标点。\n\n第三段！"), ("cut4", "a.b.c 1.2.3.")}


@pytest.mark.golden
def test_sentences_equal_the_reference(golden_text: Callable[[str], list[dict]], frontend: TextPreprocessor) -> None:
    for row in golden_text("sentences.jsonl"):
        reduced = frontend.replace_consecutive_punctuation(row["text"])
        assert reduced == row["after_consecutive_punctuation"]
        # Text without marks is cut later, where its phones are known.
        if (row["method"], row["text"]) in GIVE_WAY or len(row["text"]) > 510:
            continue
        # Where the reference raises, there is nothing to speak: no sentence. Both full stops are one phone.
        ours = [piece.replace("。", ".") for piece in frontend.pre_seg_text(reduced, row["lang"], row["method"])]
        assert ours == [piece.replace("。", ".") for piece in row.get("sentences", [])], row


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_a_segment_has_a_feature_per_phone(frontend: TextPreprocessor, version: str) -> None:
    segments = frontend.preprocess("Good morning, dear friends. See you tomorrow!", "en", "cut5", version)
    assert [s["norm_text"] for s in segments] == ["Good morning,", "dear friends.", "See you tomorrow!"]
    for segment in segments:
        assert segment["bert_features"].shape == (1024, len(segment["phones"]))
        assert not segment["bert_features"].any()


@pytest.mark.parametrize("mode", EN_MODES)
def test_english_is_english_in_every_mode(frontend: TextPreprocessor, mode: str) -> None:
    phones, features, norm_text = frontend.get_phones_and_bert("Hello, dear world!", mode)
    assert phones == cleaned_text_to_sequence(clean_text("Hello, dear world!", "en")[0])
    assert features.dtype == torch.float32 and norm_text == "Hello, dear world!"


def test_short_text_gets_one_leading_dot(frontend: TextPreprocessor) -> None:
    phones, _, norm_text = frontend.get_phones_and_bert("Hi.", "en")
    assert norm_text.replace(" ", "") == ".Hi."
    assert phones == cleaned_text_to_sequence([".", "HH", "AY1", "."])


def test_prompt_is_closed_by_a_full_stop(frontend: TextPreprocessor) -> None:
    assert frontend.prompt("Good morning to you", "en")["norm_text"] == "Good morning to you."
    assert frontend.prompt("Good morning to you!", "en")["norm_text"] == "Good morning to you!"


@pytest.mark.parametrize("text", ["", "\n\n", "   ", "...", "!?", "，。！", "😀", "---"])
@pytest.mark.parametrize("method", ["cut0", "cut1", "cut5"])
def test_nothing_to_speak_is_a_text_error(frontend: TextPreprocessor, text: str, method: str) -> None:
    with pytest.raises(TextError):
        frontend.preprocess(text, "en", method)
    with pytest.raises(TextError):
        frontend.prompt(text, "en")


def test_wrong_names_are_named(frontend: TextPreprocessor) -> None:
    with pytest.raises(RequestError, match="cut7"):
        frontend.preprocess("Hello there", "en", "cut7")
    with pytest.raises(TextError, match="klingon"):
        frontend.preprocess("Hello there", "klingon", "cut0")


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("text", "lang"), [("word " * 1000, "en"), ("今天天气很好" * 300, "zh")])
def test_a_stretch_without_marks_is_cut_between_words(
    frontend: TextPreprocessor, text: str, lang: str, method: str
) -> None:
    segments = frontend.preprocess(text, lang, method)
    counts = [len(segment["phones"]) for segment in segments]
    assert max(counts) <= MAX_PHONES and min(counts) > MAX_PHONES // 3
    words = "".join(segment["norm_text"] for segment in segments)
    word = text.split()[0] if lang == "en" else "今天"
    assert words.count(word) == text.count(word)


def test_a_stage_that_speaks_less_gets_shorter_pieces_at_the_best_marks(frontend: TextPreprocessor) -> None:
    text = "When the rain had stopped, we walked down to the river; nobody was there, and the water was very high."
    pieces = [s["norm_text"] for s in frontend.preprocess(text, "en", "cut0", max_phones=50)]
    assert pieces == [
        "When the rain had stopped, we walked down to the river,",
        "nobody was there, and the water was very high.",
    ]


@pytest.mark.parametrize("method", METHODS)
def test_a_stage_of_single_sentences_gets_them_one_by_one(frontend: TextPreprocessor, method: str) -> None:
    text = "Where are you? I am here at 5 p.m. with Dr. Smith! Good."
    pieces = [s["norm_text"].strip(" .") for s in frontend.preprocess(text, "en", method, alone=True)]
    assert pieces == ["Where are you?", "I am here at five P M with Doctor Smith!", "Good"]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("text", "lang", "kept"),
    [
        ("He has 1,000 coins and $12,500 in gold, at 10.30 or 1:2.", "en", ["1,000", "$12,500", "10.30", "1:2"]),
        (
            "At 5 p.m. he left. In the U.S. today, e.g. here, Dr. Smith wrote.",
            "en",
            ["p.m.", "U.S.", "e.g.", "Dr. Smith"],
        ),
        (
            "Mail a.b@c.com, or see https://a.com/x?y=1,2;z and a.com/b. Now.",
            "en",
            ["a.b@c.com", "https://a.com/x?y=1,2;z"],
        ),
        (
            "一共1,250,000元。日期是2025.09.28，比分3:2，时间10：30。",
            "zh",
            ["1,250,000", "2025.09.28", "3:2", "10：30"],
        ),
    ],
)
def test_no_method_cuts_inside(frontend: TextPreprocessor, text: str, lang: str, kept: list[str], method: str) -> None:
    pieces = frontend.pre_seg_text(text * 3, lang, method)
    for part in kept:
        assert sum(piece.count(part) for piece in pieces) == 3, part


@pytest.mark.parametrize(
    ("text", "lang", "method", "pieces"),
    [
        ("Stop. Wait. Run.", "en", "cut4", ["Stop.", " Wait.", " Run."]),
        ("好。走吧。", "zh", "cut3", ["好。走吧。"]),
        ("Go. Now!", "en", "cut4", ["Go. Now!"]),
    ],
)
def test_pauses_stay_when_short_parts_are_joined(
    frontend: TextPreprocessor, text: str, lang: str, method: str, pieces: list[str]
) -> None:
    assert frontend.pre_seg_text(text, lang, method) == pieces


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("text", "lang", "words"),
    [("8", "en", "eight"), ("30", "en", "thirty"), ("1. Open the door.", "en", "one"), ("3! Go now.", "en", "three")],
)
def test_the_mark_in_front_is_no_decimal_point(
    frontend: TextPreprocessor, text: str, lang: str, words: str, method: str
) -> None:
    spoken = "".join(segment["norm_text"] for segment in frontend.preprocess(text, lang, method))
    assert "point" not in spoken and words in spoken


def test_a_number_cut_off_from_its_words_keeps_their_language(frontend: TextPreprocessor) -> None:
    numbers = frontend.preprocess("The numbers are 31, 42, 53.", "zh", "cut5")
    assert "forty-two" in "".join(segment["norm_text"] for segment in numbers)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("5th St., New York", "5th St., New York"),
        ("a U.S.-based actor", "a U.S.-based actor"),
        ("pie etc.?! Yes", "pie etc.? Yes"),
        ("It ended.,then", "It ended.then"),
        ("Wait...", "Wait."),
    ],
)
def test_the_point_of_an_abbreviation_is_no_repeated_mark(text: str, kept: str) -> None:
    assert TextPreprocessor.replace_consecutive_punctuation(text) == kept
