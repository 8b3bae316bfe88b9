"""Requests are checked when they are built, with messages that name the key and the range."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from errors import RequestError, TextError
from TTS_infer_pack.batching import PiecePlan
from TTS_infer_pack.request import RANGES, SynthesisRequest

API_DEFAULTS: dict[str, Any] = {
    "text": "Hello.",
    "text_lang": "EN",
    "ref_audio_path": "a.wav",
    "aux_ref_audio_paths": None,
    "prompt_text": "",
    "prompt_lang": "en",
    "top_k": 15,
    "top_p": 1,
    "temperature": 1,
    "text_split_method": "cut5",
    "batch_size": 1,
    "batch_threshold": 0.75,
    "split_bucket": True,
    "speed_factor": 1.0,
    "fragment_interval": 0.3,
    "seed": -1,
    "media_type": "wav",
    "streaming_mode": False,
    "parallel_infer": True,
    "repetition_penalty": 1.35,
    "sample_steps": 32,
    "super_sampling": False,
    "overlap_length": 2,
    "min_chunk_length": 16,
}


def test_the_keys_of_the_public_api_are_understood() -> None:
    request = SynthesisRequest.from_dict(API_DEFAULTS)
    assert request.text_lang == "en" and request.aux_ref_audio_paths == () and not request.streams
    assert SynthesisRequest.from_dict({**API_DEFAULTS, "streaming_mode": True}).streams
    assert SynthesisRequest.from_dict({**API_DEFAULTS, "streaming_mode": 3}).streams
    assert SynthesisRequest.from_dict({**API_DEFAULTS, "return_fragment": True}).streams
    assert SynthesisRequest.from_dict({**API_DEFAULTS, "ref_audio_path": Path("b.wav")}).ref_audio_path == "b.wav"
    one = SynthesisRequest.from_dict({**API_DEFAULTS, "aux_ref_audio_paths": "c.wav"})
    assert one.aux_ref_audio_paths == ("c.wav",)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("top_k", -1),
        ("top_k", 1.5),
        ("top_k", "many"),
        ("top_p", 1.1),
        ("temperature", -1),
        ("temperature", float("nan")),
        ("repetition_penalty", 0),
        ("batch_size", 0),
        ("batch_threshold", 2),
        ("speed_factor", 0),
        ("speed_factor", True),
        ("fragment_interval", -0.1),
        ("seed", -2),
        ("seed", 2**63),
        ("split_bucket", "perhaps"),
        ("streaming_mode", 4),
        ("text_lang", ""),
        ("text_lang", "klingon"),
        ("prompt_lang", "xx"),
        ("text", 5),
    ],
)
def test_unusable_values_are_named(key: str, value: object) -> None:
    with pytest.raises(RequestError) as caught:
        SynthesisRequest.from_dict({**API_DEFAULTS, key: value})
    assert key in str(caught.value)


def test_unknown_keys_name_the_known_ones() -> None:
    with pytest.raises(RequestError, match="txt.*text_lang"):
        SynthesisRequest.from_dict({**API_DEFAULTS, "txt": "x"})


@pytest.mark.parametrize("text", ["", "  \n", "...!?", "。，", "- – —", "🙂"])
def test_text_with_nothing_to_say(text: str) -> None:
    with pytest.raises(TextError):
        SynthesisRequest(text=text, text_lang="en")


def test_a_prompt_needs_its_language() -> None:
    with pytest.raises(RequestError, match="prompt_lang"):
        SynthesisRequest(text="Hi.", text_lang="en", ref_audio_path="a.wav", prompt_text="Words.")


@pytest.mark.parametrize(
    ("values", "mode"),
    [
        ({"streaming_mode": True}, 1),
        ({"streaming_mode": False, "fixed_length_chunk": True}, 0),
        ({"streaming_mode": 2}, 2),
        ({"streaming_mode": True, "fixed_length_chunk": False}, 2),
        ({"streaming_mode": 3, "fixed_length_chunk": False}, 3),
        ({"streaming_mode": True, "fixed_length_chunk": True}, 3),
        ({"return_fragment": True}, 0),
    ],
)
def test_streaming_modes(values: dict[str, Any], mode: int) -> None:
    request = SynthesisRequest.from_dict({**API_DEFAULTS, "min_chunk_length": 20, "overlap_length": 3, **values})
    assert request.streaming_mode == mode and request.streams == (mode > 0 or "return_fragment" in values)
    assert request.pieces == {2: PiecePlan(20, 3, 8, True), 3: PiecePlan(20, 3, 2)}.get(mode)


def test_every_field_is_documented_with_its_default_and_range() -> None:
    rows = (Path(__file__).parents[3] / "docs" / "requests.md").read_text(encoding="utf-8").splitlines()
    table = {row.split("`")[1]: [cell.strip() for cell in row.split("|")[2:]] for row in rows if row.startswith("| `")}
    for field in fields(SynthesisRequest):
        default, span = table[field.name][:2]
        if isinstance(field.default, bool):
            assert default == str(field.default).lower()
        elif isinstance(field.default, int | float):
            assert default == f"{field.default:g}"
        if field.name in RANGES and field.name != "seed":
            _, low, high = RANGES[field.name]
            assert span.startswith(f"{low:g} to {high:g}")
