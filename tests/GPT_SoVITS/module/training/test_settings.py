"""The public JSON layout, and what is refused."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
import torch

from config import REPO_ROOT
from errors import ConfigError
from module.models import build_synthesizer
from module.training.networks import learning_rate
from module.training.settings import TrainSettings, load_settings, parse_settings
from published import S2G, place

ROOT = Path(__file__).resolve().parents[4]
CONFIGS = ROOT / "GPT_SoVITS" / "configs"
TENSORS = json.loads((ROOT / "tests" / "golden" / "checkpoints.json").read_text(encoding="utf-8"))["tensors"]


def public(name: str = "s2.json") -> dict[str, Any]:
    raw = json.loads((CONFIGS / name).read_text(encoding="utf-8"))
    raw["data"]["exp_dir"] = "logs/voice"
    return raw


@pytest.mark.parametrize("kind", ["s2", *(f"s2_gsv_tiny{kind}" for kind in ("", "_acoustic", "_decoder", "_joint"))])
def test_our_configurations_can_be_read(kind: str) -> None:
    settings = parse_settings(public(f"{kind}.json"), Path("/root_folder"))
    assert settings.segment_frames * settings.data.hop_length == settings.train.segment_size
    assert settings.state_dir == Path("/root_folder/logs/voice/logs_s2_v2")
    assert settings.save_weight_dir == Path("/root_folder/SoVITS_weights_v2")


def test_public_keys_that_are_not_used_are_accepted() -> None:
    raw = public()
    raw["train"].update(gpu_numbers="0", lora_rank="32", grad_ckpt=True, pretrained_s2G="a.pth")
    train = parse_settings(raw, Path("/")).train
    assert train.pretrained_s2G == "a.pth" and train.lora_rank == 32 and train.grad_ckpt


@pytest.mark.parametrize(
    ("version", "states"),
    [
        ("v2Pro", "logs_s2_v2Pro"),
        ("v2ProPlus", "logs_s2_v2ProPlus"),
        ("v3", "logs_s2_v3_lora_32"),
        ("v4", "logs_s2_v4_lora_32"),
    ],
)
def test_presets_of_other_versions_have_the_published_sizes(version: str, states: str) -> None:
    settings = parse_settings(public(f"s2{version}.json"), Path("/root_folder"))
    assert settings.version == version and settings.state_dir == Path("/root_folder/logs/voice") / states
    assert settings.save_weight_dir == Path(f"/root_folder/SoVITS_weights_{version}")
    assert place(S2G[version]) == REPO_ROOT / settings.train.pretrained_s2G
    with torch.device("meta"):
        network = build_synthesizer(settings.data.spec_channels, settings.segment_frames, **settings.model)
    shapes = {name: list(tensor.shape) for name, tensor in network.state_dict().items()}
    extra = TENSORS.get(f"s2_{version}_extra_in_pretrained_and_training_files", [])
    assert shapes == {name: shape for name, shape, *_ in (*TENSORS[f"s2_{version}"], *extra)}


@pytest.mark.parametrize(
    ("section", "key", "value", "message"),
    [
        ("train", "learning_rte", 1, "unknown key learning_rte"),
        ("data", "sample_rate", 1, "unknown key sample_rate"),
        ("train", "segment_size", 1000, "multiple of the hop"),
        ("train", "batch_size", 0, "batch_size is 0"),
        ("train", "max_frames", 5, "shorter than a segment"),
        ("train", "ema_decay", 1.0, "ema_decay"),
        ("train", "lora_rank", "many", "lora_rank is 'many'"),
        ("model", "upsample_rates", [10, 8], "multiply to 80"),
        ("data", "exp_dir", "", "exp_dir is not set"),
    ],
)
def test_wrong_values_are_named(section: str, key: str, value: Any, message: str) -> None:
    raw = copy.deepcopy(public())
    raw[section][key] = value
    with pytest.raises(ConfigError, match=message):
        parse_settings(raw, Path("/"))


def test_missing_section() -> None:
    raw = public()
    del raw["model"]
    with pytest.raises(ConfigError, match="no section 'model'"):
        parse_settings(raw, Path("/"))


def test_unreadable_files(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot read"):
        load_settings(tmp_path / "none.json", tmp_path)
    (tmp_path / "bad.json").write_text("{")
    with pytest.raises(ConfigError, match="is not JSON"):
        load_settings(tmp_path / "bad.json", tmp_path)


def test_learning_rate_rises_then_decays_by_epoch() -> None:
    train = TrainSettings(learning_rate=1.0, lr_decay=0.5, lr_warmup_steps=4)
    assert [learning_rate(train, 0, step) for step in range(5)] == [0.25, 0.5, 0.75, 1.0, 1.0]
    assert learning_rate(train, 2, 100) == 0.25
