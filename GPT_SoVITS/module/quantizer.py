"""Vector quantiser: SSL features become semantic tokens by the nearest codebook entry, and back.

Module names follow the public weights (``quantizer.vq.layers.0._codebook.embed``); one layer exists.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

DECAY = 0.99
DEAD_BELOW = 2.0


class Codebook(nn.Module):
    """Codebook [size, dim] with its moving averages, all of them buffers."""

    inited: Tensor
    cluster_size: Tensor
    embed: Tensor
    embed_avg: Tensor

    def __init__(self, dim: int, size: int) -> None:
        super().__init__()
        embed = torch.randn(size, dim) * dim**-0.5
        self.register_buffer("inited", torch.ones(1))
        self.register_buffer("cluster_size", torch.full((size,), DEAD_BELOW))
        self.register_buffer("embed", embed)
        self.register_buffer("embed_avg", embed * DEAD_BELOW)

    def set_entries(self, embed: Tensor) -> None:
        """Take over entries [size, dim], for instance k-means centres."""
        self.embed.copy_(embed)
        self.cluster_size.fill_(DEAD_BELOW)
        self.embed_avg.copy_(embed * DEAD_BELOW)

    def encode(self, x: Tensor) -> Tensor:
        """Vectors [..., dim] -> index of the nearest entry [...]."""
        # argmin |x - e|^2 = argmax (x.e - |e|^2 / 2)
        return (x @ self.embed.T - 0.5 * self.embed.square().sum(1)).argmax(dim=-1)

    @torch.no_grad()
    def update(self, x: Tensor, codes: Tensor) -> None:
        """Moving-average step (van den Oord et al. 2017) on x [N, dim]; dead entries restart at random vectors of x."""
        hits = F.one_hot(codes, self.embed.size(0)).to(x.dtype)
        self.cluster_size.lerp_(hits.sum(0), 1 - DECAY)
        self.embed_avg.lerp_(hits.T @ x, 1 - DECAY)
        dead = self.cluster_size < DEAD_BELOW * 0.5
        picks = x[torch.randint(x.size(0), (self.embed.size(0),), device=x.device)]
        self.cluster_size.masked_fill_(dead, DEAD_BELOW)
        self.embed_avg.copy_(torch.where(dead[:, None], picks * DEAD_BELOW, self.embed_avg))
        self.embed.copy_(self.embed_avg / self.cluster_size[:, None])


class _Layer(nn.Module):
    def __init__(self, dim: int, size: int) -> None:
        super().__init__()
        self._codebook = Codebook(dim, size)


class _Layers(nn.Module):
    def __init__(self, dim: int, size: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList([_Layer(dim, size)])


class Quantized(NamedTuple):
    """vectors [B, dim, T], codes [B, 1, T], commit: scalar loss that pulls features to their entries."""

    vectors: Tensor
    codes: Tensor
    commit: Tensor


class Quantizer(nn.Module):
    """Public name ``quantizer``."""

    def __init__(self, dim: int, size: int = 1024) -> None:
        super().__init__()
        self.vq = _Layers(dim, size)

    @property
    def codebook(self) -> Codebook:
        """The one codebook."""
        return self.vq.layers[0]._codebook  # type: ignore[return-value]

    def encode(self, x: Tensor) -> Tensor:
        """x [B, dim, T] -> codes [B, 1, T]."""
        return self.codebook.encode(x.transpose(1, 2)).unsqueeze(1)

    def decode(self, codes: Tensor) -> Tensor:
        """codes [B, 1, T] -> vectors [B, dim, T]."""
        return F.embedding(codes.squeeze(1), self.codebook.embed).transpose(1, 2)

    def forward(self, x: Tensor) -> Quantized:
        """x [B, dim, T]; in training mode the codebook moves and gradients pass straight through."""
        codes = self.encode(x)
        vectors = self.decode(codes)
        if not self.training:
            return Quantized(vectors, codes, x.new_zeros(()))
        flat = x.detach().transpose(1, 2).flatten(0, 1)
        self.codebook.update(flat, codes.flatten())
        commit = F.mse_loss(x, vectors.detach())
        return Quantized(x + (vectors - x).detach(), codes, commit)
