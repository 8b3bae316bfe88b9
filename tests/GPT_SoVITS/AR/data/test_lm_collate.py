"""The language model's collator: rows and labels as in decoding, dropped streams, an end to what it remembers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from AR.data import lm_collate
from AR.data.clips import Clip
from AR.data.collate import IGNORE
from AR.data.lm_collate import Item, LMCollator, draw_streams
from AR.models import lm_rows
from AR.models.lm_folder import LMConfig


def clip(number: int) -> Clip:
    return Clip(f"c{number}", np.arange(5), np.arange(9), text=f"hello {number}")


def test_joined_texts_do_not_pile_up(make_tokenizer: Callable[[], Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lm_collate, "MOST_TEXTS", 10)
    collate, fresh = (LMCollator(make_tokenizer(), LMConfig("tiny"), False) for _ in range(2))
    clips = [clip(number) for number in range(8)]
    pairs = [Item((first, second)) for first in clips for second in clips]
    for pair in pairs:
        collate([pair])
    assert len(collate._known) <= 10
    assert collate(pairs[-3:])["ids"].tolist() == fresh(pairs[-3:])["ids"].tolist()


def aligned_clip(name: str, phones: int, tokens: int) -> Clip:
    return Clip(
        name,
        np.arange(phones),
        np.arange(tokens),
        "s",
        text=f"words of {name}",
        alignment=np.minimum(np.arange(tokens) // 3, phones - 1),
    )


def test_batches_have_the_decoders_rows_and_labels(make_lm_parts: tuple[Any, LMConfig]) -> None:
    tokenizer, config = make_lm_parts
    items = [Item((aligned_clip("a", 5, 12),)), Item((aligned_clip("b", 7, 9), aligned_clip("c", 3, 8)), phones=False)]
    batch = LMCollator(tokenizer, config, guided=True)(items)
    speak = (batch["kinds"] == lm_rows.MARKER) & (batch["ids"] == lm_rows.SPEAK)
    column = int(speak[0].nonzero()[0])
    assert speak.sum() == 2 and bool(speak[:, column].all())
    for row, item in enumerate(items):
        tokens = np.concatenate([c.tokens for c in item.row]).tolist()
        labels = batch["labels"][row]
        assert labels[column:][: len(tokens) + 1].tolist() == [*tokens, 1024]
        assert int((labels != IGNORE).sum()) == len(tokens) + 1
        spoken = batch["kinds"][row] == lm_rows.SEMANTIC
        assert batch["ids"][row][spoken].tolist() == tokens
    guide = batch["guide"]
    phones = batch["kinds"][0] == lm_rows.PHONE
    assert bool((guide.text_clip[0][phones[: guide.text_clip.shape[1]]] == 0).all())
    assert guide.target_column[0, 3] == int(phones.nonzero()[1]), "the fourth token is spoken in the second phone"
    assert bool((guide.text_clip[1] == -1).all()) and bool((guide.target_column[1] == -1).all())


def test_streams_are_dropped_but_never_both() -> None:
    rng = np.random.default_rng(0)
    drawn = [draw_streams(LMConfig("x"), 0.2, rng) for _ in range(2000)]
    assert not any(not bpe and not phones for bpe, phones in drawn)
    for index in (0, 1):
        assert 0.15 < np.mean([not streams[index] for streams in drawn]) < 0.25
    assert draw_streams(LMConfig("x", text_mode="phones"), 0.5, rng) == (False, True)
