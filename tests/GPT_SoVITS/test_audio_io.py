"""Audio files: what is read, what is refused, and that outputs appear whole or not at all."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from audio_io import check_writable, load_audio, resample, to_int16, write_audio
from errors import AudioError, OutputError


def sine(seconds: float, rate: int, hz: float = 440.0) -> np.ndarray:
    return (0.5 * np.sin(2 * np.pi * hz * np.arange(int(seconds * rate)) / rate)).astype(np.float32)


def test_stereo_becomes_mono(tmp_path: Path) -> None:
    left = sine(0.5, 8000)
    soundfile.write(tmp_path / "a.wav", np.stack((left, 0 * left), axis=1), 8000)
    audio = load_audio(tmp_path / "a.wav")
    assert audio.rate == 8000 and audio.samples.dtype == np.float32 and audio.seconds == 0.5
    np.testing.assert_allclose(audio.samples, left / 2, atol=1e-4)


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".ogg", ".mp3"])
def test_formats_round_trip(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / "new" / f"a{suffix}"
    write_audio(path, to_int16(sine(1.0, 16000)), 16000)
    audio = load_audio(path)
    assert audio.rate == 16000 and abs(audio.seconds - 1.0) < 0.1
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_resampling_keeps_pitch_and_length() -> None:
    out = resample(sine(1.0, 48000), 48000, 16000)
    assert out.dtype == np.float32 and len(out) == 16000
    assert np.argmax(np.abs(np.fft.rfft(out))) == 440


def test_int16_never_clips_or_wraps() -> None:
    assert to_int16(np.array([1.0, -1.0, 0.5], dtype=np.float32)).tolist() == [32767, -32767, 16384]
    assert to_int16(np.array([2.0, -4.0, 1.0], dtype=np.float32)).tolist() == [16384, -32767, 8192]
    assert to_int16(np.zeros(0, dtype=np.float32)).shape == (0,)


def bad_files(folder: Path) -> list[tuple[Path, str]]:
    (folder / "text.wav").write_text("this is no sound")
    (folder / "empty.wav").write_bytes(b"")
    soundfile.write(folder / "none.wav", np.zeros(0), 16000)
    soundfile.write(folder / "silent.wav", np.zeros(16000), 16000)
    soundfile.write(folder / "nan.wav", np.full(16000, np.nan), 16000, subtype="FLOAT")
    soundfile.write(folder / "long.wav", np.ones(601 * 100), 100)
    return [
        (folder / "absent.wav", "does not exist"),
        (folder, "is a folder"),
        (folder / "text.wav", "not a readable"),
        (folder / "empty.wav", "not a readable"),
        (folder / "none.wav", "no audio"),
        (folder / "silent.wav", "silent"),
        (folder / "nan.wav", "not numbers"),
        (folder / "long.wav", "601 s"),
    ]


def test_unusable_files_are_named_with_a_reason(tmp_path: Path) -> None:
    for path, word in bad_files(tmp_path):
        with pytest.raises(AudioError) as caught:
            load_audio(path)
        assert word in str(caught.value) and str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_unwritable_outputs(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    for path in (tmp_path / "file" / "a.wav", tmp_path, tmp_path / "a.txt", tmp_path / "a"):
        with pytest.raises(OutputError):
            check_writable(path)
        with pytest.raises(OutputError):
            write_audio(path, to_int16(sine(0.1, 8000)), 8000)
    check_writable(tmp_path / "new" / "folder" / "a.wav")
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_a_failed_write_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.wav"
    write_audio(path, to_int16(sine(0.1, 8000)), 8000)
    before = path.read_bytes()

    def full(target: str, *args: object, **kwargs: object) -> None:
        Path(target).write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(soundfile, "write", full)
    with pytest.raises(OutputError, match="No space left"):
        write_audio(path, to_int16(sine(0.2, 8000)), 8000)
    assert path.read_bytes() == before and [p.name for p in tmp_path.iterdir()] == ["a.wav"]
