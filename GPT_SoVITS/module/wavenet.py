"""WaveNet stack: gated convolutions with skip connections, conditioned on a style vector."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from module.commons import same_padding
from module.weight_norm import WNConv1d


class WaveNet(nn.Module):
    """Gated convolutions over [B, C, T]; every layer adds to the residual stream and to the output."""

    def __init__(
        self, channels: int, kernel_size: int, n_layers: int, gin_channels: int, p_dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.channels = channels
        self.n_layers = n_layers
        padding = same_padding(kernel_size)
        self.in_layers = nn.ModuleList(
            WNConv1d(channels, 2 * channels, kernel_size, padding=padding) for _ in range(n_layers)
        )
        # The last layer feeds the output only.
        outs = [2 * channels] * (n_layers - 1) + [channels]
        self.res_skip_layers = nn.ModuleList(WNConv1d(channels, out, 1) for out in outs)
        self.cond_layer = WNConv1d(gin_channels, 2 * channels * n_layers, 1)
        self.drop = nn.Dropout(p_dropout)

    def forward(self, x: Tensor, mask: Tensor, g: Tensor) -> Tensor:
        """x [B, C, T], mask [B, 1, T], g [B, gin, 1] -> [B, C, T], zero where the mask is."""
        conditions = self.cond_layer(g).chunk(self.n_layers, dim=1)
        output = torch.zeros_like(x)
        for condition, conv, res_skip in zip(conditions, self.in_layers, self.res_skip_layers, strict=True):
            filtered, gate = (conv(x) + condition).chunk(2, dim=1)
            acts = self.drop(torch.tanh(filtered) * torch.sigmoid(gate))
            both = res_skip(acts)
            if both.size(1) == self.channels:
                output = output + both
            else:
                residual, skip = both.chunk(2, dim=1)
                x = (x + residual) * mask
                output = output + skip
        return output * mask
