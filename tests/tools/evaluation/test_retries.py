"""Retries are counted where the decode loop reports them."""

from __future__ import annotations

import logging

import pytest
import torch

from AR.backend import EOS, VOCAB_SIZE, SamplingParams, T2SRequest
from AR.checked import decode_checked, stream_checked
from tools.evaluation.retries import counted_retries


class Looping:
    """A backend that says one token for ever, or, with ``ends``, a few."""

    name = "looping"
    device = torch.device("cpu")

    def __init__(self, ends: bool = False) -> None:
        self.ends = ends

    def prefill(self, requests: list[T2SRequest]) -> tuple[dict[str, int], torch.Tensor]:
        return {"rows": len(requests), "steps": 0}, self._logits(len(requests), 5)

    def step(self, state: dict[str, int], tokens: torch.Tensor) -> torch.Tensor:
        state["steps"] += 1
        return self._logits(len(tokens), EOS if self.ends and state["steps"] > 20 else 5)

    def _logits(self, rows: int, token: int) -> torch.Tensor:
        return torch.full((rows, VOCAB_SIZE), -100.0).index_fill(1, torch.tensor([token]), 100.0)


@pytest.mark.parametrize("ends", [True, False])
def test_each_further_try_counts(ends: bool, caplog: pytest.LogCaptureFixture) -> None:
    requests = [T2SRequest(torch.arange(4)), T2SRequest(torch.arange(5))]
    sampling = SamplingParams(top_k=3, repetition_penalty=1.0, seed=1)
    with counted_retries() as retries:
        decode_checked(Looping(ends), requests, sampling)
        assert retries.count == (0 if ends else 4)  # two segments, two further tries each
        list(stream_checked(Looping(ends), requests[0], sampling))
    assert retries.count == (0 if ends else 6)
    assert not [record for record in caplog.records if record.levelno < logging.WARNING]
    assert logging.getLogger("AR.checked").level == logging.NOTSET
