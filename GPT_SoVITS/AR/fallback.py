"""``FallbackT2S``: a language model speaks, and the AR model behind it whenever the first cannot.

It never hides what happened: every fall has a reason code and one line that a person can act on, it is logged once per
cause, travels with the tokens, and is handed to ``on_fall``. What failed is spoken again by the AR model, from the
request's start.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import replace

import torch

from AR.backend import SamplingParams, T2SRequest
from AR.engine.tokens import AR_STAGE, FallbackInfo, SpokenTokens, T2SEngine, close
from AR.errors import EngineFull, FallbackReason, LMUnavailable

__all__ = ["FallbackInfo", "FallbackT2S", "OnFall", "info_of", "reason_of"]

logger = logging.getLogger(__name__)

MOST_CAUSES = 256
"""Causes that are remembered as logged; messages hold what an error said, so there is no end of them."""


OnFall = Callable[[FallbackInfo], None]


def reason_of(error: BaseException) -> FallbackReason:
    """The reason code of an error that a backend raised."""
    if isinstance(error, LMUnavailable):
        return error.reason
    if isinstance(error, FloatingPointError):
        return "numerical_error"
    if isinstance(error, MemoryError | torch.cuda.OutOfMemoryError) or "can't allocate memory" in str(error):
        return "out_of_memory"
    return "transformers_missing" if isinstance(error, ImportError) else "runtime_error"


def info_of(error: BaseException, model_name: str, speaks: str = AR_STAGE) -> FallbackInfo:
    """What to tell about an error that a backend raised; ``speaks`` is who speaks instead."""
    reason = reason_of(error)
    text = " ".join(str(error).split()) or type(error).__name__
    if not isinstance(error, LMUnavailable):
        text = f"{_LEADS[reason]} ({type(error).__name__}: {text[:200]})"
    instead = "The AR model" if speaks == AR_STAGE else speaks.capitalize()
    return FallbackInfo(reason, f"{text}. {instead} speaks instead.", model_name, speaks)


_LEADS: dict[FallbackReason, str] = {
    "numerical_error": "the language model gave NaN or infinite numbers; set qwen3_precision to float32 or train again",
    "out_of_memory": "the language model ran out of memory; choose a smaller one or shorter texts",
    "transformers_missing": "a package that the language model needs cannot be imported; pip install -U transformers",
    "runtime_error": "the language model failed; please report this",
}


class FallbackT2S:
    """An engine that asks ``primary`` and falls back on ``secondary``.

    Args:
        primary: the language model, or None where it could not be loaded.
        secondary: the AR model.
        model_name: what the user asked for, for messages.
        load_error: why ``primary`` is None.
        strict: raise the error instead of falling back.
        on_fall: called with every fall.
        logged: causes that were logged before; pass one set to several objects to log each cause once.

    Attributes:
        primary: None once it has run out of memory: its weights and caches must be free to go.
        last_fallback: the last fall, or None.

    Raises:
        LMUnavailable: in strict mode, the ``load_error``.
    """

    def __init__(
        self,
        primary: T2SEngine | None,
        secondary: T2SEngine,
        model_name: str = "",
        load_error: BaseException | None = None,
        strict: bool = False,
        on_fall: OnFall | None = None,
        logged: set[tuple[str, str]] | None = None,
    ) -> None:
        self.primary, self.secondary, self.model_name, self.strict = primary, secondary, model_name, strict
        self.on_fall = on_fall
        self.last_fallback: FallbackInfo | None = None
        self._logged: set[tuple[str, str]] = set() if logged is None else logged
        # a failed load, or memory that ran out: passed on with the first tokens of each request
        self._lasting_fall: FallbackInfo | None = None
        if load_error is not None:
            self._lasting_fall = self._report(self._info(load_error))

    @property
    def name(self) -> str:
        """Name of the engine that is asked first."""
        return (self.primary or self.secondary).name

    def _info(self, error: BaseException) -> FallbackInfo:
        """What is reported of an error; in strict mode the error itself is raised.

        Called within the ``except``, and :meth:`_report` after it: as long as an error is being handled, its traceback
        keeps the language model's cache alive, and the AR model would have to do with the memory that is left.
        """
        if self.strict:
            raise error
        same = self.primary is not None and self.primary.name == self.secondary.name
        return info_of(error, self.model_name, "another engine" if same else self.secondary.name)

    def _report(self, info: FallbackInfo) -> FallbackInfo:
        """Note a fall; a language model that has run out of memory is not asked again."""
        if info.reason == "out_of_memory":
            self.primary, self._lasting_fall = None, info
        self.last_fallback = info
        cause = (info.reason, info.message)
        if cause not in self._logged:
            if len(self._logged) >= MOST_CAUSES:
                self._logged.clear()
            self._logged.add(cause)
            logger.warning("%s: %s", info.reason, info.message)
        if self.on_fall is not None:
            self.on_fall(info)
        return info

    def stream(self, request: T2SRequest, sampling: SamplingParams) -> Iterator[SpokenTokens]:
        """Tokens of a request; where the language model fails, the AR model begins it anew at once.

        Raises:
            EngineFull: too many requests wait; that is no fall.
            Exception: in strict mode the language model's error, ``LMUnavailable`` for degenerate output.
        """
        fall, primary = self._lasting_fall, self.primary
        if primary is not None:
            try:
                return self._both(primary.stream(request, sampling), request, sampling)
            except EngineFull:
                raise
            except Exception as error:  # noqa: BLE001 - whatever the language model does, there is speech
                fall = self._info(error)
            fall = self._report(fall)
        return self._secondary(request, sampling, fall, begun=False)

    def release(self) -> None:
        """As :class:`~AR.engine.tokens.T2SEngine`."""
        for engine in (self.primary, self.secondary):
            if engine is not None:
                engine.release()

    def _both(
        self, stream: Iterator[SpokenTokens], request: T2SRequest, sampling: SamplingParams
    ) -> Iterator[SpokenTokens]:
        begun, fall = False, None
        try:
            for part in stream:
                if part.collapsed:
                    raise self._degenerate(part.collapsed)
                if part.fall is not None:  # of an engine within the primary, which goes on
                    self._report(part.fall)
                yield part
                begun = True
            return
        except EngineFull:
            raise
        except Exception as error:  # noqa: BLE001 - as above
            fall = self._info(error)
        finally:
            close(stream)
        yield from self._secondary(request, sampling, self._report(fall), begun)

    def _secondary(
        self, request: T2SRequest, sampling: SamplingParams, fall: FallbackInfo | None, begun: bool
    ) -> Iterator[SpokenTokens]:
        for part in self.secondary.stream(request, sampling):
            if fall is not None and part.fall is not None:  # two before the first token: a part for each
                yield SpokenTokens(part.tokens[:0], restart=begun, stage=part.stage, fall=fall)
                begun, fall = False, None
            yield replace(part, restart=part.restart or begun, fall=fall or part.fall)
            begun, fall = False, None

    def _degenerate(self, why: str | None) -> LMUnavailable:
        what = f"{self.model_name or self.name} gave unusable speech tokens ({why})"
        return LMUnavailable("degenerate_output", f"{what}; try another seed or more training")
