"""What an engine that serves an exported stage is compared in: greedy rows, distributions, speed. Over HTTP.

Shapes: V = 1025 (1024 semantic tokens and EOS).
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import torch
from torch import Tensor

from AR.backend import EOS, VOCAB_SIZE, SamplingParams, T2SRequest
from AR.decode import decode
from AR.engine import LocalEngine, T2SEngine, speak
from AR.engine.completions import CompletionsClient, EngineAddress, Timeouts
from AR.engine.remote import RemoteEngine
from AR.models.lm_manifest import LMManifest
from AR.models.qwen3_t2s_model import Qwen3T2SModel
from AR.sampling import probabilities, repetition_penalty, seen_mask
from text import clean_text, cleaned_text_to_sequence

GREEDY = SamplingParams(top_k=1, repetition_penalty=1.35, min_tokens=11, max_tokens=150)
DRAWN = SamplingParams(top_k=15, temperature=1.0, repetition_penalty=1.35, min_tokens=0, max_tokens=1)
PATIENT = Timeouts(first=120.0, next=60.0, rate=0.0)
TOGETHER = 32


def remote(model: Qwen3T2SModel, address: str, timeouts: Timeouts = PATIENT) -> RemoteEngine:
    """An engine over a server that serves this stage."""
    client = CompletionsClient(EngineAddress.parse(address), timeouts=timeouts)
    return RemoteEngine(client, LMManifest.of_config(model.config), model.tokenizer)


def requests_of(model: Qwen3T2SModel, texts: Sequence[str]) -> list[T2SRequest]:
    """A request for each text; every second one goes on from the words and tokens of the first."""
    read = [torch.tensor(_phones(text, model.config.symbols)) for text in texts]
    first = T2SRequest(read[0], text=texts[0])
    spoken = decode(model, [first], SamplingParams(seed=1))[0].tokens[:75]
    requests = []
    for place, (phones, text) in enumerate(zip(read, texts, strict=True)):
        if place % 2:
            both = torch.cat((read[0], phones))
            requests.append(T2SRequest(both, None, spoken, text, texts[0], prompt_phones=len(read[0]), segment=place))
        else:
            requests.append(T2SRequest(phones, text=text, segment=place))
    return requests


def _phones(text: str, symbols: str) -> list[int]:
    return list(cleaned_text_to_sequence(clean_text(text, "en", symbols)[0], symbols))


@dataclass(frozen=True)
class GreedyReport:
    """How many rows are the same; of each that differs its number, the token where they part, and by how much the
    likeliest token led there in our loop, in logits."""

    rows: int
    same: int
    parted: tuple[tuple[int, int, float], ...]


def compare_greedy(model: Qwen3T2SModel, engine: T2SEngine, requests: Sequence[T2SRequest]) -> GreedyReport:
    """Greedy tokens of our loop beside those of an engine, all rows under way at once."""
    ours = [result.tokens for result in decode(model, requests, GREEDY)]
    theirs = [result.tokens for result in speak(engine, requests, GREEDY)]
    parted = [(n, a, b) for n, (a, b) in enumerate(zip(ours, theirs, strict=True)) if a.tolist() != b.tolist()]
    margins = tuple((n, *margin(model, requests[n], a, b)) for n, a, b in parted)
    return GreedyReport(len(requests), len(requests) - len(parted), margins)


def margin(model: Qwen3T2SModel, request: T2SRequest, ours: Tensor, theirs: Tensor) -> tuple[int, float]:
    """Where two rows part, and by how much the likeliest token led there."""
    shared = min(len(ours), len(theirs))
    differ = (ours[:shared] != theirs[:shared]).nonzero()
    place = int(differ[0]) if len(differ) else shared
    best = _penalised(model, request, ours[:place])[0].topk(2).values
    return place, round(float(best[0] - best[1]), 6)


def _penalised(model: Qwen3T2SModel, request: T2SRequest, said: Tensor) -> Tensor:
    """Logits [1, V] after ``said``, with the repetition penalty."""
    state, logits = model.prefill([request])
    for token in said:
        logits = model.step(state, token[None])
    prompt = request.prompt if request.prompt is not None else said[:0]
    seen = seen_mask(torch.cat((prompt, said))[None], VOCAB_SIZE)
    return repetition_penalty(logits, seen, GREEDY.repetition_penalty)


@dataclass(frozen=True)
class DrawReport:
    """Draws of one token against our probabilities of it.

    Attributes:
        draws: how many.
        p_value: of a chi-square test; small where the distributions differ.
        distance: total variation between the two; ``expected`` is its mean for so many draws of our own.
    """

    draws: int
    p_value: float
    distance: float
    expected: float


def compare_draws(model: Qwen3T2SModel, engine: RemoteEngine, request: T2SRequest, draws: int) -> DrawReport:
    """The next token of a request, drawn so often by an engine, against the probabilities that ours would draw with."""
    ours = probabilities(_penalised(model, request, torch.zeros(0, dtype=torch.int64)), DRAWN.top_k, 1.0, 1.0)[0]

    def once(_: int) -> int:
        tokens = [token for part in engine.stream(request, DRAWN) for token in part.tokens.tolist()]
        return tokens[0] if tokens else EOS

    with ThreadPoolExecutor(TOGETHER) as pool:
        counts = torch.bincount(torch.tensor(list(pool.map(once, range(draws)))), minlength=VOCAB_SIZE)
    own = torch.stack([torch.bincount(torch.multinomial(ours, draws, True), minlength=VOCAB_SIZE) for _ in range(200)])
    distances = (own / draws - ours).abs().sum(1) / 2
    distance = float((counts / draws - ours).abs().sum() / 2)
    return DrawReport(draws, chi_square(counts, ours), round(distance, 4), round(float(distances.mean()), 4))


def chi_square(counts: Tensor, ours: Tensor) -> float:
    """Chance that draws from ``ours`` [V] differ from it by as much as ``counts`` [V]; rare tokens are one class."""
    expected = ours * counts.sum()
    common = expected >= 5
    seen = torch.cat((counts[common], counts[~common].sum()[None])).double()
    wanted = torch.cat((expected[common], expected[~common].sum()[None])).double()
    if float(wanted[-1]) < 5:  # too few for a class of its own: with the rarest of the others
        seen, wanted = (torch.cat((t[:-2], t[-2:].sum()[None])) for t in (seen, wanted))
    statistic = ((seen - wanted) ** 2 / wanted).sum()
    return float(torch.special.gammaincc(torch.tensor((len(seen) - 1) / 2).double(), statistic / 2))


def throughput(engine: T2SEngine, requests: Sequence[T2SRequest], tokens: int) -> float:
    """Tokens a second of an engine with all requests under way at once, each of so many tokens."""
    sampling = SamplingParams(top_k=15, min_tokens=tokens, max_tokens=tokens, seed=1)
    begun = time.perf_counter()
    made = sum(result.tokens.numel() for result in speak(engine, requests, sampling))
    return made / (time.perf_counter() - begun)


def own_engine(model: Qwen3T2SModel, rows: int) -> LocalEngine:
    """Our engine, with so many rows."""
    return LocalEngine(model, rows, queue_size=rows)
