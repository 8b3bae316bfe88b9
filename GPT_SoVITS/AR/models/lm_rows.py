"""The input row of the language model stage, as ids and kinds: no network, no strings but those a tokenizer reads.

One utterance is ``[BPE of prompt text + text] <sep> [phones] <semantic> [semantic tokens ...]``. Decoding and training
build it here, so that they cannot drift apart.

Shapes: B batch, L positions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from AR.backend import EOS, T2SRequest
from AR.errors import T2SError

PAD, BPE, PHONE, MARKER, SEMANTIC = range(5)
SEP, SPEAK = 0, 1
"""The two markers: between the text streams, and before the semantic tokens."""


@dataclass(frozen=True)
class RowIds:
    """One unpadded row or part of one: ``ids`` and ``kinds``, both [L] int64."""

    ids: np.ndarray
    kinds: np.ndarray


class RowConfig(Protocol):
    """What a row depends on; ``lm_folder.LMConfig`` and ``lm_manifest.LMManifest`` say it."""

    @property
    def text_mode(self) -> str: ...

    @property
    def phone_count(self) -> int: ...


def join_texts(first: str, second: str) -> str:
    """Prompt text and target text as one text; a space where the writing has spaces."""
    first, second = first.strip(), second.strip()
    return f"{first} {second}" if first and second and first[-1].isascii() else first + second


def bpe_ids(tokenizer: Any, text: str) -> list[int]:
    """Ids of ``text`` without any special tokens."""
    return list(tokenizer(text, add_special_tokens=False)["input_ids"]) if text else []


def request_row(request: T2SRequest, tokenizer: Any, config: RowConfig) -> RowIds:
    """The row of a request, up to and with its prompt tokens, for a stage with this configuration.

    Args:
        request: one utterance.
        tokenizer: the backbone's.
        config: says which text streams the row has, and how many phones there are.

    Raises:
        T2SError: ids outside the tables, or no words where only words are read.
    """
    if not 0 <= int(request.phones.min()) <= int(request.phones.max()) < config.phone_count:
        raise T2SError(f"phone ids must be in 0..{config.phone_count - 1}")
    if request.prompt is not None and request.prompt.numel():
        if not 0 <= int(request.prompt.min()) <= int(request.prompt.max()) < EOS:
            raise T2SError(f"prompt tokens must be in 0..{EOS - 1}")
    if "phones" not in config.text_mode and not request.text.strip():
        raise T2SError("this model reads words only, and the request has none")
    bpe = bpe_ids(tokenizer, join_texts(request.prompt_text, request.text)) if "bpe" in config.text_mode else []
    row = text_row(bpe, request.phones.tolist() if "phones" in config.text_mode else [])
    return row if request.prompt is None else with_tokens(row, request.prompt.tolist())


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
