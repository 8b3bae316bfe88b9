"""Prior encoder (semantic tokens and phones -> distribution of z) and posterior encoder (spectrogram -> z)."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from module.attentions import CrossAttention, Encoder, pointwise
from module.commons import sequence_mask
from module.model_config import SynthesizerConfig
from module.wavenet import WaveNet

WN_KERNEL = 5


class Prior(NamedTuple):
    """Output of the prior encoder: features y, mean m and log-scale logs [B, C, T_spec], mask [B, 1, T_spec]."""

    y: Tensor
    m: Tensor
    logs: Tensor
    mask: Tensor


class TextAttention(nn.Module):
    """Public name ``mrte``: semantic frames look at the phones; the style vector is added on the way."""

    def __init__(self, channels: int, width: int, n_heads: int) -> None:
        super().__init__()
        self.cross_attention = CrossAttention(width, n_heads)
        self.c_pre = nn.Conv1d(channels, width, 1)
        self.text_pre = nn.Conv1d(channels, width, 1)
        self.c_post = nn.Conv1d(width, channels, 1)

    def forward(self, x: Tensor, text: Tensor, text_mask: Tensor, style: Tensor) -> Tensor:
        """x [B, C, T], text [B, C, T_ph], text_mask bool [B, T_ph], style [B, width, 1] -> [B, C, T]."""
        frames = pointwise(x.transpose(1, 2), self.c_pre)
        phones = pointwise(text.transpose(1, 2), self.text_pre)
        mixed = self.cross_attention(frames, phones, text_mask) + frames + style.transpose(1, 2)
        return pointwise(mixed, self.c_post).transpose(1, 2)

    def looks(self, x: Tensor, text: Tensor, text_mask: Tensor) -> Tensor:
        """Where each head looks; arguments as :meth:`forward` -> log-probabilities [B, H, T, T_ph]."""
        frames = pointwise(x.transpose(1, 2), self.c_pre)
        phones = pointwise(text.transpose(1, 2), self.text_pre)
        heads = range(self.cross_attention.n_heads)
        return torch.stack([self.cross_attention.weights(frames, phones, text_mask, head) for head in heads], dim=1)


class PriorEncoder(nn.Module):
    """Public name ``enc_p``: quantised semantic vectors and phones -> mean and log-scale of the latent."""

    def __init__(self, config: SynthesizerConfig) -> None:
        super().__init__()
        hidden = config.hidden_channels

        def encoder(n_layers: int) -> Encoder:
            return Encoder(
                hidden, config.filter_channels, config.n_heads, n_layers, config.kernel_size, config.p_dropout
            )

        self.ssl_proj = nn.Conv1d(config.ssl_dim, hidden, 1)
        self.encoder_ssl = encoder(config.n_layers // 2)
        self.encoder_text = encoder(config.n_layers)
        self.text_embedding = nn.Embedding(config.spec.symbol_count, hidden)
        self.mrte = TextAttention(hidden, config.prior_style_channels, config.attention_heads)
        self.encoder2 = encoder(config.n_layers // 2)
        self.proj = nn.Conv1d(hidden, 2 * config.inter_channels, 1)

    def forward(
        self,
        y: Tensor,
        y_lengths: Tensor,
        text: Tensor,
        text_lengths: Tensor,
        style: Tensor,
        speed: float = 1.0,
        phones: Tensor | None = None,
    ) -> Prior:
        """y [B, ssl_dim, T_spec], text ids [B, T_ph], lengths [B], style [B, width, 1].

        A speed other than 1 resizes to int(T_spec / speed) + 1 frames before the last projection. ``phones``
        [B, C, T_ph] is what :meth:`encode_text` gave for the same text, where it is known.
        """
        mask = sequence_mask(y_lengths, y.size(2))[:, None].to(y.dtype)
        y = self.encoder_ssl(self.ssl_proj(y), mask)
        text_valid = sequence_mask(text_lengths, text.size(1))
        if phones is None:
            phones = self.encode_text(text, text_valid)
        y = self.encoder2(self.mrte(y, phones, text_valid, style), mask)
        if speed != 1:
            size = int(y.size(2) / speed) + 1
            y = F.interpolate(y, size=size, mode="linear")
            mask = F.interpolate(mask, size=size, mode="nearest")
        m, logs = (self.proj(y) * mask).chunk(2, dim=1)
        return Prior(y, m, logs, mask)

    def looks(self, y: Tensor, text: Tensor) -> Tensor:
        """At which phones the frames look: y [B, ssl_dim, T_spec], text ids [B, T_ph], all of them real.

        Returns log-probabilities [B, H, T_spec, T_ph], by head of the text attention.
        """
        y = self.encoder_ssl(self.ssl_proj(y), torch.ones_like(y[:, :1]))
        valid = torch.ones_like(text, dtype=torch.bool)
        return self.mrte.looks(y, self.encode_text(text, valid), valid)

    def encode_text(self, text: Tensor, valid: Tensor) -> Tensor:
        """Phone ids [B, T_ph], True where they are real -> [B, C, T_ph]; does not depend on the tokens."""
        embedded = self.text_embedding(text).transpose(1, 2)
        return self.encoder_text(embedded, valid[:, None].to(embedded.dtype))


class PosteriorEncoder(nn.Module):
    """Public name ``enc_q``: linear spectrogram -> latent; only training needs it."""

    def __init__(self, spec_channels: int, config: SynthesizerConfig) -> None:
        super().__init__()
        hidden = config.hidden_channels
        self.pre = nn.Conv1d(spec_channels, hidden, 1)
        self.enc = WaveNet(hidden, WN_KERNEL, config.posterior_layers, config.gin_channels)
        self.proj = nn.Conv1d(hidden, 2 * config.inter_channels, 1)

    def forward(self, x: Tensor, mask: Tensor, g: Tensor) -> tuple[Tensor, Tensor]:
        """x [B, spec_channels, T_spec], mask [B, 1, T_spec], g [B, gin, 1] -> mean and log-scale [B, C, T_spec].

        The style vector gets no gradient from here.
        """
        hidden = self.enc(self.pre(x) * mask, mask, g.detach())
        m, logs = (self.proj(hidden) * mask).chunk(2, dim=1)
        return m, logs


def sample(m: Tensor, logs: Tensor, noise: Tensor | float) -> Tensor:
    """m + noise * exp(logs): a draw of the Gaussian for standard normal ``noise``."""
    return m + noise * torch.exp(logs)
