"""Sentence preparation against the reference, segments, prompts, and texts with nothing to speak."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from errors import RequestError, TextError
from text import clean_text, cleaned_text_to_sequence
from TTS_infer_pack.TextPreprocessor import MAX_PIECE, TextPreprocessor

EN_MODES = ["en", "auto", "auto_yue", "zh", "ja", "ko", "yue", "all_zh", "all_ja", "all_ko", "all_yue"]


@pytest.fixture
def frontend() -> TextPreprocessor:
    return TextPreprocessor()


@pytest.mark.golden
def test_sentences_equal_the_reference(golden_text: Callable[[str], list[dict]], frontend: TextPreprocessor) -> None:
    for row in golden_text("sentences.jsonl"):
        reduced = frontend.replace_consecutive_punctuation(row["text"])
        assert reduced == row["after_consecutive_punctuation"]
        # Where the reference raises, there is nothing to speak: no sentence.
        assert frontend.pre_seg_text(reduced, row["lang"], row["method"]) == row.get("sentences", []), row


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


def test_a_stretch_without_marks_is_cut_at_spaces(frontend: TextPreprocessor) -> None:
    segments = frontend.preprocess("word " * 400, "en", "cut0")
    assert len(segments) > 1
    assert all(len(s["norm_text"]) <= MAX_PIECE + 1 for s in segments)
    assert sum(s["norm_text"].count("word") for s in segments) == 400
