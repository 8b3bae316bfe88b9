"""One run: every system speaks every sentence, the judges listen, the results are counted."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from audio_io import load_audio
from errors import GSVError
from tools.evaluation.items import Item
from tools.evaluation.judges import SpeakerComparer, Transcriber, at_judge_rate
from tools.evaluation.report import ItemResult, SystemResult
from tools.evaluation.scoring import score
from tools.evaluation.systems import Speech, System

logger = logging.getLogger(__name__)

Progress = Callable[[], object]
"""Called after each sentence."""


@dataclass
class Listener:
    """The judges and what they need to know.

    Attributes:
        transcriber: writes down what is said.
        language: that is spoken.
        comparer: compares voices; None leaves similarity out.
        reference: the clip whose voice is wanted; None leaves similarity out.
        save_to: folder that keeps the audio, as <system>/<number>.wav; None keeps nothing.
    """

    transcriber: Transcriber
    language: str = "en"
    comparer: SpeakerComparer | None = None
    reference: Path | None = None
    save_to: Path | None = None

    def __post_init__(self) -> None:
        self._wanted: np.ndarray | None = None
        if self.comparer is not None and self.reference is not None:
            audio = load_audio(self.reference)
            self._wanted = self.comparer.embed(at_judge_rate(audio.samples, audio.rate))

    def judge(self, system: str, item: Item, speech: Speech) -> ItemResult:
        """Listen to one sentence."""
        if self.save_to is not None:
            path = self.save_to / system / f"{item.number:03d}.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(path, speech.samples, speech.rate, subtype="PCM_16")
        samples = at_judge_rate(speech.samples, speech.rate)
        heard = self.transcriber.transcribe(samples, self.language) if len(samples) else ""
        similarity = None
        if self.comparer is not None and self._wanted is not None and np.abs(samples).max(initial=0.0) > 0:
            similarity = float(self._wanted @ self.comparer.embed(samples))
        return ItemResult(
            item.number,
            item.text,
            heard,
            score(item.text, heard, self.language),
            len(samples) / 16000,
            speech.work_seconds,
            similarity,
            speech.note,
        )


def evaluate(system: System, items: Sequence[Item], listener: Listener, progress: Progress) -> SystemResult:
    """Let one system speak all sentences; one that it cannot speak counts as silence, with the reason."""
    result = SystemResult(system.name)
    for item in items:
        try:
            result.items.append(listener.judge(system.name, item, system.speak(item)))
        except GSVError as error:
            logger.warning("%s, sentence %d: %s", system.name, item.number, error)
            count = score(item.text, "", listener.language)
            result.items.append(ItemResult(item.number, item.text, "", count, 0.0, problem=str(error)))
        progress()
    return result
