"""Teacher features for the SSL encoder: Whisper-base encoder states, position removed, reduced by PCA.

Knows audio and Whisper; knows nothing of phones or of the student. Several clips share one 30 s window, which makes
the pass over a corpus about eight times cheaper than one window per clip.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr

logger = logging.getLogger(__name__)

RATE = 16_000
FRAME = 320  # samples per teacher and student frame: 50 Hz
WINDOW = 30 * RATE
GAP = 8 * FRAME  # silence between two clips of a window
WIDTH = 512  # states of Whisper base

Progress = Callable[[int, int], None]


def load_16k(path: str | Path) -> np.ndarray:
    """Mono float32 samples at 16 kHz, (T,)."""
    audio, rate = soundfile.read(str(path), dtype="float32", always_2d=True)
    mono = audio.mean(axis=1)
    return mono if rate == RATE else soxr.resample(mono, rate, RATE).astype(np.float32)


def frames_of(samples: int) -> int:
    """Frames that a HuBERT with the standard 7-layer front end gives for ``samples`` at 16 kHz."""
    for kernel, stride in ((10, 5), (3, 2), (3, 2), (3, 2), (3, 2), (2, 2), (2, 2)):
        samples = (samples - kernel) // stride + 1
    return samples


def windows(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Group clip indices so that each group, with gaps, fits one 30 s window."""
    group: list[int] = []
    used = 0
    for index, length in enumerate(lengths):
        aligned = -(-length // FRAME) * FRAME + GAP
        if group and used + aligned > WINDOW:
            yield group
            group, used = [], 0
        group.append(index)
        used += aligned
    if group:
        yield group


def encode_corpus(waves: Sequence[np.ndarray], threads: int = 2, progress: Progress | None = None) -> list[np.ndarray]:
    """Whisper encoder states per clip, each (frames, 512) float16 at 50 Hz."""
    import ctranslate2

    from tools.whisper_base import load_whisper_base

    model = load_whisper_base(threads)
    states: list[np.ndarray] = [np.zeros((0, WIDTH), np.float16)] * len(waves)
    done = 0
    for group in windows([len(w) for w in waves]):
        buffer = np.zeros(WINDOW, np.float32)
        starts = []
        cursor = 0
        for index in group:
            wave = waves[index][: WINDOW - cursor]
            buffer[cursor : cursor + len(wave)] = wave
            starts.append(cursor // FRAME)
            cursor += -(-len(wave) // FRAME) * FRAME + GAP
        mel = model.feature_extractor(buffer)[:, :3000]
        output = model.encode(mel)
        if output.device != "cpu":
            output = output.to_device(ctranslate2.Device.cpu)
        encoded = np.asarray(output, np.float32)[0]
        for index, start in zip(group, starts, strict=True):
            count = frames_of(len(waves[index]))
            states[index] = encoded[start : start + count].astype(np.float16)
        done += len(group)
        if progress:
            progress(done, len(waves))
    return states


def _sample(states: Sequence[np.ndarray], clips: int = 600) -> np.ndarray:
    """Indices of the clips that statistics are taken from."""
    return np.random.default_rng(0).permutation(len(states))[:clips]


def _principal(rows: np.ndarray, dims: int, whiten: float) -> tuple[np.ndarray, np.ndarray]:
    """Mean and projection (D, dims): principal components, each scaled by its deviation to the power ``-whiten``."""
    mean = rows.mean(axis=0)
    values, vectors = np.linalg.eigh(np.cov((rows - mean).T))
    order = np.argsort(values)[::-1][:dims]
    projection = vectors[:, order] * values[order] ** (-0.5 * whiten)
    projection /= np.sqrt(np.mean(((rows - mean) @ projection) ** 2))
    return mean.astype(np.float32), projection.astype(np.float32)


def reduce_states(states: Sequence[np.ndarray], dims: int = 96, whiten: float = 0.5) -> list[np.ndarray]:
    """Half-whitened principal components of the corpus: (frames, dims) float16 per clip, unit mean variance."""
    sample = np.concatenate([states[i] for i in _sample(states)]).astype(np.float32)
    mean, projection = _principal(sample, dims, whiten)
    return [((s.astype(np.float32) - mean) @ projection).astype(np.float16) for s in states]


@dataclass(frozen=True)
class TargetWeights:
    """Loudness of the three parts of the content targets.

    Attributes:
        phone: square roots of the phone posteriors (their distance is Hellinger's).
        sound: discriminants and principal components together.
        rest: principal components relative to the discriminants.
        rest_dims: number of principal components.
    """

    phone: float = 5.0
    sound: float = 0.7
    rest: float = 0.35
    rest_dims: int = 24


def content_targets(
    states: Sequence[np.ndarray],
    labels: Sequence[np.ndarray],
    posteriors: Sequence[np.ndarray],
    weights: TargetWeights = TargetWeights(),
) -> list[np.ndarray]:
    """What the student must reproduce and the codebook is made of: (frames, dims) float16 per clip.

    Square roots of the phone posteriors come first, then :func:`sound_targets`, each at its weight.

    Args:
        states: teacher states per clip, (frames, 512).
        labels: phone class per frame, negative for unknown.
        posteriors: probability of each phone class per frame, (frames, classes).
        weights: loudness of the parts.
    """
    sounds = sound_targets(states, labels, weights.rest_dims, weights.rest)
    rows = []
    for sound, posterior in zip(sounds, posteriors, strict=True):
        phone = np.sqrt(posterior.astype(np.float32))
        rows.append(np.concatenate([weights.phone * phone, weights.sound * sound], axis=1).astype(np.float16))
    return rows


def sound_targets(
    states: Sequence[np.ndarray], labels: Sequence[np.ndarray], rest_dims: int = 24, rest_weight: float = 0.35
) -> list[np.ndarray]:
    """Sound beyond the phone: (frames, dims) float16 per clip, unit mean variance.

    The first columns are a linear discriminant projection (Fisher 1936) of the teacher states onto phone classes, in
    units of the spread within a class, so that distances there mean "another sound"; then come ``rest_dims`` principal
    components of the states at ``rest_weight``, which keep stress and tone of voice.

    Args:
        states: teacher states per clip, (frames, 512).
        labels: phone class per frame, negative for unknown.
        rest_dims: principal components beside the discriminants.
        rest_weight: their loudness.
    """
    from scipy.linalg import eigh

    chosen = _sample(states)
    rows = np.concatenate([states[i] for i in chosen]).astype(np.float64)
    classes = np.concatenate([labels[i] for i in chosen])
    rows, classes = rows[classes >= 0], classes[classes >= 0]
    names, index = np.unique(classes, return_inverse=True)
    counts = np.bincount(index)[:, None]
    means = np.stack([np.bincount(index, weights=c) for c in rows.T], axis=1) / counts
    centre = rows.mean(axis=0)
    within = np.cov((rows - means[index]).T) + 1e-4 * np.eye(rows.shape[1])
    spread = (means - centre) * np.sqrt(counts / counts.sum())
    kept = [rows.shape[1] - len(names) + 1, rows.shape[1] - 1]
    values, vectors = eigh(spread.T @ spread, within, subset_by_index=kept)
    logger.info("discriminants: between-class variance %.1f to %.2f", values[-1], values[0])
    discriminant = vectors[:, ::-1].astype(np.float32)
    mean, principal = _principal(rows.astype(np.float32), rest_dims, 0.5)
    projection = np.concatenate([discriminant, rest_weight * principal], axis=1)
    scaled = (rows.astype(np.float32) - mean) @ projection
    projection /= np.sqrt(np.mean(scaled**2))
    return [((s.astype(np.float32) - mean) @ projection).astype(np.float16) for s in states]
