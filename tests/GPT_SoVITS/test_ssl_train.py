"""ssl_train.py as a command: trains, goes on after a stop, and writes an encoder that the pipeline loads."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

import ssl_train
from errors import DatasetError
from feature_extractor.cnhubert import CNHubert
from feature_extractor.training import teacher
from text.cleaner import clean_text

WORDS = ["A cat sat.", "The dog ran.", "We see it.", "Go on now."]


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """Eight clips of coloured noise with teacher and pitch ready, so that neither Whisper nor WORLD is needed."""
    rng = np.random.default_rng(0)
    lines, states, pitches = [], [], []
    for number in range(8):
        wave = (rng.standard_normal(16_000 + 800 * number) * 0.1).astype(np.float32)
        soundfile.write(tmp_path / f"c{number}.wav", wave, 16_000)
        lines.append(f"c{number}.wav|me|en|{WORDS[number % 4]}")
        states.append(rng.standard_normal((teacher.frames_of(len(wave)), teacher.WIDTH)).astype(np.float16))
        pitches.append(np.full(len(states[-1]), 100.0 + number, np.float32))
    (tmp_path / "train.list").write_text("\n".join(lines[:6]) + "\n")
    (tmp_path / "valid.list").write_text("\n".join(lines[6:]) + "\n")
    work = tmp_path / "work"
    work.mkdir()
    np.savez(work / "teacher.npz", **ssl_train.pack_rows(states))
    np.savez(work / "pitch.npz", **ssl_train.pack_rows(pitches))
    return tmp_path


def command(folder: Path, minutes: float) -> list[str]:
    return [
        "--list",
        str(folder / "train.list"),
        "--valid",
        str(folder / "valid.list"),
        "--work",
        str(folder / "work"),
        "--output",
        str(folder / "hubert"),
        "--minutes",
        str(minutes),
        "--batch-seconds",
        "4",
        "--threads",
        "1",
    ]


def test_trains_stops_and_goes_on(
    corpus: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Eight clips are too few for discriminants, and no teacher ran: any 63 columns and an empty codebook will do.
    monkeypatch.setattr(teacher, "sound_targets", lambda states, *_: [rows[:, :63] for rows in states])
    classes = {p.rstrip("012") for w in WORDS for p in clean_text(w, "en", "v2")[0]} - {".", ","}
    np.savez(corpus / "work" / "codebook.npz", centres=np.zeros((1024, len(classes) + 1 + 63 + 3), np.float32))
    caplog.set_level("INFO")
    ssl_train.main(command(corpus, 0.03))
    first = torch.load(corpus / "work" / "student.pt", weights_only=True)
    assert first["step"] > 0
    assert (corpus / "work" / "alignment.tsv").read_text().count("\n") == 8
    ssl_train.main(command(corpus, 0.06))
    second = torch.load(corpus / "work" / "student.pt", weights_only=True)
    assert second["step"] > first["step"]
    assert f"goes on from step {first['step']}" in caplog.text
    encoder = CNHubert(str(corpus / "hubert"))
    assert encoder.ssl_dim == 192
    assert encoder(torch.randn(1, 16_000)).shape == (1, 192, teacher.frames_of(16_000))


def test_empty_list_says_so(tmp_path: Path) -> None:
    (tmp_path / "empty.list").write_text("no fields here\n")
    with pytest.raises(DatasetError, match="no usable line"):
        ssl_train.read_list(tmp_path / "empty.list")


def test_windows_hold_thirty_seconds() -> None:
    groups = list(teacher.windows([16_000 * 9] * 7))
    assert groups == [[0, 1, 2], [3, 4, 5], [6]]


def test_rows_survive_packing() -> None:
    rows = [np.arange(n)[:, None] for n in (3, 1, 4)]
    back = ssl_train.unpack_rows(ssl_train.pack_rows(rows))
    assert [r.tolist() for r in back] == [r.tolist() for r in rows]


def test_learning_rate_rises_then_falls() -> None:
    assert ssl_train.learning_rate(0.0, 1.0) < ssl_train.learning_rate(0.04, 1.0) == pytest.approx(1.0)
    assert ssl_train.learning_rate(1.0, 1.0) == pytest.approx(0.02)
