"""A training folder from an encoder's targets: features, audio and a generator whose codes are the encoder's."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from feature_extractor.training.student import Clip
from module.quantizer import Quantizer
from ssl_train import Corpus
from tools.pack import early_start

DIMS, CODES, SSL_DIM = 4, 8, 192
SPOKEN = {"a.wav": [3, 5, 0], "b.wav": [1, 1], "v.wav": [7]}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Recordings beside a list that names them relative to itself, and what ssl_train.py knows of them."""
    rng = np.random.default_rng(0)
    centres = rng.standard_normal((CODES, DIMS)).astype(np.float32)
    clips = []
    for name, codes in SPOKEN.items():
        wave = (rng.standard_normal(16_000) * 0.1).astype(np.float32)
        soundfile.write(tmp_path / name, wave, 16_000)
        targets = centres[np.repeat(codes, 2)]  # two frames a code
        clips.append(Clip(wave, np.zeros(len(targets), np.int64), targets.astype(np.float16)))
    (tmp_path / "train.list").write_text("a.wav|x|en|One.\nnot a line\nb.wav|x|en|Two.\n", encoding="utf-8")
    (tmp_path / "valid.list").write_text("v.wav|x|en|Three.\n", encoding="utf-8")
    corpus = Corpus(list(SPOKEN), clips, [], [], centres, 2)
    monkeypatch.setattr(early_start, "prepare", lambda *_, **__: corpus)  # Whisper and the aligner
    early_start.main(
        [
            "--list",
            str(tmp_path / "train.list"),
            "--valid",
            str(tmp_path / "valid.list"),
            "--exp",
            str(tmp_path / "exp"),
            "--ssl-work",
            str(tmp_path),
        ]
    )
    return tmp_path / "exp"


def test_only_the_training_clips_are_written_each_with_its_own_targets(folder: Path) -> None:
    assert sorted(p.name for p in (folder / "4-cnhubert").iterdir()) == ["a.wav.pt", "b.wav.pt"]
    assert sorted(p.name for p in (folder / "5-wav32k").iterdir()) == ["a.wav", "b.wav"]
    start = torch.load(folder / "s2_init.pth", weights_only=True)
    quantizer = Quantizer(SSL_DIM, CODES)
    quantizer.codebook.set_entries(start["weight"]["quantizer.vq.layers.0._codebook.embed"])
    for name in ("a.wav", "b.wav"):
        features = torch.load(folder / "4-cnhubert" / f"{name}.pt", weights_only=True)
        assert features.shape == (1, SSL_DIM, 2 * len(SPOKEN[name]))
        weight, bias = (start["weight"][f"ssl_proj.{part}"] for part in ("weight", "bias"))
        projected = torch.nn.functional.conv1d(features, weight, bias, stride=2)
        assert quantizer.encode(projected)[0, 0].tolist() == SPOKEN[name]


def test_audio_is_training_audio_and_the_generator_has_a_configuration(folder: Path) -> None:
    info = soundfile.info(str(folder / "5-wav32k" / "b.wav"))
    assert (info.samplerate, info.channels, info.subtype, info.frames) == (32_000, 1, "PCM_16", 32_000)
    assert torch.load(folder / "s2_init.pth", weights_only=True)["config"]["model"]["ssl_dim"] == SSL_DIM
