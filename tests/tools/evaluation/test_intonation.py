"""Intonation on sounds whose pitch is known."""

from __future__ import annotations

import numpy as np
import pytest

from tools.evaluation.intonation import RATE, SEMITONES, IntonationJudge, correlation, spread

pytest.importorskip("pyworld")
pytest.importorskip("librosa")

DEPTH = 0.12
"""Half the swing of the vibrato, in natural log."""


def contour(seconds: float, rate_of: float = 1.5) -> np.ndarray:
    """Log-F0 [T] that swings around 150 Hz."""
    times = np.arange(int(seconds * RATE)) / RATE
    return np.asarray(np.log(150.0) + DEPTH * np.sin(2 * np.pi * rate_of * times))


def voice(log_f0: np.ndarray, factor: float = 1.0) -> np.ndarray:
    """A voice-like tone [T]: twenty harmonics, whose colour changes along the way, as vowels do."""
    phase = 2 * np.pi * np.cumsum(np.exp(log_f0) * factor) / RATE
    place = np.linspace(0, 1, len(log_f0))
    parts = [np.sin(k * phase) / k * (0.2 + np.cos(np.pi * (place * 3 + k / 5)) ** 2) for k in range(1, 21)]
    return np.asarray(0.2 * np.sum(parts, axis=0), dtype=np.float32)


@pytest.fixture(scope="module")
def judge() -> IntonationJudge:
    return IntonationJudge()


def test_the_pitch_of_a_vibrato(judge: IntonationJudge) -> None:
    log_f0 = contour(2.0)
    track = judge.log_f0(voice(log_f0))
    truth = log_f0[:: RATE // 100][: len(track)]
    voiced = np.isfinite(track[: len(truth)])
    assert voiced.mean() > 0.9
    assert correlation(track[: len(truth)], truth) > 0.98  # type: ignore[operator]
    assert spread(track) == pytest.approx(DEPTH / np.sqrt(2) * SEMITONES, rel=0.1)


def test_the_same_movement_in_another_voice_is_the_same_intonation(judge: IntonationJudge) -> None:
    low, high = voice(contour(2.0)), voice(contour(2.0), factor=1.5)
    found = judge.compare(high, low, same_timing=True)
    assert found.correlation is not None and found.correlation > 0.95
    assert found.spread == pytest.approx(found.recorded_spread, rel=0.1)


def test_flat_speech_has_no_spread_and_no_speech_has_no_figures(judge: IntonationJudge) -> None:
    flat = judge.compare(voice(np.full(2 * RATE, np.log(150.0))), voice(contour(2.0)), same_timing=True)
    assert flat.spread is not None and flat.recorded_spread is not None and flat.spread < 0.1 * flat.recorded_spread
    nothing = judge.compare(np.zeros(RATE, dtype=np.float32), None, same_timing=True)
    assert nothing.spread is None and nothing.correlation is None
    assert judge.compare(np.zeros(5, dtype=np.float32), None, True).spread is None


@pytest.mark.slow  # the first DTW compiles for seconds
def test_another_timing_is_warped(judge: IntonationJudge) -> None:
    slow = np.interp(np.linspace(0, 2 * RATE - 1, 3 * RATE), np.arange(2 * RATE), contour(2.0))
    recorded, spoken = voice(contour(2.0)), voice(slow)
    warped = judge.compare(spoken, recorded, same_timing=False)
    straight = judge.compare(spoken, recorded, same_timing=True)
    assert warped.correlation is not None and warped.correlation > 0.9
    assert straight.correlation is not None and straight.correlation < 0.5


def test_correlation_needs_frames_and_movement() -> None:
    rising = np.linspace(5, 6, 30)
    gaps = np.where(np.arange(30) < 15, np.nan, rising)
    assert correlation(rising, 2 * rising) == pytest.approx(1.0)
    assert correlation(rising, gaps) is None and correlation(rising, np.full(30, 5.0)) is None
