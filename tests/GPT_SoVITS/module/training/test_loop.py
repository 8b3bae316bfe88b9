"""The loop over epochs, where a run goes on that was begun with other numbers."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from module.training import loop
from module.training.run import Position
from module.training.sampler import LengthBatchSampler


class Loader:
    """Gives the sampler's batches as they are; an epoch without any must not be asked for again and again."""

    def __init__(self, sampler: LengthBatchSampler) -> None:
        self.sampler, self.empty = sampler, 0

    def __iter__(self) -> Iterator[Any]:
        found = list(self.sampler)
        self.empty += not found
        assert self.empty < 3, "the loop goes round and round without a batch"
        yield from found


@pytest.mark.parametrize("saved_batch", [2, 3, 142])
def test_a_position_of_a_run_with_more_batches_goes_on_with_the_next_epoch(saved_batch: int) -> None:
    sampler = LengthBatchSampler([50] * 12, 2, seed=1, world=2)  # three batches for each of two processes
    settings = SimpleNamespace(train=SimpleNamespace(epochs=7, max_steps=0))
    run: Any = SimpleNamespace(position=Position(epoch=4, batch=saved_batch, step=900), settings=settings, average=None)
    seen = []
    for _ in loop.batches(run, Loader(sampler), sampler):  # type: ignore[arg-type]
        seen.append((run.position.epoch, run.position.batch))
        loop.advance(run, len(sampler))
    rest_of_this = [(4, batch) for batch in range(saved_batch, 3)]
    assert seen == rest_of_this + [(epoch, batch) for epoch in (5, 6) for batch in range(3)]
