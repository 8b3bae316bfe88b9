"""One run: every system speaks every sentence with every seed, the judges listen, the results are counted.

Speech and measurements are kept in the store as they are made; what is there already is not made again. Counting is
done anew each time.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from audio_io import load_audio, to_int16
from errors import GSVError
from tools.evaluation.intonation import Intonation
from tools.evaluation.items import Item
from tools.evaluation.judges import JUDGE_RATE, SpeakerComparer, Transcriber, at_judge_rate
from tools.evaluation.report import SystemResult, Take
from tools.evaluation.scoring import score
from tools.evaluation.store import Store, content_key
from tools.evaluation.systems import TEACHER, TTS_MODE, Speech, System

logger = logging.getLogger(__name__)

Progress = Callable[[], object]
"""Called after each take."""


class NaturalnessJudge(Protocol):
    """Marks speech."""

    @property
    def name(self) -> str:
        """What it is."""

    def marks(self, samples: np.ndarray) -> dict[str, float]:
        """Marks by name of float32 audio [T] at 16 kHz."""


class PitchJudge(Protocol):
    """Measures intonation."""

    @property
    def name(self) -> str:
        """What it is."""

    def compare(self, spoken: np.ndarray, recorded: np.ndarray | None, same_timing: bool) -> Intonation:
        """See ``intonation.IntonationJudge``."""


@dataclass(frozen=True)
class Spoken:
    """Speech that is in the store: its key, its audio, and what ``systems.Speech`` says of it."""

    key: str
    samples: NDArray[np.int16]
    rate: int
    facts: Mapping[str, Any]


class Listener:
    """The judges over a store.

    Args:
        store: keeps speech and measurements.
        transcriber: writes down what is said.
        comparer: compares voices; None leaves similarity out.
        naturalness: marks speech; None leaves the marks out.
        pitch: measures intonation; None leaves it out.
    """

    def __init__(
        self,
        store: Store,
        transcriber: Transcriber,
        comparer: SpeakerComparer | None = None,
        naturalness: NaturalnessJudge | None = None,
        pitch: PitchJudge | None = None,
    ) -> None:
        self.store = store
        self._transcriber, self._comparer = transcriber, comparer
        self._naturalness, self._pitch = naturalness, pitch
        self._voices: dict[Path, np.ndarray] = {}

    def take(self, system: System, item: Item, seed: int) -> Take:
        """Let ``system`` speak ``item`` and listen; what it cannot speak counts as silence, with the reason."""
        try:
            spoken = self.speech(system, item, seed)
        except GSVError as error:
            logger.warning("%s, sentence %d: %s", system.name, item.number, error)
            count = score(item.text, "", item.language)
            return Take(item.number, item.text, "", count, 0.0, problem=str(error), seed=seed, category=item.category)
        samples = at_judge_rate(spoken.samples, spoken.rate)
        heard = self._heard(spoken.key, samples, item.language)
        return Take(
            item.number,
            item.text,
            heard,
            score(item.text, heard, item.language),
            len(samples) / JUDGE_RATE,
            spoken.facts["work_seconds"],
            self._measures(system, item, spoken.key, samples),
            spoken.facts["falls"],
            spoken.facts["retries"],
            spoken.facts["cut_off"],
            spoken.facts["note"],
            spoken.key,
            seed,
            item.category,
        )

    def speech(self, system: System, item: Item, seed: int) -> Spoken:
        """What ``system`` makes of ``item``, from the store where it is there.

        Raises:
            GSVError: it cannot be spoken.
        """
        facts = system.facts(item, seed)
        known = self.store.recall("speech", facts)
        if known and (audio := self.store.recall_audio(known["audio"])):
            return Spoken(known["audio"], audio[0], audio[1], known)
        made = system.speak(item, seed)
        samples = made.samples if made.samples.dtype == np.int16 else to_int16(made.samples)
        value = {"audio": self.store.keep_audio(samples, made.rate), **_facts_of(made)}
        self.store.keep("speech", facts, value)
        return Spoken(value["audio"], samples, made.rate, value)

    def _heard(self, key: str, samples: np.ndarray, language: str) -> str:
        def transcribe() -> dict[str, Any]:
            return {"text": self._transcriber.transcribe(samples, language) if len(samples) else ""}

        facts = {"audio": key, "judge": self._transcriber.name, "language": language}
        return str(self._known("heard", facts, transcribe)["text"])

    def _measures(self, system: System, item: Item, key: str, samples: np.ndarray) -> dict[str, float]:
        """Everything that is measured beside the words."""
        found: dict[str, float | None] = {}
        if not np.abs(samples).max(initial=0.0) > 0:
            return {}
        voice = system.voice(item)
        if self._comparer is not None and voice is not None:
            found["similarity"] = self._similarity(self._comparer, voice, key, samples)
        if (judge := self._naturalness) is not None:
            facts = {"audio": key, "judge": judge.name}
            found |= self._known("marks", facts, lambda: judge.marks(samples))
        if self._pitch is not None:
            found |= self._intonation(self._pitch, system.mode, item, key, samples)
        return {name: value for name, value in found.items() if value is not None}

    def _similarity(self, judge: SpeakerComparer, voice: Path, key: str, samples: np.ndarray) -> float:
        def compared() -> dict[str, Any]:
            if voice not in self._voices:
                audio = load_audio(voice)
                self._voices[voice] = judge.embed(at_judge_rate(audio.samples, audio.rate))
            return {"similarity": float(self._voices[voice] @ judge.embed(samples))}

        facts = {"audio": key, "voice": content_key([voice]), "judge": judge.name}
        return float(self._known("voice", facts, compared)["similarity"])

    def _intonation(
        self, judge: PitchJudge, mode: str, item: Item, key: str, samples: np.ndarray
    ) -> dict[str, float | None]:
        """``f0_spread``; beside a recording ``recorded_spread`` and ``f0_correlation``, unless it is that recording."""

        def measured() -> dict[str, Any]:
            recorded = None
            if item.path is not None:
                audio = load_audio(item.path)
                recorded = at_judge_rate(audio.samples, audio.rate)
            found = judge.compare(samples, recorded, same_timing=mode != TTS_MODE)
            return {
                "f0_spread": found.spread,
                "recorded_spread": found.recorded_spread,
                "f0_correlation": found.correlation,
            }

        recording = content_key([item.path]) if item.path else None
        facts = {"audio": key, "recording": recording, "same_timing": mode != TTS_MODE, "judge": judge.name}
        value = self._known("pitch", facts, measured)
        return {**value, "f0_correlation": None} if mode == TEACHER else value

    def _known(self, kind: str, facts: Mapping[str, Any], make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """A value from the store, made and kept where it is not there."""
        value = self.store.recall(kind, facts)
        if value is None:
            value = make()
            self.store.keep(kind, facts, value)
        return value


def _facts_of(speech: Speech) -> dict[str, Any]:
    names = ("work_seconds", "note", "falls", "retries", "cut_off")
    return {name: getattr(speech, name) for name in names}


def evaluate(
    system: System, items: Iterable[Item], seeds: Sequence[int], listener: Listener, progress: Progress
) -> SystemResult:
    """Let one system speak all sentences with all seeds; one that knows no chance speaks once."""
    result = SystemResult(system.name, mode=system.mode)
    for item in items:
        for seed in seeds if system.seeded else seeds[:1]:
            result.takes.append(listener.take(system, item, seed))
            progress()
    return result
