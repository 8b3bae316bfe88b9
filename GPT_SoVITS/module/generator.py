"""HiFi-GAN generator (Kong et al. 2020): latent frames -> waveform."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from module.commons import same_padding
from module.weight_norm import WNConv1d, WNConvTranspose1d

SLOPE = 0.1


class GeneratorSizes(Protocol):
    """What a generator reads of a configuration: a synthesiser's, or a :class:`GeneratorConfig`."""

    @property
    def inter_channels(self) -> int: ...
    @property
    def resblock(self) -> str: ...
    @property
    def resblock_kernel_sizes(self) -> tuple[int, ...]: ...
    @property
    def resblock_dilation_sizes(self) -> tuple[tuple[int, ...], ...]: ...
    @property
    def upsample_rates(self) -> tuple[int, ...]: ...
    @property
    def upsample_initial_channel(self) -> int: ...
    @property
    def upsample_kernel_sizes(self) -> tuple[int, ...]: ...
    @property
    def gin_channels(self) -> int: ...


@dataclass(frozen=True)
class GeneratorConfig:
    """Sizes of a generator that stands alone; names as in :class:`module.model_config.SynthesizerConfig`.

    gin_channels 0 means no style vector; bias_in_last: the last convolution has a bias.
    """

    inter_channels: int
    resblock: str
    resblock_kernel_sizes: tuple[int, ...]
    resblock_dilation_sizes: tuple[tuple[int, ...], ...]
    upsample_rates: tuple[int, ...]
    upsample_initial_channel: int
    upsample_kernel_sizes: tuple[int, ...]
    gin_channels: int = 0
    bias_in_last: bool = False

    @property
    def hop_length(self) -> int:
        """Samples per frame."""
        return math.prod(self.upsample_rates)


def _conv(channels: int, kernel_size: int, dilation: int) -> WNConv1d:
    padding = same_padding(kernel_size, dilation)
    conv = WNConv1d(channels, channels, kernel_size, dilation=dilation, padding=padding)
    conv.init_normal()
    return conv


class ResBlock1(nn.Module):
    """Pairs of a dilated and a plain convolution, each pair with a residual."""

    def __init__(self, channels: int, kernel_size: int, dilations: tuple[int, ...]) -> None:
        super().__init__()
        self.convs1 = nn.ModuleList(_conv(channels, kernel_size, d) for d in dilations)
        self.convs2 = nn.ModuleList(_conv(channels, kernel_size, 1) for _ in dilations)

    def forward(self, x: Tensor) -> Tensor:
        """x [B, C, T] -> [B, C, T]."""
        for dilated, plain in zip(self.convs1, self.convs2, strict=True):
            inner = F.leaky_relu_(dilated(F.leaky_relu(x, SLOPE)), SLOPE)
            x = plain(inner).add_(x)
        return x


class ResBlock2(nn.Module):
    """One dilated convolution per dilation, each with a residual: the light variant."""

    def __init__(self, channels: int, kernel_size: int, dilations: tuple[int, ...]) -> None:
        super().__init__()
        self.convs = nn.ModuleList(_conv(channels, kernel_size, d) for d in dilations)

    def forward(self, x: Tensor) -> Tensor:
        """x [B, C, T] -> [B, C, T]."""
        for conv in self.convs:
            x = conv(F.leaky_relu(x, SLOPE)).add_(x)
        return x


RESBLOCKS: dict[str, type[ResBlock1] | type[ResBlock2]] = {"1": ResBlock1, "2": ResBlock2}


def reach(config: GeneratorSizes) -> int:
    """Frames on each side of a frame that its samples depend on, rounded up."""
    frames, samples = 3.0, 1  # conv_pre; samples per frame
    for rate, kernel in zip(config.upsample_rates, config.upsample_kernel_sizes, strict=True):
        frames += kernel / (2 * rate) / samples  # a sample is made of the inputs around its place
        samples *= rate
        blocks = zip(config.resblock_kernel_sizes, config.resblock_dilation_sizes, strict=True)
        frames += max(_block_reach(config.resblock, size, dilations) for size, dilations in blocks) / samples
    return math.ceil(frames + 3 / samples)  # conv_post


def _block_reach(kind: str, kernel_size: int, dilations: tuple[int, ...]) -> int:
    """Samples on each side that a residual block sees."""
    plain = 1 if str(kind) == "1" else 0  # the undilated convolution after each dilated one
    return (kernel_size - 1) // 2 * sum(dilation + plain for dilation in dilations)


def _upsampler(in_channels: int, out_channels: int, kernel_size: int, rate: int) -> WNConvTranspose1d:
    # T -> T * rate exactly; an odd difference needs one more sample at the end.
    odd = (kernel_size - rate) % 2
    padding = (kernel_size - rate + odd) // 2
    layer = WNConvTranspose1d(in_channels, out_channels, kernel_size, rate, padding=padding, output_padding=odd)
    layer.init_normal()
    return layer


class Generator(nn.Module):
    """Public name ``dec``: [B, inter_channels, T_spec] and a style vector -> waveform [B, 1, T_spec * hop]."""

    def __init__(self, config: GeneratorSizes) -> None:
        super().__init__()
        width = config.upsample_initial_channel
        self.conv_pre = nn.Conv1d(config.inter_channels, width, 7, padding=3)
        self.ups = nn.ModuleList()
        self.resblocks = nn.ModuleList()
        self.n_kernels = len(config.resblock_kernel_sizes)
        block = RESBLOCKS[str(config.resblock)]
        for rate, kernel in zip(config.upsample_rates, config.upsample_kernel_sizes, strict=True):
            self.ups.append(_upsampler(width, width // 2, kernel, rate))
            width //= 2
            for size, dilations in zip(config.resblock_kernel_sizes, config.resblock_dilation_sizes, strict=True):
                self.resblocks.append(block(width, size, dilations))
        self.conv_post = nn.Conv1d(width, 1, 7, padding=3, bias=getattr(config, "bias_in_last", False))
        if config.gin_channels:
            self.cond = nn.Conv1d(config.gin_channels, config.upsample_initial_channel, 1)

    def forward(self, x: Tensor, g: Tensor | None = None) -> Tensor:
        """x [B, inter_channels, T], g [B, gin, 1] where it is used -> waveform in -1..1, [B, 1, T * hop]."""
        x = self.conv_pre(x)
        if g is not None:
            x = x + self.cond(g)
        for i, up in enumerate(self.ups):
            x = up(F.leaky_relu(x, SLOPE))
            blocks = self.resblocks[i * self.n_kernels : (i + 1) * self.n_kernels]
            x = _mean_of(blocks, x)
        return torch.tanh(self.conv_post(F.leaky_relu(x)))


def _mean_of(blocks: nn.ModuleList, x: Tensor) -> Tensor:
    total = blocks[0](x)
    for block in list(blocks)[1:]:
        total = total.add_(block(x))
    return total.div_(len(blocks))
