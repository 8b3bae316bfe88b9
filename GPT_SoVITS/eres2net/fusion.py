"""Attentional fusion of two feature maps of one shape (after Dai et al. 2021, local branch only)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

SHRINK = 4


class AFF(nn.Module):
    """Weighs two maps against each other, channel by channel and place by place."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        inner = channels // SHRINK
        self.local_att = nn.Sequential(
            nn.Conv2d(2 * channels, inner, 1),
            nn.BatchNorm2d(inner),
            nn.SiLU(),
            nn.Conv2d(inner, channels, 1),
            nn.BatchNorm2d(channels),
        )

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """x and y [B, C, F, T] -> [B, C, F, T]."""
        lean = torch.tanh(self.local_att(torch.cat((x, y), dim=1)))
        return x * (1 + lean) + y * (1 - lean)
