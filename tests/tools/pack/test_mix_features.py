"""A clip and its targets: both read by one quantiser as the codes they should be."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from errors import ConfigError
from feature_extractor.training.codebook import quantizer_weights
from module.quantizer import Quantizer
from tools.pack import mix_features

SSL_DIM, TARGET_DIM, CODES = 12, 4, 8


def make(folder: Path) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
    """An encoder's folder with three clips of two speakers, the targets of two of them, and the quantiser."""
    source = torch.Generator().manual_seed(0)
    centres = torch.randn(CODES, TARGET_DIM, generator=source)
    head = torch.randn(TARGET_DIM, SSL_DIM, generator=source)
    weights = quantizer_weights(head, torch.ones(TARGET_DIM), np.asarray(centres), SSL_DIM)
    save_file(weights, folder / "quantizer.safetensors")
    for exp in ("early", "exp"):
        for part in ("4-cnhubert", "5-wav32k"):
            (folder / exp / part).mkdir(parents=True)
    for name in ("a", "b", "c"):
        (folder / "exp" / "5-wav32k" / name).write_bytes(b"wav")
        torch.save(torch.zeros(1, SSL_DIM, 6), folder / "exp" / "4-cnhubert" / f"{name}.pt")
    spoken = torch.tensor([3, 3, 5, 5, 0, 0])
    targets = torch.zeros(1, SSL_DIM, len(spoken))
    targets[0, :TARGET_DIM] = centres[spoken].T
    for name in ("a", "b"):
        torch.save(targets, folder / "early" / "4-cnhubert" / f"{name}.pt")
    rows = "".join(f"{name}\tHH AH0\tNone\thuh\n" for name in ("a", "b", "c"))
    (folder / "exp" / "2-name2text.txt").write_text(rows, encoding="utf-8")
    (folder / "exp" / "speakers.tsv").write_text("a\tone\nb\ttwo\nc\ttwo\n", encoding="utf-8")
    (folder / "alignment.tsv").write_text("a\t0 0 1\nb\t0 1 1\n", encoding="utf-8")
    return weights, spoken


def run(folder: Path, *more: str) -> list[str]:
    mix_features.main(
        [
            "--early",
            str(folder / "early"),
            "--exp",
            str(folder / "exp"),
            "--alignment",
            str(folder / "alignment.tsv"),
            "--quantizer",
            str(folder / "quantizer.safetensors"),
            *more,
        ]
    )
    return [row.split("\t")[0] for row in (folder / "exp" / "2-name2text.txt").read_text(encoding="utf-8").splitlines()]


def test_targets_become_features_with_the_codes_they_stand_for(tmp_path: Path) -> None:
    weights, spoken = make(tmp_path)
    assert run(tmp_path) == ["a", "b", "c", "target_a", "target_b"]
    features = torch.load(tmp_path / "exp" / "4-cnhubert" / "target_a.pt", weights_only=True)
    projected = torch.nn.functional.conv1d(features, weights["ssl_proj.weight"], weights["ssl_proj.bias"], stride=2)
    quantizer = Quantizer(SSL_DIM, CODES)
    quantizer.codebook.set_entries(weights["quantizer.vq.layers.0._codebook.embed"])
    assert quantizer.encode(projected)[0, 0].tolist() == spoken[::2].tolist()
    assert (tmp_path / "exp" / "5-wav32k" / "target_a").read_bytes() == b"wav"


def test_alignments_and_a_generator_with_this_quantiser_are_written(tmp_path: Path) -> None:
    weights, _ = make(tmp_path)
    run(tmp_path)
    lines = (tmp_path / "exp" / "alignment.tsv").read_text(encoding="utf-8").splitlines()
    assert lines == ["a\t0 0 1", "b\t0 1 1", "target_a\t0 0 1", "target_b\t0 1 1"]
    start = torch.load(tmp_path / "exp" / "s2_init.pth", weights_only=True)
    assert start["weight"].keys() == weights.keys()
    assert "model" in start["config"]


def test_running_it_again_changes_nothing(tmp_path: Path) -> None:
    make(tmp_path)
    first = run(tmp_path)
    assert run(tmp_path) == first


def test_a_speaker_can_be_limited(tmp_path: Path) -> None:
    make(tmp_path)
    assert run(tmp_path, "--limit", "two=1") == ["a", "b", "target_a", "target_b"]


def test_a_limit_that_is_none_is_refused(tmp_path: Path) -> None:
    make(tmp_path)
    with pytest.raises(ConfigError, match="speaker=clips"):
        run(tmp_path, "--limit", "two")
