"""A recogniser as speech asks for one: it hears a stretch of a recording and says its words and their language.

Loaded when it is first needed, one stretch at a time; knows engines, and nothing about what the words are for.
"""

from __future__ import annotations

import threading
from importlib.util import find_spec

from audio_io import Samples
from text.language import MODES
from tools.recordings.transcription import Transcriber, load_transcriber

ENGINE, MODEL = "faster-whisper", "base"
LANGUAGES = ("zh", "ja", "en", "ko", "yue")


class Recogniser:
    """Writes down speech. Safe for several threads.

    Args:
        engine: a name that :func:`tools.recordings.transcription.load_transcriber` knows.
        model: of the engine.
        device: "cpu", "cuda" or "cuda:1".
    """

    def __init__(self, engine: str = ENGINE, model: str = MODEL, device: str = "cpu") -> None:
        self._wish = (engine, model, device)
        self._lock = threading.Lock()
        self._transcriber: Transcriber | None = None

    def __call__(self, samples: Samples, mode: str | None) -> tuple[str, str]:
        """Words in ``samples`` [T] at 16 kHz, and their language mode.

        Args:
            samples: one stretch of speech.
            mode: language mode of a text; None: find out.

        Raises:
            GSVError: the engine or its model cannot be had.
        """
        with self._lock:
            if self._transcriber is None:
                self._transcriber = load_transcriber(*self._wish)
            heard = self._transcriber.transcribe(samples, language_of(mode))
        return heard.text, mode or (heard.language if heard.language in MODES else "auto")


def language_of(mode: str | None) -> str | None:
    """The one language of a mode, as engines name it; None where the mode leaves it open."""
    language = (mode or "").removeprefix("all_")
    return language if language in LANGUAGES else None


def find_recogniser() -> Recogniser | None:
    """The usual recogniser; None where its package is not installed."""
    return Recogniser() if find_spec("faster_whisper") is not None else None
