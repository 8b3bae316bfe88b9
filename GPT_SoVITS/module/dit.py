"""Diffusion transformer that predicts the velocity of a mel spectrogram on its way from noise.

After Peebles & Xie 2023 (adaptive layer norm) and F5-TTS (Chen et al. 2024) in its text block; layer names follow the
published weights. Rotary positions are applied before the heads are split, to the first head's channels only: the
weights were trained so.

Shapes: B batch, T mel frames, M mel bands, C channels, E the width of time embeddings.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from module.model_config import DiTConfig

ROTARY_BASE = 10000.0
TIME_CHANNELS = 256
TIME_SCALE = 1000.0
POSITION_KERNEL, POSITION_GROUPS = 31, 16
NORM_EPS = 1e-6


class TimestepEmbedding(nn.Module):
    """A number in 0..1 per item -> vector: sines, cosines, two linear layers."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.time_mlp = nn.Sequential(nn.Linear(TIME_CHANNELS, dim), nn.SiLU(), nn.Linear(dim, dim))

    def forward(self, t: Tensor) -> Tensor:
        """t [B] -> [B, E]."""
        half = TIME_CHANNELS // 2
        rates = torch.exp(torch.arange(half, device=t.device).float() * -(math.log(ROTARY_BASE) / (half - 1)))
        angles = TIME_SCALE * t.float()[:, None] * rates
        waves = torch.cat((angles.sin(), angles.cos()), dim=-1)
        return self.time_mlp(waves.to(next(self.parameters()).dtype))


class ResponseNorm(nn.Module):
    """Global response norm of ConvNeXt V2, the response taken over time."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.zeros(1, 1, channels))
        self.beta = nn.Parameter(torch.zeros(1, 1, channels))

    def forward(self, x: Tensor) -> Tensor:
        """x [B, T, C] -> [B, T, C]."""
        strength = x.norm(p=2, dim=1, keepdim=True)
        relative = strength / (strength.mean(dim=-1, keepdim=True) + 1e-6)
        return self.gamma * (x * relative) + self.beta + x


class TextBlock(nn.Module):
    """ConvNeXt-V2 block over the condition feature."""

    def __init__(self, dim: int, inner: int) -> None:
        super().__init__()
        self.dwconv = nn.Conv1d(dim, dim, 7, padding=3, groups=dim)
        self.norm = nn.LayerNorm(dim, eps=NORM_EPS)
        self.pwconv1 = nn.Linear(dim, inner)
        self.grn = ResponseNorm(inner)
        self.pwconv2 = nn.Linear(inner, dim)

    def forward(self, x: Tensor) -> Tensor:
        """x [B, T, C] -> [B, T, C]."""
        inner = self.norm(self.dwconv(x.transpose(1, 2)).transpose(1, 2))
        return x + self.pwconv2(self.grn(F.gelu(self.pwconv1(inner))))


class TextEmbedding(nn.Module):
    """Public name ``text_embed``: adds positions (cosine half, sine half) to the condition feature, then mixes it."""

    def __init__(self, dim: int, layers: int) -> None:
        super().__init__()
        self.text_blocks = nn.Sequential(*(TextBlock(dim, 2 * dim) for _ in range(layers)))

    def forward(self, x: Tensor) -> Tensor:
        """x [B, T, text_dim] -> [B, T, text_dim]."""
        rates = ROTARY_BASE ** -(torch.arange(0, x.size(2), 2, device=x.device).float() / x.size(2))
        angles = torch.arange(x.size(1), device=x.device)[:, None] * rates
        return self.text_blocks(x + torch.cat((angles.cos(), angles.sin()), dim=-1).to(x.dtype))


class PositionEmbedding(nn.Module):
    """Two grouped convolutions over time."""

    def __init__(self, dim: int) -> None:
        super().__init__()

        def conv() -> nn.Conv1d:
            return nn.Conv1d(dim, dim, POSITION_KERNEL, padding=POSITION_KERNEL // 2, groups=POSITION_GROUPS)

        self.conv1d = nn.Sequential(conv(), nn.Mish(), conv(), nn.Mish())

    def forward(self, x: Tensor) -> Tensor:
        """x [B, T, C] -> [B, T, C]."""
        return self.conv1d(x.transpose(1, 2)).transpose(1, 2)


class InputEmbedding(nn.Module):
    """Public name ``input_embed``: state, prompt and text side by side -> the transformer's width."""

    def __init__(self, config: DiTConfig) -> None:
        super().__init__()
        self.proj = nn.Linear(2 * config.mel + config.text_dim, config.dim)
        self.conv_pos_embed = PositionEmbedding(config.dim)

    def forward(self, state: Tensor, prompt: Tensor, text: Tensor) -> Tensor:
        """state and prompt [B, T, M], text [B, T, text_dim] -> [B, T, C]."""
        x = self.proj(torch.cat((state, prompt, text), dim=-1))
        return self.conv_pos_embed(x) + x


class Rotary(nn.Module):
    """Public name ``rotary_embed``: holds the frequencies."""

    inv_freq: Tensor

    def __init__(self, head_dim: int) -> None:
        super().__init__()
        self.register_buffer("inv_freq", ROTARY_BASE ** -(torch.arange(0, head_dim, 2).float() / head_dim))

    def forward(self, length: int) -> tuple[Tensor, Tensor]:
        """Cosines and sines [T, head_dim / 2] in single precision."""
        angles = torch.arange(length, device=self.inv_freq.device).float()[:, None] * self.inv_freq.float()
        return angles.cos(), angles.sin()


def rotate_first_head(x: Tensor, waves: tuple[Tensor, Tensor]) -> Tensor:
    """Rotate the pairs (2i, 2i + 1) of the first 2 * pairs channels of x [B, T, C]; the rest stays."""
    cos, sin = waves
    even, odd = x[..., : 2 * cos.size(-1)].float().unflatten(-1, (-1, 2)).unbind(-1)
    turned = torch.stack((even * cos - odd * sin, even * sin + odd * cos), dim=-1).flatten(-2)
    return torch.cat((turned.to(x.dtype), x[..., 2 * cos.size(-1) :]), dim=-1)


class Attention(nn.Module):
    """Self-attention over the frames that are valid."""

    def __init__(self, config: DiTConfig) -> None:
        super().__init__()
        self.heads = config.heads
        inner = config.heads * config.head_dim
        self.to_q = nn.Linear(config.dim, inner)
        self.to_k = nn.Linear(config.dim, inner)
        self.to_v = nn.Linear(config.dim, inner)
        self.to_out = nn.ModuleList([nn.Linear(inner, config.dim)])

    def forward(self, x: Tensor, valid: Tensor, waves: tuple[Tensor, Tensor]) -> Tensor:
        """x [B, T, C], valid bool [B, T] -> [B, T, C], zero where not valid."""
        q, k = rotate_first_head(self.to_q(x), waves), rotate_first_head(self.to_k(x), waves)
        q, k, v = (part.unflatten(2, (self.heads, -1)).transpose(1, 2) for part in (q, k, self.to_v(x)))
        out = F.scaled_dot_product_attention(q, k, v, attn_mask=valid[:, None, None, :])
        return self.to_out[0](out.transpose(1, 2).flatten(2)) * valid[..., None]


class Modulation(nn.Module):
    """Time embedding -> ``parts`` vectors that shift, scale and gate."""

    def __init__(self, dim: int, parts: int) -> None:
        super().__init__()
        self.parts = parts
        self.linear = nn.Linear(dim, dim * parts)

    def forward(self, time: Tensor) -> tuple[Tensor, ...]:
        """time [B, E] -> ``parts`` times [B, 1, E]."""
        return self.linear(F.silu(time))[:, None].chunk(self.parts, dim=-1)


class FeedForward(nn.Module):
    """Two linear layers with a GELU (tanh form) between."""

    def __init__(self, dim: int, mult: int) -> None:
        super().__init__()
        first = nn.Sequential(nn.Linear(dim, dim * mult), nn.GELU(approximate="tanh"))
        self.ff = nn.Sequential(first, nn.Identity(), nn.Linear(dim * mult, dim))

    def forward(self, x: Tensor) -> Tensor:
        """x [B, T, C] -> [B, T, C]."""
        return self.ff(x)


def _norm(x: Tensor) -> Tensor:
    return F.layer_norm(x, (x.size(-1),), eps=NORM_EPS)


class DiTBlock(nn.Module):
    """Attention and feed-forward, each shifted, scaled and gated by the time."""

    def __init__(self, config: DiTConfig) -> None:
        super().__init__()
        self.attn_norm = Modulation(config.dim, 6)
        self.attn = Attention(config)
        self.ff = FeedForward(config.dim, config.ff_mult)

    def forward(self, x: Tensor, time: Tensor, valid: Tensor, waves: tuple[Tensor, Tensor]) -> Tensor:
        """x [B, T, C], time [B, E], valid bool [B, T] -> [B, T, C]."""
        shift_a, scale_a, gate_a, shift_f, scale_f, gate_f = self.attn_norm(time)
        x = x + gate_a * self.attn(_norm(x) * (1 + scale_a) + shift_a, valid, waves)
        return x + gate_f * self.ff(_norm(x) * (1 + scale_f) + shift_f)


class DiT(nn.Module):
    """Public name ``cfm.estimator``: state, prompt, condition and time -> velocity.

    Args:
        config: sizes.
        step_embedding: the network is told how long its steps are.
    """

    def __init__(self, config: DiTConfig, step_embedding: bool = True) -> None:
        super().__init__()
        self.config = config
        self.time_embed = TimestepEmbedding(config.dim)
        self.d_embed = TimestepEmbedding(config.dim) if step_embedding else None
        self.text_embed = TextEmbedding(config.text_dim, config.conv_layers)
        self.input_embed = InputEmbedding(config)
        self.rotary_embed = Rotary(config.head_dim)
        self.transformer_blocks = nn.ModuleList(DiTBlock(config) for _ in range(config.depth))
        self.norm_out = Modulation(config.dim, 2)
        self.proj_out = nn.Linear(config.dim, config.mel)

    def embed_text(self, mu: Tensor) -> Tensor:
        """Condition feature [B, text_dim, T] -> [B, T, text_dim]; the same for every step, so compute it once."""
        return self.text_embed(mu.transpose(1, 2))

    def embed_time(self, t: Tensor, step: Tensor) -> Tensor:
        """Time and step size [B], both in 0..1 -> [B, E]; a network without step sizes does not read ``step``."""
        return self.time_embed(t) if self.d_embed is None else self.time_embed(t) + self.d_embed(step)

    def forward(self, state: Tensor, prompt: Tensor, text: Tensor, time: Tensor, valid: Tensor) -> Tensor:
        """Velocity of the state.

        Args:
            state: mel on its way [B, M, T].
            prompt: known mel, zero where not known [B, M, T].
            text: :meth:`embed_text` [B, T, text_dim].
            time: :meth:`embed_time` [B, E].
            valid: bool [B, T].

        Returns:
            [B, M, T].
        """
        x = self.input_embed(state.transpose(1, 2), prompt.transpose(1, 2), text)
        waves = self.rotary_embed(x.size(1))
        for block in self.transformer_blocks:
            x = block(x, time, valid, waves)
        scale, shift = self.norm_out(time)
        return self.proj_out(_norm(x) * (1 + scale) + shift).transpose(1, 2)
