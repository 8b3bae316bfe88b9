"""A run: takes are judged, failures count as silence, and a run that was stopped goes on."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from errors import RequestError
from tools.evaluation.intonation import Intonation
from tools.evaluation.items import Item
from tools.evaluation.judges import at_judge_rate
from tools.evaluation.run import Listener, evaluate
from tools.evaluation.scoring import ErrorCount
from tools.evaluation.store import Store
from tools.evaluation.systems import Speech

pytest.importorskip("transformers")


class EchoJudge:
    """Hears the same words always; stops the run at a given call."""

    name = "echo"

    def __init__(self, heard: str = "hello there", stop_at: int = -1) -> None:
        self.heard, self.calls, self.stop_at = heard, 0, stop_at

    def transcribe(self, samples: np.ndarray, language: str) -> str:
        assert samples.dtype == np.float32
        self.calls += 1
        if self.calls == self.stop_at:
            raise KeyboardInterrupt
        return self.heard


class LevelJudge:
    """A "voice" is the mean level."""

    name = "level"

    def embed(self, samples: np.ndarray) -> np.ndarray:
        return np.array([1.0, float(np.abs(samples).mean())])


class Marks:
    name = "marks"

    def marks(self, samples: np.ndarray) -> dict[str, float]:
        return {"mos": 3.0}


class Pitch:
    """Remembers how it was asked."""

    name = "pitch"

    def __init__(self) -> None:
        self.asked: list[tuple[bool, bool]] = []

    def compare(self, spoken: np.ndarray, recorded: np.ndarray | None, same_timing: bool) -> Intonation:
        self.asked.append((recorded is not None, same_timing))
        return Intonation(2.0, 4.0 if recorded is not None else None, None)


class Tone:
    """Speaks a tone, another one for each seed and sentence; cannot say "unsayable"."""

    name = "tone"

    def __init__(self, voice: Path | None = None, mode: str = "tts", seeded: bool = True) -> None:
        self.spoken = 0
        self.mode, self.seeded, self._voice = mode, seeded, voice

    def facts(self, item: Item, seed: int) -> Mapping[str, Any]:
        return {"text": item.text, "seed": seed}

    def voice(self, item: Item) -> Path | None:
        return self._voice

    def speak(self, item: Item, seed: int) -> Speech:
        if item.text == "unsayable":
            raise RequestError("cannot say that")
        self.spoken += 1
        return Speech(np.full(32000, 8000 + 10 * item.number + seed, dtype=np.int16), 32000, 0.25, "note", 1, 2, 3)


def test_each_take_is_judged_and_failures_count_as_silence(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "ref.wav", np.full(16000, 0.25), 16000)
    pitch = Pitch()
    listener = Listener(Store(tmp_path / "store"), EchoJudge(), LevelJudge(), Marks(), pitch)
    ticks: list[int] = []
    items = [Item(0, "Hello there.", tmp_path / "ref.wav"), Item(1, "unsayable", category="c")]
    result = evaluate(Tone(tmp_path / "ref.wav"), items, [1, 2], listener, lambda: ticks.append(1))
    assert result.count == ErrorCount(0, 2, 0, 6) and len(ticks) == 4 and result.mode == "tts"
    assert [(take.number, take.seed, take.category) for take in result.takes] == [
        (0, 1, ""),
        (0, 2, ""),
        (1, 1, "c"),
        (1, 2, "c"),
    ]
    first = result.takes[0]
    assert first.measures["similarity"] == pytest.approx(1.06, abs=0.01)
    assert first.measures["mos"] == 3.0 and first.measures["f0_spread"] == 2.0
    assert (first.falls, first.retries, first.cut_off, first.problem) == (1, 2, 3, "note")
    assert "cannot say that" in result.takes[2].problem and not result.takes[2].audio
    assert result.real_time_factor == pytest.approx(0.25)
    assert pitch.asked == [(True, False), (True, False)]


def test_recordings_speak_once_and_keep_their_timing(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "ref.wav", np.full(16000, 0.25), 16000)
    pitch = Pitch()
    listener = Listener(Store(tmp_path / "store"), EchoJudge(), pitch=pitch)
    teacher = Tone(mode="teacher", seeded=False)
    result = evaluate(teacher, [Item(0, "Hello there.", tmp_path / "ref.wav")], [1, 2], listener, lambda: None)
    assert len(result.takes) == 1 and pitch.asked == [(True, True)]
    assert "f0_correlation" not in result.takes[0].measures and "similarity" not in result.takes[0].measures


def test_a_run_that_was_stopped_goes_on_where_it_was(tmp_path: Path) -> None:
    items = [Item(number, f"Hello there {number}.") for number in range(3)]
    stopped = Tone()
    with pytest.raises(KeyboardInterrupt):
        evaluate(stopped, items, [1, 2], Listener(Store(tmp_path), EchoJudge(stop_at=4)), lambda: None)
    assert stopped.spoken == 4
    again, judge = Tone(), EchoJudge()
    result = evaluate(again, items, [1, 2], Listener(Store(tmp_path), judge), lambda: None)
    assert again.spoken == 2 and judge.calls == 3 and len(result.takes) == 6
    assert result.takes[0].work_seconds == 0.25 and result.takes[0].retries == 2
    whole = evaluate(Tone(), items, [1, 2], Listener(Store(tmp_path / "fresh"), EchoJudge()), lambda: None)
    assert result == whole


def test_another_judge_listens_anew_and_lost_audio_is_spoken_anew(tmp_path: Path) -> None:
    items, store = [Item(0, "Hello there.")], Store(tmp_path)
    first = evaluate(Tone(), items, [1], Listener(store, EchoJudge()), lambda: None)
    other = EchoJudge("yellow bear")
    other.name = "other"
    assert evaluate(Tone(), items, [1], Listener(store, other), lambda: None).count.errors == 2
    store.audio_path(first.takes[0].audio).unlink()
    tone = Tone()
    evaluate(tone, items, [1], Listener(store, EchoJudge()), lambda: None)
    assert tone.spoken == 1


def test_judges_get_float_audio_at_16_khz() -> None:
    heard = at_judge_rate(np.full(32000, 16384, dtype=np.int16), 32000)
    assert heard.dtype == np.float32 and len(heard) == 16000 and heard[8000] == pytest.approx(0.5, abs=1e-3)
