"""The demo's files and table, with a stand-in voice."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile

from AR.fallback import FallbackInfo
from audio_io import Audio
from errors import ConfigError
from tools import demo


class Toy:
    """Says a tone of 0.1 s a word."""

    last_fallback = None
    voice = SimpleNamespace(recommended=SimpleNamespace(languages=("en",)))

    def set_t2s(self, kind: str, model_name: str | None = None) -> None:
        self.last_fallback = FallbackInfo("no_adapter", "none") if model_name == "broken" else None

    def synthesize(self, request: object) -> Audio:
        words = len(request.text.split())
        return Audio(np.full(words * 1600, 0.1, dtype=np.float32), 16000)


def test_three_files_and_a_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(demo, "TTS", Toy)
    monkeypatch.setattr(demo, "language_model_names", list)
    assert demo.main(["--output", str(tmp_path / "demo")]) == 0
    out = capsys.readouterr().out
    files = sorted((tmp_path / "demo").iterdir())
    assert [path.name for path in files] == ["demo_1.wav", "demo_2.wav", "demo_3.wav"]
    assert all(str(path) in out for path in files) and "real-time factor" in out
    assert soundfile.info(files[0]).duration == pytest.approx(0.1 * len(demo.ENGLISH[0].split()))


def test_the_language_model_speaks_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(demo, "TTS", Toy)
    monkeypatch.setattr(demo, "language_model_names", lambda: ["gsv-tiny"])
    assert demo.main(["--output", str(tmp_path)]) == 0
    assert capsys.readouterr().out.count(" gsv-tiny ") == len(demo.ENGLISH) == len(list(tmp_path.glob("demo_lm_*")))
    assert demo.main(["--output", str(tmp_path), "--lm", "broken"]) == 0
    assert "AR (no_adapter)" in capsys.readouterr().out


@pytest.mark.parametrize("installed", [True, False])
def test_japanese_is_spoken_where_it_can_be(monkeypatch: pytest.MonkeyPatch, installed: bool) -> None:
    monkeypatch.setattr(demo.importlib.util, "find_spec", lambda name: object() if installed else None)
    toy = Toy()
    toy.voice = SimpleNamespace(recommended=SimpleNamespace(languages=("en", "ja")))
    assert [language for language, _ in demo.sentences(toy)] == ["en"] * 3 + ["ja"] * installed
    assert {language for language, _ in demo.sentences(Toy())} == {"en"}


def test_no_voice_is_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def none() -> None:
        raise ConfigError("there is nothing to speak with")

    monkeypatch.setattr(demo, "TTS", none)
    assert demo.main([]) == 2
    assert capsys.readouterr().err == "error: there is nothing to speak with\n"
