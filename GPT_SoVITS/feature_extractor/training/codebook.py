"""The semantic codebook: k-means over pairs of 50 Hz frames, and its place in a SoVITS checkpoint.

The quantiser of SoVITS sees ``ssl_proj(features)``, a convolution of kernel and stride 2. Here that convolution holds
the student's linear head averaged over two frames, so that codes mean the same whether they were made from the head's
targets or from the encoder's features.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

logger = logging.getLogger(__name__)

CODES = 1024
QUANTIZER = "quantizer.vq.layers.0._codebook."
EMBED = QUANTIZER + "embed"
"""Public name of the codebook in a SoVITS checkpoint, [CODES, ssl_dim]."""


def pair_means(rows: np.ndarray) -> np.ndarray:
    """Mean of frames 2i and 2i + 1: (frames, D) at 50 Hz -> (frames // 2, D) at 25 Hz."""
    even = len(rows) // 2 * 2
    return rows[:even].astype(np.float32).reshape(-1, 2, rows.shape[1]).mean(axis=1)


def fit_codebook(targets: Sequence[np.ndarray], codes: int = CODES, seed: int = 0) -> np.ndarray:
    """k-means centres (codes, D) of the pair means; rare codes are re-seeded by the library."""
    from sklearn.cluster import MiniBatchKMeans

    rows = np.concatenate([pair_means(t) for t in targets])
    model = MiniBatchKMeans(codes, random_state=seed, batch_size=8192, max_iter=60, n_init=1, reassignment_ratio=0.02)
    labels = model.fit_predict(rows)
    logger.info("codebook: %d of %d codes in use on %d frames", len(np.unique(labels)), codes, len(rows))
    return model.cluster_centers_.astype(np.float32)


def assign(rows: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """Nearest centre per row: (T, D), (codes, D) -> (T,)."""
    distance = (centres**2).sum(axis=1)[None] - 2 * rows @ centres.T
    return distance.argmin(axis=1)


@dataclass(frozen=True)
class CodedSpeech:
    """Tokens, and what was really said at each, (T,) all: phone class (negative: unknown), relative pitch, voiced."""

    codes: np.ndarray
    labels: np.ndarray
    pitch: np.ndarray
    voiced: np.ndarray


@dataclass(frozen=True)
class CodeMeaning:
    """What the codes stand for: commonest phone (codes,) and mean relative pitch (codes,) of each."""

    phone: np.ndarray
    pitch: np.ndarray


def meaning_of(speech: CodedSpeech) -> CodeMeaning:
    """Count what each code is used for."""
    codes, known, voiced = speech.codes, speech.labels >= 0, speech.voiced
    table = np.zeros((CODES, speech.labels.max() + 1), np.int64)
    np.add.at(table, (codes[known], speech.labels[known]), 1)
    total = np.bincount(codes[voiced], speech.pitch[voiced], CODES)
    return CodeMeaning(table.argmax(axis=1), total / np.maximum(1, np.bincount(codes[voiced], minlength=CODES)))


def agreement(meaning: CodeMeaning, speech: CodedSpeech) -> tuple[float, float]:
    """(share of tokens with the right phone, correlation of log pitch over voiced tokens), read off the codes alone."""
    known, voiced = speech.labels >= 0, speech.voiced
    right = float((meaning.phone[speech.codes[known]] == speech.labels[known]).mean())
    return right, float(np.corrcoef(meaning.pitch[speech.codes[voiced]], speech.pitch[voiced])[0, 1])


def quantizer_weights(head: Tensor, bias: Tensor, centres: np.ndarray, ssl_dim: int) -> dict[str, Tensor]:
    """The public names that hold projection and codebook.

    Args:
        head: linear head from features to targets, (D, ssl_dim).
        bias: (D,).
        centres: codebook, (codes, D).
        ssl_dim: feature width; targets beyond D are zero.

    Returns:
        ``ssl_proj.*`` and ``quantizer.vq.layers.0._codebook.*``.
    """
    dims = head.shape[0]
    weight = torch.zeros(ssl_dim, ssl_dim, 2)
    weight[:dims, :, :] = head[:, :, None] / 2
    full_bias = torch.zeros(ssl_dim)
    full_bias[:dims] = bias
    embed = torch.zeros(len(centres), ssl_dim)
    embed[:, :dims] = torch.from_numpy(centres)
    return {
        "ssl_proj.weight": weight,
        "ssl_proj.bias": full_bias,
        QUANTIZER + "inited": torch.ones(1),
        QUANTIZER + "cluster_size": torch.ones(len(centres)),
        EMBED: embed,
        QUANTIZER + "embed_avg": embed.clone(),
    }
