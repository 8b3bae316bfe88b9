"""Denoising: what is asked of noisereduce, and what is said where it is not installed."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import soundfile

from errors import ConfigError, MissingDependencyError
from tools import denoise
from tools.recordings.denoising import denoise_recording, load_denoiser

RATE = 16000


def noisy(path: Path) -> tuple[np.ndarray, Path]:
    """(the clean tone, file with the tone between two seconds of hiss, all of it in hiss)."""
    tone = np.zeros(3 * RATE)
    tone[RATE : 2 * RATE] = 0.4 * np.sin(np.arange(RATE) * 2 * np.pi * 300 / RATE)
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, tone + 0.03 * np.random.default_rng(0).standard_normal(len(tone)), RATE)
    return tone, path


def test_noise_goes_and_the_voice_stays(tmp_path: Path) -> None:
    pytest.importorskip("noisereduce")
    tone, path = noisy(tmp_path / "in" / "clip.wav")
    assert denoise.main([str(path.parent), "--output", str(tmp_path / "out")]) == 0
    before, _ = soundfile.read(path)
    after, rate = soundfile.read(tmp_path / "out" / "clip.wav")
    assert rate == RATE and len(after) == len(before)
    assert np.std(after[: RATE // 2]) < 0.3 * np.std(before[: RATE // 2])
    inside = slice(RATE + 2000, 2 * RATE - 2000)
    assert np.corrcoef(after[inside], tone[inside])[0, 1] > 0.95


def test_without_the_package_the_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "noisereduce", None)
    with pytest.raises(MissingDependencyError, match=r"pip install -e .*denoise"):
        load_denoiser()
    _, path = noisy(tmp_path / "clip.wav")
    assert denoise.main([str(path), "--output", str(tmp_path / "out")]) == 2
    assert "[denoise]" in caplog.records[-1].getMessage()


def test_every_recording_is_cleaned_at_its_own_rate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, Any]] = []

    def reduce_noise(y: np.ndarray, **settings: Any) -> np.ndarray:
        asked.append(settings)
        return y * 0.5

    monkeypatch.setitem(sys.modules, "noisereduce", SimpleNamespace(reduce_noise=reduce_noise))
    _, path = noisy(tmp_path / "in" / "clip.flac")
    (path.parent / "broken.wav").write_text("no audio")
    assert denoise.main([str(path.parent), "--output", str(tmp_path / "out"), "--strength", "0.5"]) == 0
    assert asked == [{"sr": RATE, "stationary": True, "prop_decrease": 0.5}]
    assert [file.name for file in (tmp_path / "out").iterdir()] == ["clip.wav"]
    with pytest.raises(ConfigError, match="strength"):
        load_denoiser(0)
    _, inside = noisy(tmp_path / "out" / "clip.wav")
    with pytest.raises(ConfigError, match="folder of the recordings"):
        denoise_recording(inside, tmp_path / "out", load_denoiser())
