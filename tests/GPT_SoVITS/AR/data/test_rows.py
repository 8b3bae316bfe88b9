"""Rows and batches of an epoch, and their padded layout."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from AR.backend import EOS
from AR.data.clips import Clip
from AR.data.collate import IGNORE, collate
from AR.data.rows import Batching, epoch_batches, row_length, share_of_process, small_set_repeat


def clip(name: str, phones: int, tokens: int, speaker: str | None = None, aligned: bool = False) -> Clip:
    alignment = np.arange(tokens) * phones // tokens if aligned else None
    return Clip(name, np.arange(1, phones + 1), np.arange(tokens) + 100, speaker, None, alignment)


def many(count: int = 60) -> list[Clip]:
    rng = np.random.default_rng(0)
    return [clip(str(i), int(rng.integers(5, 40)), int(rng.integers(10, 90)), f"s{i % 3}") for i in range(count)]


def test_batches_keep_their_limits_and_hold_every_clip_as_a_target() -> None:
    clips = many()
    how = Batching(batch_tokens=800, batch_size=6, join_probability=0.5, max_row_tokens=150, repeat=2)
    batches = epoch_batches(clips, how, seed=1, epoch=0)
    for batch in batches:
        assert len(batch) <= 6
        assert max(map(row_length, batch)) * len(batch) <= 800
    rows = [row for batch in batches for row in batch]
    assert sorted(row[-1].name for row in rows) == sorted([c.name for c in clips] * 2)
    joined = [row for row in rows if len(row) == 2]
    assert len(joined) > 10
    for prompt, target in joined:
        assert prompt.speaker == target.speaker and prompt is not target and row_length((prompt, target)) <= 150


def test_batches_are_a_function_of_seed_and_epoch() -> None:
    def names(seed: int, epoch: int) -> list:
        batches = epoch_batches(many(), Batching(800, 6), seed, epoch)
        return [[[c.name for c in row] for row in batch] for batch in batches]

    assert names(1, 0) == names(1, 0)
    assert names(1, 0) != names(1, 1) != names(2, 1)


def test_clips_without_speaker_are_not_joined() -> None:
    clips = [clip(str(i), 5, 10) for i in range(20)]
    assert all(len(row) == 1 for batch in epoch_batches(clips, Batching(800, 6, 1.0), 0, 0) for row in batch)


def test_processes_get_equal_numbers_of_batches() -> None:
    batches = epoch_batches(many(), Batching(800, 6), 0, 0)
    shares = [share_of_process(batches, rank, 4) for rank in range(4)]
    assert len({len(share) for share in shares}) == 1
    assert {id(b) for share in shares for b in share} == {id(b) for b in batches}


def test_small_sets_are_repeated() -> None:
    assert [small_set_repeat(n) for n in (1, 10, 60, 99, 100, 5000)] == [100, 10, 2, 2, 1, 1]


def test_layout_of_a_batch(tmp_path: Path) -> None:
    rows = [(clip("a", 4, 6, aligned=True), clip("b", 3, 2)), (clip("c", 2, 3, aligned=True),)]
    batch = collate(rows)
    assert batch.phones.tolist() == [[1, 2, 3, 4, 1, 2, 3], [0, 0, 0, 0, 0, 1, 2]]
    assert batch.text_positions.tolist() == [[0, 1, 2, 3, 4, 5, 6], [0, 0, 0, 0, 0, 0, 1]]
    assert batch.text_valid.sum(1).tolist() == [7, 2]
    assert batch.tokens.tolist() == [[100, 101, 102, 103, 104, 105, 100, 101], [100, 101, 102] + [EOS] * 5]
    assert batch.targets.tolist()[0] == batch.tokens.tolist()[0] + [EOS]
    assert batch.targets.tolist()[1] == [100, 101, 102, EOS] + [IGNORE] * 5
    assert batch.token_lens.tolist() == [8, 3]
    assert batch.target_clip.tolist()[0] == [0] * 6 + [1] * 3
    assert batch.target_column.tolist() == [[0, 0, 1, 2, 2, 3, -1, -1, -1], [5, 5, 6, -1, -1, -1, -1, -1, -1]]
    assert batch.text_clip.tolist()[1] == [-1] * 5 + [0, 0]
    torch.testing.assert_close(batch.target_time[0, 6:], torch.tensor([0.25, 0.75, 1.0]))
    assert batch.bert is None


def test_text_features_are_padded_like_phones(tmp_path: Path) -> None:
    features = torch.randn(1024, 3)
    torch.save(features, tmp_path / "x.pt")
    first = Clip("x", np.arange(3), np.arange(5), None, tmp_path / "x.pt")
    batch = collate([(first,), (clip("y", 5, 5),)], with_bert=True)
    assert batch.bert is not None
    assert torch.equal(batch.bert[0, :, 2:], features) and not batch.bert[0, :, :2].any() and not batch.bert[1].any()
