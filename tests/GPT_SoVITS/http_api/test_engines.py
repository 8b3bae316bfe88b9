"""Loaded voices under a memory budget: the least recently used goes first, one that speaks never; one load for all."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from types import SimpleNamespace
from typing import Any

import pytest

from errors import BusyError, CheckpointError
from http_api.engines import EnginePool, Weights

A, B, C, D = (Weights("", name) for name in "abcd")


class Loader:
    """Counts loads; each voice takes 10 bytes."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.loads: list[Weights] = []
        self.seconds = seconds

    def __call__(self, weights: Weights) -> Any:
        self.loads.append(weights)
        time.sleep(self.seconds)
        if weights.sovits == "d":
            raise CheckpointError("d is damaged")
        return SimpleNamespace(memory_bytes=10, weights=weights)


def pool_of(loader: Loader, budget: int) -> EnginePool:
    return EnginePool(loader, budget, estimate=lambda weights: 10)


def test_the_least_recently_used_goes_first() -> None:
    loader = Loader()
    pool = pool_of(loader, 20)
    for weights in (A, B, A, C, A, B):
        with pool.use(weights) as engine:
            assert engine.weights == weights  # type: ignore[attr-defined]
    assert loader.loads == [A, B, C, B], "B went for C, and C for B"
    assert set(pool.loaded()) == {A, B} and pool.used == 20


def test_one_that_speaks_never_goes_nor_does_the_settings_own() -> None:
    pool = pool_of(Loader(), 30)
    with pool.use(Weights()):
        pass
    with ExitStack() as speaking:
        speaking.enter_context(pool.use(A))
        with pool.use(B):
            pass
        speaking.enter_context(pool.use(C))  # B is idle
        with pytest.raises(BusyError), pool.use(B):
            pass
    with pool.use(B):
        assert Weights() in pool.loaded()


def test_a_voice_that_is_too_large_for_the_budget_speaks_alone() -> None:
    with pool_of(Loader(), 5).use(A) as engine:
        assert engine is not None


def test_one_load_for_all_who_wait_and_none_for_others() -> None:
    loader = Loader(0.1)
    pool = pool_of(loader, 100)

    def use(weights: Weights) -> float:
        start = time.monotonic()
        with pool.use(weights):
            return time.monotonic() - start

    with ThreadPoolExecutor(8) as threads:
        waits = list(threads.map(use, [A, A, A, B, B, A]))
    assert sorted(loader.loads) == [A, B] and max(waits) < 0.19, "two loads beside each other"


def test_an_error_is_everybodys_and_the_next_one_tries_again() -> None:
    loader = Loader(0.05)
    pool = pool_of(loader, 100)
    errors: list[Exception] = []

    def use() -> None:
        try:
            with pool.use(D):
                pass
        except CheckpointError as error:
            errors.append(error)

    threads = [threading.Thread(target=use) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(errors) == 3 and len(loader.loads) == 1 and not pool.loaded()
    use()
    assert len(loader.loads) == 2
