"""Reference clips: lengths, the span that is used of a long one, and what the models get."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from audio_io import Audio
from errors import AudioError
from TTS_infer_pack.reference import best_span, prepare_reference, prompt_tokens, read_reference, reference_spectrogram
from TTS_infer_pack.TTS import TTS

RATE = 16000


def voiced(seconds: float, rate: int = RATE) -> np.ndarray:
    return (0.3 * np.random.default_rng(0).normal(size=int(seconds * rate))).clip(-0.99, 0.99).astype(np.float32)


def silence(seconds: float, rate: int = RATE) -> np.ndarray:
    return np.zeros(int(seconds * rate), dtype=np.float32)


def write(path: Path, samples: np.ndarray, rate: int = RATE) -> Path:
    soundfile.write(path, samples, rate)
    return path


@pytest.mark.parametrize(("seconds", "said"), [(0.5, "lasts 0.50 s"), (60.0, "lasts 60.0 s")])
def test_half_a_second_and_a_minute_are_refused(tmp_path: Path, seconds: float, said: str) -> None:
    with pytest.raises(AudioError, match=said):
        read_reference(write(tmp_path / "a.wav", voiced(seconds)))


@pytest.mark.parametrize(
    ("seconds", "used", "warns"), [(2.0, 2.0, True), (4.0, 4.0, False), (10.0, 10.0, False), (40.0, 10.0, True)]
)
def test_lengths(tmp_path: Path, caplog: pytest.LogCaptureFixture, seconds: float, used: float, warns: bool) -> None:
    with caplog.at_level(logging.WARNING):
        audio, shortened = read_reference(write(tmp_path / "a.wav", voiced(seconds)))
    assert audio.seconds == pytest.approx(used, abs=0.05)
    assert shortened == (seconds > 10) and bool(caplog.records) == warns


def test_a_long_recording_is_cut_in_pauses_where_most_is_said() -> None:
    parts = [voiced(2), silence(9), voiced(4.6), silence(0.4), voiced(4.2), silence(0.4), voiced(6), silence(8)]
    samples = np.concatenate(parts)
    start, end = best_span(Audio(samples, RATE))
    assert end - start <= 10 * RATE
    edge = int(0.02 * RATE)
    assert not samples[start : start + edge].any() and not samples[end - edge : end].any()
    assert np.count_nonzero(samples[start:end]) > 8.5 * RATE


def test_one_unbroken_sound_is_cut_hard() -> None:
    start, end = best_span(Audio(voiced(30), RATE))
    assert (start, end) == (0, 10 * RATE)


def test_what_the_models_get(shared_tts: TTS, tmp_path: Path) -> None:
    models = shared_tts._models
    path = write(tmp_path / "a.wav", voiced(4.0, 24000), 24000)
    reference = prepare_reference(path, models)
    assert reference.spec.shape == (1, 513, 200) and reference.tokens is not None
    # 4 s of clip and 0.3 s of silence at the model's 16 kHz, 25 tokens a second
    assert reference.tokens.dtype == torch.int64 and abs(len(reference.tokens) - 107) <= 1
    assert int(reference.tokens.max()) < 1024
    aux = prepare_reference(path, models, timbre_only=True)
    assert aux.tokens is None and torch.equal(aux.spec, reference.spec)


def test_the_peak_rule(shared_tts: TTS) -> None:
    models = shared_tts._models
    base = voiced(1.0)
    base /= np.abs(base).max()

    def spec(level: float) -> torch.Tensor:
        return reference_spectrogram(Audio(base * np.float32(level), RATE), models)

    torch.testing.assert_close(spec(1.6), spec(1.0), rtol=1e-3, atol=1e-3)  # divided by its peak
    torch.testing.assert_close(spec(4.0), spec(2.0) * 2, rtol=1e-3, atol=1e-2)  # never by more than 2
    assert prompt_tokens(Audio(base, RATE), models).dim() == 1


def test_features_that_are_no_numbers_do_not_become_tokens(
    shared_tts: TTS, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = shared_tts._models
    monkeypatch.setattr(models.hubert, "forward", lambda wave: torch.full((1, models.hubert.ssl_dim, 20), torch.nan))
    with pytest.raises(AudioError, match="NaN"):
        prepare_reference(clip, models)
