"""Separation: what is asked of audio-separator, what comes of it, and what is refused. The library is a stand-in."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import soundfile

from errors import ConfigError, MissingDependencyError
from tools import separate
from tools.recordings.separation import load_separator, separate_recording

RATE = 16000


class Separator:
    """Writes half of what it hears as the voice, as audio-separator would; "broken" fails, "music" has no voice."""

    made: list[dict[str, Any]] = []

    def __init__(self, **settings: Any) -> None:
        self.settings = settings
        Separator.made.append(settings)

    def load_model(self, model_filename: str) -> None:
        if "missing" in model_filename:
            raise OSError("no network")

    def separate(self, path: str, names: dict[str, str]) -> list[str]:
        samples, rate = soundfile.read(path)
        if "broken" in path:
            raise RuntimeError("cannot decode")
        share = 0.0 if "music" in path else 0.5
        target = Path(self.settings["output_dir"]) / f"{names[self.settings['output_single_stem']]}.wav"
        soundfile.write(target, samples * share, rate)
        return [str(target)]


@pytest.fixture(autouse=True)
def library(monkeypatch: pytest.MonkeyPatch) -> None:
    Separator.made.clear()
    module = SimpleNamespace(Separator=Separator)
    monkeypatch.setitem(sys.modules, "audio_separator", SimpleNamespace(separator=module))
    monkeypatch.setitem(sys.modules, "audio_separator.separator", module)


def recording(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, 0.4 * np.sin(np.arange(RATE) / 9), RATE)
    return path


def test_the_voice_of_every_recording_is_written_and_what_has_none_is_passed_over(tmp_path: Path) -> None:
    for name in ("song.wav", "broken.wav", "music.flac"):
        recording(tmp_path / "in" / name)
    out, models = tmp_path / "out", tmp_path / "models"
    arguments = [str(tmp_path / "in"), "--output", str(out), "--model-folder", str(models), "--model", "my.onnx"]
    assert separate.main(arguments) == 0
    assert [path.name for path in out.iterdir()] == ["song.wav"]
    voice, _ = soundfile.read(out / "song.wav")
    assert abs(np.abs(voice).max() - 0.2) < 0.01
    asked = Separator.made[0]
    assert asked["model_file_dir"] == str(models) and asked["output_single_stem"] == "Vocals"


def test_recordings_are_never_replaced(tmp_path: Path) -> None:
    path = recording(tmp_path / "song.wav")
    before = path.read_bytes()
    with pytest.raises(ConfigError, match="folder of the recordings"):
        separate_recording(path, tmp_path, load_separator())
    assert path.read_bytes() == before


@pytest.mark.parametrize("model", ["htdemucs.yaml", "a.th", "../../evil.onnx", "/tmp/a.onnx", "a.pkl"])
def test_models_that_could_be_programs_or_lie_elsewhere_are_not_opened(model: str) -> None:
    with pytest.raises(ConfigError, match="not opened"):
        load_separator(model)
    assert not Separator.made


def test_a_model_that_cannot_be_had_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no network.*its file in"):
        load_separator("missing.onnx", tmp_path)


def test_without_the_package_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "audio_separator.separator", None)
    with pytest.raises(MissingDependencyError, match=r"pip install -e .*separate"):
        load_separator()
    assert separate.main([str(recording(tmp_path / "a.wav")), "--output", str(tmp_path / "out")]) == 2
