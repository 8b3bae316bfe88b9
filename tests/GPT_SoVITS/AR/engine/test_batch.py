"""A request's tokens do not depend on what decodes beside it: alone, together, admitted late, beside rows that end, and
with the host looking at each token or at eight at a time. For the AR model and every family of language models."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

import pytest
import torch
from torch import Tensor

from AR.backend import EOS, SamplingParams, T2SRequest
from AR.engine.batch import DecodeBatch
from AR.models.t2s_model import Text2SemanticDecoder
from tests.GPT_SoVITS.AR.scripted import Scripted

CONFIG = {"model": {"hidden_dim": 32, "head": 4, "linear_units": 64, "n_layer": 2, "phoneme_vocab_size": 40}}
STAGES = ("ar", "qwen3", "qwen2", "llama", "mistral", "gemma3")


def build(stage: str, make_lm: Callable[..., Any]) -> Any:
    if stage != "ar":
        return make_lm(stage)
    torch.manual_seed(0)
    model = Text2SemanticDecoder(CONFIG).eval()
    with torch.no_grad():
        model.ar_predict_layer.weight.mul_(4.0)  # sharper, so that EOS is sometimes drawn
        model.ar_predict_layer.weight[EOS].mul_(2.0)
    return model


def ids(count: int, high: int, seed: int) -> Tensor:
    return torch.randint(0, high, (count,), generator=torch.Generator().manual_seed(seed))


JOBS: list[tuple[T2SRequest, SamplingParams]] = [
    (T2SRequest(ids(9, 40, 1), None, ids(7, 1024, 2), "the lazy dog", "hello"), SamplingParams(top_k=1, max_tokens=40)),
    (T2SRequest(ids(23, 40, 3), text="jumps over the quick brown fox"), SamplingParams(seed=5, max_tokens=25)),
    (
        T2SRequest(ids(4, 40, 4), None, ids(15, 1024, 5), "a", "world again"),
        SamplingParams(top_k=0, top_p=0.8, temperature=0.7, repetition_penalty=1.0, seed=6, max_tokens=33),
    ),
    (T2SRequest(ids(150, 40, 7), text="hello world"), SamplingParams(top_k=50, seed=7, max_tokens=12, min_tokens=12)),
    (
        T2SRequest(ids(6, 40, 8), text="again"),
        SamplingParams(top_k=5, seed=8, max_tokens=30, repetition_window=6, repetition_share=0.1),
    ),
]
"""Different lengths, ends and sampling values."""


def run(backend: Any, rows: int, starts: list[int], look: int | None = None) -> dict[int, tuple[list[int], str]]:
    """Decode all jobs, each added after so many rounds of work."""
    tokens: dict[int, list[int]] = {index: [] for index in range(len(JOBS))}
    reasons: dict[int, str] = {}

    def deliver(key: Hashable, new: list[int], reason: str | None, error: BaseException | None) -> None:
        assert isinstance(key, int) and error is None and key not in reasons
        tokens[key] += new
        if reason:
            reasons[key] = reason

    batch = DecodeBatch(backend, rows, deliver, look=look)
    round_ = 0
    while len(reasons) < len(JOBS):
        for index, start in enumerate(starts):
            if start == round_:
                batch.add(index, *JOBS[index])
        batch.work()
        round_ += 1
    assert not batch.busy
    return {index: (tokens[index], reasons[index]) for index in tokens}


@pytest.mark.parametrize("stage", STAGES)
def test_tokens_do_not_depend_on_what_decodes_beside(stage: str, make_lm: Callable[..., Any]) -> None:
    backend = build(stage, make_lm)
    alone = run(backend, 1, [0] * len(JOBS))
    assert len({len(tokens) for tokens, _ in alone.values()}) > 2, "rows should end at different times"
    assert run(backend, 8, [0] * len(JOBS)) == alone, "together"
    assert run(backend, 8, [20, 0, 3, 11, 17]) == alone, "admitted late, beside rows that end"
    assert run(backend, 2, [0] * len(JOBS)) == alone, "waiting for a row"
    assert run(backend, 8, [0, 1, 2, 3, 0], look=8) == alone, "eight steps between two looks, rows padded"
    assert run(backend, 3, [3, 0, 0, 0, 1], look=5) == alone


def test_a_long_prompt_is_read_in_portions_between_the_steps_of_others() -> None:
    backend = Scripted(lambda request, run, step: step)
    order: list[Hashable] = []
    batch = DecodeBatch(backend, 4, lambda key, tokens, reason, error: order.extend([key] * len(tokens)))
    params = SamplingParams(top_k=1, max_tokens=30)
    batch.add("first", T2SRequest(torch.arange(3)), params)
    batch.work()
    backend.portions = 10
    batch.add("long", T2SRequest(torch.arange(3)), params)
    for _ in range(10):
        batch.work()
    assert order == ["first"] * 11 + ["long"], "a token of the first with each portion of the other"
    assert batch.live == 2


def test_a_dropped_request_is_gone_before_the_next_step() -> None:
    backend = Scripted(lambda request, run, step: 100 * run + step)
    found: dict[Hashable, list[int]] = {key: [] for key in range(4)}
    batch = DecodeBatch(backend, 3, lambda key, tokens, reason, error: found[key].extend(tokens))
    for key in range(4):
        batch.add(key, T2SRequest(torch.arange(3)), SamplingParams(top_k=1, max_tokens=20))
    for _ in range(3):
        batch.work()
    batch.drop(0)
    batch.drop(3)
    while batch.busy:
        batch.work()
    assert found[0] == [0, 1, 2] and found[3] == []
    assert found[1] == list(range(100, 120)) and found[2] == list(range(200, 220))
    assert backend.sizes[3:6] == [2, 2, 2]


def test_a_failed_step_ends_what_decodes_and_not_what_waits() -> None:
    backend = Scripted(lambda request, run, step: step, error=RuntimeError("planted"), at=4)
    ends: dict[Hashable, Any] = {}
    batch = DecodeBatch(
        backend, 1, lambda key, tokens, reason, error: ends.update({key: reason or error} if reason or error else {})
    )
    for key in (0, 1):
        batch.add(key, T2SRequest(torch.arange(3)), SamplingParams(top_k=1, max_tokens=9))
    while batch.busy:
        batch.work()
    assert str(ends[0]) == "planted" and ends[1] == "length"
