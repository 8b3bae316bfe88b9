"""Recordings for training: read, checked, mixed to mono, brought to 32 kHz and to the level that training expects."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile
import soxr

from feature_extractor.level import SSL_SCALE, training_level
from prepare_datasets.report import SkippedClip

SAMPLE_RATE = 32000
SSL_RATE = 16000
MIN_SECONDS, MAX_SECONDS = 0.6, 54.0
MAX_PEAK = 2.2  # beyond this a float file holds no audio in the usual range
MIN_PEAK = 1e-3
WAV_SCALE = 32768.0


def read_recording(path: Path) -> np.ndarray:
    """A recording as float32 mono at 32 kHz, [T].

    Args:
        path: any format that libsndfile reads, with any number of channels and any rate.

    Raises:
        SkippedClip: undecodable, too short, too long, silent, or out of range.
    """
    try:
        with soundfile.SoundFile(str(path)) as stream:
            seconds = stream.frames / stream.samplerate
            if not MIN_SECONDS <= seconds <= MAX_SECONDS:
                reason = "too short" if seconds < MIN_SECONDS else "too long"
                raise SkippedClip(reason, f"{seconds:.2f} s, allowed are {MIN_SECONDS} to {MAX_SECONDS:.0f} s")
            samples, rate = stream.read(dtype="float32", always_2d=True), stream.samplerate
    except (soundfile.SoundFileError, RuntimeError, OSError) as error:
        raise SkippedClip("undecodable", str(error)) from error
    if len(samples) < MIN_SECONDS * rate:
        raise SkippedClip("undecodable", f"the file ends after {len(samples) / rate:.2f} of {seconds:.2f} s")
    mono = samples.mean(axis=1)  # [T, channels] -> [T]
    if not np.isfinite(mono).all():
        raise SkippedClip("undecodable", "samples that are no numbers")
    mono = np.asarray(soxr.resample(mono, rate, SAMPLE_RATE), dtype=np.float32)
    check_peak(float(np.abs(mono).max()))
    return mono


def check_peak(peak: float) -> None:
    """Refuse silence and samples far out of range.

    Raises:
        SkippedClip: "silent" or "clipped".
    """
    if peak < MIN_PEAK:
        raise SkippedClip("silent", f"peak {peak:.5f}")
    if peak > MAX_PEAK:
        raise SkippedClip("clipped", f"peak {peak:.2f}, allowed is {MAX_PEAK}")


def training_wav(samples: np.ndarray) -> np.ndarray:
    """What ``5-wav32k`` stores: int16 [T] of float32 [T] at 32 kHz."""
    mixed = training_level(samples) * WAV_SCALE
    # A peak of 1 lands on 32768, which would wrap around to the most negative sample.
    return np.clip(mixed, -32768, 32767).astype(np.int16)


def ssl_input(samples: np.ndarray) -> np.ndarray:
    """What HuBERT gets in this stage: float32 at 16 kHz, [T / 2], on the public scale (about 1145, not 1)."""
    mixed = (training_level(samples) * SSL_SCALE).astype(np.float32)
    return np.asarray(soxr.resample(mixed, SAMPLE_RATE, SSL_RATE), dtype=np.float32)
