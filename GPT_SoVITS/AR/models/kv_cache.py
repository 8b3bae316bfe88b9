"""Keys and values of past positions, preallocated; part of a decode state, never of a model.

Shapes: B batch, H heads, L positions, D channels per head.
"""

from __future__ import annotations

import torch
from torch import Tensor


class KVCache:
    """Room for ``capacity`` positions of every layer; grows by whole blocks when it is full."""

    BLOCK = 256

    def __init__(self, layers: int, batch: int, heads: int, head_dim: int, like: Tensor, capacity: int) -> None:
        self.data = like.new_zeros(layers, 2, batch, heads, self._round(capacity), head_dim)
        self.length = 0

    @classmethod
    def _round(cls, positions: int) -> int:
        return -(-positions // cls.BLOCK) * cls.BLOCK

    @property
    def capacity(self) -> int:
        """Positions there is room for."""
        return self.data.shape[4]

    def make_room(self, positions: int) -> None:
        """Ensure room for ``positions`` more; the store at least doubles, so that growing stays rare."""
        needed = self.length + positions
        if needed <= self.capacity:
            return
        shape = list(self.data.shape)
        shape[4] = self._round(max(needed, 2 * self.capacity))
        grown = self.data.new_zeros(shape)
        grown[..., : self.length, :] = self.data[..., : self.length, :]
        self.data = grown

    def write(self, layer: int, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Store [B, H, n, D] behind what there is; returns all keys and values so far [B, H, L + n, D].

        ``length`` moves on with ``advance`` once all layers have written.
        """
        end = self.length + keys.shape[2]
        self.data[layer, 0, :, :, self.length : end] = keys
        self.data[layer, 1, :, :, self.length : end] = values
        return self.data[layer, 0, :, :, :end], self.data[layer, 1, :, :, :end]

    def advance(self, positions: int) -> None:
        """Count ``positions`` written by every layer."""
        self.length += positions

    def select(self, rows: Tensor) -> None:
        """Keep the given batch rows only."""
        self.data = torch.index_select(self.data, 2, rows)
