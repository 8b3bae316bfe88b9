"""The sampler against the reference probabilities; rows that draw by their own values, whatever is beside them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from AR.backend import EOS, SamplingParams, T2SRequest
from AR.sampling import RowSampler, Variant, draw, probabilities, repetition_penalty, seen_mask


@pytest.mark.golden
def test_golden_probabilities(golden: Callable[[str], Any]) -> None:
    data = golden("sampling")
    tolerance = data.meta["tolerance"]
    assert data.meta["cases"]
    for case in data.meta["cases"]:
        logits = data.tensor(case["logits"])
        if case["previous_tokens"] is not None:
            seen = seen_mask(data.tensor(case["previous_tokens"]), logits.shape[-1])
            logits = repetition_penalty(logits, seen, case["repetition_penalty"])
        top_p = 1.0 if case["top_p"] is None else case["top_p"]
        got = probabilities(logits, case["top_k"] or 0, top_p, case["temperature"])
        want = data.tensor(case["output"])
        torch.testing.assert_close(got, want, atol=tolerance["abs"], rtol=tolerance["rel"], msg=f"case {case['case']}")


def opened(params: list[SamplingParams]) -> RowSampler:
    sampler = RowSampler(torch.device("cpu"))
    sampler.make_room(len(params))
    for row, values in enumerate(params):
        prompt = torch.arange(row * 3) if row else None
        sampler.open_row(row, T2SRequest(torch.arange(3), prompt=prompt), values)
    return sampler


def drawn(sampler: RowSampler, logits: torch.Tensor) -> torch.Tensor:
    sampler.refill(len(logits))
    return sampler.draw(logits, sampler.variant(len(logits)))[0]


PARAMS = [
    SamplingParams(seed=1, top_k=1, min_tokens=0),
    SamplingParams(seed=2, top_k=0, top_p=0.7, temperature=1.3, min_tokens=0),
    SamplingParams(seed=3, top_k=9, top_p=0.9, temperature=0.5, repetition_penalty=2.0, min_tokens=0),
    SamplingParams(seed=4, top_k=1025, repetition_penalty=1.0, min_tokens=0),
]


def test_each_row_is_drawn_by_its_own_values() -> None:
    sampler, g = opened(PARAMS), torch.Generator().manual_seed(0)
    noise = [torch.empty(32, 1025).exponential_(generator=torch.Generator().manual_seed(p.seed or 0)) for p in PARAMS]
    seen = [set(range(row * 3)) for row in range(len(PARAMS))]
    for step in range(40):
        logits = 3 * torch.randn(4, 1025, generator=g)
        tokens = drawn(sampler, logits)
        for row, p in enumerate(PARAMS):
            mask = torch.zeros(1, 1025, dtype=torch.bool)
            mask[0, list(seen[row])] = True
            penalised = repetition_penalty(logits[row : row + 1], mask, p.repetition_penalty)
            probs = probabilities(penalised, p.top_k, p.top_p, p.temperature)
            if step < 32:
                assert int(tokens[row]) == int(draw(probs, noise[row][step : step + 1]))
            assert float(probs[0, tokens[row]]) > 0
            seen[row].add(int(tokens[row]))


def test_a_row_does_not_depend_on_the_others_or_its_place() -> None:
    logits = 3 * torch.randn(50, 1, 1025, generator=torch.Generator().manual_seed(1))
    for index, params in enumerate(PARAMS):
        alone = opened([PARAMS[0]] * 4)
        alone.open_row(0, T2SRequest(torch.arange(3)), params)
        want = [int(drawn(alone, logits[step])[0]) for step in range(50)]
        beside = opened(PARAMS)
        beside.open_row(3, T2SRequest(torch.arange(3)), params)
        row, got = 3, []
        for step in range(50):
            if step == 20:  # a row in front of it ends
                beside.move(3, 1)
                row = 1
            got.append(int(drawn(beside, logits[step].expand(4 if row == 3 else 2, -1))[row]))
        assert got == want, f"values {index}"


def test_draws_follow_the_probabilities() -> None:
    params = [SamplingParams(seed=3, repetition_penalty=1.0, min_tokens=0, top_k=0)]
    logits = torch.full((1, 1025), float("-inf"))
    logits[0, :4] = torch.tensor([0.0, 0.2, 0.5, 0.3]).log()
    sampler, counts = opened(params), torch.zeros(4)
    for _ in range(4000):
        counts[drawn(sampler, logits)] += 1
    assert counts[0] == 0
    torch.testing.assert_close(counts / 4000, torch.tensor([0.0, 0.2, 0.5, 0.3]), atol=0.03, rtol=0)


def test_eos_is_impossible_until_a_rows_minimum_and_not_finite_is_told() -> None:
    sampler = opened([SamplingParams(seed=1, top_k=1, min_tokens=n) for n in (0, 2, 5)])
    logits = torch.zeros(3, 1025)
    logits[:, EOS] = 9.0
    ends = []
    for step in range(6):
        sampler.refill(3)
        flags = sampler.draw(logits.fill_(float("nan")) if step == 5 else logits, sampler.variant(3))[1]
        ends.append(flags[1].tolist())
        assert flags[2].tolist() == [int(step == 5)] * 3
    assert ends[:5] == [[1, 0, 0], [1, 0, 0], [1, 1, 0], [1, 1, 0], [1, 1, 0]]


def test_what_no_row_needs_is_not_computed() -> None:
    assert opened(PARAMS[:1]).variant(1) == Variant(1, False, 0)
    assert opened(PARAMS).variant(4) == Variant(16, True, 0)
    assert opened([SamplingParams(top_k=0, repetition_window=7)]).variant(1) == Variant(0, False, 7)
