"""What an engine is, and how its streams are joined. Knows nothing of networks.

Shapes: T_sem semantic tokens (25 Hz).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import torch
from torch import Tensor

from AR.backend import SamplingParams, T2SRequest
from AR.errors import FallbackReason
from AR.read_back import Misread

AR_STAGE = "ar"
FinishReason = Literal["eos", "length", "stopped"]
ShouldStop = Callable[[], bool]


@dataclass(frozen=True)
class FallbackInfo:
    """Why another stage or engine spoke.

    Attributes:
        reason: a code.
        message: a line for the user.
        model_name: the model that was asked for.
        speaks: who speaks instead, "ar" for the AR model.
    """

    reason: FallbackReason
    message: str
    model_name: str = ""
    speaks: str = AR_STAGE


@dataclass(frozen=True)
class SpokenTokens:
    """New tokens of a request.

    Attributes:
        tokens: [n] int64 on CPU, n may be 0.
        finish_reason: "eos", "length" (a bound was reached, or they run in a loop) or "stopped", in the last tokens;
            None before.
        restart: True where the request begins anew with these tokens; what came before is void.
        collapsed: what is wrong with the whole, in its last tokens; None where nothing is.
        misread: that the whole says something else than the text, in its last tokens; None where it does not.
        stage: name of what spoke them.
        fall: why another stage begins to speak with these tokens; None in all others.
    """

    tokens: Tensor
    finish_reason: FinishReason | None = None
    restart: bool = False
    collapsed: str | None = None
    misread: Misread | None = None
    stage: str = ""
    fall: FallbackInfo | None = None


@dataclass(frozen=True)
class T2SResult:
    """All new tokens [T_sem] of one request (prompt not included, EOS not included) and why they ended.

    ``collapsed``, ``misread``, ``stage`` and ``falls`` as in :class:`SpokenTokens`.
    """

    tokens: Tensor
    finish_reason: FinishReason
    collapsed: str | None = None
    misread: Misread | None = None
    stage: str = ""
    falls: tuple[FallbackInfo, ...] = ()


def doubt_of(said: SpokenTokens | T2SResult) -> str | None:
    """What people should be told of finished speech; None where there is nothing to tell."""
    return said.collapsed or ("a part of it says something else" if said.misread and said.misread.grave else None)


class T2SEngine(Protocol):
    """What speaks tokens. Safe for several threads; requests that are under way at once may share their work."""

    @property
    def name(self) -> str:
        """Name of the stage, for logs and messages."""

    def stream(self, request: T2SRequest, sampling: SamplingParams) -> Iterator[SpokenTokens]:
        """Tokens of a request as they come; work begins with the call. Closing the iterator ends it.

        The tokens depend on the request and its sampling values alone, not on what else is under way.

        Raises:
            EngineFull: too many requests wait. At the call; all others come from the iterator:
            T2SError: a request that cannot be read, or an engine that was closed.
            FloatingPointError: the network gave NaN or infinite logits.
        """

    def release(self) -> None:
        """Free what is kept for requests to come as soon as none is under way. A later request takes it again."""


def close(stream: Iterator[SpokenTokens]) -> None:
    """End the work behind a stream: what an engine returns can be closed, as generators can."""
    stream.close()  # type: ignore[attr-defined]


def until_stopped(stream: Iterator[SpokenTokens], should_stop: ShouldStop | None) -> Iterator[SpokenTokens]:
    """``stream`` until ``should_stop``, which is asked before each part; then one more part says "stopped"."""
    try:
        while True:
            if should_stop is not None and should_stop():
                yield SpokenTokens(torch.zeros(0, dtype=torch.int64), "stopped")
                return
            part = next(stream, None)
            if part is None:
                return
            yield part
    finally:
        close(stream)


def join(parts: Iterator[SpokenTokens]) -> T2SResult:
    """The whole of a stream: what came since it began anew for the last time."""
    tokens: list[Tensor] = []
    falls: list[FallbackInfo] = []
    last = SpokenTokens(torch.zeros(0, dtype=torch.int64))
    for last in parts:
        if last.restart:
            tokens.clear()
        tokens.append(last.tokens)
        falls += [last.fall] if last.fall else []
    whole = torch.cat(tokens) if tokens else last.tokens
    reason = last.finish_reason or "stopped"
    return T2SResult(whole, reason, last.collapsed, last.misread, last.stage, tuple(falls))


def speak(
    engine: T2SEngine,
    requests: Sequence[T2SRequest],
    sampling: SamplingParams,
    should_stop: ShouldStop | None = None,
) -> list[T2SResult]:
    """Whole results of requests that are spoken together, in their order.

    Args:
        engine: what speaks.
        requests: all are under way at once.
        sampling: for each.
        should_stop: asked between tokens; True ends all of them with reason "stopped".

    Raises:
        Exception: as :meth:`T2SEngine.stream`, from the first request that fails; the others are given up.
    """
    streams: list[Iterator[SpokenTokens]] = []
    try:
        for request in requests:
            streams.append(engine.stream(request, sampling))
        return [join(until_stopped(stream, should_stop)) for stream in streams]
    finally:
        for stream in streams:
            close(stream)
