"""Transformer encoder with windowed relative positions, and the attention that lets semantic frames look at phones.

Relative positions after Shaw et al. 2018: learned vectors for distances -4..4, shared by the heads, added to keys and
values; farther pairs have none. Weights of 1x1 convolutions keep the public [out, in, 1] shape but run as linear maps
on [B, T, C], so that layer norms need no transposing.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from module.commons import same_padding

WINDOW = 4


def pointwise(x: Tensor, conv: nn.Conv1d) -> Tensor:
    """Apply a kernel-1 convolution to x [B, T, C_in] -> [B, T, C_out]."""
    return F.linear(x, conv.weight.squeeze(-1), conv.bias)


def split_heads(x: Tensor, n_heads: int) -> Tensor:
    """[B, T, C] -> [B, H, T, C/H]."""
    return x.unflatten(2, (n_heads, -1)).transpose(1, 2)


def join_heads(x: Tensor) -> Tensor:
    """[B, H, T, D] -> [B, T, H*D]."""
    return x.transpose(1, 2).flatten(2)


def band_to_full(band: Tensor) -> Tensor:
    """Values by distance [..., T, 2w+1] -> matrix [..., T, T] that is zero outside the band.

    Row i of the padded matrix starts one place later than row i-1 when rows are one longer than they are read.
    """
    length, width = band.shape[-2:]
    half = width // 2
    flat = F.pad(band, (0, length)).flatten(-2)[..., : length * (length + width - 1)]
    return flat.unflatten(-1, (length, length + width - 1))[..., half : half + length]


def full_to_band(full: Tensor, width: int) -> Tensor:
    """The inverse reading: matrix [..., T, T] -> values by distance [..., T, width], zero outside the matrix."""
    length = full.size(-1)
    half = width // 2
    flat = F.pad(F.pad(full, (half, half)).flatten(-2), (0, length))
    return flat.unflatten(-1, (length, length + width))[..., :width]


class _Projections(nn.Module):
    """Query, key, value and output maps under the public names."""

    def __init__(self, channels: int, n_heads: int) -> None:
        super().__init__()
        self.n_heads = n_heads
        self.conv_q = nn.Conv1d(channels, channels, 1)
        self.conv_k = nn.Conv1d(channels, channels, 1)
        self.conv_v = nn.Conv1d(channels, channels, 1)
        self.conv_o = nn.Conv1d(channels, channels, 1)
        for conv in (self.conv_q, self.conv_k, self.conv_v):
            nn.init.xavier_uniform_(conv.weight)


class RelativeSelfAttention(_Projections):
    """Self-attention over [B, T, C] with relative positions inside a window."""

    def __init__(self, channels: int, n_heads: int, p_dropout: float) -> None:
        super().__init__(channels, n_heads)
        head = channels // n_heads
        self.emb_rel_k = nn.Parameter(torch.randn(1, 2 * WINDOW + 1, head) * head**-0.5)
        self.emb_rel_v = nn.Parameter(torch.randn(1, 2 * WINDOW + 1, head) * head**-0.5)
        self.drop = nn.Dropout(p_dropout)

    def forward(self, x: Tensor, bias: Tensor) -> Tensor:
        """x [B, T, C], bias [B, 1, 1, T] (0 for keys to see, very negative for others) -> [B, T, C]."""
        q = split_heads(pointwise(x, self.conv_q), self.n_heads)
        k = split_heads(pointwise(x, self.conv_k), self.n_heads)
        v = split_heads(pointwise(x, self.conv_v), self.n_heads)
        q = q * (1.0 / math.sqrt(q.size(-1)))
        scores = q @ k.transpose(-2, -1) + bias
        scores = scores + band_to_full(q @ self.emb_rel_k[0].T)
        weights = self.drop(torch.softmax(scores, dim=-1))
        out = weights @ v + full_to_band(weights, 2 * WINDOW + 1) @ self.emb_rel_v[0]
        return pointwise(join_heads(out), self.conv_o)


class CrossAttention(_Projections):
    """Attention of one sequence to another, without positions."""

    def forward(self, x: Tensor, context: Tensor, context_mask: Tensor) -> Tensor:
        """x [B, T, C], context [B, T_ph, C], context_mask bool [B, T_ph] -> [B, T, C]."""
        q = split_heads(pointwise(x, self.conv_q), self.n_heads)
        k = split_heads(pointwise(context, self.conv_k), self.n_heads)
        v = split_heads(pointwise(context, self.conv_v), self.n_heads)
        out = F.scaled_dot_product_attention(q, k, v, attn_mask=context_mask[:, None, None, :])
        return pointwise(join_heads(out), self.conv_o)

    def weights(self, x: Tensor, context: Tensor, context_mask: Tensor, head: int = 0) -> Tensor:
        """Where one head looks; arguments as :meth:`forward` -> log-probabilities [B, T, T_ph]."""
        q = split_heads(pointwise(x, self.conv_q), self.n_heads)[:, head]
        k = split_heads(pointwise(context, self.conv_k), self.n_heads)[:, head]
        scores = q @ k.transpose(-2, -1) * (q.size(-1) ** -0.5)
        return torch.log_softmax(scores.masked_fill(~context_mask[:, None], -1e4).float(), dim=-1)


class ChannelNorm(nn.Module):
    """Layer norm over the last dimension with the public names gamma and beta."""

    def __init__(self, channels: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(channels))
        self.beta = nn.Parameter(torch.zeros(channels))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        """x [B, T, C] -> [B, T, C]."""
        return F.layer_norm(x, self.gamma.shape, self.gamma, self.beta, self.eps)


class FeedForward(nn.Module):
    """Two convolutions over time with a ReLU between."""

    def __init__(self, channels: int, filter_channels: int, kernel_size: int, p_dropout: float) -> None:
        super().__init__()
        padding = same_padding(kernel_size)
        self.conv_1 = nn.Conv1d(channels, filter_channels, kernel_size, padding=padding)
        self.conv_2 = nn.Conv1d(filter_channels, channels, kernel_size, padding=padding)
        self.drop = nn.Dropout(p_dropout)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """x [B, T, C], mask [B, T, 1] -> [B, T, C]."""
        frames = (x * mask).transpose(1, 2)
        frames = self.drop(torch.relu_(self.conv_1(frames))) * mask.transpose(1, 2)
        return self.conv_2(frames).transpose(1, 2) * mask


class Encoder(nn.Module):
    """Post-norm transformer encoder over channel-first sequences."""

    def __init__(
        self, channels: int, filter_channels: int, n_heads: int, n_layers: int, kernel_size: int, p_dropout: float
    ) -> None:
        super().__init__()
        layers = range(n_layers)
        self.attn_layers = nn.ModuleList(RelativeSelfAttention(channels, n_heads, p_dropout) for _ in layers)
        self.norm_layers_1 = nn.ModuleList(ChannelNorm(channels) for _ in layers)
        self.ffn_layers = nn.ModuleList(FeedForward(channels, filter_channels, kernel_size, p_dropout) for _ in layers)
        self.norm_layers_2 = nn.ModuleList(ChannelNorm(channels) for _ in layers)
        self.drop = nn.Dropout(p_dropout)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """x [B, C, T], mask [B, 1, T] of 0 and 1 -> [B, C, T], zero where the mask is."""
        frames, mask_t = (x * mask).transpose(1, 2).contiguous(), mask.transpose(1, 2)
        bias = (mask[:, None] - 1.0) * 1e4
        for attend, norm1, feed, norm2 in zip(
            self.attn_layers, self.norm_layers_1, self.ffn_layers, self.norm_layers_2, strict=True
        ):
            frames = norm1(frames + self.drop(attend(frames, bias)))
            frames = norm2(frames + self.drop(feed(frames, mask_t)))
        return frames.transpose(1, 2) * mask
