"""Encoders: one stream of the right container, rate and length; the same bytes for the same sound."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from errors import MissingDependencyError, RequestError
from http_api.encoders import MEDIA_TYPES, SpeechEncoder, media_type, wav_header

SECONDS = 1.7
FRAME = {"mp3": 0.15, "aac": 0.13, "ogg": 0.02}
"""Seconds that a decoded sound may be longer than what went in: the delay of its codec and its last frame."""


def encode(name: str, rate: int = 32000, target: int | None = None, whole: bool = False, piece: int = 5000) -> bytes:
    t = np.arange(int(SECONDS * rate)) / rate
    samples = (0.5 * np.sin(2 * np.pi * 440 * t)).astype(np.float32)
    encoder = SpeechEncoder(name, rate, target, whole)
    parts = [encoder.add(samples[at : at + piece]) for at in range(0, len(samples), piece)]
    return b"".join(parts) + encoder.finish()


@pytest.mark.parametrize("name", [name for name in MEDIA_TYPES if name not in ("raw", "pcm")])
@pytest.mark.parametrize("target", [None, 24000, 44100])
@pytest.mark.parametrize("whole", [True, False])
def test_length_and_rate(sound: Callable[[bytes], Any], name: str, target: int | None, whole: bool) -> None:
    heard = sound(encode(name, target=target, whole=whole))
    expected = 48000 if name == "opus" else target or 32000
    assert heard.rate == expected and heard.channels == 1
    assert -0.005 <= heard.seconds - SECONDS <= FRAME.get(name, 0.002)


@pytest.mark.parametrize("name", [name for name in MEDIA_TYPES if name != "ogg"])
def test_same_sound_same_bytes(name: str) -> None:
    assert encode(name) == encode(name)


@pytest.mark.parametrize("name", ["mp3", "opus", "aac", "flac", "ogg"])
def test_bytes_come_while_it_is_spoken(name: str) -> None:
    encoder = SpeechEncoder(name, 24000)
    noise = np.random.default_rng(0).normal(0, 0.1, 24000 // 5).astype(np.float32)
    sizes = [len(encoder.add(noise)) for _ in range(15)]
    assert sizes[0] > 0 and sum(size > 0 for size in sizes) >= (3 if name == "ogg" else 14)


def test_samples_are_clipped_and_nothing_is_a_stream_too() -> None:
    encoder = SpeechEncoder("raw", 16000)
    assert np.frombuffer(encoder.add(np.array([2.0, -2.0, 0.0], np.float32)), "<i2").tolist() == [32767, -32767, 0]
    for name in MEDIA_TYPES:
        assert isinstance(SpeechEncoder(name, 16000).finish(), bytes)
    assert len(wav_header(16000, None)) == len(wav_header(16000, 10)) == 44


def test_a_format_whose_encoder_is_missing_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(MissingDependencyError, match=r"\[api\]"):
        media_type("aac")
    assert media_type("ogg").content_type == "audio/ogg"
    with pytest.raises(RequestError):
        media_type("avi")
