"""Normalising flow between the posterior latent z and the prior's space z_p: volume-preserving coupling steps."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from module.model_config import SynthesizerConfig
from module.wavenet import WaveNet

WN_KERNEL = 5


class CouplingLayer(nn.Module):
    """Shifts the second half of the channels by a function of the first half."""

    def __init__(self, channels: int, hidden: int, n_layers: int, gin_channels: int) -> None:
        super().__init__()
        half = channels // 2
        self.pre = nn.Conv1d(half, hidden, 1)
        self.enc = WaveNet(hidden, WN_KERNEL, n_layers, gin_channels)
        self.post = nn.Conv1d(hidden, half, 1)
        # Zero start: the untrained flow is the identity.
        nn.init.zeros_(self.post.weight)
        nn.init.zeros_(self.post.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor, mask: Tensor, g: Tensor, reverse: bool = False) -> Tensor:
        """x [B, C, T], mask [B, 1, T], g [B, gin, 1] -> [B, C, T]."""
        first, second = x.chunk(2, dim=1)
        shift = self.post(self.enc(self.pre(first) * mask, mask, g)) * mask
        second = (second - shift) * mask if reverse else second * mask + shift
        return torch.cat((first, second), dim=1)


class Flip(nn.Module):
    """Reverses the channel order; its own inverse. A module so that couplings have the public indices 0, 2, 4, 6."""

    def forward(self, x: Tensor, mask: Tensor, g: Tensor, reverse: bool = False) -> Tensor:
        """x [B, C, T] -> [B, C, T]; the other arguments are not used."""
        return x.flip(1)


class Flow(nn.Module):
    """Public name ``flow``."""

    def __init__(self, config: SynthesizerConfig) -> None:
        super().__init__()
        self.flows = nn.ModuleList()
        for _ in range(config.flow_steps):
            self.flows.append(
                CouplingLayer(config.inter_channels, config.hidden_channels, config.flow_layers, config.gin_channels)
            )
            self.flows.append(Flip())

    def forward(self, x: Tensor, mask: Tensor, g: Tensor, reverse: bool = False) -> Tensor:
        """z -> z_p, or z_p -> z with ``reverse``; x [B, C, T], mask [B, 1, T], g [B, gin, 1]."""
        for step in reversed(self.flows) if reverse else self.flows:
            x = step(x, mask, g, reverse)
        return x
