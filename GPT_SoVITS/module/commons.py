"""Small tensor helpers shared by the networks: masks, padding, random training slices."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def same_padding(kernel_size: int, dilation: int = 1) -> int:
    """Padding on each side that keeps the length under an odd ``kernel_size``."""
    return (kernel_size - 1) * dilation // 2


def sequence_mask(lengths: Tensor, max_length: int | None = None) -> Tensor:
    """True for the valid positions: lengths [B] -> bool [B, max_length] (default: the longest)."""
    limit = int(lengths.max()) if max_length is None else max_length
    return torch.arange(limit, device=lengths.device)[None, :] < lengths[:, None]


def slice_segments(x: Tensor, starts: Tensor, size: int) -> Tensor:
    """Cut ``size`` frames at ``starts`` [B] out of x [B, C, T] -> [B, C, size]; zeros where x ends earlier."""
    short = int(size) - x.size(2)
    if short > 0:
        x = F.pad(x, (0, short))
    index = starts[:, None] + torch.arange(size, device=x.device)
    return x.gather(2, index[:, None, :].expand(-1, x.size(1), -1))


def random_starts(lengths: Tensor, size: int, generator: torch.Generator | None = None) -> Tensor:
    """Uniform slice starts [B] so that ``size`` frames lie inside ``lengths`` [B]; 0 for shorter items."""
    room = (lengths - size + 1).clamp(min=1)
    uniform = torch.rand(lengths.shape, generator=generator, device=lengths.device)
    return (uniform * room).long()


def rand_slice_segments(
    x: Tensor, lengths: Tensor, size: int, generator: torch.Generator | None = None
) -> tuple[Tensor, Tensor]:
    """One random slice per item: x [B, C, T] -> (slices [B, C, size], starts [B])."""
    starts = random_starts(lengths, size, generator)
    return slice_segments(x, starts, size), starts
