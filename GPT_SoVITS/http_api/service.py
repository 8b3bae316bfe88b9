"""The server's one object: settings, voices, engines, the gate, the metrics; dialects and answers are given it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

from errors import GSVError
from http_api.admission import Gate
from http_api.calls import CallMaker, Defaults, SpeechCall
from http_api.engines import EnginePool, Factory, TTSFactory, Weights
from http_api.metrics import Metrics
from http_api.settings import ApiSettings
from http_api.speaking import Speech, StreamEncoder
from TTS_infer_pack.voice_library import DEFAULT_VOICE, NamedVoice, VoiceLibrary

logger = logging.getLogger(__name__)


@dataclass
class Health:
    """What /health tells beside the counters.

    Attributes:
        started: seconds of the epoch.
        load_error: why the default voice could not be loaded, "" where it could.
        last_fall: the last time the AR model stepped in (reason, message, model), None before the first.
        falls: how often, by reason.
    """

    started: float = field(default_factory=time.time)
    load_error: str = ""
    last_fall: dict[str, str] | None = None
    falls: dict[str, int] = field(default_factory=dict)


class Service:
    """What runs behind the routes.

    Args:
        settings: of the server.
        factory: loads an engine for a set of weights; None: the project's ``TTS``.
        shut_down: ends or restarts the server ("exit", "restart"); None where nothing can.

    Attributes:
        on_cancel: told the seconds from each cancel to the freed place; the metrics unless somebody else measures.
    """

    def __init__(
        self, settings: ApiSettings, factory: Factory | None = None, shut_down: Callable[[str], None] | None = None
    ) -> None:
        self.settings, self.shut_down = settings, shut_down
        self.library = VoiceLibrary(settings.voices, settings.weight_roots)
        self.calls = CallMaker(settings, self.library, self.language_models)
        self.pool = EnginePool(factory or TTSFactory(settings.config, settings.voices), settings.memory)
        self.metrics, self.health = Metrics(), Health()
        self.on_cancel: Callable[[float], None] = self.metrics.cancel.observe
        self.gate = Gate(settings.limits)
        self._workers = ThreadPoolExecutor(settings.limits.running, "speech")
        self._loader = ThreadPoolExecutor(1, "load")

    # -- speaking ----------------------------------------------------------------------------------------------------

    async def start(self, call: SpeechCall, encoder: StreamEncoder | None = None) -> Speech:
        """Begin to speak as soon as there is a place.

        Raises:
            BusyError: none came free.
        """
        await self.gate.enter()
        begun = time.monotonic()
        speech = Speech(call, self.pool, self.settings.limits, encoder)
        work = asyncio.get_running_loop().run_in_executor(self._workers, speech.run)
        work.add_done_callback(lambda _: self._ended(speech, begun))
        return speech

    def _ended(self, speech: Speech, begun: float) -> None:
        now = time.monotonic()
        self.gate.leave(now - begun)
        self.metrics.speech.inc(speech.facts.seconds)
        if speech.cancelled_at:
            self.metrics.cancelled.inc()
            self.on_cancel(now - speech.cancelled_at)
        for fall in speech.facts.falls:
            self.metrics.falls.labels(fall.reason).inc()
            self.health.falls[fall.reason] = self.health.falls.get(fall.reason, 0) + 1
            self.health.last_fall = {"reason": fall.reason, "message": fall.message, "model": fall.model_name}

    # -- what there is -----------------------------------------------------------------------------------------------

    def voice_names(self) -> list[str]:
        """The default voice and those with names."""
        return [DEFAULT_VOICE, *(voice.name for voice in self.library.voices())]

    def language_models(self) -> list[str]:
        """Names of the language models that a request may ask for."""
        from TTS_infer_pack.language_model import language_model_names  # late: it imports torch

        return language_model_names()

    async def add_voice(self, name: str, clip: bytes, text: str, lang: str) -> NamedVoice:
        """Make a voice of a recording, and prepare it in the background. Errors as :meth:`VoiceLibrary.add`."""
        voice: NamedVoice = await self.in_thread(self.library.add, name, clip, text, lang)
        return voice

    # -- changing what speaks ----------------------------------------------------------------------------------------

    def load_in_background(self) -> Future[None]:
        """Load the default voice; a failure is logged, and told by /health and /ready."""
        return self._loader.submit(self._load_default)

    def _load_default(self) -> None:
        try:
            with self.pool.use(self.calls.defaults.weights):
                self.health.load_error = ""
        except GSVError as error:
            self.health.load_error = str(error)
            logger.error("%s", error)

    @property
    def is_ready(self) -> bool:
        """True where the default voice is loaded."""
        return self.pool.peek(self.calls.defaults.weights) is not None

    async def set_weights(self, gpt: str = "", sovits: str = "") -> None:
        """Let other weights speak for requests that name no voice; what is under way goes on with the old ones.

        Args:
            gpt, sovits: paths as a client sent them; "" for no change.

        Raises:
            GSVError: weights that cannot be used; nothing changes.
        """
        now = self.calls.defaults.weights
        chosen = Weights(
            self.calls.weights(gpt) if gpt else now.gpt, self.calls.weights(sovits) if sovits else now.sovits
        )

        def load() -> None:
            with self.pool.use(chosen):
                self.calls.defaults = replace(self.calls.defaults, weights=chosen)

        await asyncio.get_running_loop().run_in_executor(self._loader, load)

    async def set_reference(self, path: str, text: str = "", lang: str = "") -> None:
        """Choose the clip for requests that name none.

        Raises:
            GSVError: a clip that cannot be used.
        """
        clip = str(self.calls.reference(path))

        def check() -> None:
            from audio_io import load_audio

            load_audio(clip)
            now = self.calls.defaults
            self.calls.defaults = Defaults(now.weights, clip, text, lang)

        await asyncio.get_running_loop().run_in_executor(self._loader, check)

    async def in_thread(self, work: Callable[..., Any], *values: Any) -> Any:
        """Run what waits for a disk beside the event loop."""
        return await asyncio.get_running_loop().run_in_executor(None, work, *values)

    def update_gauges(self) -> None:
        """Bring the metrics that nobody counts up to date."""
        loaded = self.pool.loaded()
        self.metrics.voices.set(len(loaded))
        self.metrics.weights.set(sum(loaded.values()))
        self.metrics.running.set(self.gate.running)
        self.metrics.queue.set(self.gate.waiting)

    def close(self) -> None:
        """End the worker threads; speech under way is not waited for."""
        self._workers.shutdown(wait=False, cancel_futures=True)
        self._loader.shutdown(wait=False, cancel_futures=True)
