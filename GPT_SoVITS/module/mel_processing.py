"""Linear and mel spectrograms as the public models expect them (tests/golden/spectral).

Reflection padding of (fft - hop) / 2 on both sides, periodic Hann window, magnitude sqrt(re^2 + im^2 + 1e-8); Slaney
mel filters applied to the magnitude; natural logarithm with floor 1e-5. Windows and filters are cached by arguments.
"""

from __future__ import annotations

import math
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional as F

from errors import AudioError

LOG_FLOOR = 1e-5
# Slaney's scale: linear below 1 kHz (3 mels per 200 Hz), logarithmic above (27 mels per factor 6.4).
_HZ_PER_MEL = 200.0 / 3
_BREAK_HZ = 1000.0
_BREAK_MEL = _BREAK_HZ / _HZ_PER_MEL
_LOG_STEP = math.log(6.4) / 27.0


def _hz_to_mel(hz: float) -> float:
    return hz / _HZ_PER_MEL if hz < _BREAK_HZ else _BREAK_MEL + math.log(hz / _BREAK_HZ) / _LOG_STEP


def _mel_to_hz(mel: Tensor) -> Tensor:
    return torch.where(mel < _BREAK_MEL, mel * _HZ_PER_MEL, _BREAK_HZ * torch.exp(_LOG_STEP * (mel - _BREAK_MEL)))


@lru_cache(maxsize=32)
@torch.inference_mode(False)  # cached while speaking, used while training
def mel_filters(sampling_rate: int, n_fft: int, num_mels: int, fmin: float = 0.0, fmax: float | None = None) -> Tensor:
    """Triangular filters of equal area [num_mels, n_fft // 2 + 1]; treat the result as read-only."""
    top = sampling_rate / 2 if fmax is None else fmax
    bins = torch.linspace(0, sampling_rate / 2, n_fft // 2 + 1, dtype=torch.float64)
    edges = _mel_to_hz(torch.linspace(_hz_to_mel(fmin), _hz_to_mel(top), num_mels + 2, dtype=torch.float64))
    low, mid, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    rising, falling = (bins - low) / (mid - low), (high - bins) / (high - mid)
    return (torch.minimum(rising, falling).clamp(min=0) * 2.0 / (high - low)).float()


@lru_cache(maxsize=32)
@torch.inference_mode(False)
def _filters_on(key: tuple[int, int, int, float, float | None], device: str, dtype: torch.dtype) -> Tensor:
    return mel_filters(*key).to(device=device, dtype=dtype)


@lru_cache(maxsize=32)
@torch.inference_mode(False)
def _window(win_size: int, device: str, dtype: torch.dtype) -> Tensor:
    return torch.hann_window(win_size, dtype=dtype).to(device)


def spectrogram_torch(
    y: Tensor, n_fft: int, sampling_rate: int, hop_size: int, win_size: int, center: bool = False
) -> Tensor:
    """Magnitude spectrogram: y [B, T_wav] in -1..1 -> [B, n_fft // 2 + 1, T_wav // hop_size].

    ``sampling_rate`` is part of the public signature and not used.

    Raises:
        AudioError: the signal is shorter than the padding it needs.
    """
    pad = (n_fft - hop_size) // 2
    if y.size(-1) <= pad:
        raise AudioError(f"audio of {y.size(-1)} samples", f"more than {pad} samples", "use a longer clip")
    y = F.pad(y.unsqueeze(1), (pad, pad), mode="reflect").squeeze(1)
    window = _window(win_size, str(y.device), y.dtype)
    spec = torch.stft(
        y, n_fft, hop_length=hop_size, win_length=win_size, window=window, center=center, return_complex=True
    )
    return torch.sqrt(spec.real.square() + spec.imag.square() + 1e-8)


def spec_to_mel_torch(
    spec: Tensor, n_fft: int, num_mels: int, sampling_rate: int, fmin: float, fmax: float | None
) -> Tensor:
    """Log mel of a magnitude spectrogram: [B, n_fft // 2 + 1, T] -> [B, num_mels, T]."""
    filters = _filters_on((sampling_rate, n_fft, num_mels, fmin, fmax), str(spec.device), spec.dtype)
    return torch.log((filters @ spec).clamp(min=LOG_FLOOR))


def mel_spectrogram_torch(
    y: Tensor,
    n_fft: int,
    num_mels: int,
    sampling_rate: int,
    hop_size: int,
    win_size: int,
    fmin: float,
    fmax: float | None,
    center: bool = False,
) -> Tensor:
    """Log mel of a waveform: y [B, T_wav] -> [B, num_mels, T_wav // hop_size]; the signature is the public one."""
    spec = spectrogram_torch(y, n_fft, sampling_rate, hop_size, win_size, center)
    return spec_to_mel_torch(spec, n_fft, num_mels, sampling_rate, fmin, fmax)
