"""``FallbackT2S``: a language model in the seat, the AR model beside it for whenever the first cannot serve.

It never hides what happened: every fall has a reason code and one line that a person can act on, it is logged once per
cause, handed to ``on_fall`` and kept in ``last_fallback``. Whole segments go through ``speak``, segments that are heard
while they are decoded through ``stream``: what failed is spoken again by the AR model, from the segment's start. As a
plain backend (prefill, step) it goes on with the AR model from the tokens there are.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from AR.backend import RowSelect, SamplingParams, T2SBackend, T2SRequest
from AR.checked import ShouldStop, SpokenTokens, decode_checked, stream_checked, why_collapsed
from AR.decode import T2SResult
from AR.errors import FallbackReason, LMUnavailable

logger = logging.getLogger(__name__)

MOST_CAUSES = 256
"""Causes that are remembered as logged; messages hold what an error said, so there is no end of them."""


@dataclass(frozen=True)
class FallbackInfo:
    """Why the AR model spoke: a reason code, a line for the user, and the model that was asked for."""

    reason: FallbackReason
    message: str
    model_name: str = ""


@dataclass
class _State:
    """Decode state of whichever backend speaks, and what is needed to hand over to the other."""

    backend: T2SBackend
    inner: Any
    requests: list[T2SRequest]
    tokens: list[Tensor]


OnFall = Callable[[FallbackInfo], None]


def reason_of(error: BaseException) -> FallbackReason:
    """The reason code of an error that a backend raised."""
    if isinstance(error, LMUnavailable):
        return error.reason
    if isinstance(error, FloatingPointError):
        return "numerical_error"
    if isinstance(error, MemoryError | torch.OutOfMemoryError) or "can't allocate memory" in str(error):
        return "out_of_memory"
    return "transformers_missing" if isinstance(error, ImportError) else "runtime_error"


def info_of(error: BaseException, model_name: str) -> FallbackInfo:
    """What to tell about an error that a backend raised."""
    reason = reason_of(error)
    text = " ".join(str(error).split()) or type(error).__name__
    if not isinstance(error, LMUnavailable):
        text = f"{_LEADS[reason]} ({type(error).__name__}: {text[:200]})"
    return FallbackInfo(reason, f"{text}. The AR model speaks instead.", model_name)


_LEADS: dict[FallbackReason, str] = {
    "numerical_error": "the language model gave NaN or infinite numbers; set qwen3_precision to float32 or train again",
    "out_of_memory": "the language model ran out of memory; choose a smaller one or shorter texts",
    "transformers_missing": "a package that the language model needs cannot be imported; pip install -U transformers",
    "runtime_error": "the language model failed; please report this",
}


class FallbackT2S:
    """A backend that asks ``primary`` and falls back on ``secondary``.

    Args:
        primary: the language model, or None where it could not be loaded.
        secondary: the AR model.
        model_name: what the user asked for, for messages.
        load_error: why ``primary`` is None.
        strict: raise the error instead of falling back.
        on_fall: told of every fall.
        told: causes that were logged before; pass one set to several objects to log each cause once.

    Attributes:
        primary: None once it has run out of memory: its weights and caches must be free to go.
        last_fallback: the last fall since ``begin()``, or None.

    Raises:
        LMUnavailable: in strict mode, the ``load_error``.
    """

    def __init__(
        self,
        primary: T2SBackend | None,
        secondary: T2SBackend,
        model_name: str = "",
        load_error: BaseException | None = None,
        strict: bool = False,
        on_fall: OnFall | None = None,
        told: set[tuple[str, str]] | None = None,
    ) -> None:
        self.primary, self.secondary, self.model_name, self.strict = primary, secondary, model_name, strict
        self.on_fall = on_fall
        self.last_fallback: FallbackInfo | None = None
        self.load_info: FallbackInfo | None = None
        self._told: set[tuple[str, str]] = set() if told is None else told
        if load_error is not None:
            self._tell(self._info(load_error))
            self.load_info = self.last_fallback

    @property
    def name(self) -> str:
        """Name of the backend that is asked first."""
        return (self.primary or self.secondary).name

    @property
    def device(self) -> torch.device:
        return (self.primary or self.secondary).device

    def begin(self) -> None:
        """Start of a user's request: only a failed load is still to be told."""
        self.last_fallback = self.load_info

    def _info(self, error: BaseException) -> FallbackInfo:
        """What is told about an error; in strict mode the error itself is raised.

        Called within the ``except``, and :meth:`_tell` after it: as long as an error is being handled, its traceback
        keeps the language model's cache alive, and the AR model would have to do with the memory that is left.
        """
        if self.strict:
            raise error
        return info_of(error, self.model_name)

    def _tell(self, info: FallbackInfo) -> None:
        """Note a fall; a language model that has run out of memory is not asked again."""
        if info.reason == "out_of_memory":
            self.primary, self.load_info = None, info
        self.last_fallback = info
        cause = (info.reason, info.message)
        if cause not in self._told:
            if len(self._told) >= MOST_CAUSES:
                self._told.clear()
            self._told.add(cause)
            logger.warning("%s: %s", info.reason, info.message)
        if self.on_fall is not None:
            self.on_fall(info)

    # ---- whole segments ---------------------------------------------------------------------------------------------

    def speak(
        self, requests: Sequence[T2SRequest], sampling: SamplingParams, should_stop: ShouldStop | None = None
    ) -> list[T2SResult]:
        """Decode segments; what the language model cannot speak, or speaks as rubbish, the AR model speaks.

        Raises:
            Exception: in strict mode the language model's error, ``LMUnavailable`` for degenerate output.
        """
        if self.primary is None:
            return decode_checked(self.secondary, requests, sampling, should_stop)
        fall = None
        try:
            results = decode_checked(self.primary, requests, sampling, should_stop)
        except Exception as error:  # noqa: BLE001 - whatever the language model does, there is speech
            fall = self._info(error)
        if fall is not None:
            self._tell(fall)
            return decode_checked(self.secondary, requests, sampling, should_stop)
        found = {row: why_collapsed(requests[row], result) for row, result in enumerate(results)}
        bad = [row for row, why in found.items() if why]
        if bad:
            self._tell(self._info(self._degenerate(found[bad[0]])))
            again = decode_checked(self.secondary, [requests[row] for row in bad], sampling, should_stop)
            for row, result in zip(bad, again, strict=True):
                results[row] = result
        return results

    def stream(
        self, request: T2SRequest, sampling: SamplingParams, should_stop: ShouldStop | None = None
    ) -> Iterator[SpokenTokens]:
        """Decode one segment, token by token; where the language model fails, the AR model begins it anew at once.

        Closing the iterator ends the work. Errors as :meth:`speak`.
        """
        begun, fall = False, None
        if self.primary is not None:
            try:
                for part in stream_checked(self.primary, request, sampling, should_stop):
                    if part.collapsed:
                        raise self._degenerate(part.collapsed)
                    yield part
                    begun = True
                return
            except Exception as error:  # noqa: BLE001 - as in speak
                fall = self._info(error)
        if fall is not None:
            self._tell(fall)
        for part in stream_checked(self.secondary, request, sampling, should_stop):
            yield replace(part, again=part.again or begun)
            begun = False

    def _degenerate(self, why: str | None) -> LMUnavailable:
        what = f"{self.model_name or self.name} gave unusable speech tokens ({why})"
        return LMUnavailable("degenerate_output", f"{what}; try another seed or more training")

    # ---- as a backend -----------------------------------------------------------------------------------------------

    def prefill(self, requests: Sequence[T2SRequest]) -> tuple[_State, Tensor]:
        """As the protocol says; falls back where the language model cannot read the requests."""
        fall = None
        if self.primary is not None:
            try:
                inner, logits = self.primary.prefill(requests)
                _check_finite(logits)
                return _State(self.primary, inner, list(requests), []), logits
            except Exception as error:  # noqa: BLE001 - as above
                fall = self._info(error)
        if fall is not None:
            self._tell(fall)
        inner, logits = self.secondary.prefill(requests)
        return _State(self.secondary, inner, list(requests), []), logits

    def step(self, state: _State, tokens: Tensor) -> Tensor:
        """As the protocol says; where the language model fails, the AR model goes on from the tokens there are."""
        if state.backend is self.secondary:
            return self.secondary.step(state.inner, tokens)
        state.tokens.append(tokens)
        try:
            logits = state.backend.step(state.inner, tokens)
            _check_finite(logits)
            return logits
        except Exception as error:  # noqa: BLE001 - as above
            fall = self._info(error)
        state.backend, state.inner = self.secondary, None
        self._tell(fall)
        spoken = torch.stack(state.tokens, dim=1).cpu()  # [B, T_sem]
        requests = [_continued(request, row) for request, row in zip(state.requests, spoken, strict=True)]
        state.inner, logits = self.secondary.prefill(requests)
        return logits.to(tokens.device)

    def select(self, state: _State, rows: Tensor) -> _State:
        """State of the given rows only; the old one must not be used any more."""
        if not isinstance(state.backend, RowSelect):
            raise TypeError(f"backend {state.backend.name} cannot drop rows")
        requests = [state.requests[row] for row in rows.tolist()]
        inner = state.backend.select(state.inner, rows)
        return _State(state.backend, inner, requests, [tokens[rows] for tokens in state.tokens])


def _continued(request: T2SRequest, tokens: Tensor) -> T2SRequest:
    """``request`` with ``tokens`` as the end of its prompt."""
    prompt = tokens if request.prompt is None else torch.cat((request.prompt.cpu(), tokens))
    return replace(request, prompt=prompt)


def _check_finite(logits: Tensor) -> None:
    """FloatingPointError for NaN or inf. On accelerators the decode loop looks, every few steps: no wait per token."""
    if logits.device.type == "cpu" and not bool(logits.isfinite().all()):
        raise FloatingPointError("NaN or infinite logits")
