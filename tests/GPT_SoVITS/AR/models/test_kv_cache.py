"""Rows of the KV cache: what grows, moves or is free keeps what the live rows hold."""

from __future__ import annotations

import torch

from AR.models.kv_cache import BLOCK, DecodeState, KVCache, RowView, StepView, bucket


def filled(lengths: tuple[int, ...], capacity: int = 8) -> DecodeState:
    """Rows whose key at a position is row + position / 1000."""
    state = DecodeState(KVCache(2, len(lengths), 1, 4, torch.empty(0), capacity))
    for row, length in enumerate(lengths):
        state.make_room(row + 1, length)
        values = (row + torch.arange(length) / 1000)[None, None, :, None].expand(1, 1, length, 4)
        for layer in range(2):
            RowView(state.cache, row, 0, length).update(layer, values, -values)
        state.open_row(row, length, row)
    return state


def content(state: DecodeState, row: int) -> list[float]:
    keys = state.cache.layers[1][0, row, 0, : state.cache.filled[row], 0]
    assert torch.equal(-keys, state.cache.layers[1][1, row, 0, : len(keys), 0])
    return [round(float(value), 3) for value in keys]


def test_buckets() -> None:
    assert [bucket(n) for n in (1, 256, 257, 600)] == [256, 256, 512, 1024]
    assert [bucket(n, 1) for n in (1, 2, 3, 5, 9)] == [1, 2, 4, 8, 16]


def test_growing_keeps_what_is_there() -> None:
    state = filled((3, 5))
    assert state.cache.capacity == BLOCK and not state.make_room(2, BLOCK - 1)
    before = [content(state, row) for row in (0, 1)]
    assert state.make_room(4, BLOCK)
    assert (state.cache.rows, state.cache.capacity) == (4, 2 * BLOCK)
    assert [content(state, row) for row in (0, 1)] == before and state.spoken.tolist() == [0, 1, 0, 0]
    assert state.cache.lengths.tolist() == [3, 5, 2 * BLOCK - 1, 2 * BLOCK - 1]


def test_a_row_moves_and_leaves_a_free_one() -> None:
    state = filled((3, 5, 4))
    state.move(2, 0)
    assert content(state, 0) == [2.0, 2.001, 2.002, 2.003] and state.cache.filled == [4, 5, 0]
    assert state.spoken.tolist() == [2, 1, 2] and state.cache.lengths.tolist() == [4, 5, BLOCK - 1]


def test_a_step_writes_each_row_at_its_own_place() -> None:
    state = filled((3, 5, 4))
    state.free_row(2)
    view = StepView(state.cache, 3)
    new = torch.tensor([7.0, 8.0, 9.0])[:, None, None, None].expand(3, 1, 1, 4)
    for layer in range(2):
        keys, _ = view.update(layer, new, -new)
    assert keys.shape == (3, 1, 6, 4) and keys[0, 0, 3, 0] == 7.0 and keys[1, 0, 5, 0] == 8.0
    mask = view.mask()
    assert mask is not None
    assert (mask[:, 0, 0] == 0).sum(1).tolist() == [4, 6, 6], "a free row writes its last column, which nobody sees"
    window = view.mask(2)
    assert window is not None and (window[:2, 0, 0] == 0).nonzero().tolist() == [[0, 2], [0, 3], [1, 4], [1, 5]]
    state.finish_step(view, 3)
    assert state.cache.filled == [4, 6, 0] and state.cache.lengths.tolist() == [4, 6, BLOCK - 1]


def test_a_step_of_rows_of_one_length_writes_the_same() -> None:
    """They are written in another way; what was there before them stays, and so does a row behind them."""
    state = filled((4, 4, 2))
    view = StepView(state.cache, 2)
    new = torch.tensor([7.0, 8.0])[:, None, None, None].expand(2, 1, 1, 4)
    for layer in range(2):
        keys, values = view.update(layer, new, -new)
    assert keys.shape == (2, 1, 5, 4) and torch.equal(keys, -values)
    state.finish_step(view, 2)
    assert content(state, 0) == [0.0, 0.001, 0.002, 0.003, 7.0]
    assert content(state, 1) == [1.0, 1.001, 1.002, 1.003, 8.0]
    assert content(state, 2) == [2.0, 2.001]


def test_rows_of_one_length_need_no_mask() -> None:
    state = filled((4, 4))
    assert StepView(state.cache, 2).mask() is None and StepView(state.cache, 1).mask() is None
    assert StepView(filled((4, 3)).cache, 2).mask() is not None


def test_text_is_seen_by_all_and_audio_by_what_follows() -> None:
    state = filled((0,), 8)
    state.make_room(1, 5)
    mask = RowView(state.cache, 0, 0, 5, prefix=3).mask()
    assert mask is not None
    assert (mask[0, 0] == 0).int().tolist() == [[1, 1, 1, 0, 0]] * 3 + [[1, 1, 1, 1, 0], [1, 1, 1, 1, 1]]
