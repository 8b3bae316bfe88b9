"""Which phone is spoken at each semantic token, read off a trained language model's attention.

A model that was trained with guided attention (loss.py) has heads that look at the phone they speak; others often grow
one by themselves. The head that follows the text best is found by trying them all, and its attention is made a path
that never goes back (dynamic programming, as in the forced alignment of speech recognisers).

Shapes: B batch, H heads, L positions, D channels per head, T_ph phones, T_sem semantic tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from AR.backend import T2SRequest
from AR.models import lm_rows
from AR.models.qwen3_t2s_model import Qwen3T2SModel
from AR.training import lm_guided

LEAST_MASS = 0.5
"""Mean attention on the path below which a head does not follow the text."""
LONGEST_SKIP = 3
"""A path goes on by at most so many phones a token: silent ones, such as commas, may be passed over."""


@dataclass(frozen=True)
class Head:
    """A head of the backbone: layer and index in it."""

    layer: int
    index: int


@dataclass(frozen=True)
class Spoken:
    """A request and the new tokens [T_sem] that were spoken for it."""

    request: T2SRequest
    tokens: Tensor


@torch.inference_mode()
def _attention(model: Qwen3T2SModel, rows: Sequence[Spoken], only: Head | None = None) -> list[dict[Head, Tensor]]:
    """Per row and head (None: all): attention [T_sem, T_ph] to the target's phones, from where a token is predicted."""
    lm_guided.enable(model.decoder)
    parts = [lm_rows.with_tokens(model.row_ids(row.request), row.tokens.tolist()) for row in rows]
    ids, kinds = (t.to(model.device) for t in lm_rows.left_pad(parts))
    heard: dict[int, tuple[Tensor, Tensor]] = {}

    def keep(layer: int, queries: Tensor, keys: Tensor) -> None:
        if only is None or layer == only.layer:
            heard[layer] = (queries, keys)

    with lm_guided.hearing(keep):
        model.hidden_states(ids, kinds)
    length = ids.shape[1]
    ahead = torch.ones(length, length, dtype=torch.bool, device=ids.device).triu(1)
    out = []
    for index, row in enumerate(rows):
        request, count = row.request, row.tokens.numel()
        real = kinds[index] != lm_rows.PAD
        behind = count + request.prompt_length + 1  # positions from the last marker on
        first = length - behind - request.phones.numel() + request.prompt_phones
        found: dict[Head, Tensor] = {}
        for layer, (queries, keys) in heard.items():
            chosen = range(queries.shape[1]) if only is None else [only.index]
            scores = queries[index, :, -count - 1 : -1].float() @ keys[index].float().transpose(-1, -2)
            scores = scores / queries.shape[-1] ** 0.5
            hidden = ahead[-count - 1 : -1] | ~real
            shares = scores.masked_fill(hidden, float("-inf")).softmax(-1)[..., first : length - behind]
            found |= {Head(layer, head): shares[head].cpu() for head in chosen}
        out.append(found)
    return out


def best_path(attention: np.ndarray) -> np.ndarray:
    """The likeliest path [T_sem] of phone indices through ``attention`` [T_sem, T_ph] that never goes back."""
    score = np.log(attention + 1e-6)
    tokens, phones = score.shape
    back = np.zeros((tokens, phones), np.int64)
    total = np.where(np.arange(phones) < LONGEST_SKIP, score[0], -np.inf)
    for token in range(1, tokens):
        moves = np.stack([np.pad(total, (by, 0), constant_values=-np.inf)[:phones] for by in range(LONGEST_SKIP + 1)])
        back[token] = moves.argmax(0)
        total = moves.max(0) + score[token]
    path = np.empty(tokens, np.int64)
    path[-1] = int(total.argmax())
    for token in range(tokens - 1, 0, -1):
        path[token - 1] = path[token] - back[token, path[token]]
    return path


def find_head(model: Qwen3T2SModel, rows: Sequence[Spoken]) -> Head | None:
    """The head whose attention follows the text best, judged on some rows; None where none does, or without phones."""
    if not model.config.uses_phones or not rows:
        return None
    masses: dict[Head, list[float]] = {}
    for found in _attention(model, rows):
        for head, shares in found.items():
            values = shares.numpy()
            path = best_path(values)
            masses.setdefault(head, []).append(float(values[np.arange(len(path)), path].mean()))
    head, mass = max(((head, float(np.mean(each))) for head, each in masses.items()), key=lambda pair: pair[1])
    return head if mass >= LEAST_MASS else None


def align(model: Qwen3T2SModel, rows: Sequence[Spoken], head: Head) -> list[np.ndarray]:
    """For each row the index of the target's phone spoken at each token, [T_sem]."""
    return [best_path(found[head].numpy()) for found in _attention(model, rows, head)]
