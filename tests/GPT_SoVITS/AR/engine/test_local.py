"""The local engine from outside: many threads, cancels, a bounded queue, and a thread that ends."""

from __future__ import annotations

import gc
import random
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch

from AR.backend import EOS, SamplingParams, T2SRequest
from AR.decode import decode
from AR.engine import LocalEngine, speak, until_stopped
from AR.engine.tokens import join
from AR.errors import EngineClosed, EngineFull, T2SError
from AR.models.t2s_model import Text2SemanticDecoder
from tests.GPT_SoVITS.AR.scripted import Scripted

CONFIG = {"model": {"hidden_dim": 16, "head": 2, "linear_units": 32, "n_layer": 1, "phoneme_vocab_size": 40}}
PARAMS = SamplingParams(top_k=20, seed=7, max_tokens=40)


@pytest.fixture(scope="module")
def model() -> Text2SemanticDecoder:
    torch.manual_seed(0)
    model = Text2SemanticDecoder(CONFIG).eval().double()  # see test_requests_with_random_cancels
    with torch.no_grad():
        model.ar_predict_layer.weight.mul_(4.0)
        model.ar_predict_layer.weight[EOS].mul_(2.0)
    return model


def request(number: int) -> T2SRequest:
    g = torch.Generator().manual_seed(number)
    prompt = torch.randint(0, 1024, (number % 9,), generator=g) if number % 3 else None
    return T2SRequest(torch.randint(0, 40, (1 + number % 17,), generator=g), prompt=prompt)


def endless() -> Scripted:
    return Scripted(lambda request, run, step: step % 1000)


LONG = SamplingParams(top_k=1, max_tokens=100_000)


def wait_for(true: object, seconds: float = 20.0) -> None:
    assert callable(true)
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it does not happen"
        time.sleep(0.01)


def threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("decode ")]


def test_streams_of_many_threads_share_steps_and_give_the_tokens_of_each_alone(model: Text2SemanticDecoder) -> None:
    alone = [decode(model, [request(number)], PARAMS)[0] for number in range(12)]
    sizes: list[int] = []
    real = model.step
    model.step = lambda state, tokens: (sizes.append(len(tokens)), real(state, tokens))[1]  # type: ignore
    try:
        with LocalEngine(model) as engine, ThreadPoolExecutor(12) as pool:
            found = list(pool.map(lambda number: join(engine.stream(request(number), PARAMS)), range(12)))
    finally:
        del model.step
    for got, want in zip(found, alone, strict=True):
        assert got.tokens.tolist() == want.tokens.tolist() and got.finish_reason == want.finish_reason
    assert max(sizes) > 1
    with LocalEngine(model) as engine:
        whole = speak(engine, [request(number) for number in range(12)], PARAMS)
    assert [result.tokens.tolist() for result in whole] == [result.tokens.tolist() for result in alone]


def test_a_closed_stream_is_gone_within_a_step() -> None:
    backend = endless()
    with LocalEngine(backend, rows=2) as engine:
        first, second = (engine.stream(request(n), LONG) for n in (1, 2))
        next(first), next(second)
        first.close()
        wait_for(lambda: engine.load == 1)
        steps = len(backend.sizes)
        wait_for(lambda: len(backend.sizes) > steps + 3)
        assert set(backend.sizes[steps + 1 :]) == {1}
        assert list(first) == [] and next(second).tokens.numel()
        del second  # a stream that nobody holds any more
        gc.collect()
        wait_for(lambda: engine.load == 0)


def test_a_stop_flag_ends_a_stream() -> None:
    with LocalEngine(endless()) as engine:
        asked = iter([False] * 4 + [True] * 9)
        parts = list(until_stopped(engine.stream(request(1), LONG), lambda: next(asked)))
        assert [part.finish_reason for part in parts] == [None] * 4 + ["stopped"]
        wait_for(lambda: engine.load == 0)


def test_a_full_queue_says_so() -> None:
    with LocalEngine(endless(), rows=1, queue_size=2) as engine:
        held = [engine.stream(request(n), LONG) for n in range(3)]
        with pytest.raises(EngineFull, match="1 requests decode and 2 wait for scripted: try again later"):
            engine.stream(request(4), LONG)
        held[1].close()
        wait_for(lambda: engine.load == 2)
        assert engine.stream(request(5), LONG)


def test_a_bad_request_harms_no_other(model: Text2SemanticDecoder) -> None:
    with LocalEngine(model) as engine:
        good = engine.stream(request(1), PARAMS)
        bad = engine.stream(T2SRequest(torch.tensor([99])), PARAMS)
        with pytest.raises(T2SError, match="phone ids"):
            next(bad)
        assert join(good).tokens.tolist() == decode(model, [request(1)], PARAMS)[0].tokens.tolist()
        assert list(bad) == []


def test_the_thread_ends_when_idle_and_starts_again(model: Text2SemanticDecoder) -> None:
    engine = LocalEngine(model, idle_seconds=0.05)
    wait_for(lambda: not threads())
    for _ in range(2):
        assert join(engine.stream(request(1), PARAMS)).finish_reason
        wait_for(lambda: not threads())
    slow = LocalEngine(model, idle_seconds=600)
    assert join(slow.stream(request(1), PARAMS)).finish_reason and threads()
    slow.release()
    wait_for(lambda: not threads())
    assert join(slow.stream(request(1), PARAMS)).finish_reason
    slow.close()
    assert not threads()


def test_closing_ends_everything() -> None:
    engine = LocalEngine(endless())
    stream = engine.stream(request(1), LONG)
    next(stream)
    engine.close()
    with pytest.raises(EngineClosed):
        list(stream)
    with pytest.raises(EngineClosed):
        engine.stream(request(1), LONG)


def resident() -> int:
    """Bytes of this process in memory."""
    text = Path("/proc/self/status").read_text(encoding="ascii")
    return int(text.partition("VmRSS:")[2].split()[0]) * 1024


@pytest.mark.parametrize("count", [60, pytest.param(2000, marks=pytest.mark.slow)])
def test_requests_with_random_cancels(model: Text2SemanticDecoder, count: int) -> None:
    """16 in flight: no row is lost, each result equals the request alone, and memory does not grow.

    In float64, where rows of another batch differ by too little to turn one draw of millions: what is looked for here
    is a row that gets another one's cache, values or noise.
    """
    kinds = 40
    alone = [decode(model, [request(kind)], PARAMS)[0].tokens.tolist() for kind in range(kinds)]
    choose = random.Random(1)
    plans = [(choose.randrange(kinds), choose.choice([None, None, 0, 1, 7])) for _ in range(count)]
    after_200 = 0

    def one(number: int) -> bool:
        nonlocal after_200
        kind, cancel_at = plans[number]
        stream, tokens = engine.stream(request(kind), PARAMS), []
        for part in stream:
            tokens += part.tokens.tolist()
            if cancel_at is not None and len(tokens) >= cancel_at:
                break
        stream.close()
        if number == 200:
            gc.collect()
            after_200 = resident()
        return tokens == (alone[kind] if cancel_at is None else alone[kind][: len(tokens)])

    with LocalEngine(model, rows=16) as engine, ThreadPoolExecutor(16) as pool:
        assert all(pool.map(one, range(count)))
        wait_for(lambda: engine.load == 0)
        gc.collect()
        if after_200:
            assert resident() < 1.02 * after_200


ENDS_IN_THE_MIDDLE = """
import torch
from AR.backend import SamplingParams, T2SRequest
from AR.engine import LocalEngine
from tests.GPT_SoVITS.AR.engine.test_local import CONFIG, Text2SemanticDecoder

engine = LocalEngine(Text2SemanticDecoder(CONFIG).eval())
params = SamplingParams(top_k=1000, temperature=5.0, seed=1, max_tokens=3000, min_tokens=3000)
stream = engine.stream(T2SRequest(torch.arange(9)), params)
print(next(stream).finish_reason)
"""


def test_a_program_that_ends_in_the_middle_of_a_speech_ends_well() -> None:
    for _ in range(3):
        done = subprocess.run([sys.executable, "-c", ENDS_IN_THE_MIDDLE], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout, done.stderr) == (0, "None\n", "")
