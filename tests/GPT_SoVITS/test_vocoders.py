"""The vocoders of v3 to v5: against the reference run, at tiny sizes, and from their weight files."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import vocoders
from BigVGAN.activations import lowpass_filter
from BigVGAN.bigvgan import CONFIG_FILE, WEIGHT_FILE, BigVGAN, BigVGANConfig
from errors import CheckpointError
from module.generator import GeneratorConfig
from vocoders import HiFiGANVocoder, load_vocoder

TINY_BIGVGAN = {
    "upsample_rates": [4, 2],
    "upsample_kernel_sizes": [8, 4],
    "upsample_initial_channel": 8,
    "resblock_kernel_sizes": [3],
    "resblock_dilation_sizes": [[1, 3]],
    "num_mels": 6,
    "sampling_rate": 800,
    "hop_size": 8,
    "resblock": "1",
    "activation": "snakebeta",
    "snake_logscale": True,
    "use_tanh_at_final": False,
    "use_bias_at_final": False,
    "num_gpus": 0,
}


def _close(fixture: Any, wav: torch.Tensor) -> None:
    tolerance = fixture.meta["tolerance"]
    torch.testing.assert_close(wav, fixture.tensor("wav"), atol=tolerance["abs"], rtol=tolerance["rel"])


@pytest.mark.golden
def test_antialias_filter(golden: Callable[[str], Any]) -> None:
    torch.testing.assert_close(lowpass_filter().flatten(), golden("vocoder_v3").tensor("antialias_filter"))


@pytest.mark.golden
@pytest.mark.slow
@torch.no_grad()
def test_bigvgan(golden: Callable[[str], Any]) -> None:
    fixture = golden("vocoder_v3")
    entries = fixture.meta["state_dict"]
    with torch.device("meta"):
        net = BigVGAN(BigVGANConfig.from_mapping(fixture.meta["config"]))
    filters = [entry[0] for entry in entries if entry[0].endswith(".filter")]
    weight = fixture.state_dict(entries, fixture.meta["gain"], filters)
    weight |= dict.fromkeys(filters, fixture.tensor("antialias_filter").view(1, 1, -1))
    net.load_state_dict(weight, strict=True, assign=True)
    assert list(net.state_dict()) == [entry[0] for entry in entries]
    _close(fixture, net.decode(fixture.tensor("mel")))


@pytest.mark.golden
@pytest.mark.parametrize(("name", "vocoder"), [("vocoder_v4", "hifigan48k"), ("vocoder_v5", "hifigan48k-v5")])
def test_48k_vocoders(golden: Callable[[str], Any], tmp_path: Path, name: str, vocoder: str) -> None:
    fixture = golden(name)
    path = tmp_path / "vocoder.pth"
    torch.save(fixture.state_dict(fixture.meta["state_dict"], fixture.meta["gain"]), path)
    net = load_vocoder(vocoder, path)
    _close(fixture, net.decode(fixture.tensor("mel")))
    assert (net.sampling_rate, net.hop_length) == (48000, 480)


def _bigvgan_folder(folder: Path, **changes: Any) -> Path:
    folder.mkdir(exist_ok=True)
    values = {**TINY_BIGVGAN, **changes}
    (folder / CONFIG_FILE).write_text(json.dumps(values))
    torch.manual_seed(0)
    net = BigVGAN(BigVGANConfig.from_mapping(TINY_BIGVGAN))
    torch.save({"generator": net.state_dict()}, folder / WEIGHT_FILE)
    return folder


def test_bigvgan_folder_speaks_and_folding_changes_nothing(tmp_path: Path) -> None:
    folder = _bigvgan_folder(tmp_path / "v")
    net = load_vocoder("bigvgan", folder)
    torch.manual_seed(0)
    plain = BigVGAN(BigVGANConfig.from_mapping(TINY_BIGVGAN))
    mel = torch.randn(2, 6, 5)
    wav = net.decode(mel)
    assert wav.shape == (2, 1, 5 * net.hop_length) and net.sampling_rate == 800 and not wav.requires_grad
    torch.testing.assert_close(wav, plain.decode(mel))
    torch.testing.assert_close(wav[1:], net.decode(mel[1:]), atol=1e-6, rtol=1e-5)


def test_a_small_hifigan_keeps_its_hop() -> None:
    sizes = GeneratorConfig(6, "2", (3,), ((1,),), (4, 2), 8, (8, 4), bias_in_last=True)
    net = HiFiGANVocoder(sizes, 800)
    assert net.decode(torch.randn(1, 6, 7)).shape == (1, 1, 56) and net.hop_length == 8
    assert not any(name.endswith("weight_g") for name in net.state_dict()) and "conv_post.bias" in net.state_dict()


def test_missing_and_foreign_weights_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(
        CheckpointError, match="unknown vocoder 'tape'; expected one of bigvgan, hifigan48k, hifigan48k-v5"
    ):
        load_vocoder("tape")
    for name in vocoders.VOCODERS:
        with pytest.raises(CheckpointError, match="absent"):
            load_vocoder(name, tmp_path / "absent")
    torch.save({"generator": 3}, tmp_path / "x.pth")
    with pytest.raises(CheckpointError, match="plain state dict"):
        load_vocoder("hifigan48k", tmp_path / "x.pth")
    with pytest.raises(CheckpointError, match="another kind of BigVGAN"):
        load_vocoder("bigvgan", _bigvgan_folder(tmp_path / "tanh", use_tanh_at_final=True))
    folder = _bigvgan_folder(tmp_path / "wide", upsample_initial_channel=16)
    with pytest.raises(CheckpointError, match="of another shape"):
        load_vocoder("bigvgan", folder)
    torch.save({"weight": 1}, folder / WEIGHT_FILE)
    with pytest.raises(CheckpointError, match="holds no generator"):
        load_vocoder("bigvgan", folder)
