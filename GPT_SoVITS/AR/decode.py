"""The one decode loop: every backend, streamed or whole, single or batched, goes through ``stream_decode``.

Rows that end early are dropped from the batch; each row's tokens depend on its own request and seed only. All state is
local to one call, so interleaved generators cannot mix. The host looks at tokens every step on CPU and every few steps
on other devices, where each look waits for the device; surplus tokens of a row that had ended are cut off.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from AR.backend import EOS, VOCAB_SIZE, RowSelect, SamplingParams, T2SBackend, T2SRequest, default_max_tokens
from AR.sampling import NEG_INF, RowNoise, redraw, sample

FinishReason = Literal["eos", "length", "stopped"]

COMPACT_AT = 0.75
"""Ended rows leave the batch when at most this share of its rows is live: every leaving copies the whole KV cache."""


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


@dataclass(frozen=True)
class T2SResult:
    """All new tokens [T_sem] of one request (prompt not included, EOS not included) and why they ended."""

    tokens: Tensor
    finish_reason: FinishReason


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
    if not requests:
        return
    run = _Run(backend, requests, sampling)
    steps = look_interval(backend.device)
    while run.live:
        if should_stop is not None and should_stop():
            yield from run.finish("stopped")
            return
        yield from run.advance(steps)
        yield from run.ready(chunk_tokens)


def decode(
    backend: T2SBackend,
    requests: Sequence[T2SRequest],
    sampling: SamplingParams,
    should_stop: Callable[[], bool] | None = None,
) -> list[T2SResult]:
    """Whole results: the join of the stream, in the order of ``requests``. Errors as ``stream_decode``."""
    parts: list[list[Tensor]] = [[] for _ in requests]
    reasons: list[FinishReason] = ["stopped"] * len(requests)
    for chunk in stream_decode(backend, requests, sampling, should_stop, chunk_tokens=1 << 30):
        parts[chunk.row].append(chunk.tokens)
        if chunk.finish_reason is not None:
            reasons[chunk.row] = chunk.finish_reason
    return [T2SResult(torch.cat(p) if p else _tokens([]), r) for p, r in zip(parts, reasons, strict=True)]


def look_interval(device: torch.device) -> int:
    """Steps between two looks of the host at the tokens."""
    return 1 if device.type == "cpu" else 8


def _tokens(values: list[int]) -> Tensor:
    return torch.tensor(values, dtype=torch.int64)


def _row_seeds(seed: int | None, requests: Sequence[T2SRequest]) -> list[int]:
    if seed is not None:
        return [(seed + request.segment) % 2**63 for request in requests]
    return torch.randint(0, 2**62, (len(requests),)).tolist()


class _Run:
    """State of one ``stream_decode`` call.

    ``slots[i]`` is the request that row i of the batch belongs to, or None for a row that ended and is still there.
    """

    def __init__(self, backend: T2SBackend, requests: Sequence[T2SRequest], sampling: SamplingParams) -> None:
        self.backend, self.sampling = backend, sampling
        self.slots: list[int | None] = list(range(len(requests)))
        self.limits = [sampling.max_tokens or default_max_tokens(r) for r in requests]
        self.pending: list[list[int]] = [[] for _ in requests]
        self.produced = self.drawn = 0
        self.last: Tensor | None = None
        self.noise = RowNoise(_row_seeds(sampling.seed, requests), VOCAB_SIZE, backend.device)
        with torch.inference_mode():
            self.state, self.logits = backend.prefill(requests)
            self.seen = torch.zeros_like(self.logits, dtype=torch.bool)
            self.recent = self.logits.new_full((len(requests), sampling.repetition_window), -1, dtype=torch.int64)
            for row, request in enumerate(requests):
                if request.prompt is not None:
                    self.seen[row, request.prompt.to(self.seen.device)] = True

    @property
    def live(self) -> list[int]:
        """Requests that have not ended."""
        return [row for row in self.slots if row is not None]

    @torch.inference_mode()
    def advance(self, steps: int) -> list[TokenChunk]:
        """Up to ``steps`` more tokens for every row, then one look at them; returns last chunks of rows that ended."""
        steps = min(steps, max(self.limits[row] for row in self.live) - self.produced)
        flags = torch.stack([self._next_token() for _ in range(steps)]).cpu()  # [steps, 3, B]: the one wait
        keep = [slot for slot, row in enumerate(self.slots) if row is not None]
        ended: list[TokenChunk] = []
        for slot in list(keep):
            row = self.slots[slot]
            assert row is not None
            reason = self._read(row, flags[:, :, slot].tolist())
            if reason is not None:
                keep.remove(slot)
                ended.append(TokenChunk(row, self._take(row), True, reason))
        self.produced += steps
        if len(keep) < len(self.slots) and keep:
            self._drop(keep)
        elif not keep:
            self.slots = []
        return ended

    def _next_token(self) -> Tensor:
        """Draw one token per row; returns [3, B]: token, whether it ends the row, whether logits are not finite."""
        if self.last is not None:
            self.logits = self.backend.step(self.state, self.last)
            self.drawn += 1
        logits = self.logits.float()
        if self.drawn < self.sampling.min_tokens:
            logits = logits.index_fill(1, torch.tensor([EOS], device=logits.device), NEG_INF)
        noise = self.noise.next()
        tokens, top = sample(logits, self.seen, self.sampling, noise)
        if self.sampling.repetition_window:
            tokens = redraw(tokens, self.recent, logits, self.seen, self.sampling, noise)
            self.recent[:, self.drawn % self.sampling.repetition_window] = tokens
        self.seen.scatter_(1, tokens[:, None], True)
        self.last = tokens
        return torch.stack((tokens, (tokens == EOS) | (top == EOS), ~self.logits.isfinite().all(dim=-1)))

    def _read(self, row: int, steps: list[list[int]]) -> FinishReason | None:
        """Take over the tokens of one row up to its end; returns why it ended, or None."""
        for index, (token, ends, nan) in enumerate(steps):
            if nan:
                raise FloatingPointError(f"backend {self.backend.name} gave NaN logits at step {self.produced + index}")
            if ends:
                return "eos"
            self.pending[row].append(token)
            if self.produced + index + 1 >= self.limits[row]:
                return "length"
        return None

    def _drop(self, keep: list[int]) -> None:
        """Go on with the batch rows ``keep``: others leave where the backend can drop rows and enough have ended."""
        if not isinstance(self.backend, RowSelect) or len(keep) > COMPACT_AT * len(self.slots):
            self.slots = [row if slot in keep else None for slot, row in enumerate(self.slots)]
            return
        assert self.last is not None
        index = torch.tensor(keep, device=self.seen.device)
        self.state = self.backend.select(self.state, index)
        self.last, self.seen, self.recent = self.last[index], self.seen[index], self.recent[index]
        self.noise.select(keep)
        self.slots = [self.slots[slot] for slot in keep]

    def _take(self, row: int) -> Tensor:
        tokens, self.pending[row] = _tokens(self.pending[row]), []
        return tokens

    def ready(self, chunk_tokens: int) -> list[TokenChunk]:
        """Chunks of the live rows that have at least ``chunk_tokens`` new tokens."""
        rows = [row for row in self.live if len(self.pending[row]) >= max(1, chunk_tokens)]
        return [TokenChunk(row, self._take(row)) for row in rows]

    def finish(self, reason: FinishReason) -> list[TokenChunk]:
        """Last chunks of all live rows."""
        rows, self.slots = self.live, []
        return [TokenChunk(row, self._take(row), True, reason) for row in rows]
