"""One call at work: a thread draws chunks from an engine and encodes them, the event loop takes the bytes.

Whoever waits for the bytes may cancel at any time; the engine is told between two decode steps.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any, NamedTuple, cast

from errors import TextError
from http_api.calls import SpeechCall
from http_api.encoders import SpeechEncoder
from http_api.engines import Engine, EnginePool
from http_api.settings import Limits
from TTS_infer_pack.model_names import shown_name

logger = logging.getLogger(__name__)


class Part(NamedTuple):
    """What is ready of a speech.

    Attributes:
        data: encoded; may be empty while an encoder collects.
        chunk: the ``AudioChunk`` that it came from, without its samples kept; None for the end of the stream.
        seconds: of speech in it.
    """

    data: bytes
    chunk: Any
    seconds: float


@dataclass
class Facts:
    """What became known while it was spoken.

    Attributes:
        asked: stage that was asked for, "ar" or "qwen3".
        model: name of the language model, "" for the AR model.
        falls: every time the AR model stepped in (reason, message, model_name).
        rate: of the answer, Hz.
        seconds, tokens: spoken so far.
        warnings: what a listener has to know of segments, such as that words seem to be missing.
        never_loaded: the language model could not be loaded, so that the AR model speaks all of it.
    """

    asked: str = "ar"
    model: str = ""
    falls: list[Any] = field(default_factory=list)
    rate: int = 0
    seconds: float = 0.0
    tokens: int = 0
    warnings: list[str] = field(default_factory=list)
    never_loaded: bool = False

    @property
    def spoke(self) -> str:
        """Who spoke: "ar", "qwen3", or "qwen3+ar" where only some segments fell."""
        if self.asked == "ar" or all(getattr(fall, "speaks", "ar") != "ar" for fall in self.falls):
            return self.asked
        return "ar" if self.never_loaded else "qwen3+ar"


class StreamEncoder:
    """An encoder that is made when the rate of the speech is known, and may go on over several calls."""

    def __init__(self, media_type: str, rate: int | None, whole: bool) -> None:
        self._media_type, self._target, self._whole = media_type, rate, whole
        self._encoder: SpeechEncoder | None = None

    @property
    def rate(self) -> int:
        """Of what comes out in Hz; 0 before the first chunk."""
        return self._encoder.rate if self._encoder else 0

    def add(self, chunk: Any) -> bytes:
        """Bytes that are ready after an ``AudioChunk``."""
        if self._encoder is None:
            self._encoder = SpeechEncoder(self._media_type, chunk.sample_rate, self._target, self._whole)
        return self._encoder.add(chunk.samples)

    def finish(self) -> bytes:
        """The rest of the stream."""
        return self._encoder.finish() if self._encoder else b""


class Speech:
    """A call that is being spoken.

    Args:
        call: what is asked.
        pool: where its engine comes from.
        limits: how much may wait for a slow client.
        encoder: of a stream that goes on after this call; None: one of its own, finished with it.
    """

    def __init__(
        self, call: SpeechCall, pool: EnginePool, limits: Limits, encoder: StreamEncoder | None = None
    ) -> None:
        self.call, self.facts = call, Facts()
        self._pool, self._limits = pool, limits
        self._finishes = encoder is None
        self._encoder = encoder or StreamEncoder(call.media_type, call.rate, call.whole)
        self._loop = asyncio.get_running_loop()
        self._parts: asyncio.Queue[Part | Exception | None] = asyncio.Queue()
        self._stop = threading.Event()
        self._room = threading.Condition()
        self._pending = 0
        self.cancelled_at = 0.0

    def cancel(self) -> None:
        """End the work; nothing more has to be read."""
        if not self._stop.is_set():
            self.cancelled_at = time.monotonic()
            self._stop.set()
        with self._room:
            self._room.notify_all()

    async def parts(self) -> AsyncIterator[Part]:
        """The parts, in the order of the text; closing it is no cancel.

        Raises:
            GSVError: what the engine raised.
        """
        while (part := await self._parts.get()) is not None:
            if isinstance(part, Exception):
                raise part
            with self._room:
                self._pending -= len(part.data)
                self._room.notify_all()
            yield part

    # -- in the worker thread ----------------------------------------------------------------------------------------

    def run(self) -> None:
        """Speak; called once, in a thread that may wait."""
        try:
            with self._pool.use(self.call.weights) as engine:
                self._speak(engine)
        except Exception as error:  # noqa: BLE001 - whoever waits for the parts is told
            self._hand_over(error)
        finally:
            self._hand_over(None)

    def _speak(self, engine: Engine) -> None:
        if self._stop.is_set():
            return
        self._note_stage(engine)
        stream = cast(Any, engine.stream(self.call.request, self._stop.is_set, self.facts.falls.append))
        self.facts.never_loaded = bool(self.facts.falls)
        with closing(stream) as chunks:
            for chunk in self._until_stopped(chunks):
                self._add(chunk)
        if self._stop.is_set():
            return
        if not self.facts.seconds:
            raise TextError("nothing was spoken", "a text with words", "give another text")
        if self._finishes:
            self._put(Part(self._encoder.finish(), None, 0.0))

    def _until_stopped(self, chunks: Iterator[Any]) -> Iterator[Any]:
        for chunk in chunks:
            if self._stop.is_set():
                return
            yield chunk

    def _note_stage(self, engine: Engine) -> None:
        settings, request = engine.configs, self.call.request
        by_default = "qwen3" if settings.use_qwen3 and settings.qwen3_enable_inference else "ar"
        self.facts.asked = getattr(request, "t2s", None) or by_default
        if self.facts.asked == "qwen3":
            self.facts.model = shown_name(getattr(request, "qwen3_model_name", None) or settings.qwen3_model_name)

    def _add(self, chunk: Any) -> None:
        data = self._encoder.add(chunk)
        facts, seconds = self.facts, len(chunk.samples) / chunk.sample_rate
        facts.rate = self._encoder.rate
        facts.seconds += seconds
        facts.tokens += chunk.tokens
        if warning := getattr(chunk, "warning", ""):
            facts.warnings.append(warning)
        self._put(Part(data, chunk, seconds))

    def _put(self, part: Part) -> None:
        """Hand a part over; waits while too much of it has not been read."""
        with self._room:
            deadline = time.monotonic() + self._limits.send_seconds
            while self._pending > self._limits.pending_bytes and not self._stop.is_set():
                if not self._room.wait(deadline - time.monotonic()):
                    logger.warning("a client did not read for %g s; its speech ends", self._limits.send_seconds)
                    self.cancel()
            self._pending += len(part.data)
        self._hand_over(part)

    def _hand_over(self, part: Part | Exception | None) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._parts.put_nowait, part)
