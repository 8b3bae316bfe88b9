"""Spectrograms and mels against the reference run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from module.mel_processing import mel_spectrogram_torch, spec_to_mel_torch, spectrogram_torch

pytestmark = pytest.mark.golden


@pytest.fixture
def spectral(golden: Callable[[str], Any]) -> Any:
    return golden("spectral")


def _close(fixture: Any, actual: torch.Tensor, name: str, kind: str) -> None:
    torch.testing.assert_close(actual, fixture.tensor(name), atol=fixture.meta["tolerance"][kind]["abs"], rtol=0.0)


def _spec(fixture: Any, name: str) -> torch.Tensor:
    row = fixture.meta["outputs"][name]
    return spectrogram_torch(fixture.tensor(f"wav_{row['rate']}"), row["fft"], row["rate"], row["hop"], row["win"])


def test_linear(spectral: Any) -> None:
    spec = _spec(spectral, "spec_32k")
    assert spec.shape[1:] == (1025, 40)
    _close(spectral, torch.cat((spec[..., :4], spec[..., -4:]), dim=2), "spec_32k_first_last_frames", "spec")
    _close(spectral, spec[:, ::8], "spec_32k_every_8th_bin", "spec")


@pytest.mark.parametrize("name", ["mel_v3_24k", "mel_v4_32k", "mel_train"])
def test_mel_from_waveform(spectral: Any, name: str) -> None:
    row = spectral.meta["outputs"][name]
    wav = spectral.tensor(f"wav_{row['rate']}")
    mel = mel_spectrogram_torch(wav, row["fft"], row["mels"], row["rate"], row["hop"], row["win"], 0.0, None)
    _close(spectral, mel, f"{name}_from_wav" if name == "mel_train" else name, "mel")


def test_mel_from_spectrogram(spectral: Any) -> None:
    row = spectral.meta["outputs"]["mel_train"]
    mel = spec_to_mel_torch(_spec(spectral, "mel_train"), row["fft"], row["mels"], row["rate"], 0.0, None)
    _close(spectral, mel, "mel_train_from_spec", "mel")
