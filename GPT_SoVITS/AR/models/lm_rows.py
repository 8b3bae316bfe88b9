"""The input row of the language model stage, as ids and kinds: no network, no strings but those a tokenizer reads.

One utterance is ``[BPE of prompt text + text] <sep> [phones] <semantic> [semantic tokens ...]``. Decoding and training
build it here, so that they cannot drift apart.

Shapes: B batch, L positions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

PAD, BPE, PHONE, MARKER, SEMANTIC = range(5)
SEP, SPEAK = 0, 1
"""The two markers: between the text streams, and before the semantic tokens."""


@dataclass(frozen=True)
class RowIds:
    """One unpadded row or part of one: ``ids`` and ``kinds``, both [L] int64."""

    ids: np.ndarray
    kinds: np.ndarray


def join_texts(first: str, second: str) -> str:
    """Prompt text and target text as one text; a space where the writing has spaces."""
    first, second = first.strip(), second.strip()
    return f"{first} {second}" if first and second and first[-1].isascii() else first + second


def bpe_ids(tokenizer: Any, text: str) -> list[int]:
    """Ids of ``text`` without any special tokens."""
    return list(tokenizer(text, add_special_tokens=False)["input_ids"]) if text else []


def text_row(bpe: Sequence[int], phones: Sequence[int]) -> RowIds:
    """The part before the semantic tokens; either stream may be empty."""
    ids = np.concatenate([np.asarray(bpe, np.int64), [SEP], np.asarray(phones, np.int64), [SPEAK]]).astype(np.int64)
    kinds = np.repeat(np.array([BPE, MARKER, PHONE, MARKER]), [len(bpe), 1, len(phones), 1])
    return RowIds(ids, kinds)


def with_tokens(row: RowIds, tokens: Sequence[int]) -> RowIds:
    """``row`` with semantic tokens behind it."""
    more = np.asarray(tokens, np.int64)
    return RowIds(np.concatenate([row.ids, more]), np.concatenate([row.kinds, np.full(len(more), SEMANTIC)]))


def left_pad(rows: Sequence[RowIds]) -> tuple[Tensor, Tensor]:
    """(ids, kinds), both [B, L] int64, padded on the left with kind ``PAD``."""
    length = max(len(row.ids) for row in rows)
    ids = np.zeros((len(rows), length), np.int64)
    kinds = np.full((len(rows), length), PAD, np.int64)
    for index, row in enumerate(rows):
        ids[index, length - len(row.ids) :] = row.ids
        kinds[index, length - len(row.kinds) :] = row.kinds
    return torch.from_numpy(ids), torch.from_numpy(kinds)
