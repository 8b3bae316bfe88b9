"""Batches of clips of like length, in an order that depends on nothing but the seed and the epoch.

So a resumed run sees exactly the batches the interrupted one would have seen, and several processes share out one
order without talking to each other.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from torch.utils.data import Sampler

POOL_BATCHES = 16  # clips are sorted by length within pools of so many batches: little padding, much chance


class LengthBatchSampler(Sampler[list[tuple[int, float]]]):
    """Yields lists of ``(clip, position)`` for :class:`S2Dataset`.

    Args:
        frames: length of each clip in frames.
        batch_size: clips in a batch; the last batch of an epoch may be smaller.
        seed: with the epoch it decides the order and the cuts.
        repeat: how often a small data set is gone through in one epoch.
        rank, world: this process and how many there are; every process gets equally many batches.
    """

    def __init__(
        self, frames: Sequence[int], batch_size: int, seed: int, repeat: int = 1, rank: int = 0, world: int = 1
    ) -> None:
        self.frames, self.batch_size, self.seed = np.asarray(frames), batch_size, seed
        self.repeat, self.rank, self.world = max(1, repeat), rank, world
        self.epoch, self.first = 0, 0

    def set_position(self, epoch: int, first: int = 0) -> None:
        """Choose the epoch, and the batch of this process to begin with (for resuming)."""
        self.epoch, self.first = epoch, first

    def __len__(self) -> int:
        """Batches of one process in a whole epoch."""
        batches = -(-len(self.frames) * self.repeat // self.batch_size)
        return -(-batches // self.world)

    def __iter__(self) -> Iterator[list[tuple[int, float]]]:
        batches = self._epoch_batches()
        mine = [batches[i % len(batches)] for i in range(self.rank, len(self) * self.world, self.world)]
        yield from mine[self.first :]

    def _epoch_batches(self) -> list[list[tuple[int, float]]]:
        """All processes' batches of this epoch."""
        rng = np.random.default_rng([self.seed, self.epoch])
        order = np.concatenate([rng.permutation(len(self.frames)) for _ in range(self.repeat)])
        pool = self.batch_size * POOL_BATCHES
        pieces = [order[i : i + pool] for i in range(0, len(order), pool)]
        order = np.concatenate([piece[np.argsort(self.frames[piece], kind="stable")] for piece in pieces])
        positions = rng.random(len(order))
        pairs = [(int(i), float(p)) for i, p in zip(order, positions, strict=True)]
        batches = [pairs[i : i + self.batch_size] for i in range(0, len(pairs), self.batch_size)]
        return [batches[i] for i in rng.permutation(len(batches))]
