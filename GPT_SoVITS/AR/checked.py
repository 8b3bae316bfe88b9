"""What came out is looked at: a request whose tokens collapse or say other words is spoken again with other seeds. For
every engine.

Shapes: T_sem semantic tokens (25 Hz).
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from AR.backend import SamplingParams, T2SBackend, T2SRequest, default_min_tokens
from AR.engine.local import LocalEngine
from AR.engine.tokens import ShouldStop, SpokenTokens, T2SEngine, T2SResult, close, speak
from AR.read_back import Misread

logger = logging.getLogger(__name__)

RETRIES = 2
"""Further tries, each with another seed, for a row that collapsed or was misread."""
RETRY_SEED_STEP = 7919
LONGEST_PERIOD = 16
LOOP_TOKENS = 100
"""Four seconds that repeat themselves exactly are a loop; pauses are shorter."""
LOOPS = "the tokens run in a loop"
LOOP_LOOK = 25
"""New tokens between two looks for a loop in a segment that is still being decoded."""
MOST_TOGETHER = 64
"""Requests that :func:`decode_checked` decodes at once."""


def has_loop(tokens: Tensor) -> bool:
    """True where [T_sem] ``tokens`` repeat a pattern of at most ``LONGEST_PERIOD`` tokens for ``LOOP_TOKENS``."""
    for period in range(1, LONGEST_PERIOD + 1):
        if tokens.numel() < LOOP_TOKENS:
            return False
        same = (tokens[period:] == tokens[:-period]).long()
        total = same.cumsum(0)
        # length of the run that ends at each place: what was counted since the last difference
        run = total - (total * (1 - same)).cummax(0).values
        if int(run.max()) + period >= LOOP_TOKENS:
            return True
    return False


def why_collapsed(request: T2SRequest, result: T2SResult) -> str | None:
    """What is wrong with tokens that never ended, loop, or are far too few for the phones; None where nothing is."""
    if result.finish_reason == "stopped":
        return None
    count = result.tokens.numel()
    if result.finish_reason != "eos":
        return f"no end after {count} tokens"
    if count < default_min_tokens(request):
        return f"only {count} tokens for {request.phones.numel() - request.prompt_phones} phones"
    return LOOPS if has_loop(result.tokens) else None


class CheckedT2S:
    """An engine that looks at what another one speaks; what collapses or is misread begins anew with another seed.

    Greedy requests are not tried again: they would come out the same. Where no try is good, the least bad one is kept:
    one that came to an end is better than one that did not, and of those the one nearest to the text.

    Args:
        inner: what speaks.
        retries: further tries; None: ``RETRIES``.
    """

    def __init__(self, inner: T2SEngine, retries: int | None = None) -> None:
        self._inner, self._retries = inner, retries

    @property
    def name(self) -> str:
        """Name of what speaks."""
        return self._inner.name

    def stream(self, request: T2SRequest, sampling: SamplingParams) -> Iterator[SpokenTokens]:
        """As :class:`~AR.engine.tokens.T2SEngine`; ``collapsed`` and ``misread`` tell of the try that is kept."""
        return self._tries(self._inner.stream(request, sampling), request, sampling)

    def release(self) -> None:
        """As :class:`~AR.engine.tokens.T2SEngine`."""
        self._inner.release()

    def _tries(
        self, first: Iterator[SpokenTokens], request: T2SRequest, sampling: SamplingParams
    ) -> Iterator[SpokenTokens]:
        retries = RETRIES if self._retries is None else self._retries
        tries = 1 if sampling.top_k == 1 else retries + 1
        kept: SpokenTokens | None = None  # all of the best try so far
        begun = False
        for attempt in range(tries):
            stream = self._inner.stream(request, _other_seed(sampling, attempt)) if attempt else first
            restart = begun
            said: list[Tensor] = []
            for part in _watched(stream, request):
                if part.restart:  # the engine within has begun it anew
                    said.clear()
                said.append(part.tokens)
                if part.collapsed or part.misread:
                    whole = replace(part, tokens=torch.cat(said), restart=True)
                    kept = whole if kept is None or _badness(whole) <= _badness(kept) else kept
                    if attempt + 1 < tries:
                        logger.info("a segment %s, try %d of %d", _fault_of(part), attempt + 1, retries)
                        break
                    if kept is not whole:
                        yield kept
                        return
                yield replace(part, restart=restart or part.restart)
                begun, restart = True, False
                if part.finish_reason is not None:
                    return


def _fault_of(part: SpokenTokens) -> str:
    if part.misread and not part.collapsed:
        return f"was misread (by {part.misread.deviation:.1f} nats a token)"
    return f"collapsed ({part.collapsed})"


def _badness(whole: SpokenTokens) -> tuple[bool, bool, float]:
    """What makes one try worse than another, the worst first."""
    deviation = whole.misread.deviation if whole.misread else 0.0
    return whole.finish_reason != "eos", whole.collapsed is not None, deviation


def _other_seed(sampling: SamplingParams, attempt: int) -> SamplingParams:
    return replace(sampling, seed=(sampling.seed or 0) + attempt * RETRY_SEED_STEP)


def _watched(stream: Iterator[SpokenTokens], request: T2SRequest) -> Iterator[SpokenTokens]:
    """One try at a request, up to its end or to where it runs in a loop; its last part says what is wrong with it."""
    said, looked = torch.zeros(0, dtype=torch.int64), 0
    try:
        for part in stream:
            if part.restart:
                said, looked = said[:0], 0
            said = torch.cat((said, part.tokens))
            reason, why, misread = part.finish_reason, part.collapsed, part.misread
            if reason is not None:
                why = why or why_collapsed(request, T2SResult(said, reason))
                misread = misread if reason == "stopped" else _misread(request, said)
            elif said.numel() >= looked + LOOP_LOOK:
                looked = said.numel()
                if has_loop(said):
                    reason, why = "length", LOOPS
            yield replace(part, finish_reason=reason, collapsed=why, misread=misread)
            if reason is not None:
                return
    finally:
        close(stream)


def _misread(request: T2SRequest, tokens: Tensor) -> Misread | None:
    """Whether whole ``tokens`` [T_sem] say something else than the request's text; None where that is not known."""
    if request.read_back is None:
        return None
    return request.read_back.misread(request.target.cpu().numpy(), tokens.numpy())


def local_engine(backend: T2SBackend) -> CheckedT2S:
    """What speaks with a network on this machine: a batch for all requests, and a look at what comes out."""
    return CheckedT2S(LocalEngine(backend))


def decode_checked(
    backend: T2SBackend,
    requests: Sequence[T2SRequest],
    sampling: SamplingParams,
    should_stop: ShouldStop | None = None,
    retries: int | None = None,
) -> list[T2SResult]:
    """Whole results of a network that nobody else uses, decoded together and looked at as :class:`CheckedT2S` does.

    Errors as ``AR.engine.speak``.
    """
    with LocalEngine(backend, min(max(1, len(requests)), MOST_TOGETHER), queue_size=len(requests)) as engine:
        return speak(CheckedT2S(engine, retries), requests, sampling, should_stop)
