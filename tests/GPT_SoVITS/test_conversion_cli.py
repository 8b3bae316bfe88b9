"""``gsv convert`` as a user runs it, with the tiny pack."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import soundfile

import conversion_cli
import gsv

SAID = ["--text", "This is what is said.", "--language", "en", "--seed", "1"]


@pytest.fixture
def run(tiny_pack: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """``gsv convert ...`` with the tiny pack's weights and the voices of ``tmp_path``."""
    settings = tmp_path / "tts.yaml"
    settings.write_text(f"pack: {tiny_pack}\ndevice: cpu\n", encoding="utf-8")
    monkeypatch.setenv("voices_root", str(tmp_path / "voices"))
    return lambda *arguments: gsv.main(["convert", *arguments, "--config", str(settings)])


def test_a_recording_becomes_a_file_of_its_length(
    run: Callable[..., int], clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "voices" / "alice").mkdir(parents=True)
    (tmp_path / "voices" / "alice" / "clip.wav").write_bytes(clip.read_bytes())
    target = tmp_path / "out.flac"
    assert run(str(clip), "--voice", "Alice", "-o", str(target), *SAID) == 0
    assert abs(soundfile.info(str(target)).duration - soundfile.info(str(clip)).duration) < 0.001
    assert "in 1 parts" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["no.wav"], "does not exist"),
        (["{clip}", "--voice", "nobody"], "there is no voice"),
        (["{clip}", "-o", "out.doc"], "no known audio format"),
        (["{clip}", "--language", "martian"], "unknown text_lang"),
        (["{clip}", "--engine", "ear", "--text", ""], "there is no engine"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_code_2(
    run: Callable[..., int],
    clip: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[Any],
    arguments: list[str],
    sentence: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(*(argument.format(clip=clip) for argument in arguments)) == 2
    said = capsys.readouterr()
    assert sentence in said.err and said.err.count("\n") == 1 and not said.out
    assert not list(tmp_path.glob("*.wav.tmp")) and not (tmp_path / "converted.wav").exists()


def test_two_voices_at_once_are_refused(run: Callable[..., int], clip: Path, tmp_path: Path) -> None:
    (tmp_path / "voices" / "alice").mkdir(parents=True)
    (tmp_path / "voices" / "alice" / "clip.wav").write_bytes(clip.read_bytes())
    assert run(str(clip), "--voice", "alice", "--ref_audio", str(clip)) == 2


def test_the_recogniser_that_is_named_is_the_one_that_hears(
    run: Callable[..., int], clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []

    class Ear:
        def __init__(self, model: str, device: str) -> None:
            asked.append((model, device))

        def transcribe(self, samples: Any, language: str | None) -> Any:
            from tools.recordings.transcription import Heard

            asked.append(language)
            return Heard("Hello there", "en")

    from tools.recordings import transcription

    monkeypatch.setitem(transcription.ENGINES, "ear", Ear)
    assert run(str(clip), "--engine", "ear", "--model", "left", "-o", str(tmp_path / "a.wav"), "--language", "en") == 0
    assert asked == [("left", "cpu"), "en"]
    assert conversion_cli.build_parser().parse_args([str(clip)]).model == "base"
