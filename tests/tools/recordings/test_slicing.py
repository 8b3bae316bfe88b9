"""Slicing: where pieces lie, what is written, and the command line."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import soundfile

from errors import AudioError, ConfigError
from tools import slice_audio
from tools.recordings.slicing import OUTPUT_RATE, SliceSettings, find_pieces, normalise, read_levels, slice_recording

QUIET, LOUD = -60.0, -20.0


def levels(*spans: tuple[float, float]) -> np.ndarray:
    """dB per 10 ms from (seconds, dB) spans."""
    return np.concatenate([np.full(round(seconds * 100), level, np.float32) for seconds, level in spans])


def speech(*seconds: float, rate: int = 16000, pause: float = 1.0) -> np.ndarray:
    """Noise bursts of the given lengths with pauses between and around, float64 [T]."""
    noise, quiet = np.random.default_rng(0), np.zeros(round(pause * rate))
    parts = [quiet]
    for length in seconds:
        parts += [noise.uniform(-0.3, 0.3, round(length * rate)), quiet]
    return np.concatenate(parts)


def test_cuts_lie_in_the_pauses_and_keep_some_quiet() -> None:
    found = find_pieces(levels((1, QUIET), (5, LOUD), (2, QUIET), (6, LOUD), (3, QUIET)), SliceSettings())
    assert found == [(50, 650), (750, 1450)]


def test_a_short_pause_or_a_short_piece_is_not_cut() -> None:
    assert find_pieces(levels((5, LOUD), (0.2, QUIET), (5, LOUD)), SliceSettings()) == [(0, 1020)]
    assert find_pieces(levels((2, LOUD), (1, QUIET), (5, LOUD)), SliceSettings()) == [(0, 800)]
    short_pause = find_pieces(levels((5, LOUD), (0.4, QUIET), (5, LOUD)), SliceSettings())
    assert short_pause == [(0, 520), (520, 1040)], "a pause shorter than twice the kept quiet is shared"


def test_speech_without_pauses_is_cut_at_its_quietest_place() -> None:
    curve = levels((45, LOUD))
    curve[1700] = -30.0
    found = find_pieces(curve, SliceSettings(max_length=20_000))
    assert found[0] == (0, 1700) and found[-1][1] == 4500
    assert all(last - first <= 2000 for first, last in found)
    assert [last for _, last in found[:-1]] == [first for first, _ in found[1:]]
    assert find_pieces(curve, SliceSettings(max_length=0)) == [(0, 4500)]


def test_quiet_from_end_to_end_gives_nothing() -> None:
    assert find_pieces(levels((9, QUIET)), SliceSettings()) == []
    assert find_pieces(np.zeros(0, np.float32), SliceSettings()) == []


@pytest.mark.parametrize(
    "values",
    [
        {"threshold": 3},
        {"hop_size": 0},
        {"min_length": 5},
        {"share": 2},
        {"hop_size": 500, "min_interval": 300},
        {"max_length": 1000},
    ],
)
def test_settings_that_cannot_be_are_refused(values: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=next(iter(values))):
        SliceSettings(**values)  # type: ignore[arg-type]


@pytest.mark.parametrize(("rate", "channels", "ending"), [(16000, 1, "wav"), (44100, 2, "flac"), (48000, 1, "mp3")])
def test_pieces_hold_the_speech_of_any_format(tmp_path: Path, rate: int, channels: int, ending: str) -> None:
    path = tmp_path / f"my talk|1.{ending}"
    wave = speech(5, 6, rate=rate)
    soundfile.write(path, np.stack([wave] * channels, axis=1), rate)
    written = slice_recording(path, tmp_path / "out", SliceSettings())
    assert sorted((tmp_path / "out").iterdir()) == written and len(written) == 2
    assert all(re.fullmatch(r"my_talk_1_\d{10}_\d{10}\.wav", piece.name) for piece in written)
    for piece, seconds in zip(written, (6, 7), strict=True):
        samples, out_rate = soundfile.read(piece)
        assert out_rate == OUTPUT_RATE and samples.ndim == 1
        assert len(samples) / out_rate == pytest.approx(seconds, abs=0.1)
        assert 0.3 < np.abs(samples).max() <= 0.9
        assert np.abs(samples[: int(0.3 * out_rate)]).max() < 0.01, "half a second of quiet comes first"


def test_cutting_again_replaces_the_pieces_of_that_recording_only(tmp_path: Path) -> None:
    path, other = tmp_path / "talk.wav", tmp_path / "out" / "talk_two_0000000000_0000000001.wav"
    soundfile.write(path, speech(5, 6), 16000)
    slice_recording(path, tmp_path / "out", SliceSettings())
    other.write_text("stays")
    written = slice_recording(path, tmp_path / "out", SliceSettings(min_length=60_000, max_length=0))
    assert len(written) == 1 and sorted((tmp_path / "out").iterdir()) == sorted([*written, other])


def test_levels_are_those_of_full_scale(tmp_path: Path) -> None:
    path = tmp_path / "sine.wav"
    soundfile.write(path, np.sin(np.arange(16000) * 2 * np.pi * 200 / 16000), 16000, subtype="FLOAT")
    curve = read_levels(path, 10)
    assert len(curve) == 100 and np.allclose(curve, -3.01, atol=0.1)


def test_loudness_comes_closer_and_never_clips() -> None:
    loud, soft = np.float32([0.5, -4.0]), np.float32([0.1, -0.1])
    assert np.abs(normalise(loud, 0.9, 0.25)).max() <= 1
    assert np.abs(normalise(soft, 0.9, 0.25)).max() == pytest.approx(0.3)
    assert (normalise(np.zeros(3, np.float32), 0.9, 1) == 0).all()


def test_bad_recordings_are_told_and_the_good_ones_cut(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    soundfile.write(folder / "good.wav", speech(5), 16000)
    soundfile.write(folder / "silent.wav", np.zeros(16000), 16000)
    (folder / "broken.wav").write_text("no audio")
    (folder / "notes.txt").write_text("passed over")
    with caplog.at_level("INFO"):
        assert slice_audio.main([str(folder), "--output", str(tmp_path / "out")]) == 0
    assert "2 skipped" in caplog.text and "1 pieces" in caplog.text
    assert len(list((tmp_path / "out").iterdir())) == 1


@pytest.mark.parametrize(
    ("inputs", "expected"),
    [
        (["missing.wav"], "does not exist"),
        (["empty"], "no recording"),
        (["silent.wav"], "quieter than"),
        (["a/x.wav", "b/x.wav"], "same name"),
        (["good.wav", "--min_length", "1"], "min_length"),
    ],
)
def test_mistakes_are_one_line(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, inputs: list[str], expected: str
) -> None:
    (tmp_path / "empty").mkdir()
    soundfile.write(tmp_path / "silent.wav", np.zeros(16000), 16000)
    for name in ("good.wav", "a/x.wav", "b/x.wav"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        soundfile.write(tmp_path / name, speech(1), 16000)
    arguments = [str(tmp_path / word) if "." in word or word == "empty" else word for word in inputs]
    assert slice_audio.main([*arguments, "--output", str(tmp_path / "out")]) == 2
    assert expected in caplog.records[-1].getMessage()


def test_a_missing_recording_is_an_audio_error(tmp_path: Path) -> None:
    with pytest.raises(AudioError, match="does not exist"):
        read_levels(tmp_path / "none.wav", 10)
