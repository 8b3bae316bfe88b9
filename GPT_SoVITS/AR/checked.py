"""Decoding that looks at what came out: collapsed rows are spoken again with other seeds. For every backend.

Shapes: T_sem semantic tokens (25 Hz).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace

from torch import Tensor

from AR.backend import SamplingParams, T2SBackend, T2SRequest, default_min_tokens
from AR.decode import T2SResult, decode

logger = logging.getLogger(__name__)

RETRIES = 2
"""Further tries, each with another seed, for a row that collapsed."""
RETRY_SEED_STEP = 7919
LONGEST_PERIOD = 16
LOOP_TOKENS = 100
"""Four seconds that repeat themselves exactly are a loop; pauses are shorter."""

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
    return "the tokens run in a loop" if has_loop(result.tokens) else None


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
        other = replace(sampling, seed=(sampling.seed or 0) + attempt * RETRY_SEED_STEP)
        again = decode(backend, [requests[row] for row in bad], other, should_stop)
        for row, result in zip(bad, again, strict=True):
            if not why_collapsed(requests[row], result) or result.finish_reason == "eos":
                results[row] = result
    return results
