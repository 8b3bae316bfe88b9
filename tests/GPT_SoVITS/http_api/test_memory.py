"""Freed memory goes back to the system now and then, while requests come."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from http_api import service
from http_api.memory import give_back_memory

ASK = {"text": "Hello there.", "text_lang": "en", "seed": 1}


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_freed_memory_goes_back() -> None:
    def resident() -> int:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * 4096

    # pieces too small to be mapped one by one; the last one keeps the heap from shrinking at its end
    pieces = [np.ones(12_000) for _ in range(800)]
    last = np.ones(12_000)
    before = resident()
    del pieces
    if not give_back_memory():
        pytest.skip("this C library has nothing to give back")
    assert before - resident() > 20e6 and last.sum() == 12_000


def test_once_in_a_while(serve: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    monkeypatch.setattr(service, "give_back_memory", lambda: calls.append(1))
    running = serve()
    for _ in range(3):
        assert running.client.post("/tts", json=ASK).status_code == 200
    assert not calls, "the server is younger than that"
    monkeypatch.setattr(service, "TRIM_SECONDS", 0.0)
    assert running.client.post("/tts", json=ASK).status_code == 200
    assert len(calls) == 1
