"""Tables that a model makes at first use and keeps: two first calls at once, one of them with fewer positions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from AR.backend import SamplingParams, T2SRequest
from AR.decode import decode
from AR.models import embedding, plain_decoder, qwen3_t2s_model
from AR.models.embedding import SinePosition, sine_table

PARAMS = SamplingParams(top_k=1, seed=0, max_tokens=12)
SHORT, LONG = (T2SRequest(torch.arange(count) % 40, text="hello") for count in (4, 60))


class SecondCall:
    """Wraps the function that makes a table: while the first call makes its own, a second call comes and goes."""

    def __init__(self, make: Callable[..., Any], second: Callable[[], Any]) -> None:
        self.make, self.second, self.calls = make, second, 0

    def __call__(self, *args: Any) -> Any:
        self.calls += 1
        made = self.make(*args)
        if self.calls == 1:
            self.second()
        return made


@pytest.mark.parametrize("kind", ["qwen3", "gemma3"])
def test_rotary_codes_of_two_first_calls(
    kind: str, make_lm: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before a call looks its positions up, a shorter call puts its own table in place of the longer one."""
    monkeypatch.setattr(plain_decoder, "TABLE_ROWS", 8)
    model = make_lm(kind)
    want = decode(make_lm(kind), [LONG], PARAMS)[0].tokens.tolist()
    plain = model.backbone.plain
    original = plain._tables

    def tables(rows: int, like: torch.Tensor) -> Any:
        found = original(rows, like)
        plain._codes = {}
        original(8, like)
        return found

    monkeypatch.setattr(plain, "_tables", tables)
    assert decode(model, [LONG], PARAMS)[0].tokens.tolist() == want


def test_sine_codes_of_two_first_calls(make_lm: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(qwen3_t2s_model, "CODE_ROWS", 8)
    model, want = make_lm("qwen3"), decode(make_lm("qwen3"), [LONG], PARAMS)[0].tokens.tolist()
    state, _ = model.prefill([SHORT])
    make = SecondCall(qwen3_t2s_model.sine_codes, lambda: decode(model, [LONG], PARAMS))
    table = qwen3_t2s_model.CODE_ROWS, 2 * (state.cache.capacity + 1)

    def only_tables(positions: torch.Tensor, width: int) -> torch.Tensor:
        return make(positions, width) if len(positions) in table else make.make(positions, width)

    monkeypatch.setattr(qwen3_t2s_model, "sine_codes", only_tables)
    model._codes(state)
    assert make.calls and decode(model, [LONG], PARAMS)[0].tokens.tolist() == want


def test_position_codes_only_grow(monkeypatch: pytest.MonkeyPatch) -> None:
    """The AR model's: while 5,000 positions are made, 12,000 are asked for; the table that stays holds them all."""
    import threading

    position, started, release = SinePosition(8), threading.Event(), threading.Event()

    def slow(positions: int, dim: int) -> torch.Tensor:
        if positions == 10_000:
            started.set()
            release.wait(10)
        return sine_table(positions, dim)

    monkeypatch.setattr(embedding, "sine_table", slow)
    first = threading.Thread(target=position.reserve, args=(5_000,))
    first.start()
    assert started.wait(10)
    second = threading.Thread(target=position.reserve, args=(12_000,))
    second.start()
    second.join(0.2)  # without a lock it is through by now, and the first one's table comes last
    release.set()
    first.join(10)
    second.join(10)
    assert position.table.shape[0] >= 12_000
