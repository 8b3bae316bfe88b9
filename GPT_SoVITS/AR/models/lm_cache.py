"""A preallocated KV cache behind transformers' own ``Cache`` interface; part of a decode state, never of a model.

Keys and values are written in place and handed out as views of what is filled, so nothing grows by concatenation and
attention looks at no empty places. Full-length layers are kept for sliding attention too; the mask does the sliding.

Shapes: B batch, H key-value heads, L positions, D channels per head.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from transformers.cache_utils import Cache, CacheLayerMixin

BLOCK = 256


def round_up(positions: int) -> int:
    """The next multiple of ``BLOCK``."""
    return -(-positions // BLOCK) * BLOCK


class PreallocatedLayer(CacheLayerMixin):  # type: ignore[misc]
    """Keys and values of one layer with room for ``capacity`` positions; at least doubles when it is full."""

    is_sliding = False

    def __init__(self, capacity: int) -> None:
        super().__init__()
        self.capacity, self.length = round_up(capacity), 0
        self.store = torch.empty(0)

    def lazy_initialization(self, key_states: Tensor, value_states: Tensor) -> None:
        """Allocate, shaped after the first keys [B, H, n, D]."""
        batch, heads, _, dim = key_states.shape
        self.dtype, self.device = key_states.dtype, key_states.device
        self.store = key_states.new_zeros(2, batch, heads, self.capacity, dim)
        self.is_initialized = True

    def update(self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
        """Write [B, H, n, D] behind what there is; returns all keys and values so far [B, H, L + n, D]."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        end = self.length + key_states.shape[2]
        if end > self.capacity:
            self._grow(end)
        self.store[0, :, :, self.length : end] = key_states
        self.store[1, :, :, self.length : end] = value_states
        self.length = end
        self.keys, self.values = self.store[0, :, :, :end], self.store[1, :, :, :end]
        return self.keys, self.values

    def _grow(self, needed: int) -> None:
        self.capacity = round_up(max(needed, 2 * self.capacity))
        shape = list(self.store.shape)
        shape[3] = self.capacity
        grown = self.store.new_zeros(shape)
        grown[..., : self.length, :] = self.store[..., : self.length, :]
        self.store = grown

    def select(self, rows: Tensor) -> None:
        """Keep the given batch rows only."""
        self.store = torch.index_select(self.store, 1, rows)

    def get_seq_length(self) -> int:
        return self.length

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        return self.length + query_length, 0

    def get_max_length(self) -> int:
        return -1


class PreallocatedCache(Cache):  # type: ignore[misc]
    """One :class:`PreallocatedLayer` per layer of a backbone."""

    def __init__(self, layers: int, capacity: int) -> None:
        super().__init__(layers=[PreallocatedLayer(capacity) for _ in range(layers)])

    @property
    def length(self) -> int:
        """Positions filled."""
        return int(self.layers[0].length)

    def select(self, rows: Tensor) -> None:
        """Keep the given batch rows only."""
        for layer in self.layers:
            layer.select(rows)
