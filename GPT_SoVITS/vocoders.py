"""Vocoders of the versions that make a mel spectrogram, by the names that :mod:`module.versions` gives them.

A vocoder is a noun with one verb: ``decode(mel) -> wav``, carrying its own sampling rate and hop. Knows weight files
and networks; knows nothing of tokens or requests. What raises the rate of the wave afterwards is in
:mod:`super_resolution`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol, cast

import torch
from torch import Tensor

from BigVGAN.bigvgan import BigVGAN
from checkpoint_io import read_checkpoint
from errors import CheckpointError
from module.generator import Generator, GeneratorConfig
from module.weight_norm import fold_weight_norm
from process_ckpt import load_strict
from published import BIGVGAN, HIFIGAN, HIFIGAN_V5, place


class Vocoder(Protocol):
    """What speaks a mel."""

    sampling_rate: int
    hop_length: int

    def decode(self, mel: Tensor) -> Tensor:
        """Natural-log mel [B, M, T] -> waveform in -1..1 [B, 1, T * hop_length]."""
        ...

    def to(self, device: str | torch.device, dtype: torch.dtype) -> Vocoder:
        """Move it, as ``nn.Module.to``."""
        ...


HIFIGAN_48K = GeneratorConfig(
    inter_channels=100,
    resblock="1",
    resblock_kernel_sizes=(3, 7, 11),
    resblock_dilation_sizes=((1, 3, 5),) * 3,
    upsample_rates=(10, 6, 2, 2, 2),
    upsample_initial_channel=512,
    upsample_kernel_sizes=(20, 12, 4, 4, 4),
    bias_in_last=True,
)
"""Sizes of the published 48 kHz vocoders (v4 and later): one network, several sets of weights."""


class HiFiGANVocoder(Generator):
    """The vocoder of v4 and later: the synthesisers' own generator, without timbre, over 100 mel bands to 48 kHz."""

    def __init__(self, config: GeneratorConfig = HIFIGAN_48K, sampling_rate: int = 48000) -> None:
        super().__init__(config)
        self.sampling_rate, self.hop_length = sampling_rate, config.hop_length
        fold_weight_norm(self)  # its file holds plain weights

    @torch.no_grad()
    def decode(self, mel: Tensor) -> Tensor:
        """Natural-log mel [B, 100, T] -> waveform in -1..1 [B, 1, T * 480]."""
        return self(mel)

    @classmethod
    def from_pretrained(cls, path: str | os.PathLike[str]) -> HiFiGANVocoder:
        """The vocoder in a plain state dict.

        Raises:
            CheckpointError: missing, unsafe, damaged, or weights of something else.
        """
        weight = read_checkpoint(path, "a 48 kHz vocoder")
        if not isinstance(weight, Mapping) or not all(isinstance(value, Tensor) for value in weight.values()):
            raise CheckpointError(f"{path} is not a plain state dict", "a 48 kHz vocoder", "fetch it again")
        network = cls()
        load_strict(network, weight, path)
        network.eval().requires_grad_(False)
        return network


Loader = Callable[[str | os.PathLike[str]], Vocoder]

VOCODERS: dict[str, tuple[Path, Loader]] = {
    "bigvgan": (place(BIGVGAN), cast(Loader, BigVGAN.from_pretrained)),
    "hifigan48k": (place(HIFIGAN), cast(Loader, HiFiGANVocoder.from_pretrained)),
    "hifigan48k-v5": (place(HIFIGAN_V5), cast(Loader, HiFiGANVocoder.from_pretrained)),
}
"""Where each published vocoder lies, and what reads it."""


def load_vocoder(name: str, path: str | os.PathLike[str] | None = None) -> Vocoder:
    """The vocoder called ``name``, from its usual place or from ``path``.

    Raises:
        CheckpointError: unknown name, or weights that cannot be used.
    """
    if name not in VOCODERS:
        raise CheckpointError(f"unknown vocoder {name!r}", "one of " + ", ".join(VOCODERS))
    usual, load = VOCODERS[name]
    return load(path or usual)
