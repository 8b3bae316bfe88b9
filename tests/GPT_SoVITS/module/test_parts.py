"""The small parts: masks, slices, banded attention, weight norm, mel filters, thin discriminators."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from errors import AudioError, ConfigError
from module.attentions import band_to_full, full_to_band
from module.commons import rand_slice_segments, sequence_mask, slice_segments
from module.mel_processing import mel_filters, mel_spectrogram_torch, spectrogram_torch
from module.models import MultiPeriodDiscriminator
from module.weight_norm import WNConv1d, WNConvTranspose1d, fold_weight_norm


def test_mask_and_slices() -> None:
    assert sequence_mask(torch.tensor([1, 3])).tolist() == [[True, False, False], [True, True, True]]
    x = torch.arange(12.0).view(2, 1, 6)
    assert slice_segments(x, torch.tensor([1, 3]), 2).tolist() == [[[1, 2]], [[9, 10]]]
    assert slice_segments(x, torch.tensor([0, 0]), 8).shape == (2, 1, 8)
    draws = [rand_slice_segments(x, torch.tensor([6, 4]), 3, torch.Generator().manual_seed(s))[1] for s in range(40)]
    starts = torch.stack(draws)
    assert starts[:, 0].max() == 3 and starts[:, 1].max() == 1 and starts.min() == 0


@pytest.mark.parametrize("length", [1, 3, 9, 14])
def test_band_and_full_agree_with_the_plain_loop(length: int) -> None:
    band = torch.randn(2, length, 9)
    full = torch.zeros(2, length, length)
    for i in range(length):
        for j in range(max(0, i - 4), min(length, i + 5)):
            full[:, i, j] = band[:, i, j - i + 4]
    assert torch.equal(band_to_full(band), full)
    inside = torch.tensor([[0 <= i + r - 4 < length for r in range(9)] for i in range(length)])
    assert torch.equal(full_to_band(full, 9), band * inside)


def test_weight_norm_is_torchs_and_folds() -> None:
    torch.manual_seed(0)
    pairs = (
        (WNConv1d(4, 6, 3), nn.Conv1d(4, 6, 3)),
        (WNConvTranspose1d(4, 6, 4, 2), nn.ConvTranspose1d(4, 6, 4, 2)),
    )
    for ours, plain in pairs:
        theirs = nn.utils.parametrizations.weight_norm(plain)
        assert list(ours.state_dict()) == ["bias", "weight_g", "weight_v"]
        with torch.no_grad():
            ours.weight_g.mul_(1.7)
            theirs.parametrizations.weight.original0.copy_(ours.weight_g)
            theirs.parametrizations.weight.original1.copy_(ours.weight_v)
            theirs.bias.copy_(ours.bias)
        x = torch.randn(2, 4, 10)
        torch.testing.assert_close(ours(x), theirs(x))
        fold_weight_norm(ours)
        torch.testing.assert_close(ours(x), theirs(x))
        assert sorted(ours.state_dict()) == ["bias", "weight"]


def test_mel_has_gradient_and_cached_filters() -> None:
    assert mel_filters(16000, 1024, 80) is mel_filters(16000, 1024, 80)
    wav = (torch.randn(1, 6400) * 0.1).requires_grad_()
    mel = mel_spectrogram_torch(wav, 1024, 80, 16000, 320, 1024, 0.0, None)
    assert mel.shape == (1, 80, 20)
    mel.sum().backward()
    assert wav.grad is not None and wav.grad.isfinite().all()
    assert mel_filters(16000, 1024, 80, 0.0, 4000.0)[:, 257:].sum() == 0


def test_too_short_audio_says_so() -> None:
    with pytest.raises(AudioError, match="more than 352 samples"):
        spectrogram_torch(torch.zeros(1, 300), 1024, 16000, 320, 1024)


@pytest.mark.parametrize("width", [0.125, 0.25, 0.3])
def test_thin_discriminators_learn(width: float) -> None:
    net = MultiPeriodDiscriminator(width=width)
    assert sum(p.numel() for p in net.parameters()) < 0.15 * 46_750_000
    real, fake, maps_real, _ = net(torch.randn(2, 1, 2000), torch.randn(2, 1, 2000))
    assert len(real) == len(fake) == len(maps_real) == 6
    sum(s.sum() for s in real).backward()  # type: ignore[union-attr]
    assert all(p.grad is not None for p in net.parameters())


def test_spectral_norm_is_refused() -> None:
    with pytest.raises(ConfigError, match="use_spectral_norm"):
        MultiPeriodDiscriminator(use_spectral_norm=True)


def test_tables_made_while_speaking_serve_training() -> None:
    wav = torch.randn(1, 4000, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        mel_spectrogram_torch(wav, 512, 20, 16000, 160, 512, 0.0, None)
    learned = wav.clone().requires_grad_()
    mel_spectrogram_torch(learned, 512, 20, 16000, 160, 512, 0.0, None).sum().backward()
    assert learned.grad is not None and learned.grad.abs().sum() > 0
