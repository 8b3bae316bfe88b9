"""Batches by length that only seed and epoch decide."""

from __future__ import annotations

import numpy as np

from module.training.sampler import LengthBatchSampler

FRAMES = [int(n) for n in np.random.default_rng(0).integers(50, 400, 103)]


def clips_of(batches: list[list[tuple[int, float]]]) -> list[int]:
    return [clip for batch in batches for clip, _ in batch]


def test_an_epoch_holds_every_clip_once() -> None:
    sampler = LengthBatchSampler(FRAMES, 8, seed=1)
    batches = list(sampler)
    assert len(batches) == len(sampler) == 13
    assert sorted(clips_of(batches)) == list(range(103))
    assert all(0.0 <= position < 1.0 for batch in batches for _, position in batch)


def test_small_data_is_repeated() -> None:
    sampler = LengthBatchSampler(FRAMES[:5], 4, seed=1, repeat=20)
    assert len(list(sampler)) == 25
    assert sorted(clips_of(list(sampler))) == sorted(list(range(5)) * 20)


def test_batches_hold_clips_of_like_length() -> None:
    spread = [np.ptp([FRAMES[clip] for clip, _ in batch]) for batch in LengthBatchSampler(FRAMES, 8, seed=1)]
    assert np.mean(spread) < 60 < np.ptp(FRAMES)


def test_epochs_differ_and_repeat_by_seed() -> None:
    first, second = LengthBatchSampler(FRAMES, 8, seed=1), LengthBatchSampler(FRAMES, 8, seed=1)
    assert list(first) == list(second)
    second.set_position(1)
    assert list(first) != list(second)


def test_resuming_goes_on_with_the_next_batch() -> None:
    sampler = LengthBatchSampler(FRAMES, 8, seed=1)
    sampler.set_position(3)
    whole = list(sampler)
    sampler.set_position(3, first=5)
    assert list(sampler) == whole[5:]


def test_processes_share_one_order_in_equal_numbers() -> None:
    parts = [list(LengthBatchSampler(FRAMES, 8, seed=1, rank=rank, world=2)) for rank in range(2)]
    assert len(parts[0]) == len(parts[1]) == 7
    assert set(clips_of(parts[0] + parts[1])) == set(range(103))
