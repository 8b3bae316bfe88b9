"""A speech at work over a stand-in engine: who spoke, warnings, errors, cancel, and a reader that falls behind."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from AR.fallback import FallbackInfo
from errors import AudioError, TextError
from http_api.calls import SpeechCall
from http_api.engines import EnginePool
from http_api.responses import Playback, headers_of
from http_api.settings import Limits
from http_api.speaking import Facts, Speech
from TTS_infer_pack.request import SynthesisRequest

FALL = FallbackInfo("no_adapter", "there is none in /home/me/GPT_weights_qwen3/x. The AR model speaks instead.", "x")


class StandIn:
    """An engine whose chunks a test writes down."""

    memory_bytes = 1

    def __init__(self, work: Callable[..., Iterator[Any]], use_qwen3: bool = False) -> None:
        self._work = work
        self.configs = SimpleNamespace(use_qwen3=use_qwen3, qwen3_enable_inference=True, qwen3_model_name="x")

    def stream(self, request: Any, should_stop: Any, on_fall: Any) -> Iterator[Any]:
        return self._work(should_stop, on_fall)


def chunk(index: int = 0, warning: str = "") -> Any:
    samples = np.full(1600, 0.1, dtype=np.float32)
    return SimpleNamespace(samples=samples, sample_rate=16000, index=index, tokens=3, warning=warning)


def spoken(
    work: Callable[..., Iterator[Any]], use_qwen3: bool = False, limits: Limits | None = None, **more: Any
) -> Facts:
    """The facts of a speech that is read to its end."""

    async def read() -> Facts:
        call = SpeechCall(SynthesisRequest("Hello there.", "en", streaming_mode=1, **more), media_type="raw")
        pool = EnginePool(lambda weights: StandIn(work, use_qwen3), 10, lambda weights: 1)
        speech = Speech(call, pool, limits or Limits())
        asyncio.get_running_loop().run_in_executor(None, speech.run)
        async for _ in speech.parts():
            pass
        return speech.facts

    return asyncio.run(read())


def test_who_spoke() -> None:
    def plain(should_stop: Any, on_fall: Any) -> Iterator[Any]:
        yield from (chunk(), chunk(1, "words seem to be missing"))

    def no_model(should_stop: Any, on_fall: Any) -> Iterator[Any]:
        on_fall(FALL)
        return (chunk() for _ in range(1))

    def falls_later(should_stop: Any, on_fall: Any) -> Iterator[Any]:
        yield chunk()
        on_fall(FALL)
        yield chunk(1)

    assert (spoken(plain).spoke, spoken(plain).model) == ("ar", "")
    facts = spoken(plain, use_qwen3=True)
    assert (facts.spoke, facts.model, facts.warnings) == ("qwen3", "x", ["words seem to be missing"])
    assert (facts.seconds, facts.tokens, facts.rate) == (pytest.approx(0.2), 6, 16000)
    assert spoken(plain, use_qwen3=True, t2s="ar").spoke == "ar"
    assert spoken(plain, t2s="qwen3", qwen3_model_name="y").model == "y"
    assert spoken(no_model, use_qwen3=True).spoke == "ar"
    assert spoken(falls_later, use_qwen3=True).spoke == "qwen3+ar"
    headers = headers_of(SpeechCall(SynthesisRequest("a", "en", seed=1)), spoken(no_model, use_qwen3=True))
    assert headers["X-T2S-Fallback"] == "no_adapter" and "/home" not in headers["X-T2S-Fallback-Message"]


def test_errors_come_out_where_the_parts_are_read() -> None:
    def refuses(should_stop: Any, on_fall: Any) -> Iterator[Any]:
        raise AudioError("a.wav is silent")

    def breaks(should_stop: Any, on_fall: Any) -> Iterator[Any]:
        yield chunk()
        raise ZeroDivisionError

    with pytest.raises(AudioError):
        spoken(refuses)
    with pytest.raises(ZeroDivisionError):
        spoken(breaks)
    with pytest.raises(TextError, match="nothing"):
        spoken(lambda should_stop, on_fall: (chunk() for _ in range(0)))


def test_a_reader_that_falls_behind_ends_the_work() -> None:
    closed = threading.Event()

    def endless(should_stop: Any, on_fall: Any) -> Iterator[Any]:
        try:
            while not should_stop():
                yield chunk()
        finally:
            closed.set()

    async def begin() -> Speech:
        call = SpeechCall(SynthesisRequest("Hello there.", "en", streaming_mode=1), media_type="raw")
        pool = EnginePool(lambda weights: StandIn(endless), 10, lambda weights: 1)
        speech = Speech(call, pool, Limits(pending_bytes=20_000, send_seconds=0.2))
        work = asyncio.get_running_loop().run_in_executor(None, speech.run)
        await asyncio.wait_for(work, 5)
        return speech

    assert asyncio.run(begin()).cancelled_at > 0 and closed.is_set()


def test_playback_runs_dry_where_speech_comes_too_late() -> None:
    steady, late = Playback(), Playback()
    for playback, pause in ((steady, 0.0), (late, 0.05)):
        for _ in range(3):
            playback.add(0.02)
            time.sleep(pause)
    assert late.ran_dry and not steady.ran_dry
