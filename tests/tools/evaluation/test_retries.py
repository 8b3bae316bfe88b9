"""Retries are counted where the checked engine reports them."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import numpy as np
import pytest
import torch

from AR.backend import SamplingParams, T2SRequest
from AR.checked import CheckedT2S
from AR.engine import SpokenTokens
from AR.read_back import Ints, ReadBack
from tools.evaluation.retries import counted_retries


class Looping:
    """An engine that says one token to the length bound, or, with ``ends``, different ones to an end."""

    name = "looping"

    def __init__(self, ends: bool) -> None:
        self.ends = ends

    def stream(self, request: T2SRequest, sampling: SamplingParams) -> Iterator[SpokenTokens]:
        if self.ends:
            yield SpokenTokens(torch.arange(20), "eos")
        else:
            yield SpokenTokens(torch.full((200,), 5), "length")

    def release(self) -> None:
        pass


class Far(ReadBack):
    """Finds everything far from its text."""

    def deviation(self, phones: Ints, tokens: Ints) -> float:
        return 9.0


@pytest.mark.parametrize(("ends", "far"), [(True, False), (False, False), (True, True)])
def test_each_further_try_counts(ends: bool, far: bool, caplog: pytest.LogCaptureFixture) -> None:
    table = Far(np.arange(5), np.zeros((5, 1024)), np.zeros(5), 1.0, 2.0) if far else None
    engine = CheckedT2S(Looping(ends), retries=2)
    sampling = SamplingParams(top_k=3, repetition_penalty=1.0, seed=1)
    with counted_retries() as retries:
        for phones in (4, 5):
            list(engine.stream(T2SRequest(torch.arange(phones), read_back=table), sampling))
    assert retries.count == (4 if far or not ends else 0)  # two segments, two further tries each
    assert not [record for record in caplog.records if record.levelno < logging.WARNING]
    assert logging.getLogger("AR.checked").level == logging.NOTSET
