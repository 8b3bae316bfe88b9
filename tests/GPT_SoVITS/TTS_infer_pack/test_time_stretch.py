"""Stretching keeps the pitch, changes the length as asked, and a stream is the whole."""

from __future__ import annotations

import numpy as np
import pytest

from TTS_infer_pack.time_stretch import TimeStretch, stretched

RATE = 16000


def buzz(seconds: float = 1.0, hz: float = 140.0) -> np.ndarray:
    t = np.arange(int(seconds * RATE)) / RATE
    return (0.3 * np.sin(2 * np.pi * hz * t) + 0.1 * np.sin(4 * np.pi * hz * t)).astype(np.float32)


@pytest.mark.parametrize("speed", [0.25, 0.7, 1.1, 2.0, 4.0])
def test_length_and_pitch(speed: float) -> None:
    wave = buzz(2.0)
    out = stretched(wave, speed, RATE)
    assert len(out) == round(len(wave) / speed) and out.dtype == np.float32
    middle = out[len(out) // 4 : -len(out) // 4]
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle)), 1 << 16))
    assert abs(np.argmax(spectrum) * RATE / (1 << 16) - 140) < 5
    assert 0.8 < np.abs(middle).max() / np.abs(wave).max() < 1.2
    assert np.abs(np.diff(middle)).max() < 1.5 * np.abs(np.diff(wave)).max()  # no clicks


@pytest.mark.parametrize("speed", [0.6, 1.7])
def test_a_stream_is_the_whole(speed: float) -> None:
    wave = buzz(0.9) * np.linspace(0, 1, int(0.9 * RATE), dtype=np.float32)
    stretch, parts = TimeStretch(speed, RATE), []
    for part in np.array_split(wave, 13):
        parts.append(stretch.push(part))
    parts.append(stretch.flush())
    np.testing.assert_allclose(np.concatenate(parts), stretched(wave, speed, RATE), atol=1e-5)


def test_speed_one_and_little_input() -> None:
    wave = buzz(0.1)
    assert stretched(wave, 1.0, RATE) is not wave and np.array_equal(stretched(wave, 1.0, RATE), wave)
    for count in (0, 1, 37):
        assert len(stretched(wave[:count], 0.5, RATE)) == 2 * count
        assert len(stretched(wave[:count], 2.0, RATE)) == round(count / 2)
