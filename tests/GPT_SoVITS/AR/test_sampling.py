"""The sampler against the reference probabilities, and the noise source."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from AR.sampling import RowNoise, draw, probabilities, repetition_penalty, seen_mask


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


def test_draws_follow_the_probabilities() -> None:
    probs = torch.tensor([[0.0, 0.2, 0.5, 0.3]])
    noise = RowNoise([3], 4, torch.device("cpu"))
    counts = torch.zeros(4)
    for _ in range(4000):
        counts[draw(probs, noise.next())] += 1
    assert counts[0] == 0
    torch.testing.assert_close(counts / 4000, probs[0], atol=0.03, rtol=0)


def test_noise_of_a_row_depends_on_its_seed_only() -> None:
    pair = RowNoise([5, 6], 7, torch.device("cpu"))
    alone = RowNoise([6], 7, torch.device("cpu"))
    for step in range(2 * RowNoise.BLOCK):
        if step == 5:
            pair.select([1])
        assert torch.equal(pair.next()[-1], alone.next()[0])
