"""Recordings: what is refused, and the published audio level."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from prepare_datasets.audio import read_recording, ssl_input, training_wav
from prepare_datasets.report import SkippedClip


def tone(seconds: float, rate: int, peak: float = 0.5) -> np.ndarray:
    return peak * np.sin(2 * np.pi * 300 * np.arange(round(seconds * rate)) / rate)


FORMATS = [(".wav", "FLOAT"), (".flac", "PCM_16"), (".opus", "OPUS"), (".mp3", None)]


@pytest.mark.parametrize(("suffix", "kind"), FORMATS)
def test_any_format_comes_out_as_mono_at_32_khz(tmp_path: Path, suffix: str, kind: str | None) -> None:
    stereo = np.stack([tone(1.5, 24000), tone(1.5, 24000)], axis=1)
    path = tmp_path / f"clip{suffix}"
    soundfile.write(path, stereo, 24000, subtype=kind, format="OGG" if suffix == ".opus" else None)
    samples = read_recording(path)
    assert samples.dtype == np.float32 and samples.ndim == 1
    assert abs(len(samples) - 48000) < 3000  # compressed formats may pad
    assert abs(np.abs(samples[16000:24000]).max() - 0.5) < 0.05  # not at the ends, where Opus overshoots


@pytest.mark.parametrize(
    ("wave", "reason"),
    [
        (tone(0.5, 16000), "too short"),
        (tone(55, 16000), "too long"),
        (np.zeros(16000), "silent"),
        (tone(1, 16000, 2.5), "clipped"),
        (np.full(16000, np.nan), "undecodable"),
    ],
)
def test_unusable_audio_is_named(tmp_path: Path, wave: np.ndarray, reason: str) -> None:
    soundfile.write(tmp_path / "clip.wav", wave, 16000, subtype="FLOAT")
    with pytest.raises(SkippedClip, match=reason):
        read_recording(tmp_path / "clip.wav")


def test_a_file_that_is_no_audio_is_undecodable(tmp_path: Path) -> None:
    (tmp_path / "clip.wav").write_text("hello")
    with pytest.raises(SkippedClip, match="undecodable"):
        read_recording(tmp_path / "clip.wav")


def test_levels_are_the_published_ones() -> None:
    samples = np.array([0.0, 0.25, -0.5, 0.1], dtype=np.float32)
    mixed = 0.475 * samples / 0.5 + 0.5 * samples
    assert training_wav(samples).tolist() == [int(value * 32768) for value in mixed]
    long = np.tile(samples, 8000)
    assert len(ssl_input(long)) == 16000
    slow = tone(1, 32000).astype(np.float32)
    assert np.abs(ssl_input(slow)).max() == pytest.approx((0.475 + 0.25) * 1145.14, rel=1e-3)


def test_a_loud_clip_does_not_wrap_around() -> None:
    assert training_wav(np.array([2.0, -2.0], dtype=np.float32)).tolist() == [32767, -32768]
