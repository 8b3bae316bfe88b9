"""Decoding that looks at what came out: collapsed rows are spoken again with other seeds. For every backend.

``decode_checked`` gives whole segments, ``stream_checked`` the tokens of one segment while they come: the same ones,
where a try comes to its end.

Shapes: T_sem semantic tokens (25 Hz).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from AR.backend import SamplingParams, T2SBackend, T2SRequest, default_min_tokens
from AR.decode import FinishReason, T2SResult, decode, stream_decode

logger = logging.getLogger(__name__)

RETRIES = 2
"""Further tries, each with another seed, for a row that collapsed."""
RETRY_SEED_STEP = 7919
LONGEST_PERIOD = 16
LOOP_TOKENS = 100
"""Four seconds that repeat themselves exactly are a loop; pauses are shorter."""
LOOPS = "the tokens run in a loop"
LOOP_LOOK = 25
"""New tokens between two looks for a loop in a segment that is still being decoded."""

ShouldStop = Callable[[], bool]


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


def decode_checked(
    backend: T2SBackend,
    requests: Sequence[T2SRequest],
    sampling: SamplingParams,
    should_stop: ShouldStop | None = None,
    retries: int | None = None,
) -> list[T2SResult]:
    """``decode``, and rows that collapse again with up to ``retries`` (``RETRIES``) other seeds (not greedy ones).

    The least bad try is kept: one that came to an end is better than one that did not. Errors as ``decode``.
    """
    results = decode(backend, requests, sampling, should_stop)
    retries = RETRIES if retries is None else retries
    for attempt in range(1, retries + 1):
        bad = [row for row, result in enumerate(results) if why_collapsed(requests[row], result)]
        if not bad or sampling.top_k == 1:
            break
        logger.info("%d of %d rows collapsed, try %d of %d", len(bad), len(requests), attempt, retries)
        other = _other_seed(sampling, attempt)
        again = decode(backend, [requests[row] for row in bad], other, should_stop)
        for row, result in zip(bad, again, strict=True):
            if not why_collapsed(requests[row], result) or result.finish_reason == "eos":
                results[row] = result
    return results


def _other_seed(sampling: SamplingParams, attempt: int) -> SamplingParams:
    return replace(sampling, seed=(sampling.seed or 0) + attempt * RETRY_SEED_STEP) if attempt else sampling


@dataclass(frozen=True)
class SpokenTokens:
    """New tokens of a segment that is spoken while it is decoded.

    Attributes:
        tokens: [n] int64 on CPU, n may be 0.
        finish_reason: why the segment ended, in its last tokens; None before. A loop counts as "length".
        again: True where the segment begins anew with these tokens; what came before is void.
        collapsed: what is wrong with the segment, in its last tokens; None where nothing is.
    """

    tokens: Tensor
    finish_reason: FinishReason | None = None
    again: bool = False
    collapsed: str | None = None


def stream_checked(
    backend: T2SBackend,
    request: T2SRequest,
    sampling: SamplingParams,
    should_stop: ShouldStop | None = None,
    retries: int | None = None,
) -> Iterator[SpokenTokens]:
    """One segment, token by token; where it collapses it begins anew, as in :func:`decode_checked`.

    Closing the iterator ends the work. Errors as ``decode``.
    """
    retries = RETRIES if retries is None else retries
    tries = 1 if sampling.top_k == 1 else retries + 1
    begun = False
    for attempt in range(tries):
        again = begun
        for part in _watched(backend, request, _other_seed(sampling, attempt), should_stop):
            if part.collapsed and attempt + 1 < tries:
                logger.info("a segment collapsed (%s), try %d of %d", part.collapsed, attempt + 1, retries)
                break
            yield replace(part, again=again)
            begun, again = True, False
            if part.finish_reason is not None:
                return


def _watched(
    backend: T2SBackend, request: T2SRequest, sampling: SamplingParams, should_stop: ShouldStop | None
) -> Iterator[SpokenTokens]:
    """One try at a segment, up to its end or to where it runs in a loop."""
    said, looked = torch.zeros(0, dtype=torch.int64), 0
    for chunk in stream_decode(backend, [request], sampling, should_stop):
        said = torch.cat((said, chunk.tokens))
        reason, why = chunk.finish_reason, None
        if reason is not None:
            why = why_collapsed(request, T2SResult(said, reason))
        elif said.numel() >= looked + LOOP_LOOK:
            looked = said.numel()
            if has_loop(said):
                reason, why = "length", LOOPS
        yield SpokenTokens(chunk.tokens, reason, collapsed=why)
        if reason is not None:
            return
