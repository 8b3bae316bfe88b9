"""The BigVGAN generator: log mel -> waveform."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from BigVGAN.activations import AliasFreeActivation
from checkpoint_io import read_checkpoint
from errors import CheckpointError
from module.commons import same_padding
from module.weight_norm import WNConv1d, WNConvTranspose1d, fold_weight_norm
from process_ckpt import load_strict
from published import fetch_command

CONFIG_FILE, WEIGHT_FILE = "config.json", "bigvgan_generator.pt"


@dataclass(frozen=True)
class BigVGANConfig:
    """Sizes of the generator, by the keys of its config.json; the defaults are bigvgan_v2_24khz_100band_256x."""

    upsample_rates: tuple[int, ...] = (4, 4, 2, 2, 2, 2)
    upsample_kernel_sizes: tuple[int, ...] = (8, 8, 4, 4, 4, 4)
    upsample_initial_channel: int = 1536
    resblock_kernel_sizes: tuple[int, ...] = (3, 7, 11)
    resblock_dilation_sizes: tuple[tuple[int, ...], ...] = ((1, 3, 5), (1, 3, 5), (1, 3, 5))
    num_mels: int = 100
    sampling_rate: int = 24000
    hop_size: int = 256
    resblock: str = "1"
    activation: str = "snakebeta"
    snake_logscale: bool = True
    use_tanh_at_final: bool = False
    use_bias_at_final: bool = False

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any], source: str = "the configuration") -> BigVGANConfig:
        """From a config.json; keys of its training are left out.

        Raises:
            CheckpointError: a variant of the network that no published GPT-SoVITS version uses.
        """
        known = {f.name for f in fields(cls)}
        config = cls(**{name: _tuples(value) for name, value in values.items() if name in known})
        kind = (
            str(config.resblock),
            config.activation,
            config.snake_logscale,
            config.use_tanh_at_final,
            config.use_bias_at_final,
        )
        if kind != ("1", "snakebeta", True, False, False):
            raise CheckpointError(f"{source} is another kind of BigVGAN", "bigvgan_v2_24khz_100band_256x")
        return config


def _tuples(value: Any) -> Any:
    return tuple(_tuples(item) for item in value) if isinstance(value, list | tuple) else value


class AMPBlock(nn.Module):
    """Pairs of a dilated and a plain convolution, an activation before each, a residual around each pair."""

    def __init__(self, channels: int, kernel_size: int, dilations: tuple[int, ...]) -> None:
        super().__init__()

        def conv(dilation: int) -> WNConv1d:
            padding = same_padding(kernel_size, dilation)
            return WNConv1d(channels, channels, kernel_size, dilation=dilation, padding=padding)

        self.convs1 = nn.ModuleList(conv(d) for d in dilations)
        self.convs2 = nn.ModuleList(conv(1) for _ in dilations)
        self.activations = nn.ModuleList(AliasFreeActivation(channels) for _ in range(2 * len(dilations)))

    def forward(self, x: Tensor) -> Tensor:
        """x [B, C, T] -> [B, C, T]."""
        befores, betweens = self.activations[::2], self.activations[1::2]
        for dilated, plain, before, between in zip(self.convs1, self.convs2, befores, betweens, strict=True):
            x = x + plain(between(dilated(before(x))))
        return x


class Upsampling(nn.ModuleList):
    """A list of one transposed convolution: so the published weights count it."""

    def forward(self, x: Tensor) -> Tensor:
        """x [B, C, T] -> [B, C / 2, T * rate]."""
        return self[0](x)


class BigVGAN(nn.Module):
    """A vocoder: ``decode(mel) -> wav``, with its ``sampling_rate`` and ``hop_length``."""

    def __init__(self, config: BigVGANConfig | None = None) -> None:
        super().__init__()
        config = config or BigVGANConfig()
        self.config = config
        self.sampling_rate, self.hop_length = config.sampling_rate, config.hop_size
        width = config.upsample_initial_channel
        self.conv_pre = WNConv1d(config.num_mels, width, 7, padding=3)
        self.ups, self.resblocks = nn.ModuleList(), nn.ModuleList()
        for rate, kernel in zip(config.upsample_rates, config.upsample_kernel_sizes, strict=True):
            up = WNConvTranspose1d(width, width // 2, kernel, rate, padding=(kernel - rate) // 2)
            self.ups.append(Upsampling([up]))
            width //= 2
            for size, dilations in zip(config.resblock_kernel_sizes, config.resblock_dilation_sizes, strict=True):
                self.resblocks.append(AMPBlock(width, size, dilations))
        self.activation_post = AliasFreeActivation(width)
        self.conv_post = WNConv1d(width, 1, 7, padding=3, bias=False)

    def forward(self, mel: Tensor) -> Tensor:
        """Natural-log mel [B, num_mels, T] -> waveform in -1..1 [B, 1, T * hop]."""
        x = self.conv_pre(mel)
        kernels = len(self.config.resblock_kernel_sizes)
        for i, up in enumerate(self.ups):
            x = up(x)
            x = torch.stack([block(x) for block in self.resblocks[i * kernels : (i + 1) * kernels]]).mean(0)
        return self.conv_post(self.activation_post(x)).clamp(-1.0, 1.0)

    @torch.no_grad()
    def decode(self, mel: Tensor) -> Tensor:
        """As :meth:`forward`, without gradients."""
        return self(mel)

    @classmethod
    def from_pretrained(cls, folder: str | os.PathLike[str]) -> BigVGAN:
        """The generator in a folder of the public layout (config.json, bigvgan_generator.pt), ready to speak.

        Raises:
            CheckpointError: a file is missing, unsafe or damaged, or the two do not fit each other.
        """
        path = Path(folder) / CONFIG_FILE
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise CheckpointError(
                f"{path} cannot be read ({error})", "the folder bigvgan_v2_24khz_100band_256x", fetch_command("bigvgan")
            ) from error
        weights = Path(folder) / WEIGHT_FILE
        content = read_checkpoint(weights, "the BigVGAN vocoder that v3 needs")
        if not isinstance(content, Mapping) or not isinstance(content.get("generator"), Mapping):
            raise CheckpointError(f"{weights} holds no generator", "the key generator", "fetch it again")
        network = cls(BigVGANConfig.from_mapping(values, str(path)))
        load_strict(network, content["generator"], weights)
        network.eval().requires_grad_(False)
        fold_weight_norm(network)
        return network
