"""Style encoder: a reference spectrogram becomes one vector of timbre (after Meta-StyleSpeech, Min et al. 2021)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from module.attentions import join_heads, split_heads
from module.commons import same_padding

N_HEADS = 2


class _Named(nn.Module):
    """Holds one layer under the name the public weights give it."""

    def __init__(self, name: str, layer: nn.Module) -> None:
        super().__init__()
        self.add_module(name, layer)
        self._name = name

    def forward(self, x: Tensor) -> Tensor:
        """Whatever the held layer takes and gives."""
        return getattr(self, self._name)(x)


def _linear(in_channels: int, out_channels: int) -> _Named:
    return _Named("fc", nn.Linear(in_channels, out_channels))


class GatedConv(nn.Module):
    """Residual convolution with a gated linear unit, [B, C, T] -> [B, C, T]."""

    def __init__(self, channels: int, kernel_size: int, p_dropout: float) -> None:
        super().__init__()
        conv = nn.Conv1d(channels, 2 * channels, kernel_size, padding=same_padding(kernel_size))
        self.conv1 = _Named("conv", conv)
        self.drop = nn.Dropout(p_dropout)

    def forward(self, x: Tensor) -> Tensor:
        """x [B, C, T] -> [B, C, T]."""
        return x + self.drop(F.glu(self.conv1(x), dim=1))


class StyleAttention(nn.Module):
    """Self-attention with a residual; scores are divided by sqrt(C), not by the root of the head size."""

    def __init__(self, channels: int, p_dropout: float) -> None:
        super().__init__()
        self.w_qs = nn.Linear(channels, channels)
        self.w_ks = nn.Linear(channels, channels)
        self.w_vs = nn.Linear(channels, channels)
        self.fc = nn.Linear(channels, channels)
        self.p_dropout = p_dropout
        self.drop = nn.Dropout(p_dropout)

    def forward(self, x: Tensor, valid: Tensor) -> Tensor:
        """x [B, T, C], valid bool [B, T] -> [B, T, C]."""
        out = F.scaled_dot_product_attention(
            split_heads(self.w_qs(x), N_HEADS),
            split_heads(self.w_ks(x), N_HEADS),
            split_heads(self.w_vs(x), N_HEADS),
            attn_mask=valid[:, None, None, :],
            dropout_p=self.p_dropout if self.training else 0.0,
            scale=x.size(-1) ** -0.5,
        )
        return self.drop(self.fc(join_heads(out))) + x


class MelStyleEncoder(nn.Module):
    """Spectrogram [B, n_bins, T_spec] -> style vector [B, out_channels, 1]."""

    def __init__(self, n_bins: int, out_channels: int, channels: int = 128, p_dropout: float = 0.1) -> None:
        super().__init__()
        self.spectral = nn.Sequential(
            _linear(n_bins, channels),
            nn.Mish(),
            nn.Dropout(p_dropout),
            _linear(channels, channels),
            nn.Mish(),
            nn.Dropout(p_dropout),
        )
        self.temporal = nn.Sequential(*(GatedConv(channels, 5, p_dropout) for _ in range(2)))
        self.slf_attn = StyleAttention(channels, p_dropout)
        self.fc = _linear(channels, out_channels)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """x [B, n_bins, T_spec], mask [B, 1, T_spec] of 0 and 1 -> [B, out_channels, 1], the mean over valid frames."""
        frames = self.spectral(x.transpose(1, 2))
        frames = self.temporal(frames.transpose(1, 2)).transpose(1, 2) * mask.transpose(1, 2)
        frames = self.slf_attn(frames, mask.squeeze(1).bool())
        # The last map is linear, so it may follow the mean: one row instead of T.
        mean = torch.einsum("btc,bt->bc", frames, mask.squeeze(1)) / mask.sum(dim=2)
        return self.fc(mean).unsqueeze(-1)
