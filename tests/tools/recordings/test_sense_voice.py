"""SenseVoice as an engine: what sherpa-onnx is asked, and what is made of its answer. The library is a stand-in."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from errors import ConfigError, MissingDependencyError
from tools.recordings.heard import Heard
from tools.recordings.transcription import load_transcriber

SAMPLES = np.zeros(16000, dtype=np.float32)


class Recogniser:
    """Says its language and how many samples it was given."""

    made: list[dict[str, Any]] = []

    @classmethod
    def from_sense_voice(cls, **settings: Any) -> Recogniser:
        if "broken" in settings["model"]:
            raise RuntimeError("no such graph")
        cls.made.append(settings)
        return cls()

    def create_stream(self) -> Any:
        stream = SimpleNamespace(result=None, given=0)
        stream.accept_waveform = lambda rate, samples: setattr(stream, "given", (rate, len(samples)))
        return stream

    def decode_stream(self, stream: Any) -> None:
        stream.result = SimpleNamespace(text=f"<|Speech|>你好 {stream.given}", lang="<|yue|>")


@pytest.fixture(autouse=True)
def library(monkeypatch: pytest.MonkeyPatch) -> None:
    Recogniser.made.clear()
    monkeypatch.setitem(sys.modules, "sherpa_onnx", SimpleNamespace(OfflineRecognizer=Recogniser))


def model(folder: Path, name: str = "model.int8.onnx") -> str:
    folder.mkdir()
    (folder / name).touch()
    (folder / "tokens.txt").touch()
    return str(folder)


def test_words_come_without_tags_and_the_language_is_the_one_that_was_asked_or_heard(tmp_path: Path) -> None:
    engine = load_transcriber("sense-voice", model(tmp_path / "sv"), "cuda:0")
    assert engine.transcribe(SAMPLES, "zh") == Heard("你好 (16000, 16000)", "zh")
    assert engine.transcribe(SAMPLES, None).language == "yue"
    assert engine.transcribe(SAMPLES, None).language == "yue"
    assert [(one["language"], one["provider"]) for one in Recogniser.made] == [("zh", "cuda"), ("auto", "cuda")]


def test_a_folder_without_a_model_or_with_a_broken_one_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigError, match="holds no SenseVoice model.*tokens.txt"):
        load_transcriber("sense-voice", str(tmp_path / "empty"), "cpu")
    engine = load_transcriber("sense-voice", model(tmp_path / "broken", "model.onnx"), "cpu")
    with pytest.raises(ConfigError, match="cannot be loaded"):
        engine.transcribe(SAMPLES, "zh")


def test_without_the_package_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sherpa_onnx", None)
    with pytest.raises(MissingDependencyError, match=r"pip install -e .*sensevoice"):
        load_transcriber("sense-voice", "models/sv", "cpu")
