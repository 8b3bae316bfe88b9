"""Checkpoints to safetensors and back: every bit, the header, the order and the values beside the weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from process_ckpt import get_sovits_version_from_path_fast, load_s1, load_sovits_new, save_s1, save_s2
from safetensors_io import read_packed, same_bits
from tools.convert_checkpoint import main

CONFIG = {"train": {"lr": 1e-4, "seed": 1}, "data": {"fmax": None}, "model": {"version": "v2Pro", "rates": [10, 8]}}


def weights() -> dict[str, torch.Tensor]:
    odd = torch.tensor([float("nan"), float("inf"), -0.0, 6e-8])
    return {
        "z.weight": torch.randn(3, 5),
        "enc_p.text_embedding.weight": torch.randn(4, 3),
        "a.bias": odd,
        "a.num_batches_tracked": torch.tensor(7),
        "a.empty": torch.zeros(0, 2),
        "a.view": torch.randn(6, 4).T,
    }


def files(folder: Path) -> dict[str, Path]:
    """One file of each public kind."""
    weight = weights()
    made = {name: folder / name for name in ("pro.pth", "lora.pth", "s1.ckpt", "vocoder.pth", "bigvgan.pt", "s2D.pth")}
    save_s2(made["pro.pth"], weight, CONFIG, "8epoch", "v2Pro")
    save_s2(made["lora.pth"], {"cfm.x.lora_A.default.weight": torch.randn(2, 3)}, CONFIG, "1epoch", "v4", 2)
    s1 = {"embedding_dim": 8, "hidden_dim": 8, "head": 2, "n_layer": 1, "vocab_size": 1025, "phoneme_vocab_size": 732}
    save_s1(made["s1.ckpt"], {"ar_text_position.alpha": torch.ones(1)}, {"model": s1}, "GPT-e1")
    torch.save(weight, made["vocoder.pth"])
    torch.save({"generator": {"x": weight["z.weight"].bfloat16()}}, made["bigvgan.pt"])
    torch.save({"weight": {"discriminators.0.x": weight["z.weight"]}}, made["s2D.pth"])
    return made


@pytest.mark.parametrize("name", ["pro.pth", "lora.pth", "s1.ckpt", "vocoder.pth", "bigvgan.pt", "s2D.pth"])
def test_round_trip_keeps_every_bit(tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    source, middle, back = files(tmp_path)[name], tmp_path / "m.safetensors", tmp_path / "out" / name
    assert main([str(source), str(middle)]) == 0 and main([str(middle), str(back)]) == 0
    assert "compared bit for bit" in capsys.readouterr().out
    assert source.read_bytes()[:2] == back.read_bytes()[:2]
    first, second = read_packed(source), read_packed(back)
    assert first.header == second.header
    _same(first.content, second.content)


def _same(first: Any, second: Any) -> None:
    if isinstance(first, dict):
        assert list(first) == list(second)
        for key, value in first.items():
            _same(value, second[key])
    elif isinstance(first, torch.Tensor):
        assert same_bits(first, second)
    else:
        assert first == second and type(first) is type(second)


def test_converted_files_load_like_the_originals(tmp_path: Path) -> None:
    made = files(tmp_path)
    for name in ("pro.pth", "lora.pth"):
        assert main([str(made[name]), str(made[name].with_suffix(".safetensors"))]) == 0
        twin = made[name].with_suffix(".safetensors")
        _same(load_sovits_new(made[name]), load_sovits_new(twin))
        assert get_sovits_version_from_path_fast(made[name]) == get_sovits_version_from_path_fast(twin)
    twin = tmp_path / "s1.safetensors"
    assert main([str(made["s1.ckpt"]), str(twin)]) == 0
    _same(load_s1(made["s1.ckpt"]), load_s1(twin))


def test_what_cannot_be_converted_is_one_line_and_leaves_nothing(tmp_path: Path, capsys: Any) -> None:
    made = files(tmp_path)
    state, text = tmp_path / "G_1.pth", tmp_path / "notes.pth"
    torch.save({"model": weights(), "iteration": 1, "optimizer": {"state": {0: {"m": torch.ones(2)}}}}, state)
    text.write_text("hello\n")
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(b"\xff" * 64)
    target = tmp_path / "target.safetensors"
    for source, goal, word in [
        (state, target, "export the model first"),
        (text, target, "a text file"),
        (broken, tmp_path / "target.pth", "safetensors file"),
        (tmp_path / "absent.pth", target, "does not exist"),
        (made["pro.pth"], tmp_path / "target.zip", ".zip"),
        (made["pro.pth"], made["lora.pth"], "exists"),
    ]:
        assert main([str(source), str(goal)]) == 2
        message = capsys.readouterr().err
        assert word in message and message.count("\n") == 1
    assert not target.exists() and not list(tmp_path.glob(".*.tmp"))
    assert main([str(made["pro.pth"]), str(made["lora.pth"]), "--force"]) == 0
