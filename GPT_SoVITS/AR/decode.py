"""Decoding in the caller's own thread, for tools and tests: ``stream_decode`` and ``decode`` over one batch.

It is the batch that an engine decodes with (``engine/batch.py``), so tokens are those of an engine. State is local to
one call.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from AR.backend import SamplingParams, T2SBackend, T2SRequest
from AR.engine.batch import DecodeBatch
from AR.engine.tokens import FinishReason, T2SResult

__all__ = ["FinishReason", "T2SResult", "TokenChunk", "decode", "stream_decode"]


@dataclass(frozen=True)
class TokenChunk:
    """New tokens of one row.

    Attributes:
        row: index of the request.
        tokens: [n] int64 on CPU, n may be 0 in the final chunk.
        final: True once per row, in its last chunk.
        finish_reason: "eos", "length" (the bound was reached) or "stopped" (``should_stop``); None before the last.
    """

    row: int
    tokens: Tensor
    final: bool = False
    finish_reason: FinishReason | None = None


def stream_decode(
    backend: T2SBackend,
    requests: Sequence[T2SRequest],
    sampling: SamplingParams,
    should_stop: Callable[[], bool] | None = None,
    chunk_tokens: int = 1,
) -> Iterator[TokenChunk]:
    """Decode ``requests`` as one batch and yield tokens as they come.

    Args:
        backend: the network.
        requests: one per row.
        sampling: the same for all rows; each row has a generator of its own.
        should_stop: asked now and then; True ends all rows with reason "stopped".
        chunk_tokens: a row is yielded when it has at least this many new tokens, and when it ends.

    Raises:
        T2SError: a request that the backend cannot read.
        FloatingPointError: the backend gave NaN or infinite logits.
    """
    pending: list[list[int]] = [[] for _ in requests]
    ends: dict[int, FinishReason] = {}
    errors: list[BaseException] = []
    live = list(range(len(requests)))

    def deliver(key: Hashable, tokens: list[int], reason: FinishReason | None, error: BaseException | None) -> None:
        assert isinstance(key, int)
        pending[key] += tokens
        if reason is not None:
            ends[key] = reason
        if error is not None:
            errors.append(error)

    batch = DecodeBatch(backend, max(1, len(requests)), deliver, all_first=True)
    for row, request in enumerate(requests):
        batch.add(row, request, sampling)
    while live:
        if should_stop is not None and should_stop():
            ends.update((row, "stopped") for row in live if row not in ends)
        else:
            batch.work()
        if errors:
            raise errors[0]
        for row in list(live):
            reason = ends.get(row)
            if reason is not None or len(pending[row]) >= max(1, chunk_tokens):
                tokens, pending[row] = torch.tensor(pending[row], dtype=torch.int64), []
                yield TokenChunk(row, tokens, reason is not None, reason)
            if reason is not None:
                live.remove(row)


def decode(
    backend: T2SBackend,
    requests: Sequence[T2SRequest],
    sampling: SamplingParams,
    should_stop: Callable[[], bool] | None = None,
) -> list[T2SResult]:
    """Whole results: the join of the stream, in the order of ``requests``. Errors as ``stream_decode``."""
    found: dict[int, T2SResult] = {}
    for chunk in stream_decode(backend, requests, sampling, should_stop, chunk_tokens=1 << 30):
        if chunk.finish_reason is not None:
            found[chunk.row] = T2SResult(chunk.tokens, chunk.finish_reason, stage=backend.name)
    return [found[row] for row in range(len(requests))]
