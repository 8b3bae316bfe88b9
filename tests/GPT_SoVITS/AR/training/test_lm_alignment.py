"""Alignment from attention: the best path never goes back, and the pack's language model tells where it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from AR.backend import SamplingParams, T2SRequest
from AR.decode import decode
from AR.lm_loader import LMPlaces, load_language_model
from AR.training.lm_alignment import LONGEST_SKIP, Spoken, align, best_path, find_head
from config import PACK_DIR
from text import cleaned_text_to_sequence

PHONES = "DH AH0 K W IH1 K B R AW1 N F AA1 K S JH AH1 M P S .".split()


def test_the_path_follows_what_is_looked_at_and_never_goes_back() -> None:
    looked_at = [0, 0, 1, 1, 1, 4, 2, 4, 5, 5]  # one glance back, phone 3 is passed over
    attention = np.full((len(looked_at), 6), 0.02)
    attention[np.arange(len(looked_at)), looked_at] = 0.9
    assert best_path(attention).tolist() == [0, 0, 1, 1, 1, 4, 4, 4, 5, 5]


def test_a_path_of_noise_is_still_a_path() -> None:
    attention = np.random.default_rng(0).dirichlet(np.ones(30), 50)
    steps = np.diff(best_path(attention))
    assert steps.min() >= 0 and steps.max() <= LONGEST_SKIP


def test_without_a_head_that_follows_there_is_none(make_lm: Callable[..., Any]) -> None:
    request = T2SRequest(torch.arange(12), text="hello")
    assert find_head(make_lm("qwen3"), [Spoken(request, torch.arange(30))]) is None
    assert find_head(make_lm("qwen3", text_mode="bpe"), [Spoken(request, torch.arange(30))]) is None
    assert find_head(make_lm("qwen3"), []) is None


@pytest.mark.skipif(not (PACK_DIR / "lm").is_dir(), reason="no language model in this checkout's voice pack")
def test_the_pack_knows_which_phone_it_speaks() -> None:
    model = load_language_model(str(PACK_DIR / "lm"), LMPlaces())
    ids = torch.tensor(cleaned_text_to_sequence(PHONES, "v2"))
    requests = [T2SRequest(ids, text="The quick brown fox jumps."), T2SRequest(ids[8:], text="Brown fox jumps.")]
    results = decode(model, requests, SamplingParams(top_k=3, temperature=0.7, repetition_penalty=1.0, seed=1))
    rows = [Spoken(request, result.tokens) for request, result in zip(requests, results, strict=True)]
    head = find_head(model, rows)
    assert head is not None and head.layer in (1, 2), "the layers that were guided (configs/qwen3_gsv_tiny.yaml)"
    together, alone = align(model, rows, head), [align(model, [row], head)[0] for row in rows]
    for row, path, single in zip(rows, together, alone, strict=True):
        count = row.request.phones.numel()
        assert path.tolist() == single.tolist() and len(path) == row.tokens.numel()
        assert path[0] <= 1 and path[-1] >= count - 2
        assert len(set(path.tolist())) >= 0.8 * count, "nearly every phone is spoken"
    # a prompt's phones and tokens are no part of the alignment
    whole = rows[0]
    behind = T2SRequest(torch.cat((ids, ids)), prompt=whole.tokens, text="x", prompt_phones=ids.numel())
    path = align(model, [Spoken(behind, whole.tokens)], head)[0]
    assert len(path) == whole.tokens.numel() and 0 <= path.min() and path.max() < ids.numel()
