"""The listeners: Whisper writes down what it hears, Resemblyzer says how alike two voices are. Both on the CPU."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import numpy as np
import soxr

from errors import MissingDependencyError
from tools.evaluation.store import content_key

JUDGE_RATE = 16000
TEMPERATURES = (0.0, 0.2, 0.4)
# Nobody speaks faster than this; it bounds what a loop can cost.
TOKENS_AT_LEAST, TOKENS_PER_SECOND = 20, 12
# Whisper holds 448 with its prompt, for each half minute of a longer recording.
TOKENS_AT_MOST = 440


def at_judge_rate(samples: np.ndarray, rate: int) -> np.ndarray:
    """Float32 mono at 16 kHz of int16 or float samples [T]."""
    floats = samples.astype(np.float32) / 32768.0 if samples.dtype == np.int16 else samples.astype(np.float32)
    return floats if rate == JUDGE_RATE else np.asarray(soxr.resample(floats, rate, JUDGE_RATE), dtype=np.float32)


class Transcriber(Protocol):
    """Writes down speech."""

    @property
    def name(self) -> str:
        """What it is, by content: the same name hears the same audio alike."""

    def transcribe(self, samples: np.ndarray, language: str) -> str:
        """Text of float32 audio [T] at 16 kHz."""
        ...


class SpeakerComparer(Protocol):
    """Tells voices apart."""

    @property
    def name(self) -> str:
        """What it is."""

    def embed(self, samples: np.ndarray) -> np.ndarray:
        """Unit vector of the voice in float32 audio [T] at 16 kHz."""
        ...


class WhisperJudge:
    """Whisper, one clip at a time, beam 5; the same audio gives the same text.

    Where the beam search ends in a loop or in guesses, it tries again with a little (seeded) sampling, as Whisper does
    by default: otherwise one noisy sentence could count as dozens of inserted words.

    Args:
        threads: of the CPU.
        folder: a faster-whisper model; None: Whisper base.

    Raises:
        MissingDependencyError: faster-whisper or the packages with the weights are not installed.
        ConfigError: there is no model in ``folder``.
    """

    def __init__(self, threads: int = 2, folder: Path | None = None) -> None:
        from tools.whisper_base import load_whisper, whisper_base_folder

        folder = folder or whisper_base_folder()
        self._model = load_whisper(folder, threads)
        self.name = f"whisper {content_key([folder / 'model.bin'])} beam 5"

    def transcribe(self, samples: np.ndarray, language: str) -> str:
        """See :class:`Transcriber`."""
        import ctranslate2

        ctranslate2.set_random_seed(0)
        segments, _ = self._model.transcribe(
            samples,
            language=language,
            beam_size=5,
            best_of=1,
            temperature=TEMPERATURES,
            condition_on_previous_text=False,
            max_new_tokens=min(TOKENS_AT_MOST, int(TOKENS_AT_LEAST + TOKENS_PER_SECOND * len(samples) / JUDGE_RATE)),
        )
        return " ".join(segment.text.strip() for segment in segments)


class ResemblyzerJudge:
    """256-dimensional speaker vectors; the similarity of two is their dot product, 1 for the same voice.

    Raises:
        MissingDependencyError: resemblyzer is not installed.
    """

    name = "resemblyzer"

    def __init__(self) -> None:
        try:
            from resemblyzer import VoiceEncoder
        except ImportError as error:
            fix = 'pip install -e ".[eval]"'
            raise MissingDependencyError("resemblyzer is not installed", "the voice judge", fix) from error
        self._encoder = VoiceEncoder(device="cpu", verbose=False)

    def embed(self, samples: np.ndarray) -> np.ndarray:
        """See :class:`SpeakerComparer`."""
        from resemblyzer import preprocess_wav

        trimmed = preprocess_wav(samples, source_sr=JUDGE_RATE)
        return np.asarray(self._encoder.embed_utterance(trimmed if len(trimmed) > JUDGE_RATE // 4 else samples))
