"""Engines elsewhere, over a real socket: tokens as they come, every way to fail, nobody waits for a dead one."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
import torch

from AR.backend import EOS, SamplingParams, T2SRequest
from AR.checked import CheckedT2S
from AR.engine import LocalEngine
from AR.engine.circuit import Circuit
from AR.engine.completions import CompletionsClient, EngineAddress, Timeouts
from AR.engine.remote import RemoteEngine
from AR.engine.tokens import SpokenTokens, join
from AR.errors import LMUnavailable, T2SError
from AR.fallback import FallbackT2S
from AR.models.lm_manifest import LMManifest
from AR.models.lm_rows import request_row
from AR.pooled import PooledT2S
from tests.GPT_SoVITS.AR.conftest import tiny_tokenizer
from tests.GPT_SoVITS.AR.engine.stand_in_engine import StandIn, serving
from tests.GPT_SoVITS.AR.scripted import Scripted

MANIFEST = LMManifest(words=300, phone_count=40)
SAMPLING = SamplingParams(top_k=15, seed=7, repetition_penalty=1.35, min_tokens=11)
QUICK = Timeouts(connect=1.0, first=0.4, next=0.3, rate=5.0, grace=0.3)
SPOKEN = [MANIFEST.semantic + 3 * i % 900 for i in range(80)]


def request() -> T2SRequest:
    return T2SRequest(torch.arange(20) % 40, None, torch.arange(7), "the lazy dog", "hello")


def remote(stand_in: StandIn, key: str = "", most: int = 64, pause: float = 0.1) -> RemoteEngine:
    address = EngineAddress.parse(stand_in.address())
    engine = RemoteEngine(CompletionsClient(address, key, QUICK), MANIFEST, tiny_tokenizer(), most)
    engine._circuit._first = pause
    return engine


def ar() -> CheckedT2S:
    """Says 80 tokens from 500 on."""
    say = lambda request, run, step: EOS if step >= 80 else 500 + step  # noqa: E731
    return CheckedT2S(LocalEngine(Scripted(say, "ar"), idle_seconds=0.05))


@pytest.fixture
def stand_in() -> Iterator[StandIn]:
    with serving(StandIn(say=lambda body: [*SPOKEN, MANIFEST.eos])) as one:
        yield one


def failure(engine: RemoteEngine) -> LMUnavailable:
    with pytest.raises(LMUnavailable) as caught:
        join(engine.stream(request(), SAMPLING))
    return caught.value


def test_tokens_come_as_they_are_made(stand_in: StandIn) -> None:
    stand_in.key = "a-secret"
    engine = remote(stand_in, key="a-secret")
    parts = list(engine.stream(request(), SAMPLING))
    assert len(parts) > 1 and [part.finish_reason for part in parts] == [None] * (len(parts) - 1) + ["eos"]
    assert torch.cat([part.tokens for part in parts]).tolist() == [token - MANIFEST.semantic for token in SPOKEN]
    assert {part.stage for part in parts} == {"one"} and engine.load == 0
    body = stand_in.bodies[0]
    assert body["prompt"] == MANIFEST.prompt_ids(request_row(request(), tiny_tokenizer(), MANIFEST))
    assert body["prompt"][-7:] == [MANIFEST.semantic + i for i in range(7)]
    assert (body["model"], body["stream"], body["stop_token_ids"]) == ("one", True, [MANIFEST.eos])
    assert (body["top_k"], body["min_tokens"], body["repetition_penalty"], body["temperature"]) == (15, 11, 1.35, 1.0)
    assert "seed" not in body and "allowed_token_ids" not in body
    assert "a-secret" not in repr(engine.client)


def test_greedy_requests_and_bounds(stand_in: StandIn) -> None:
    stand_in.end, stand_in.say = "length", lambda body: SPOKEN[: body["max_tokens"]]
    result = join(remote(stand_in).stream(request(), SamplingParams(top_k=1, max_tokens=30)))
    assert result.tokens.numel() == 30 and result.finish_reason == "length"
    assert stand_in.bodies[0]["temperature"] == 0.0 and stand_in.bodies[0]["max_tokens"] == 30
    stand_in.say = lambda body: SPOKEN
    engine = remote(stand_in)
    with pytest.raises(LMUnavailable, match="more than the 30"):
        join(engine.stream(request(), SamplingParams(max_tokens=30)))


def test_killed_in_mid_stream_the_ar_model_begins_anew_and_nobody_waits(stand_in: StandIn) -> None:
    def killed(body: Any) -> list[int]:
        stand_in.well = False
        return [*SPOKEN, MANIFEST.eos]

    stand_in.die_at, stand_in.say = 40, killed
    engine = remote(stand_in)
    falls: list[Any] = []
    both = FallbackT2S(CheckedT2S(engine), ar(), "one", on_fall=falls.append)
    parts = list(both.stream(request(), SAMPLING))
    again = [place for place, part in enumerate(parts) if part.restart]
    assert 0 < sum(part.tokens.numel() for part in parts[: again[0]]) <= 40, "what was said before was heard"
    assert join(iter(parts)).tokens.tolist() == list(range(500, 580)) and join(iter(parts)).stage == "ar"
    assert [fall.reason for fall in falls] == ["engine_unreachable"] and "broke off after" in falls[0].message
    begun = time.monotonic()
    for _ in range(3):
        assert join(both.stream(request(), SAMPLING)).stage == "ar"
    assert time.monotonic() - begun < 3 and len(stand_in.bodies) == 1, "a dead engine is not asked"
    stand_in.well, stand_in.die_at, stand_in.say = True, -1, lambda body: [*SPOKEN, MANIFEST.eos]
    deadline = time.monotonic() + 5
    while engine.trouble is not None and time.monotonic() < deadline:
        time.sleep(0.02)
    assert join(both.stream(request(), SAMPLING)).stage == "one", "it is asked again when it is well"


def test_an_engine_that_is_not_there(stand_in: StandIn) -> None:
    with serving(StandIn()) as gone:
        pass
    engine = remote(gone)
    begun = time.monotonic()
    assert failure(engine).reason == "engine_unreachable" and engine.trouble is not None
    assert time.monotonic() - begun < 1 and engine.load == 0


@pytest.mark.parametrize("at", [0, 30])
def test_an_engine_that_hangs_is_given_up(stand_in: StandIn, at: int) -> None:
    stand_in.hang_at = at
    engine, begun = remote(stand_in), time.monotonic()
    error = failure(engine)
    assert error.reason == "engine_slow" and time.monotonic() - begun < 2
    assert engine.trouble is not None and engine.load == 0


def test_an_engine_that_drips_is_given_up(stand_in: StandIn) -> None:
    stand_in.pause = 0.25
    error = failure(remote(stand_in))
    assert error.reason == "engine_slow" and "tokens in" in str(error)


def test_a_full_engine_is_asked_again_next_time(stand_in: StandIn) -> None:
    stand_in.status = 429
    engine = remote(stand_in)
    assert failure(engine).reason == "engine_full" and engine.trouble is None
    stand_in.status = 200
    small = remote(stand_in, most=1)
    first = small.stream(request(), SAMPLING)
    assert failure(small).reason == "engine_full" and small.trouble is None
    first.close()  # type: ignore[attr-defined]
    assert join(small.stream(request(), SAMPLING)).finish_reason == "eos"


def test_a_redirect_is_not_followed(stand_in: StandIn) -> None:
    with serving(StandIn(say=lambda body: [MANIFEST.eos])) as other:
        stand_in.status, stand_in.location = 307, other.address()
        assert failure(remote(stand_in, key="a-secret")).reason == "engine_refused"
        assert not other.asked, "neither the text nor the key goes anywhere else"


def test_keys_names_and_exports_are_checked(stand_in: StandIn) -> None:
    stand_in.key = "right"
    error = failure(remote(stand_in, key="wrong-one"))
    assert error.reason == "engine_refused" and "qwen3_engine_key" in str(error) and "wrong-one" not in str(error)
    stand_in.key, stand_in.names = "", ["one", f"one@{MANIFEST.fingerprint}"]
    assert join(remote(stand_in).stream(request(), SAMPLING)).finish_reason == "eos"
    stand_in.names = ["one", "one@0123456789abcdef"]
    assert failure(remote(stand_in)).reason == "adapter_mismatch"
    stand_in.names = ["two"]
    assert failure(remote(stand_in)).reason == "engine_refused"


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ("data: no json", "engine_refused"),
        ('data: {"choices": [3]}', "engine_refused"),
        ('data: {"error": {"message": "EngineDeadError"}}', "engine_unreachable"),
        ("data: [DONE]", "engine_unreachable"),
        ('data: {"choices": [{"token_ids": [5], "finish_reason": null}]}', "degenerate_output"),
        ('data: {"choices": [{"token_ids": [], "finish_reason": "abort"}]}', "engine_unreachable"),
    ],
)
def test_strange_answers(stand_in: StandIn, raw: str, reason: str) -> None:
    stand_in.raw = raw
    assert failure(remote(stand_in)).reason == reason


def test_closing_a_stream_ends_it_at_the_engine(stand_in: StandIn) -> None:
    stand_in.pause = 0.01
    engine = remote(stand_in)
    stream = engine.stream(request(), SAMPLING)
    assert isinstance(next(stream), SpokenTokens) and engine.load == 1
    stream.close()  # type: ignore[attr-defined]
    assert engine.load == 0 and list(stream) == []
    deadline = time.monotonic() + 2
    while not stand_in.lost and time.monotonic() < deadline:
        time.sleep(0.01)
    assert stand_in.lost == 1


def test_bad_requests_reach_no_engine(stand_in: StandIn) -> None:
    engine = remote(stand_in)
    with pytest.raises(T2SError, match="phone ids"):
        engine.stream(T2SRequest(torch.tensor([99])), SAMPLING)
    with pytest.raises(LMUnavailable, match="too long"):
        engine.stream(T2SRequest(torch.zeros(2100, dtype=torch.int64), text="a"), SAMPLING)
    assert not stand_in.asked and engine.load == 0 and engine.trouble is None


def test_of_several_the_least_busy_speaks_and_the_next_goes_on(stand_in: StandIn) -> None:
    with serving(
        StandIn(say=lambda body: [MANIFEST.semantic + 7 + i % 9 for i in range(40)] + [MANIFEST.eos])
    ) as second:
        first, other = remote(stand_in, pause=60), remote(second, pause=60)
        pool, seconds = PooledT2S([first, other]), [7 + i % 9 for i in range(40)]
        held = pool.stream(request(), SAMPLING)  # the first has one now
        assert join(pool.stream(request(), SAMPLING)).tokens.tolist() == seconds
        held.close()  # type: ignore[attr-defined]
        stand_in.die_at = 10
        falls: list[Any] = []
        both = FallbackT2S(CheckedT2S(pool), ar(), "one", on_fall=falls.append)
        result = join(both.stream(request(), SAMPLING))
        assert result.tokens.tolist() == seconds and result.stage == "one"
        assert [(fall.reason, fall.speaks) for fall in falls] == [("engine_unreachable", "another engine")]
        assert "Another engine speaks instead" in falls[0].message
        falls.clear()
        assert join(both.stream(request(), SAMPLING)).tokens.tolist() == seconds and not falls
        second.die_at, stand_in.well = 5, False
        result = join(both.stream(request(), SAMPLING))
        assert result.stage == "ar" and [fall.speaks for fall in falls] == ["ar"] and len(result.falls) == 1


def test_two_falls_before_the_first_token_are_both_told() -> None:
    """An engine that is not there, and a second model that breaks: a part for each reason, then the AR model."""
    with serving(StandIn()) as gone:
        pass
    broken = CheckedT2S(LocalEngine(Scripted(lambda *_: 1, "lm", RuntimeError("a bug"), 1), idle_seconds=0.05))
    chain = FallbackT2S(CheckedT2S(remote(gone)), FallbackT2S(broken, ar(), "lm"), "one")
    result = join(chain.stream(request(), SAMPLING))
    assert result.stage == "ar" and result.tokens.tolist() == list(range(500, 580))
    assert [(fall.reason, fall.speaks) for fall in result.falls] == [
        ("engine_unreachable", "lm"),
        ("runtime_error", "ar"),
    ]


def test_a_circuit_ends_with_its_owner() -> None:
    class Owner:
        def __init__(self) -> None:
            self.circuit = Circuit("x", self.probe, first=0.01)

        def probe(self) -> None:
            raise LMUnavailable("engine_unreachable", "still dead")

    import threading

    owner = Owner()
    owner.circuit.open(LMUnavailable("engine_unreachable", "dead"))
    with pytest.raises(LMUnavailable, match="dead"):
        owner.circuit.check()
    del owner
    deadline = time.monotonic() + 3
    while any(thread.name == "watch x" for thread in threading.enumerate()) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not any(thread.name == "watch x" for thread in threading.enumerate())


@pytest.mark.parametrize(
    "text",
    ["http://host:1", "http://host/", "ftp://host/x", "http://u:p@host/x", "http://host/x?y=1", "http://h:x/n", "x"],
)
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(T2SError, match="address") as caught:
        EngineAddress.parse(text)
    assert "u:p" not in str(caught.value)


def test_addresses() -> None:
    assert str(EngineAddress.parse("http://host:8000/gsv-tiny")) == "http://host:8000/gsv-tiny"
    one = EngineAddress.parse("https://host/engines/a/gsv-tiny")
    assert (one.port, one.prefix, one.name) == (443, "/engines/a", "gsv-tiny")
