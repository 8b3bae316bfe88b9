"""A clip twice: with the tokens that the encoder hears, and with those it aims at."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from errors import ConfigError
from side_tables import read_tokens
from tools.pack import mix_tokens

QUANTIZER = {"quantizer.vq.layers.0._codebook.embed": torch.arange(32.0).view(8, 4)}


def make(folder: Path) -> None:
    """An encoder's folder with three clips of two speakers, the targets of two of them, and the quantiser."""
    save_file(QUANTIZER, folder / "quantizer.safetensors")
    (folder / "exp" / "5-wav32k").mkdir(parents=True)
    (folder / "early").mkdir()
    for name in ("a", "b", "c"):
        (folder / "exp" / "5-wav32k" / name).write_bytes(b"wav")
    head = "item_name\tsemantic_audio\n"
    (folder / "early" / "6-name2semantic.tsv").write_text(head + "a\t3 5 0\nb\t1 1 2\n", encoding="utf-8")
    (folder / "exp" / "6-name2semantic.tsv").write_text(head + "a\t3 4 0\nb\t1 1 2\nc\t7 7\n", encoding="utf-8")
    rows = "".join(f"{name}\tHH AH0\tNone\thuh\n" for name in ("a", "b", "c"))
    (folder / "exp" / "2-name2text.txt").write_text(rows, encoding="utf-8")
    (folder / "exp" / "speakers.tsv").write_text("a\tone\nb\ttwo\nc\ttwo\n", encoding="utf-8")
    (folder / "alignment.tsv").write_text("a\t0 0 1\nb\t0 1 1\n", encoding="utf-8")


def run(folder: Path, *more: str) -> list[str]:
    mix_tokens.main(
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


def test_each_clip_is_there_with_the_encoders_tokens_and_with_its_targets(tmp_path: Path) -> None:
    make(tmp_path)
    assert run(tmp_path) == ["a", "b", "c", "target_a", "target_b"]
    spoken = read_tokens(tmp_path / "exp" / "6-name2semantic.tsv")
    assert spoken == {"a": [3, 4, 0], "b": [1, 1, 2], "c": [7, 7], "target_a": [3, 5, 0], "target_b": [1, 1, 2]}
    assert (tmp_path / "exp" / "5-wav32k" / "target_a").read_bytes() == b"wav"


def test_alignments_and_a_generator_with_this_quantiser_are_written(tmp_path: Path) -> None:
    make(tmp_path)
    run(tmp_path)
    lines = (tmp_path / "exp" / "alignment.tsv").read_text(encoding="utf-8").splitlines()
    assert lines == ["a\t0 0 1", "b\t0 1 1", "target_a\t0 0 1", "target_b\t0 1 1"]
    start = torch.load(tmp_path / "exp" / "s2_init.pth", weights_only=True)
    assert start["weight"].keys() == QUANTIZER.keys()
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
