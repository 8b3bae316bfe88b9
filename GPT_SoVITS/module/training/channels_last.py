"""Run a network's 1-D convolutions in (B, T, C) memory order, which oneDNN does up to twice as fast on CPU.

Same weights, same results up to rounding: a 1-D convolution is a 2-D one of height 1, and for 2-D ones torch has
the channels-last layout. Elementwise operations keep the layout, so it is only made once at the way in.
"""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def _as_2d(tensor: Tensor) -> Tensor:
    """[B, C, T] -> [B, C, 1, T] in channels-last order (no copy where it is in that order already)."""
    return tensor.unsqueeze(2).contiguous(memory_format=torch.channels_last)


def _conv(layer: nn.Conv1d, x: Tensor) -> Tensor:
    padding, stride, dilation = (0, layer.padding[0]), (1, layer.stride[0]), (1, layer.dilation[0])
    out = F.conv2d(_as_2d(x), _as_2d(layer.weight), layer.bias, stride, padding, dilation)  # type: ignore[arg-type]
    return out.squeeze(2)


def use_channels_last(network: nn.Module) -> int:
    """Switch the plain 1-D convolutions of ``network`` over; returns how many there were.

    Kernels of one sample and grouped or transposed convolutions stay as they are: they gain nothing.
    """
    switched = 0
    for layer in network.modules():
        if not isinstance(layer, nn.Conv1d) or isinstance(layer.padding, str):
            continue
        if layer.groups == 1 and layer.padding_mode == "zeros" and layer.kernel_size[0] > 1:
            layer.forward = partial(_conv, layer)  # type: ignore[method-assign]
            switched += 1
    return switched
