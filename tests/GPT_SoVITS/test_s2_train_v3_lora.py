"""Adapter training of v3 to v5 end to end: tiny base models in the published places, a handful of synthetic clips."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import published
import s2_train_v3_lora
from errors import CheckpointError, ConfigError, MissingDependencyError
from module.lora import UP, WRAPPER
from module.models import SynthesizerTrnV3
from module.training.adapter import add_adapter, public_names, trained_tensors
from module.training.lora_run import load_base
from module.training.settings import parse_settings
from module.versions import VERSIONS
from process_ckpt import get_sovits_version_from_path_fast, load_sovits_new, save_s2
from tests.GPT_SoVITS.conftest import SSL_DIM
from tests.GPT_SoVITS.s2_folder import REPO, configuration, write_clips
from tests.GPT_SoVITS.TTS_infer_pack.test_versions import SMALL, companions, speak
from TTS_infer_pack import voice_holder
from TTS_infer_pack.models import Placement, load_vits
from TTS_infer_pack.TTS import TTS, TTS_Config

pytest.importorskip("peft")
RANK = 4
STATE = "G_233333333333.pth"
Losses = list[dict[str, float]]


@pytest.fixture(autouse=True)
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stands in for the folder that published weights lie in."""
    monkeypatch.setattr(published, "LIBRARY", tmp_path / "library")
    return tmp_path / "library"


def raw(folder: Path, version: str, **train: Any) -> dict[str, Any]:
    model = {"version": version, "ssl_dim": SSL_DIM, **SMALL}
    return configuration(folder, model, **{"lora_rank": RANK, "learning_rate": 1e-2, **train})


def write_base(version: str, place_of: str | None = None) -> Path:
    """A tiny base model in the published place (of ``place_of``)."""
    torch.manual_seed(0)
    config = raw(Path("/none"), version)
    network = SynthesizerTrnV3(513, 10, **config["model"])
    codebook = network.quantizer.codebook
    codebook.set_entries(torch.randn_like(codebook.embed))
    path = published.place(published.S2G[place_of or version])
    save_s2(path, network.state_dict(), config, "base", version)
    return path


def run(folder: Path, version: str = "v3", clips: int = 3, **train: Any) -> Path:
    if not (folder / "exp").exists():
        write_clips(folder / "exp", clips, SSL_DIM)
    if not published.place(published.S2G[version]).exists():
        write_base(version)
    path = s2_train_v3_lora.train(parse_settings(raw(folder, version, **train), REPO), REPO)
    assert path is not None
    return path


def state(folder: Path, version: str = "v3") -> dict[str, Any]:
    return torch.load(folder / "exp" / f"logs_s2_{version}_lora_{RANK}" / STATE, weights_only=True)


def test_training_lowers_the_loss_of_one_clip(tmp_path: Path, losses: Losses) -> None:
    run(tmp_path, clips=1, batch_size=4, max_steps=60)
    values = [entry["g/total"] for entry in losses]
    assert len(values) == 60 and np.isfinite(values).all()
    assert np.mean(values[-15:]) < 0.8 * np.mean(values[:10])


@pytest.mark.parametrize("version", ["v3", "v4", "v5turbo"])
def test_a_resumed_run_ends_in_the_same_state(tmp_path: Path, losses: Losses, version: str) -> None:
    options: dict[str, Any] = {"ema_decay": 0.9}
    run(tmp_path / "whole", version, max_steps=4, **options)
    for steps in (2, 4):
        run(tmp_path / "parts", version, max_steps=steps, **options)
    assert [entry["step"] for entry in losses] == [1, 2, 3, 4] * 2
    whole, parts = (state(tmp_path / name, version) for name in ("whole", "parts"))
    assert whole["step"] == parts["step"] == 4 and len(list((tmp_path / "parts" / "exp").glob("logs_s2*/*"))) == 1
    for kept in (lambda s: s["model"], lambda s: s["ema"]["weights"]):
        for name, tensor in kept(whole).items():
            torch.testing.assert_close(kept(parts)[name], tensor, msg=name)
    moments = [s["optimizer"]["state"] for s in (whole, parts)]
    for number, slots in moments[0].items():
        torch.testing.assert_close(moments[1][number], slots)


def test_only_what_an_adapter_holds_changes(tmp_path: Path, losses: Losses) -> None:
    run(tmp_path, max_steps=2)
    base = load_sovits_new(published.place(published.S2G["v3"]))["weight"]
    model = state(tmp_path)["model"]
    assert {name.split(".")[0] for name in model} == {"ref_enc", "quantizer", "bridge", "wns1", "linear_mel", "cfm"}
    assert all("lora_" in name or "inv_freq" in name for name in model if name.startswith("cfm."))
    shared = [name for name in model if name in base]
    changed = {name.split(".")[0] for name in shared if not torch.equal(model[name], base[name].float())}
    assert changed == {"ref_enc", "bridge", "wns1"}
    assert all(tensor.any() for name, tensor in model.items() if "lora_B" in name)


def mel_of(network: SynthesizerTrnV3) -> torch.Tensor:
    """The mel that a network makes of fixed tokens, phones, reference and noise."""
    draw = torch.Generator().manual_seed(5)
    codes, phones = torch.arange(12)[None, None], torch.arange(1, 8)[None]
    feature, _ = network.decode_encp(codes, phones, torch.rand(1, 513, 30, generator=draw))
    return network.cfm.inference(feature, torch.randn(1, 100, 5, generator=draw), 3, generator=draw)


@pytest.mark.parametrize(("version", "header"), [("v3", b"03"), ("v4", b"04"), ("v5dev", b"07"), ("v5turbo", b"08")])
def test_the_file_is_public_and_merged_it_sounds_as_trained(
    tmp_path: Path, losses: Losses, version: str, header: bytes
) -> None:
    path = run(tmp_path, version, max_steps=5)
    assert path.name == f"voice_e1_s5_l{RANK}.pth" and path.read_bytes()[:2] == header
    assert get_sovits_version_from_path_fast(path) == ("v2", version, True)
    assert load_sovits_new(path)["lora_rank"] == RANK
    live = load_base(parse_settings(raw(tmp_path, version), REPO), SSL_DIM, REPO)
    add_adapter(live, RANK)
    live.load_state_dict({**live.state_dict(), **state(tmp_path, version)["model"]})
    trained = mel_of(live.eval())
    merged = mel_of(load_vits(path, Placement())[0])
    base = mel_of(load_vits(published.place(published.S2G[version]), Placement())[0])
    for name, parameter in live.named_parameters():
        if "lora_B" in name:
            torch.nn.init.zeros_(parameter)
    without = mel_of(live)
    rounding = (merged - trained).abs().max()  # the file holds half precision
    assert rounding < 0.1 * (without - trained).abs().max()
    assert rounding < 0.1 * (base - trained).abs().max()


def test_the_adapter_speaks(
    tmp_path: Path, losses: Losses, tiny_pack: Path, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(voice_holder, "load_companions", companions)
    path = run(tmp_path, "v4", max_steps=2)
    tts = TTS(TTS_Config(pack=str(tiny_pack)))
    tts.init_vits_weights(path)
    rate, samples = speak(tts, clip)
    assert tts.configs.version == "v4" and rate == 48000 and np.abs(samples).max() > 0


def test_saving_memory_changes_no_loss(tmp_path: Path, losses: Losses) -> None:
    for name, saving in (("plain", False), ("saving", True)):
        run(tmp_path / name, max_steps=3, grad_ckpt=saving)
    totals = [entry["g/total"] for entry in losses]
    assert totals[3:] == pytest.approx(totals[:3], rel=1e-4)


@pytest.mark.parametrize("version", ["v3", "v5dev"])
def test_names_and_shapes_are_those_of_public_adapters(version: str) -> None:
    golden = json.loads((REPO / "tests" / "golden" / "checkpoints.json").read_text(encoding="utf-8"))["tensors"]
    preset = json.loads((REPO / "GPT_SoVITS" / "configs" / VERSIONS[version].recipe).read_text(encoding="utf-8"))
    with torch.device("meta"):
        network = SynthesizerTrnV3(1025, 32, **preset["model"])
        add_adapter(network, 32)
    made = public_names(trained_tensors(network))
    assert {name: list(tensor.shape) for name, tensor in made.items()} == {
        name: shape for name, shape, *_ in golden["s2_v3_v4_lora_rank32"]
    }
    assert sum(name.startswith(WRAPPER) and name.endswith(UP) for name in made) == 88


def test_a_base_model_that_will_not_do_is_named(tmp_path: Path, losses: Losses) -> None:
    settings = parse_settings(raw(tmp_path, "v3"), REPO)
    write_clips(tmp_path / "exp", 2, SSL_DIM)
    with pytest.raises(CheckpointError, match="s2Gv3.pth does not exist.*python tools/download.py v3"):
        s2_train_v3_lora.train(settings, REPO)
    write_base("v4", place_of="v3")
    with pytest.raises(CheckpointError, match="is a v4 model; expected the whole v3 base model"):
        s2_train_v3_lora.train(settings, REPO)
    with pytest.raises(ConfigError, match="v2 is not trained by s2_train_v3_lora.py.*s2_train.py"):
        s2_train_v3_lora.train(parse_settings(configuration(tmp_path), REPO), REPO)


def test_a_state_of_something_else_is_refused(tmp_path: Path, losses: Losses) -> None:
    run(tmp_path, max_steps=1)
    folder = tmp_path / "exp" / f"logs_s2_v3_lora_{RANK}"
    folder.rename(folder.with_name("logs_s2_v3_lora_2"))
    with pytest.raises(CheckpointError, match="does not fit the configuration"):
        run(tmp_path, max_steps=2, lora_rank=2)


def test_a_missing_package_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "peft", None)
    with torch.device("meta"):
        network = SynthesizerTrnV3(513, 10, **raw(Path("/none"), "v3")["model"])
    with pytest.raises(MissingDependencyError, match=r"needs peft.*\[train\]"):
        add_adapter(network, RANK)
