"""Transcription into a list that people correct: rows, engines, the command line; real speech in the slow test."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import soundfile

from errors import ConfigError, DatasetError, MissingDependencyError
from prepare_datasets.list_file import read_list
from tools import transcribe
from tools.recordings import transcription
from tools.recordings.list_rows import ListRow, audio_path, path_in_list, read_rows, write_rows
from tools.recordings.transcription import Heard, load_transcriber, transcribe_to_list


class Parrot:
    """Hears the words that it was given, one clip after another."""

    def __init__(self, *heard: Heard) -> None:
        self.heard, self.asked = list(heard), list[tuple[int, str | None]]()

    def transcribe(self, samples: Any, language: str | None) -> Heard:
        self.asked.append((len(samples), language))
        return self.heard[len(self.asked) - 1]


def clips(folder: Path, count: int, rate: int = 32000) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"clip{number}.wav" for number in range(count)]
    for path in paths:
        soundfile.write(path, np.full(rate, 0.1), rate)
    return paths


def test_a_list_that_the_stages_read(tmp_path: Path) -> None:
    parrot = Parrot(Heard("Hello | there.", "en"), Heard(" ... ", "en"), Heard("Bonjour.", "fr"), Heard("你好。", "zh"))
    target = tmp_path / "logs" / "anna" / "anna.list"
    paths = clips(target.parent / "sliced", 4)
    (silent := paths[0].with_name("silent.wav")).write_bytes(b"nothing")
    seen: list[tuple[int, int]] = []
    report = transcribe_to_list([*paths, silent], target, "anna", "auto", parrot, lambda *now: seen.append(now))
    assert target.read_text(encoding="utf-8") == (
        "sliced/clip0.wav|anna|en|Hello | there.\nsliced/clip3.wav|anna|zh|你好。\n"
    )
    assert report.done == 2 and report.skipped_total == 3 and seen[-1] == (5, 5)
    assert parrot.asked[0] == (16000, None), "engines get 16 kHz"
    found, _ = read_list(target)
    assert [(clip.path, clip.text) for clip in found] == [(paths[0], "Hello | there."), (paths[3], "你好。")]


def test_corrected_rows_stay_and_new_clips_are_added(tmp_path: Path) -> None:
    target, paths = tmp_path / "my.list", clips(tmp_path / "sliced", 2)
    transcribe_to_list(paths[:1], target, "anna", "en", Parrot(Heard("Helo.", "en")))
    write_rows(target, [row._replace(text="Hello.") for row in read_rows(target)])
    parrot = Parrot(Heard("Second.", "en"))
    report = transcribe_to_list(paths, target, "anna", "en", parrot)
    assert (report.done, report.reused) == (1, 1) and parrot.asked == [(16000, "en")]
    assert [row.text for row in read_rows(target)] == ["Hello.", "Second."]


def test_a_run_that_breaks_off_keeps_what_it_has(tmp_path: Path) -> None:
    target, paths = tmp_path / "my.list", clips(tmp_path / "sliced", 3)
    with pytest.raises(IndexError):
        transcribe_to_list(paths, target, "anna", "en", Parrot(Heard("One.", "en")))
    assert [row.text for row in read_rows(target)] == ["One."]


@pytest.mark.parametrize(
    ("speaker", "language", "expected"),
    [
        ("a|b", "en", "speaker"),
        (" ", "en", "speaker"),
        ("anna", "xx", "language"),
    ],
)
def test_speakers_and_languages_that_a_list_cannot_hold(
    tmp_path: Path, speaker: str, language: str, expected: str
) -> None:
    with pytest.raises(ConfigError, match=expected):
        transcribe_to_list(clips(tmp_path, 1), tmp_path / "my.list", speaker, language, Parrot())


def test_nothing_heard_is_an_error_with_the_reason(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="nothing to write down"):
        transcribe_to_list(clips(tmp_path, 1), tmp_path / "my.list", "anna", "en", Parrot(Heard("", "en")))


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (ListRow("a.wav", "", "en", "Hi."), "row 2 has no speaker"),
        (ListRow("", "x", "en", "Hi."), "row 2 has no path"),
        (ListRow("a.wav", "x", "english", "Hi."), "row 2 is in the language 'english'"),
        (ListRow("a.wav", "x|y", "en", "Hi."), "row 2 has a |"),
        (ListRow("a.wav", "x", "en", "?!"), "row 2 .a.wav. has"),
    ],
)
def test_a_row_that_no_stage_could_use_is_named_and_nothing_is_written(
    tmp_path: Path, row: ListRow, expected: str
) -> None:
    target = tmp_path / "my.list"
    good = ListRow("b.wav", "anna", "JP", "a\nb\tc")
    write_rows(target, [good])
    before = target.read_text()
    assert before == "b.wav|anna|ja|a b c\n"
    with pytest.raises(DatasetError, match=expected):
        write_rows(target, [good, row])
    with pytest.raises(DatasetError, match="empty"):
        write_rows(target, [])
    assert target.read_text() == before


def test_paths_follow_the_list(tmp_path: Path) -> None:
    target = tmp_path / "logs" / "my.list"
    inside, outside = tmp_path / "logs" / "sliced" / "a.wav", tmp_path / "b.wav"
    assert [path_in_list(path, target) for path in (inside, outside)] == ["sliced/a.wav", str(outside)]
    for path in (inside, outside):
        assert audio_path(ListRow(path_in_list(path, target), "s", "en", "t"), target) == path
    with pytest.raises(DatasetError, match="cannot be read"):
        read_rows(target)


def test_engines_are_found_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    added = SimpleNamespace(name="mine", load=lambda: lambda model, device: (model, device))
    monkeypatch.setattr(transcription, "entry_points", lambda group: [added])
    assert load_transcriber("mine", "small", "cpu") == ("small", "cpu")
    with pytest.raises(ConfigError, match="faster-whisper, sense-voice, mine"):
        load_transcriber("other", "", "cpu")
    monkeypatch.setitem(sys.modules, "faster_whisper", None)
    with pytest.raises(MissingDependencyError, match=r"pip install -e .*asr"):
        load_transcriber("faster-whisper", "base", "cpu")


def test_the_command_writes_a_list(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(transcription.ENGINES, "faster-whisper", lambda model, device: Parrot(Heard("Hi.", "en")))
    clips(tmp_path / "in", 1)
    arguments = [str(tmp_path / "in"), "--list", str(tmp_path / "my.list"), "--speaker", "anna", "--device", "cpu"]
    with caplog.at_level("INFO"):
        assert transcribe.main(arguments) == 0
    assert "transcribe: 1 clips ready" in caplog.text
    assert (tmp_path / "my.list").read_text() == "in/clip0.wav|anna|en|Hi.\n"
    assert transcribe.main([*arguments, "--engine", "none"]) == 2
    assert transcribe.main([str(tmp_path / "nowhere"), *arguments[1:]]) == 2


@pytest.mark.slow
def test_whisper_hears_the_reference_clip(tmp_path: Path) -> None:
    for package in ("faster_whisper", *transcription.PARTS):
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"{package} is not installed")
    import json

    from config import PACK_DIR

    reference = json.loads((PACK_DIR / "pack.json").read_text(encoding="utf-8"))["default_reference"]
    arguments = ["--list", str(tmp_path / "my.list"), "--speaker", "anna", "--device", "cpu"]
    assert transcribe.main([str(PACK_DIR / reference["path"]), *arguments]) == 0
    [row] = read_rows(tmp_path / "my.list")
    words = [set(text.lower().strip(".").split()) for text in (row.text, reference["text"])]
    assert row.language == "en" and len(words[0] & words[1]) > 0.6 * len(words[1])
