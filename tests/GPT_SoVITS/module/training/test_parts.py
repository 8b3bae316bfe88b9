"""STFT loss, weight average, channels-last convolutions and training states."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import torch
from torch import nn

from errors import CheckpointError
from module.training.channels_last import use_channels_last
from module.training.ema import WeightAverage
from module.training.states import LATEST, newest_pair, save_pair
from module.training.stft_loss import MultiResolutionSTFTLoss


def test_stft_loss_is_zero_for_equal_signals_and_grows_with_the_difference() -> None:
    torch.manual_seed(0)
    loss, wav = MultiResolutionSTFTLoss(), torch.randn(2, 1, 4000)
    noise = torch.randn_like(wav)
    assert loss(wav, wav).item() == pytest.approx(0.0, abs=1e-6)
    assert loss(wav + 0.1 * noise, wav) < loss(wav + 0.5 * noise, wav)


def test_stft_loss_has_finite_gradients_for_silence() -> None:
    guess = torch.zeros(1, 1, 4000, requires_grad=True)
    MultiResolutionSTFTLoss()(guess, torch.randn(1, 1, 4000)).backward()
    assert guess.grad is not None and bool(torch.isfinite(guess.grad).all())


def test_average_follows_trainable_weights_only() -> None:
    layer = nn.Linear(2, 2)
    layer.bias.requires_grad_(False)
    average = WeightAverage(layer, 0.9)
    start = layer.weight.detach().clone()
    with torch.no_grad():
        layer.weight.add_(1.0)
    average.update()
    assert set(average.weights) == {"weight"}
    assert torch.allclose(average.weights["weight"], start + 1 - 2 / 11)
    applied = average.applied_to(layer.state_dict())
    assert torch.equal(applied["bias"], layer.bias) and not torch.equal(applied["weight"], layer.weight)
    restored = WeightAverage(nn.Linear(2, 2).requires_grad_(True), 0.9)
    restored.weights.pop("bias")
    restored.load_state_dict(average.state_dict())
    assert torch.equal(restored.weights["weight"], average.weights["weight"]) and restored.updates == 1


class _Net(nn.Module):
    """A residual stack that adds in place, as the generator does."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv1d(3, 16, 5, stride=2, padding=2)
        self.inner = nn.Conv1d(16, 16, 3, padding=3, dilation=3)
        self.up = nn.ConvTranspose1d(16, 8, 7, 4, padding=2, output_padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.first(x)
        return self.up(self.inner(torch.relu(x)).add_(x))


def test_channels_last_gives_the_same_values_and_gradients() -> None:
    torch.manual_seed(0)
    plain = _Net()
    fast = copy.deepcopy(plain)
    assert use_channels_last(fast) == 3
    x, y = (torch.linspace(-1, 1, 2 * 3 * 40).view(2, 3, 40).requires_grad_() for _ in range(2))
    a, b = plain(x), fast(y)
    assert torch.allclose(a, b, atol=1e-6)
    a.square().sum().backward()
    b.square().sum().backward()
    assert x.grad is not None and y.grad is not None and torch.allclose(x.grad, y.grad, atol=1e-5)
    for p, q in zip(plain.parameters(), fast.parameters(), strict=True):
        assert p.grad is not None and q.grad is not None and torch.allclose(p.grad, q.grad, rtol=1e-4, atol=1e-4)
    assert fast.state_dict().keys() == plain.state_dict().keys()


def state(step: int) -> dict[str, object]:
    return {"model": {"w": torch.ones(2)}, "iteration": 1, "optimizer": {}, "learning_rate": 1e-4, "step": step}


def test_only_the_latest_pair_is_kept(tmp_path: Path) -> None:
    for step in (1, 2):
        save_pair(tmp_path, step, True, state(step), state(step))
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"D_{LATEST}.pth", f"G_{LATEST}.pth"]
    pair = newest_pair(tmp_path)
    assert pair is not None and pair[0]["step"] == pair[1]["step"] == 2


def test_a_damaged_pair_gives_way_to_the_one_before(tmp_path: Path) -> None:
    for step in (1, 2):
        save_pair(tmp_path, step, False, state(step), state(step))
    (tmp_path / "D_2.pth").write_bytes(b"PK torn")
    pair = newest_pair(tmp_path)
    assert pair is not None and pair[0]["step"] == 1


def test_no_readable_pair_is_an_error_and_no_pair_is_a_fresh_start(tmp_path: Path) -> None:
    assert newest_pair(tmp_path / "none") is None
    save_pair(tmp_path, 1, True, state(1), state(1))
    (tmp_path / f"G_{LATEST}.pth").write_bytes(b"PK torn")
    with pytest.raises(CheckpointError, match="G_233333333333"):
        newest_pair(tmp_path)
