"""Loaded voices: one ``TTS`` for each set of weights, as many as a memory budget allows.

The least recently used one goes first, and never one that is speaking, nor the one of the settings. Requests for
weights that are being loaded wait for that one load; those of other voices do not.
"""

from __future__ import annotations

import gc
import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from errors import BusyError
from tools.recordings.hearing import find_recogniser
from TTS_infer_pack.conversion_request import ConversionRequest

logger = logging.getLogger(__name__)


class Weights(NamedTuple):
    """What tells one loaded voice from another: absolute paths, "" for those of the settings file."""

    gpt: str = ""
    sovits: str = ""


class Engine(Protocol):
    """What the server needs of ``TTS``."""

    configs: Any

    def stream(
        self, request: Any, should_stop: Callable[[], bool] | None = None, on_fall: Callable[[Any], None] | None = None
    ) -> Iterator[Any]:
        """``AudioChunk``s of a ``SynthesisRequest``, or of a ``ConversionRequest``."""
        ...

    @property
    def memory_bytes(self) -> int:
        """Bytes that the weights take."""
        ...


Factory = Callable[[Weights], Engine]


@dataclass
class _Entry:
    """One set of weights: loading while neither ``engine`` nor ``error`` is there."""

    users: int = 0
    used_at: float = 0.0
    size: int = 0
    engine: Engine | None = None
    error: Exception | None = None
    loaded: threading.Event = field(default_factory=threading.Event)


class EnginePool:
    """Engines by weights. Safe for several threads.

    Args:
        factory: loads an engine; may take seconds.
        budget: bytes for the weights of all engines together.
        estimate: bytes that an engine will take, before it is loaded.
    """

    def __init__(self, factory: Factory, budget: int, estimate: Callable[[Weights], int] | None = None) -> None:
        self._factory, self._budget = factory, budget
        self._estimate = estimate or file_sizes
        self._lock = threading.Lock()
        self._entries: dict[Weights, _Entry] = {}

    @contextmanager
    def use(self, weights: Weights) -> Iterator[Engine]:
        """The engine of ``weights``, loaded if need be, and kept at least until the block ends.

        Raises:
            GSVError: the weights cannot be used.
            BusyError: all memory is taken by voices that are speaking.
        """
        entry, is_new = self._take(weights)
        try:
            if is_new:
                self._load(weights, entry)
            else:
                entry.loaded.wait()
            if entry.error is not None:
                raise entry.error
            assert entry.engine is not None
            yield entry.engine
        finally:
            with self._lock:
                entry.users -= 1
                entry.used_at = time.monotonic()

    def _take(self, weights: Weights) -> tuple[_Entry, bool]:
        """The entry of ``weights``, with a user more, and whether this user has to load it."""
        with self._lock:
            entry = self._entries.get(weights)
            is_new = entry is None
            if entry is None:
                need = self._estimate(weights)
                self._make_room(need)
                entry = self._entries[weights] = _Entry(size=need)
            entry.users += 1
            return entry, is_new

    def _make_room(self, need: int) -> None:
        """Drop idle engines until ``need`` bytes fit beside the rest; the last one may be as large as it likes."""
        idle = sorted((e.used_at, key) for key, e in self._entries.items() if not e.users and any(key))
        while self._entries and self.used + need > self._budget:
            if not idle:
                raise BusyError(
                    "all voices in memory are speaking", "memory for one more", "try again later, or raise --memory", 5
                )
            _, key = idle.pop(0)
            del self._entries[key]
            logger.info("voice with %s is dropped to make room", Path(key.sovits).name or "the settings' weights")
            gc.collect()

    def _load(self, weights: Weights, entry: _Entry) -> None:
        try:
            engine = self._factory(weights)
            size = engine.memory_bytes
            with self._lock:
                entry.engine, entry.size = engine, size
        except Exception as error:  # noqa: BLE001 - every request that waits for it is told
            with self._lock:
                entry.error = error
                self._entries.pop(weights, None)  # the next request tries again
        finally:
            entry.loaded.set()

    @property
    def used(self) -> int:
        """Bytes of all engines."""
        return sum(entry.size for entry in self._entries.values())

    def loaded(self) -> dict[Weights, int]:
        """Engines that are ready, and the bytes of each."""
        with self._lock:
            return {key: entry.size for key, entry in self._entries.items() if entry.engine is not None}

    def peek(self, weights: Weights) -> Engine | None:
        """An engine if it is loaded; never waits."""
        with self._lock:
            entry = self._entries.get(weights)
            return entry.engine if entry else None


def file_sizes(weights: Weights) -> int:
    """Twice the size of the files: half precision on disk, float32 in memory. 0 for files of the settings."""
    return sum(2 * Path(path).stat().st_size for path in weights if path and Path(path).is_file())


class TTSFactory:
    """Voices of one ``TTS``: text frontend, reference cache and language models are shared. Imports torch late.

    Args:
        config: settings file; None: the project's.
        voices: folder of voices with names, whose clips are kept prepared; None for none.
        tts: one that is loaded already.
    """

    def __init__(self, config: str | None = None, voices: Path | None = None, tts: Any = None) -> None:
        self._config, self._voices, self._tts = config, voices, tts
        if tts is not None and voices is not None:
            tts.keep_prepared(voices)
        self._lock = threading.Lock()
        self._hear = find_recogniser()

    def __call__(self, weights: Weights) -> Engine:
        """The engine of ``weights``; what is "" in them is the settings' own."""
        with self._lock:
            if self._tts is None:
                from TTS_infer_pack.TTS import TTS, TTS_Config

                self._tts = TTS(TTS_Config(self._config))
                if self._voices is not None:
                    self._tts.keep_prepared(self._voices)
        if not any(weights):
            return VoiceEngine(self._tts, self._tts.voice, self._hear)
        voice = self._tts.prepare_voice(weights.gpt or None, weights.sovits or None)
        return VoiceEngine(self._tts, voice, self._hear)


class VoiceEngine:
    """One loaded voice of a ``TTS``; ``hear`` is a recogniser for conversions without words."""

    def __init__(self, tts: Any, voice: Any, hear: Any = None) -> None:
        self._tts, self.voice, self._hear = tts, voice, hear
        self.configs = tts.configs

    @property
    def memory_bytes(self) -> int:
        """Bytes that the voice's weights take; an SSL encoder that voices share is counted for each."""
        return int(self.voice.models.memory_bytes)

    def stream(
        self, request: Any, should_stop: Callable[[], bool] | None = None, on_fall: Callable[[Any], None] | None = None
    ) -> Iterator[Any]:
        """As ``TTS.stream`` or ``TTS.convert``, with this voice."""
        if isinstance(request, ConversionRequest):
            converted: Iterator[Any] = self._tts.convert(request, should_stop, self.voice, self._hear)
            return converted
        speech: Iterator[Any] = self._tts.stream(request, should_stop, on_fall, self.voice)
        return speech
