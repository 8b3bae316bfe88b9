"""What ``make test-vllm`` compares, tried on our own engine: it says "the same" where it is, and finds what is not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from AR.backend import SamplingParams, T2SRequest
from AR.engine import LocalEngine
from AR.engine.tokens import SpokenTokens
from AR.models.lm_manifest import LMManifest
from tests.GPT_SoVITS.AR.conftest import tiny_lm
from tools.export_lm import export
from tools.vllm_stage import checks, server


@pytest.fixture(scope="module")
def model() -> Any:
    return tiny_lm("qwen3", phone_count=732)


@pytest.fixture
def engine(model: Any) -> Iterator[LocalEngine]:
    with LocalEngine(model, rows=4, idle_seconds=0.1) as one:
        yield one


class Changed:
    """Our engine, with something changed in what it says."""

    name = "changed"

    def __init__(self, engine: LocalEngine, change: Callable[[SpokenTokens], SpokenTokens]) -> None:
        self._engine, self._change = engine, change

    def stream(self, request: T2SRequest, sampling: SamplingParams) -> Iterator[SpokenTokens]:
        for part in self._engine.stream(request, sampling):
            yield self._change(part)

    def release(self) -> None:
        """Nothing is kept."""


def test_greedy_rows(model: Any, engine: LocalEngine) -> None:
    requests = checks.requests_of(model, ["Hello there.", "So it is.", "And on it goes."])
    assert [request.prompt is not None for request in requests] == [False, True, False]
    report = checks.compare_greedy(model, engine, requests)
    assert (report.rows, report.same, report.parted) == (3, 3, ())
    wrong = Changed(engine, lambda part: replace(part, tokens=(part.tokens + 1) % 1024))
    report = checks.compare_greedy(model, wrong, requests)
    assert report.same == 0 and [(row, place) for row, place, _ in report.parted] == [(0, 0), (1, 0), (2, 0)]
    assert all(lead > 0 for *_, lead in report.parted)


def test_draws(model: Any, engine: LocalEngine) -> None:
    request = checks.requests_of(model, ["Hello there."])[0]
    report = checks.compare_draws(model, engine, request, 400)  # type: ignore[arg-type]
    assert report.draws == 400 and report.p_value > 0.001
    flat = Changed(engine, lambda part: replace(part, tokens=part.tokens // 2 * 2))
    assert checks.compare_draws(model, flat, request, 400).p_value < 1e-6  # type: ignore[arg-type]


def test_chi_square() -> None:
    wanted = torch.tensor([0.5, 0.3, 0.1999, 0.0001])
    assert checks.chi_square(torch.tensor([500, 300, 200, 0]), wanted) > 0.9
    assert checks.chi_square(torch.tensor([400, 400, 200, 0]), wanted) < 1e-6
    assert checks.chi_square(torch.tensor([500, 300, 160, 40]), wanted) > 0.9, "rare ones are one class with the rarest"


def test_the_server_is_started_with_both_names(model: Any, tmp_path: Path) -> None:
    manifest = export(model, tmp_path)
    command = server.command_of(Path("python"), tmp_path, "mine", 9000)
    assert f"mine@{manifest.fingerprint}" in command and "127.0.0.1" in command
    assert LMManifest.read(tmp_path) == manifest
