"""Ten broken checkpoints: a one-line reason each, no code run, and the model that was loaded before still speaks."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from errors import CheckpointError
from process_ckpt import load_s1, load_sovits_new, save_s2
from TTS_infer_pack.TTS import TTS, TTS_Config


class Bomb:
    """Would make a folder when unpickled."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple:
        return os.mkdir, (str(self.trace),)


def whole(pack: Path) -> dict:
    return load_sovits_new(pack / "s2G.pth")


def truncated(pack: Path, path: Path) -> None:
    data = (pack / "s2G.pth").read_bytes()
    path.write_bytes(data[: len(data) // 3])


def wrong_kind(pack: Path, path: Path) -> None:
    torch.save(load_s1(pack / "s1.ckpt"), path)


def wrong_version(pack: Path, path: Path) -> None:
    content = whole(pack)
    name = "enc_p.text_embedding.weight"
    weight = {**content["weight"], name: content["weight"][name][:322]}
    save_s2(path, weight, content["config"], "", "v1")


def adapter_without_base(pack: Path, path: Path) -> None:
    stem = "cfm.base_model.model.estimator.transformer_blocks.0.attn.to_q"
    pair = {f"{stem}.lora_A.default.weight": torch.ones(2, 4), f"{stem}.lora_B.default.weight": torch.ones(4, 2)}
    save_s2(path, pair, whole(pack)["config"], "", "v3", lora_rank=2)


def not_a_number(pack: Path, path: Path) -> None:
    content = whole(pack)
    content["weight"]["dec.conv_pre.bias"][0] = torch.nan
    torch.save(content, path)


def renamed(pack: Path, path: Path) -> None:
    content = whole(pack)
    content["weight"] = {name.replace("dec.", "decoder."): value for name, value in content["weight"].items()}
    torch.save(content, path)


def pickle_bomb(pack: Path, path: Path) -> None:
    torch.save({**whole(pack), "config": Bomb(path.parent / "ran")}, path)


def zip_bomb(pack: Path, path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", bytes(20_000_000))


def empty(pack: Path, path: Path) -> None:
    path.write_bytes(b"")


def text(pack: Path, path: Path) -> None:
    path.write_text("weights: to be found in the other folder\n")


BROKEN: dict[str, tuple[Callable[[Path, Path], None], str]] = {
    "truncated": (truncated, "truncated"),
    "wrong_kind": (wrong_kind, "is a GPT (s1"),
    "wrong_version": (wrong_version, "the SoVITS model is v1 with 322"),
    "adapter_without_base": (adapter_without_base, "LoRA adapter, and its base model is not in"),
    "not_a_number": (not_a_number, "NaN"),
    "renamed": (renamed, "missing (dec."),
    "pickle_bomb": (pickle_bomb, "nothing in it was run"),
    "zip_bomb": (zip_bomb, "zip bomb"),
    "empty": (empty, "is empty"),
    "text": (text, "a text file"),
}


def test_broken_checkpoints_are_refused_and_the_voice_goes_on(
    tiny_pack: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("published.LIBRARY", tmp_path / "library")
    tts = TTS(TTS_Config(pack=str(tiny_pack)))

    def speak() -> np.ndarray:
        [(_, samples)] = list(tts.run({"text": "Hello there.", "text_lang": "en", "seed": 1}))
        return samples

    before = speak()
    for name, (spoil, reason) in BROKEN.items():
        path = tmp_path / f"{name}.pth"
        spoil(tiny_pack, path)
        with pytest.raises(CheckpointError) as caught:
            tts.init_vits_weights(path)
        line = str(caught.value)
        assert reason in line and "\n" not in line, line
        assert name == "wrong_version" or str(path) in line, line
        with pytest.raises(CheckpointError):
            tts.init_t2s_weights(path if name != "wrong_kind" else tiny_pack / "s2G.pth")
    assert not (tmp_path / "ran").exists()
    np.testing.assert_array_equal(before, speak())
