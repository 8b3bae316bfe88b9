"""Log mel filter bank in the manner of Kaldi, as the published speaker network was trained on (golden speaker_v2pro).

25 ms frames every 10 ms, no padding at the edges; per frame: mean removed, pre-emphasis 0.97, Povey window, power
spectrum of 512 points, triangles that are linear in mel, natural logarithm. The waveform is in -1..1, not scaled to
16-bit, and the bank's mean is not removed: so the published weights expect it.
"""

from __future__ import annotations

import math
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional as F

from errors import AudioError

RATE = 16000
FRAME, SHIFT, FFT = 400, 160, 512
PREEMPHASIS = 0.97
LOW_HZ = 20.0
LOG_FLOOR = torch.finfo(torch.float32).eps


def _mel(hz: float) -> float:
    return 1127.0 * math.log(1.0 + hz / 700.0)


@lru_cache(maxsize=8)
@torch.inference_mode(False)
def mel_bank(num_mel_bins: int, device: str = "cpu") -> Tensor:
    """Triangles over the power spectrum, [num_mel_bins, FFT // 2 + 1] float32; treat the result as read-only.

    Computed in single precision throughout, as the bank that the published weights were trained on: where a bin
    barely touches a narrow triangle, its rounding decides the fourth digit.
    """
    low, high = _mel(LOW_HZ), _mel(RATE / 2)
    step = (high - low) / (num_mel_bins + 1)
    index = torch.arange(num_mel_bins)[:, None]
    left, centre, right = (low + (index + shift) * step for shift in (0.0, 1.0, 2.0))
    bins = 1127.0 * (1.0 + (RATE / FFT) * torch.arange(FFT // 2 + 1) / 700.0).log()
    bank = torch.minimum((bins - left) / (centre - left), (right - bins) / (right - centre))
    return bank.clamp(min=0).to(device)


@lru_cache(maxsize=8)
@torch.inference_mode(False)
def povey_window(device: str = "cpu") -> Tensor:
    """Symmetric Hann window to the power 0.85, [FRAME]; treat the result as read-only."""
    phase = 2 * math.pi * torch.arange(FRAME, dtype=torch.float64) / (FRAME - 1)
    return (0.5 - 0.5 * torch.cos(phase)).clamp(min=0).pow(0.85).float().to(device)


def fbank(waveform: Tensor, num_mel_bins: int = 80) -> Tensor:
    """Filter bank of a 16 kHz waveform.

    Args:
        waveform: [B, T_wav] in -1..1 at 16 kHz.
        num_mel_bins: bands.

    Returns:
        [B, T, num_mel_bins] with T = 1 + (T_wav - 400) // 160, float32.

    Raises:
        AudioError: shorter than one frame.
    """
    if waveform.size(-1) < FRAME:
        raise AudioError(
            f"audio of {waveform.size(-1)} samples", f"at least {FRAME} samples at 16 kHz", "use a longer clip"
        )
    device = str(waveform.device)
    frames = waveform.float().unfold(-1, FRAME, SHIFT)  # [B, T, FRAME]
    frames = frames - frames.mean(-1, keepdim=True)
    before = F.pad(frames, (1, 0), mode="replicate")[..., :-1]
    frames = (frames - PREEMPHASIS * before) * povey_window(device)
    # in float32 the quietest bands hang on how a processor's FFT rounds; MPS has no float64
    exact = frames if frames.device.type == "mps" else frames.double()
    power = torch.fft.rfft(exact, n=FFT).abs().square().float()
    return (power @ mel_bank(num_mel_bins, device).T).clamp(min=LOG_FLOOR).log()
