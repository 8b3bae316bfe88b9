"""The speaker behind the page: one ``TTS`` for all visitors, loaded once, in the background, and who speaks in it.

Knows how loading goes on and how it ended; knows nothing about widgets. Importing this file loads no model.
"""

from __future__ import annotations

import html
import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

from config import REPO_ROOT
from errors import GSVError, MismatchError
from tools.i18n.error_texts import told, told_part
from TTS_infer_pack.model_names import shown_name

logger = logging.getLogger(__name__)

Stage = Literal["waiting", "libraries", "weights", "ready", "failed"]
Say = Callable[..., str]


class Speaker(Protocol):
    """What the page needs of ``TTS``: its settings, why the last request fell back to the AR model, and to speak."""

    configs: Any
    last_fallback: Any

    def stream(
        self, request: Any, should_stop: Callable[[], bool] | None = None, on_fall: Callable[[Any], None] | None = None
    ) -> Iterator[Any]:
        """``AudioChunk``s of a ``SynthesisRequest``; ``on_fall`` is told why the AR model steps in."""
        ...

    def set_t2s(self, kind: str, model_name: str | None = None) -> None:
        """Put the AR model ("ar") or a language model ("qwen3") into the text-to-semantic stage."""

    def init_t2s_weights(self, weights_path: str) -> None:
        """Load another GPT checkpoint."""

    def init_vits_weights(self, weights_path: str) -> None:
        """Load another SoVITS checkpoint."""

    def load_voice(self, t2s_weights_path: str, vits_weights_path: str) -> Any:
        """Load both at once."""


@dataclass(frozen=True)
class LoadState:
    """How far the voice is; ``detail`` names the weights, or says why there is none."""

    stage: Stage = "waiting"
    detail: str | GSVError = ""


Tell = Callable[[LoadState], None]


def load_tts(tell: Tell) -> Speaker:
    """The project's ``TTS`` with its default settings; tells what it loads. Imports torch, so it is called late."""
    tell(LoadState("libraries"))
    from TTS_infer_pack.TTS import TTS, TTS_Config

    configs = TTS_Config()
    names = ", ".join(short(path) for path in (configs.t2s_weights_path, configs.vits_weights_path))
    tell(LoadState("weights", names))
    return TTS(configs)


class Voice:
    """One speaker for all visitors, loaded once, on first use or by :meth:`load_in_background`.

    Args:
        factory: makes the speaker and tells what it loads; may take seconds.

    Attributes:
        state: how far the loading is.
    """

    def __init__(self, factory: Callable[[Tell], Speaker] = load_tts) -> None:
        self.state = LoadState()
        self._factory = factory
        self._speaker: Speaker | None = None
        self._read_at: dict[str, float] = {}
        self._chosen: dict[str, str] = {}
        self._lock = threading.Lock()

    @property
    def speaker(self) -> Speaker | None:
        """The speaker if it is loaded; never waits."""
        return self._speaker

    def load(self) -> Speaker:
        """The speaker; loads it if nobody has, and waits while another thread does.

        Raises:
            GSVError: the weights cannot be used. The next call tries again.
        """
        with self._lock:
            if self._speaker is None:
                start = time.perf_counter()
                self._read_at = dict.fromkeys(("gpt", "sovits"), time.time())
                try:
                    self._speaker = self._factory(self._tell)
                except Exception as error:
                    self._tell(LoadState("failed", error if isinstance(error, GSVError) else type(error).__name__))
                    raise
                self._tell(LoadState("ready"))
                logger.info("voice loaded in %.1f s", time.perf_counter() - start)
            return self._speaker

    def take_weights(self, kind: Literal["gpt", "sovits"], path: str) -> None:
        """Load other weights. Nothing happens where this file is loaded and was not written since: lists also report a
        choice when they are left without one.

        A file that does not fit the other one that is loaded is remembered: of two versions, one list must be changed
        before the other. Once the other is chosen too, both are loaded at once.

        Raises:
            GSVError: the weights cannot be used, or not yet; the voice stays as it is.
        """
        speaker, now = self.load(), time.time()
        gpt = kind == "gpt"
        loaded = Path(speaker.configs.t2s_weights_path if gpt else speaker.configs.vits_weights_path)
        if Path(path).resolve() == loaded.resolve() and loaded.stat().st_mtime < self._read_at[kind]:
            return
        try:
            (speaker.init_t2s_weights if gpt else speaker.init_vits_weights)(path)
        except MismatchError:
            other = self._chosen.get("sovits" if gpt else "gpt")
            self._chosen[kind] = path
            if other is None:
                raise
            speaker.load_voice(*((path, other) if gpt else (other, path)))
            self._read_at = dict.fromkeys(("gpt", "sovits"), now)
        else:
            self._read_at[kind] = now
        self._chosen.clear()

    def _tell(self, state: LoadState) -> None:
        self.state = state

    def load_in_background(self) -> None:
        """Start loading, if nobody has, and return at once; a failure is logged and shown on the page."""
        if self._speaker is not None or self._lock.locked():
            return
        self._tell(LoadState())

        def work() -> None:
            try:
                self.load()
            except GSVError as error:
                logger.error("%s", error)

        threading.Thread(target=work, name="load-voice", daemon=True).start()

    # -- what the page says about it ---------------------------------------------------------------------------------

    def status(self, say: Say) -> str:
        """Two lines of Markdown: which weights there are or what is loading, and who speaks."""
        speaker, state = self._speaker, self.state
        if speaker is None:
            return loading_text(say, state)
        settings = speaker.configs
        voice = say(
            "voice.loaded",
            version=settings.version,
            device=settings.device,
            gpt=short(settings.t2s_weights_path),
            sovits=short(settings.vits_weights_path),
        )
        who = html.escape(who_speaks(asked_for(settings), speaker.last_fallback, say), quote=False)
        return f"{voice}<br>{say('voice.speaks', who=who)}"


def loading_text(say: Say, state: LoadState) -> str:
    """What is being loaded, or why there is no voice."""
    detail = state.detail
    if isinstance(detail, GSVError):
        detail = told(say, detail).replace(f"{REPO_ROOT}/", "")
    return say(f"voice.{state.stage}", detail=detail)


def fall_text(fallback: Any, say: Say) -> str:
    """Why the AR model speaks, in the page's language."""
    return _fell("voice.fell_message", fallback.model_name, fallback, say)


def _fell(key: str, model_name: str, fallback: Any, say: Say) -> str:
    detail = told_part(say, fallback.message).replace(f"{REPO_ROOT}/", "")
    return say(key, name=short(model_name), reason=say(f"reason.{fallback.reason}"), detail=detail)


def asked_for(settings: Any) -> str | None:
    """The language model that the settings want to speak, None for the AR model."""
    return shown_name(settings.qwen3_model_name) if settings.use_qwen3 and settings.qwen3_enable_inference else None


def who_speaks(model_name: str | None, fallback: Any, say: Say) -> str:
    """The AR model, or the language model by name, or the AR model and why.

    Args:
        model_name: the language model that was asked for, if one was.
        fallback: why it did not speak, if it did not.
        say: gives the page's sentences.
    """
    if model_name is None:
        return say("voice.ar")
    if fallback is None:
        return say("voice.lm", name=short(model_name))
    return _fell("voice.fell", model_name, fallback, say)


def short(path: str) -> str:
    """A path as seen from the repository root, if it is below it; names that are no paths as they are."""
    return str(Path(path).relative_to(REPO_ROOT)) if Path(path).is_relative_to(REPO_ROOT) else str(path)
