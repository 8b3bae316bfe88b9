"""Periodic activation between two anti-alias filters, so that its overtones do not fold back into the signal.

Snake with separate frequency and magnitude (Ziyin et al. 2020; Lee et al. 2023), applied at twice the rate with
Kaiser-windowed sinc filters on the way up and down (after Karras et al. 2021). Names follow the published weights.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

RATIO = 2
TAPS = 12
CUTOFF, HALF_WIDTH = 0.5 / RATIO, 0.6 / RATIO
"""Of the filters, as shares of the higher rate."""
TINY = 1e-9


def lowpass_filter() -> Tensor:
    """Kaiser-windowed sinc of unit sum, [1, 1, TAPS]."""
    attenuation = 2.285 * (TAPS // 2 - 1) * math.pi * 4 * HALF_WIDTH + 7.95
    if attenuation > 50:
        beta = 0.1102 * (attenuation - 8.7)
    else:
        beta = 0.5842 * (attenuation - 21) ** 0.4 + 0.07886 * (attenuation - 21)
    window = torch.kaiser_window(TAPS, periodic=False, beta=beta)
    time = torch.arange(TAPS) - TAPS / 2 + 0.5
    taps = 2 * CUTOFF * window * torch.sinc(2 * CUTOFF * time)
    return (taps / taps.sum()).view(1, 1, TAPS)


class _Filter(nn.Module):
    """Holds the taps; the same for every channel."""

    filter: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("filter", lowpass_filter())


class Upsample(_Filter):
    """[B, C, T] -> [B, C, 2 T]."""

    def forward(self, x: Tensor) -> Tensor:
        """x [B, C, T] -> [B, C, 2 T]."""
        channels, pad = x.size(1), TAPS // RATIO - 1
        cut = pad * RATIO + (TAPS - RATIO) // 2
        x = F.pad(x, (pad, pad), mode="replicate")
        x = RATIO * F.conv_transpose1d(x, self.filter.expand(channels, -1, -1), stride=RATIO, groups=channels)
        return x[..., cut:-cut]


class LowPass(_Filter):
    """[B, C, 2 T] -> [B, C, T]."""

    def forward(self, x: Tensor) -> Tensor:
        """x [B, C, 2 T] -> [B, C, T]."""
        channels = x.size(1)
        x = F.pad(x, (TAPS // 2 - 1, TAPS // 2), mode="replicate")
        return F.conv1d(x, self.filter.expand(channels, -1, -1), stride=RATIO, groups=channels)


class Downsample(nn.Module):
    """Holds the filter under its public name."""

    def __init__(self) -> None:
        super().__init__()
        self.lowpass = LowPass()

    def forward(self, x: Tensor) -> Tensor:
        """x [B, C, 2 T] -> [B, C, T]."""
        return self.lowpass(x)


class SnakeBeta(nn.Module):
    """x + sin(a x)^2 / b with a = exp(alpha), b = exp(beta) per channel."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.alpha = nn.Parameter(torch.zeros(channels))
        self.beta = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        """x [B, C, T] -> [B, C, T]."""
        wave = torch.sin(x * self.alpha.exp()[:, None]).square()
        return x + wave / (self.beta.exp()[:, None] + TINY)


class AliasFreeActivation(nn.Module):
    """Up, :class:`SnakeBeta`, down."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.act = SnakeBeta(channels)
        self.upsample = Upsample()
        self.downsample = Downsample()

    def forward(self, x: Tensor) -> Tensor:
        """x [B, C, T] -> [B, C, T]."""
        return self.downsample(self.act(self.upsample(x)))
