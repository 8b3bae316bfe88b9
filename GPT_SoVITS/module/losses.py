"""Training losses of the synthesiser: least-squares GAN, feature matching and the KL term of the VAE."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def discriminator_loss(
    real: Sequence[Tensor], generated: Sequence[Tensor]
) -> tuple[Tensor, list[Tensor], list[Tensor]]:
    """Least squares (Mao et al. 2017): real scores to 1, generated to 0 -> (sum, real parts, generated parts)."""
    parts_real = [((1.0 - score.float()) ** 2).mean() for score in real]
    parts_generated = [(score.float() ** 2).mean() for score in generated]
    return torch.stack(parts_real + parts_generated).sum(), parts_real, parts_generated


def generator_loss(generated: Sequence[Tensor]) -> tuple[Tensor, list[Tensor]]:
    """Generated scores to 1 -> (sum, parts)."""
    parts = [((1.0 - score.float()) ** 2).mean() for score in generated]
    return torch.stack(parts).sum(), parts


def feature_loss(real: Sequence[Sequence[Tensor]], generated: Sequence[Sequence[Tensor]]) -> Tensor:
    """Twice the sum of mean absolute differences between feature maps; the real side gets no gradient."""
    parts = [
        (r.detach().float() - g.float()).abs().mean()
        for maps_real, maps_generated in zip(real, generated, strict=True)
        for r, g in zip(maps_real, maps_generated, strict=True)
    ]
    return 2.0 * torch.stack(parts).sum()


def kl_loss(z_p: Tensor, logs_q: Tensor, m_p: Tensor, logs_p: Tensor, z_mask: Tensor) -> Tensor:
    """KL of posterior against prior, one draw: latents [B, C, T], mask [B, 1, T] -> scalar.

    Divided by the number of valid frames, not by channels.
    """
    z_p, logs_q, m_p, logs_p, z_mask = (t.float() for t in (z_p, logs_q, m_p, logs_p, z_mask))
    kl = logs_p - logs_q - 0.5 + 0.5 * (z_p - m_p) ** 2 * torch.exp(-2.0 * logs_p)
    return (kl * z_mask).sum() / z_mask.sum()
