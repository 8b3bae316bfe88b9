"""The looks at what was said, re-tries with other seeds, and repetition-aware sampling."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import torch

from AR.backend import EOS, SamplingParams, T2SRequest, default_max_tokens, default_min_tokens
from AR.checked import LOOP_TOKENS, CheckedT2S, decode_checked, has_loop, why_collapsed
from AR.decode import decode
from AR.engine import LocalEngine, SpokenTokens, T2SResult, until_stopped
from AR.engine.tokens import doubt_of
from AR.read_back import ReadBack
from tests.GPT_SoVITS.AR.scripted import Scripted

REQUEST = T2SRequest(torch.zeros(40, dtype=torch.long))


def flaky(bad: int) -> Scripted:
    """Speaks forever in its first ``bad`` runs, then ends after 60 tokens."""

    def say(request: T2SRequest, run: int, step: int) -> int:
        return 16 * (step % 60) if run < bad or step < 60 else EOS

    return Scripted(say)


def stuck() -> Scripted:
    """Always the same token, but not so likely that no other can be drawn."""
    backend = Scripted(lambda request, run, step: 7)
    real = backend._logits
    backend._logits = lambda state, row: real(state, row) / 2  # type: ignore[method-assign]
    return backend


def stream_checked(
    backend: Scripted, request: T2SRequest, sampling: SamplingParams, should_stop: Callable[[], bool] | None = None
) -> Iterator[SpokenTokens]:
    with LocalEngine(backend) as engine:
        yield from until_stopped(CheckedT2S(engine).stream(request, sampling), should_stop)


def result(tokens: list[int], reason: str = "eos") -> T2SResult:
    return T2SResult(torch.tensor(tokens, dtype=torch.long), reason)  # type: ignore[arg-type]


def test_loops() -> None:
    varied = torch.randint(0, 1024, (400,), generator=torch.Generator().manual_seed(0))
    assert not has_loop(varied) and not has_loop(torch.zeros(0, dtype=torch.long))
    assert not has_loop(torch.cat((varied, torch.full((LOOP_TOKENS - 30,), 5), varied)))
    for period in (1, 3, 16):
        loop = varied[:period].repeat(LOOP_TOKENS // period + 2)
        assert has_loop(torch.cat((varied, loop, varied)))


def test_why_collapsed() -> None:
    assert why_collapsed(REQUEST, result(list(range(80)))) is None
    assert why_collapsed(REQUEST, result([], "stopped")) is None
    assert "no end" in str(why_collapsed(REQUEST, result(list(range(80)), "length")))
    assert "only 5 tokens for 40 phones" in str(why_collapsed(REQUEST, result(list(range(5)))))
    assert "loop" in str(why_collapsed(REQUEST, result([1, 2] * 100)))
    assert default_min_tokens(REQUEST) == 44 < default_max_tokens(REQUEST)


def test_retries_use_another_seed_and_stop_when_it_is_good() -> None:
    params = SamplingParams(seed=1, repetition_penalty=1.0)
    for bad, runs, ends in ((0, 1, "eos"), (1, 2, "eos"), (2, 3, "eos"), (3, 3, "length")):
        backend = flaky(bad)
        assert decode_checked(backend, [REQUEST], params)[0].finish_reason == ends
        assert backend.runs == runs
    greedy = flaky(2)
    decode_checked(greedy, [REQUEST], SamplingParams(top_k=1, seed=1))
    assert greedy.runs == 1


def of_last_try(parts: list[SpokenTokens]) -> list[int]:
    """What is valid of a stream: tokens since it began anew for the last time."""
    start = max([index for index, part in enumerate(parts) if part.restart], default=0)
    return torch.cat([part.tokens for part in parts[start:]]).tolist()


def test_a_stream_gives_the_tokens_of_the_whole() -> None:
    params = SamplingParams(seed=1, repetition_penalty=1.0)
    for bad in (0, 1, 2):
        parts = list(stream_checked(flaky(bad), REQUEST, params))
        whole = decode_checked(flaky(bad), [REQUEST], params)[0]
        assert of_last_try(parts) == whole.tokens.tolist() and parts[-1].finish_reason == "eos"
        assert sum(part.restart for part in parts) == bad and parts[-1].collapsed is None
        assert [part.finish_reason for part in parts[:-1]] == [None] * (len(parts) - 1)
    parts = list(stream_checked(flaky(9), REQUEST, params))
    assert parts[-1].finish_reason == "length" and "no end" in str(parts[-1].collapsed)
    assert sum(part.restart for part in parts) == 2


def test_a_stream_notices_a_loop_while_it_runs() -> None:
    parts = list(stream_checked(stuck(), REQUEST, SamplingParams(seed=1, top_k=1)))
    assert "loop" in str(parts[-1].collapsed) and LOOP_TOKENS <= len(of_last_try(parts)) < LOOP_TOKENS + 30


def test_a_stopped_stream_has_not_collapsed() -> None:
    heard, stopped = 0, threading.Event()

    def say(request: T2SRequest, run: int, step: int) -> int:
        if step == 30:  # the decode thread must not be at its end before the listener has said stop
            stopped.wait(2)
        return 16 * step if step < 60 else EOS

    def should_stop() -> bool:
        if heard >= 5:
            stopped.set()
        return heard >= 5

    parts = []
    for part in stream_checked(Scripted(say), REQUEST, SamplingParams(seed=1), should_stop):
        parts.append(part)
        heard += part.tokens.numel()
    assert parts[-1].finish_reason == "stopped" and parts[-1].collapsed is None and 5 <= len(of_last_try(parts)) < 60


TEXT = torch.arange(8)
"""Phone p is said by the tokens 10 p to 10 p + 9."""


def reader() -> ReadBack:
    ratios = np.full((8, 1024), -4.0, dtype=np.float32)
    for phone in range(8):
        ratios[phone, 10 * phone : 10 * phone + 10] = 3.0
    return ReadBack(np.arange(8), ratios, np.full(8, -3.0), bound=1.0, limit=3.0)


def takes(*shares: float) -> Scripted:
    """Says the text, but in run n phones in a wrong order for the last ``shares[n]`` of 40 tokens."""

    def say(request: T2SRequest, run: int, step: int) -> int:
        if step == 40:
            return EOS
        wrong = step >= 40 * (1 - shares[run])
        return 10 * (7 - step % 8) + 8 if wrong else 10 * (step // 5) + step % 7

    return Scripted(say)


READ = T2SRequest(TEXT, read_back=reader())
PLAIN = SamplingParams(seed=1, repetition_penalty=1.0)


def test_misread_speech_is_tried_again_and_the_nearest_is_kept() -> None:
    for shares, runs, kept in (((0.0,), 1, 0), ((0.5, 0.0), 2, 1), ((0.6, 0.3, 0.5), 3, 1), ((0.2, 0.5, 0.5), 3, 0)):
        backend = takes(*shares)
        found = decode_checked(backend, [READ], PLAIN)[0]
        wanted = decode(takes(shares[kept]), [READ], PLAIN)[0]
        assert backend.runs == runs and found.tokens.tolist() == wanted.tokens.tolist()
        assert found.finish_reason == "eos" and found.collapsed is None
        assert (found.misread is None) == (shares[kept] == 0)


def test_people_are_told_only_of_what_is_far_from_the_text() -> None:
    little, much = (decode_checked(takes(share), [READ], PLAIN, retries=0)[0] for share in (0.15, 0.6))
    assert little.misread and not little.misread.grave and doubt_of(little) is None
    assert much.misread and much.misread.grave and "something else" in str(doubt_of(much))
    assert doubt_of(replace(much, collapsed="too long")) == "too long"


def test_a_stream_of_misread_speech_ends_with_what_is_kept() -> None:
    parts = list(stream_checked(takes(0.2, 0.5, 0.5), READ, PLAIN))
    assert of_last_try(parts) == decode_checked(takes(0.2, 0.5, 0.5), [READ], PLAIN)[0].tokens.tolist()
    assert [part.finish_reason for part in parts if part.finish_reason] == ["eos"]


def test_what_cannot_be_read_back_is_taken_as_it_is() -> None:
    unknown = replace(READ, phones=torch.arange(2, 10))
    for request in (replace(READ, read_back=None), unknown):
        backend = takes(0.6, 0.0)
        assert decode_checked(backend, [request], PLAIN)[0].misread is None and backend.runs == 1


def test_the_prompts_phones_are_not_expected_to_be_said() -> None:
    prompt = torch.tensor([5, 4, 3])
    request = replace(READ, phones=torch.cat((prompt, TEXT)), prompt_phones=3, prompt=torch.zeros(4, dtype=torch.long))
    backend = takes(0.0)
    assert decode_checked(backend, [request], PLAIN)[0].misread is None and backend.runs == 1


def test_speech_that_ends_is_better_than_one_that_does_not() -> None:
    def say(request: T2SRequest, run: int, step: int) -> int:
        if run == 0:  # ends, far from the text
            return EOS if step == 40 else step % 9 + 1
        return 10 * (step // 5 % 8) + step % 7  # says the text over and over

    found = decode_checked(Scripted(say), [READ], PLAIN)[0]
    assert found.finish_reason == "eos" and found.misread and found.collapsed is None


def test_repetition_aware_sampling_breaks_loops() -> None:
    plain = SamplingParams(seed=3, repetition_penalty=1.0, top_k=5, max_tokens=120)
    aware = SamplingParams(
        seed=3,
        repetition_penalty=1.0,
        top_k=5,
        max_tokens=120,
        temperature=4.0,
        repetition_window=10,
        repetition_share=0.2,
    )
    assert len(set(decode(stuck(), [REQUEST], plain)[0].tokens.tolist())) == 1
    first = decode(stuck(), [REQUEST], aware)[0].tokens.tolist()
    assert len(set(first)) > 20 and first == decode(stuck(), [REQUEST], aware)[0].tokens.tolist()
