"""Decoding in the caller's thread: batched = single, streamed = whole, seeds, limits, stopping."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from AR.backend import EOS, SamplingParams, T2SRequest, default_max_tokens
from AR.decode import TokenChunk, decode, stream_decode
from AR.errors import T2SError
from AR.models.kv_cache import KVCache
from AR.models.t2s_model import Text2SemanticDecoder
from tests.GPT_SoVITS.AR.scripted import Scripted

CONFIG = {"model": {"hidden_dim": 32, "head": 4, "linear_units": 64, "n_layer": 2, "phoneme_vocab_size": 40}}


@pytest.fixture(scope="module")
def model() -> Text2SemanticDecoder:
    torch.manual_seed(0)
    model = Text2SemanticDecoder(CONFIG).eval()
    with torch.no_grad():
        model.ar_predict_layer.weight.mul_(4.0)  # sharper, so that EOS is sometimes drawn
        model.ar_predict_layer.weight[EOS].mul_(2.0)
    return model


def make_requests() -> list[T2SRequest]:
    g = torch.Generator().manual_seed(1)

    def ids(n: int, high: int) -> Tensor:
        return torch.randint(0, high, (n,), generator=g)

    return [
        T2SRequest(ids(9, 40), torch.randn(1024, 9, generator=g), ids(7, 1024)),
        T2SRequest(ids(23, 40)),
        T2SRequest(ids(4, 40), None, ids(15, 1024)),
        T2SRequest(ids(14, 40), torch.randn(1024, 14, generator=g)),
    ]


PARAMS = SamplingParams(top_k=20, seed=7, max_tokens=60)


def join(chunks: Sequence[TokenChunk], row: int) -> list[int]:
    return [t for c in chunks if c.row == row for t in c.tokens.tolist()]


def test_batched_equals_single(model: Text2SemanticDecoder) -> None:
    requests = make_requests()
    together = decode(model, requests, PARAMS)
    assert len({len(r.tokens) for r in together}) > 1, "the rows should end at different times to test dropping"
    for request, result in zip(requests, together, strict=True):
        alone = decode(model, [request], PARAMS)[0]
        assert alone.tokens.tolist() == result.tokens.tolist()
        assert alone.finish_reason == result.finish_reason


def test_rows_leave_one_by_one(model: Text2SemanticDecoder, monkeypatch: pytest.MonkeyPatch) -> None:
    params = SamplingParams(top_k=20, seed=7)  # how long a row may be follows from its phones
    requests = [T2SRequest(torch.arange(1, 3 + row)) for row in range(16)]
    alone = [decode(model, [request], params)[0].tokens.tolist() for request in requests]
    sizes: list[int] = []
    real = model.step
    monkeypatch.setattr(model, "step", lambda state, tokens: (sizes.append(len(tokens)), real(state, tokens))[1])
    assert [result.tokens.tolist() for result in decode(model, requests, params)] == alone
    assert max(sizes) > 8 and sizes[-1] <= 2
    assert sum(sizes) <= sum(len(tokens) + 1 for tokens in alone), "nothing is computed for rows that have ended"


@pytest.mark.parametrize("chunk_tokens", [1, 7, 1000])
def test_streamed_equals_whole(model: Text2SemanticDecoder, chunk_tokens: int) -> None:
    requests = make_requests()
    whole = decode(model, requests, PARAMS)
    chunks = list(stream_decode(model, requests, PARAMS, chunk_tokens=chunk_tokens))
    for row, result in enumerate(whole):
        assert join(chunks, row) == result.tokens.tolist()
        finals = [c for c in chunks if c.row == row and c.final]
        assert [c.finish_reason for c in finals] == [result.finish_reason]
    assert all(c.final or len(c.tokens) >= chunk_tokens for c in chunks)


def test_interleaved_generators_do_not_mix(model: Text2SemanticDecoder) -> None:
    requests = make_requests()
    first = SamplingParams(top_k=20, seed=1, max_tokens=40)
    second = SamplingParams(top_k=20, seed=2, max_tokens=40)
    want = [decode(model, requests, p)[1].tokens.tolist() for p in (first, second)]
    streams = [stream_decode(model, requests, p) for p in (first, second)]
    chunks: list[list[TokenChunk]] = [[], []]
    live = [0, 1]
    while live:
        for index in list(live):
            chunk = next(streams[index], None)
            if chunk is None:
                live.remove(index)
            else:
                chunks[index].append(chunk)
    assert [join(c, 1) for c in chunks] == want
    assert want[0] != want[1]


def test_seeds(model: Text2SemanticDecoder) -> None:
    request = make_requests()[:1]
    unseeded = SamplingParams(top_k=100, max_tokens=30, min_tokens=30)
    state = torch.get_rng_state()
    assert decode(model, request, PARAMS)[0].tokens.tolist() == decode(model, request, PARAMS)[0].tokens.tolist()
    assert torch.equal(state, torch.get_rng_state()), "a seeded run must leave the global generator alone"
    assert decode(model, request, unseeded)[0].tokens.tolist() != decode(model, request, unseeded)[0].tokens.tolist()


def test_a_segment_draws_with_a_seed_of_its_own(model: Text2SemanticDecoder) -> None:
    request = make_requests()[1]
    rows = [replace(request, segment=number) for number in range(3)]
    together = [result.tokens.tolist() for result in decode(model, rows, PARAMS)]
    assert len({tuple(tokens) for tokens in together}) == 3
    assert together == [decode(model, [row], PARAMS)[0].tokens.tolist() for row in rows]


def test_eos_is_impossible_at_first(model: Text2SemanticDecoder) -> None:
    backend = Scripted(lambda request, run, step: EOS)
    params = SamplingParams(top_k=1, repetition_penalty=1.0, min_tokens=11, max_tokens=30, seed=0)
    result = decode(backend, make_requests()[:1], params)[0]
    assert len(result.tokens) == 11 and result.finish_reason == "eos"
    assert EOS not in result.tokens.tolist()


def test_max_tokens_and_stop_flag(model: Text2SemanticDecoder) -> None:
    requests = make_requests()
    capped = decode(model, requests, SamplingParams(top_k=20, max_tokens=5, seed=0))
    assert [(len(r.tokens), r.finish_reason) for r in capped] == [(5, "length")] * 4
    asked = iter([False] * 3 + [True] * 100)
    stopped = decode(model, requests, SamplingParams(min_tokens=50, seed=0), should_stop=lambda: next(asked))
    assert [(len(r.tokens), r.finish_reason) for r in stopped] == [(3, "stopped")] * 4


def test_closing_the_generator_ends_the_work(model: Text2SemanticDecoder) -> None:
    stream = stream_decode(model, make_requests(), PARAMS)
    next(stream)
    stream.close()
    assert not torch.is_inference_mode_enabled()


def test_default_length_bound_follows_the_text() -> None:
    short = T2SRequest(torch.zeros(10, dtype=torch.long))
    long = T2SRequest(torch.zeros(100, dtype=torch.long))
    assert default_max_tokens(short) < default_max_tokens(long) <= 1500
    fast_prompt = T2SRequest(torch.zeros(100, dtype=torch.long), prompt=torch.zeros(50).long(), prompt_phones=50)
    assert default_max_tokens(fast_prompt) < default_max_tokens(T2SRequest(torch.zeros(50, dtype=torch.long)))


def test_cache_grows_by_blocks(model: Text2SemanticDecoder, monkeypatch: pytest.MonkeyPatch) -> None:
    params = SamplingParams(top_k=20, seed=3, max_tokens=50, min_tokens=50)
    want = decode(model, make_requests(), params)
    monkeypatch.setattr(KVCache, "BLOCK", 4)
    for result, small in zip(want, decode(model, make_requests(), params), strict=True):
        assert result.tokens.tolist() == small.tokens.tolist()


def test_rows_are_as_long_as_their_text_allows() -> None:
    params = SamplingParams(top_k=1, seed=0, max_tokens=None)
    requests = [T2SRequest(torch.zeros(n, dtype=torch.long)) for n in (1, 3)]
    results = decode(Scripted(lambda request, run, step: step), requests, params)
    assert [len(r.tokens) for r in results] == [default_max_tokens(r) for r in requests]
    assert results[0].tokens.tolist() == results[1].tokens.tolist()[: len(results[0].tokens)]


def test_nan_logits_are_an_error() -> None:
    backend = Scripted(lambda request, run, step: step, nan=True, at=4)
    with pytest.raises(FloatingPointError, match="scripted gave NaN logits at step 4"):
        decode(backend, make_requests()[:1], SamplingParams(max_tokens=20))


def test_bad_requests(model: Text2SemanticDecoder) -> None:
    with pytest.raises(T2SError, match="non-empty"):
        T2SRequest(torch.zeros(0, dtype=torch.long))
    with pytest.raises(T2SError, match="phone ids"):
        decode(model, [T2SRequest(torch.tensor([99]))], PARAMS)
    with pytest.raises(T2SError, match="prompt tokens"):
        decode(model, [T2SRequest(torch.tensor([1]), prompt=torch.tensor([EOS]))], PARAMS)
    with pytest.raises(T2SError, match="bert has 3"):
        T2SRequest(torch.tensor([1]), torch.zeros(1024, 3))
    assert list(stream_decode(model, [], PARAMS)) == []
