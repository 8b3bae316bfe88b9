"""Grouping of segments: every one once, buckets alike in length, streams in order."""

from __future__ import annotations

import pytest

from TTS_infer_pack.batching import make_batches


@pytest.mark.parametrize("bucket", [True, False])
@pytest.mark.parametrize("size", [1, 2, 5, 50])
def test_every_segment_once(bucket: bool, size: int) -> None:
    lengths = [10, 80, 12, 11, 79, 40, 9, 78]
    batches = make_batches(lengths, size, 0.75, bucket)
    assert sorted(i for batch in batches for i in batch) == list(range(len(lengths)))
    assert all(1 <= len(batch) <= size for batch in batches)


def test_buckets_hold_like_lengths() -> None:
    lengths = [10, 80, 12, 11, 79, 40, 9, 78]
    for batch in make_batches(lengths, 5, 0.75, True):
        assert min(lengths[i] for i in batch) >= 0.75 * max(lengths[i] for i in batch)


def test_without_buckets_the_order_of_the_text_stays() -> None:
    assert make_batches([3, 9, 1, 7], 3, 0.75, False) == [[0, 1, 2], [3]]
    assert make_batches([], 3, 0.75, True) == []
