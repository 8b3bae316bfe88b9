"""Token tables and sine position codes, with the parameter names of the public checkpoints."""

from __future__ import annotations

import math
import threading

import torch
from torch import Tensor, nn

_growing = threading.Lock()
"""Held while a table grows: of two calls at once, the one with fewer positions must not put its table last."""


class TokenEmbedding(nn.Module):
    """A lookup table: ids of any shape [...] -> [..., C]."""

    def __init__(self, vocab_size: int, dim: int) -> None:
        super().__init__()
        self.word_embeddings = nn.Embedding(vocab_size, dim)

    def forward(self, ids: Tensor) -> Tensor:
        return self.word_embeddings(ids)


def sine_table(positions: int, dim: int) -> Tensor:
    """[positions, dim]: sine in even and cosine in odd channels, base 10000."""
    rate = torch.exp(torch.arange(0, dim, 2, dtype=torch.float32) * -(math.log(10000.0) / dim))
    angle = torch.arange(positions, dtype=torch.float32)[:, None] * rate
    return torch.stack((angle.sin(), angle.cos()), dim=-1).reshape(positions, dim)


class SinePosition(nn.Module):
    """Adds alpha x position code; alpha is learned, one for text and one for audio."""

    START = 4000

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.dim = dim
        self.alpha = nn.Parameter(torch.ones(1))
        self.table: Tensor
        self.register_buffer("table", sine_table(self.START, dim), persistent=False)

    def reserve(self, positions: int) -> None:
        """Make the table long enough for ``positions``."""
        if positions > self.table.shape[0]:
            with _growing:
                if positions > self.table.shape[0]:
                    self.table = sine_table(2 * positions, self.dim).to(self.table)

    def forward(self, x: Tensor, positions: Tensor) -> Tensor:
        """x [..., C] and positions [...] (below the reserved length) -> [..., C]."""
        return x + self.alpha * self.table[positions].to(x.dtype)
