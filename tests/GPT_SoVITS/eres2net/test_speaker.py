"""Filter bank and speaker network against the reference run, and the file that holds the weights."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from eres2net.ERes2NetV2 import ERes2NetV2
from eres2net.kaldi import fbank
from errors import AudioError, CheckpointError
from sv import SV


def _close(fixture: Any, actual: torch.Tensor, name: str) -> None:
    tolerance = fixture.meta["tolerance"].get(name, {"abs": 1e-4, "rel": 1e-3})
    expected = fixture.tensor(name)
    torch.testing.assert_close(
        actual.view(expected.shape), expected, atol=tolerance["abs"], rtol=tolerance.get("rel", 0.0)
    )


@pytest.mark.golden
def test_filter_bank(golden: Callable[[str], Any]) -> None:
    fixture = golden("speaker_v2pro")
    _close(fixture, fbank(fixture.tensor("wav16k"), fixture.meta["config"]["mel_bins"]), "fbank")


@pytest.mark.golden
@torch.no_grad()
def test_network_and_weight_file(golden: Callable[[str], Any], tmp_path: Path) -> None:
    fixture = golden("speaker_v2pro")
    path = tmp_path / "sv.ckpt"
    torch.save(fixture.state_dict(fixture.meta["state_dict"]), path)
    network = SV(path)
    _close(fixture, network.compute_embedding3(fixture.tensor("wav16k")), "embedding")
    _close(fixture, network.embedding_model(fixture.tensor("fbank")[None]), "head_output")


def test_a_tiny_network_takes_any_length_and_batches_agree() -> None:
    torch.manual_seed(0)
    net = ERes2NetV2(baseWidth=16, scale=2, expansion=2, blocks=(1, 1, 1, 1), m_channels=8, embedding_size=5).eval()
    bank = fbank(torch.randn(2, 4000))
    assert bank.shape == (2, 23, 80)
    both = net.forward3(bank)
    assert both.shape == (2, 1280) and net(bank).shape == (2, 5)
    torch.testing.assert_close(both[1:], net.forward3(bank[1:]), atol=1e-5, rtol=1e-4)


def test_silence_is_finite_and_a_sliver_is_refused() -> None:
    assert fbank(torch.zeros(1, 400)).isfinite().all()
    with pytest.raises(AudioError, match="at least 400"):
        fbank(torch.zeros(1, 399))


def test_wrong_weight_files_are_named(tmp_path: Path) -> None:
    path = tmp_path / "sv.ckpt"
    with pytest.raises(CheckpointError, match="does not exist"):
        SV(path)
    torch.save({"conv1.weight": torch.zeros(64, 1, 3, 3)}, path)
    with pytest.raises(CheckpointError, match="missing"):
        SV(path)
    torch.save([1, 2], path)
    with pytest.raises(CheckpointError, match="plain state dict"):
        SV(path)
