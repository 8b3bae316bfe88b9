"""Steady noise (hum, hiss, fans) taken out of recordings by spectral gating. Needs the extra "denoise"."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from audio_io import Samples, load_audio, to_int16, write_audio
from errors import ConfigError, MissingDependencyError

Denoise = Callable[[Samples, int], Samples]
"""Samples [T] and their rate in Hz to samples [T]."""


def load_denoiser(strength: float = 0.9) -> Denoise:
    """A function that takes ``strength`` (0..1) of the noise out.

    Raises:
        ConfigError: ``strength`` is out of range.
        MissingDependencyError: noisereduce is not installed.
    """
    if not 0 < strength <= 1:
        raise ConfigError(f"strength is {strength}", "more than 0, at most 1")
    try:
        import noisereduce
    except ImportError as error:
        raise MissingDependencyError(
            "noisereduce is not installed", "the package that takes noise out", 'pip install -e ".[denoise]"'
        ) from error

    def denoise(samples: Samples, rate: int) -> Samples:
        cleaned = noisereduce.reduce_noise(y=samples, sr=rate, stationary=True, prop_decrease=strength)
        return np.asarray(cleaned, dtype=np.float32)

    return denoise


def denoise_recording(path: Path, folder: Path, denoise: Denoise) -> Path:
    """Write a cleaned copy of ``path`` as ``folder/<name>.wav``, at the same rate.

    Raises:
        AudioError: the recording cannot be used.
        OutputError: ``folder`` cannot be written.
        ConfigError: the copy would replace the recording.
    """
    target = folder / f"{path.stem}.wav"
    if target.resolve() == path.resolve():
        raise ConfigError(f"{folder} is the folder of the recordings", "another folder", "change --output")
    audio = load_audio(path)
    write_audio(target, to_int16(denoise(audio.samples, audio.rate)), audio.rate)
    return target
