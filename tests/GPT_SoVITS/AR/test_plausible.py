"""Spans of trained stages, and how few tokens are too few."""

from __future__ import annotations

import pytest
import torch

from AR.backend import T2SRequest, default_min_tokens
from AR.checked import why_collapsed
from AR.decode import T2SResult
from AR.models.lm_folder import LMConfig
from AR.plausible import LearnedSpan, least_tokens, most_phones, span_in, span_of
from config import REPO_ROOT
from text import cleaned_text_to_sequence
from TTS_infer_pack.pack import read_pack
from TTS_infer_pack.stage_request import Phones, Prompt, t2s_request


def test_the_span_is_what_nearly_all_clips_stay_within() -> None:
    span = span_of([*range(1, 100), 900], [*range(2, 200, 2), 5000])
    assert span == LearnedSpan(900, 200.0)
    assert span_of([*range(1, 1000), 9000], [10] * 1000) == LearnedSpan(991, 0.4)
    assert span_of([], []) == LearnedSpan()


def test_a_checkpoint_tells_its_span() -> None:
    assert span_in({"span": {"phones": 71, "seconds": 6.2}}) == LearnedSpan(71, 6.2)
    for nothing in ({}, None, {"span": 3}, {"span": {"phones": "many"}}):
        assert span_in(nothing) == LearnedSpan()


def test_text_is_cut_to_the_span_unless_a_person_wants_it_whole() -> None:
    assert most_phones(LearnedSpan(71, 6.2), keep_whole=False) == 71
    assert most_phones(LearnedSpan(), keep_whole=False) == 300
    assert most_phones(LearnedSpan(71, 6.2), keep_whole=True) == 600


@pytest.mark.parametrize(("tokens", "collapsed"), [(100, False), (60, True), (40, True)])
def test_an_end_too_early_for_the_phones_is_a_collapse(tokens: int, collapsed: bool) -> None:
    """46 phones of a voice that takes 2.17 tokens a phone: two thirds of the usual 100 tokens have left words out."""
    request = T2SRequest(torch.arange(46), pace=2.17)
    assert (why_collapsed(request, T2SResult(torch.arange(tokens), "eos")) is not None) == collapsed
    assert default_min_tokens(request) == least_tokens(46, 2.17) == 69


def test_pitch_marks_take_no_time() -> None:
    """Japanese at the pace of its recordings is no collapse at the pace of a voice that learned mostly English."""
    phones = "k o [ N n i ch i w a UNK s e ] k a i .".split()
    segment = Phones(torch.tensor(cleaned_text_to_sequence(phones, "v2")), None, "こんにちは世界。")
    prompt = Prompt(segment, torch.arange(30))
    for request in (t2s_request(segment, None, pace=2.43), t2s_request(segment, prompt, pace=2.43)):
        assert default_min_tokens(request) == least_tokens(15, 2.43) == 25
        assert why_collapsed(request, T2SResult(torch.arange(28), "eos")) is None
        assert why_collapsed(request, T2SResult(torch.arange(20), "eos")) is not None


def test_without_a_pace_only_what_nobody_can_say_is_too_short() -> None:
    assert least_tokens(100) == 110
    assert least_tokens(0) == 1


def test_a_language_model_folder_tells_its_span() -> None:
    assert LMConfig("backbone", training={"span": {"phones": 80, "seconds": 7.0}}).span == LearnedSpan(80, 7.0)
    assert LMConfig("backbone").span == LearnedSpan()


def test_the_pack_carries_the_span_of_its_voice() -> None:
    pack = read_pack(REPO_ROOT / "GPT_SoVITS" / "pretrained_models" / "gsv-tiny")
    assert pack.span == LearnedSpan(136, 13.2)
