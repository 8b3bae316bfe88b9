"""The language model's collator: what it remembers has an end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from AR.data import lm_collate
from AR.data.clips import Clip
from AR.data.lm_collate import Item, LMCollator
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
