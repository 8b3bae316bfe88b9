"""SynthesizerTrn: semantic tokens, phones and a reference spectrogram -> waveform, for every VITS version.

Public names of weights and methods. What differs between versions is a row of :mod:`module.versions`. The versions that
make a mel spectrogram are :class:`SynthesizerTrnV3`; :func:`build_synthesizer` chooses by the row.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from errors import ConfigError
from module.commons import random_starts, sequence_mask, slice_segments
from module.discriminators import MultiPeriodDiscriminator
from module.encoders import PosteriorEncoder, PriorEncoder, sample
from module.flow import Flow
from module.generator import Generator
from module.model_config import SynthesizerConfig
from module.semantic import SemanticModel
from module.synthesizer_v3 import SynthesizerTrnV3

__all__ = [
    "Draws",
    "Latents",
    "MultiPeriodDiscriminator",
    "Synthesizer",
    "SynthesizerTrn",
    "SynthesizerTrnV3",
    "TrainingPass",
    "build_synthesizer",
]

logger = logging.getLogger(__name__)


class Latents(NamedTuple):
    """Latents of a training pass, each [B, C, T_spec]."""

    z: Tensor
    z_p: Tensor
    m_p: Tensor
    logs_p: Tensor
    m_q: Tensor
    logs_q: Tensor


class TrainingPass(NamedTuple):
    """What the losses need, in the public order.

    wav [B, 1, segment * hop], commit scalar, starts [B] in frames, y_mask and z_mask [B, 1, T_spec], latents,
    quantized [B, ssl_dim, T_spec].
    """

    wav: Tensor
    commit: Tensor
    starts: Tensor
    y_mask: Tensor
    z_mask: Tensor
    latents: Latents
    quantized: Tensor


@dataclass(frozen=True)
class Draws:
    """The random draws of a training pass, where the caller wants them fixed.

    noise: standard normal [B, inter_channels, T_spec]; starts: slice starts [B]; generator: source of the rest.
    """

    noise: Tensor | None = None
    starts: Tensor | None = None
    generator: torch.Generator | None = None


class SynthesizerTrn(SemanticModel):
    """VITS synthesiser over semantic tokens.

    Args:
        spec_channels: bins of the linear spectrogram (fft / 2 + 1).
        segment_size: frames of the slices that training decodes.
        n_speakers: public argument, not used.
        hps_model: the ``model`` section of the s2 configuration, see :class:`SynthesizerConfig`.
    """

    def __init__(self, spec_channels: int, segment_size: int, n_speakers: int = 0, **hps_model: Any) -> None:
        super().__init__()
        config = SynthesizerConfig.from_mapping(hps_model)
        spec = config.spec
        if spec.mel is not None:
            raise ConfigError(f"{spec.name} is no VITS version", "SynthesizerTrnV3 for the versions that make a mel")
        self.config, self.spec = config, spec
        self.segment_size = segment_size
        self.enc_p = PriorEncoder(config)
        self.dec = Generator(config)
        self.enc_q = PosteriorEncoder(spec_channels, config)
        self.flow = Flow(config)
        self._build_front(spec_channels)

    # -- inference -----------------------------------------------------------------------------------------------
    def latent(self, z_p: Tensor, mask: Tensor, style: Tensor) -> Tensor:
        """Sample of the prior z_p [B, C, T_spec] -> latent for the generator [B, C, T_spec]."""
        return self.flow(z_p, mask, style, reverse=True) * mask

    @torch.no_grad()
    def decode(
        self,
        codes: Tensor,
        text: Tensor,
        refer: Tensor | Sequence[Tensor],
        noise_scale: float = 0.5,
        speed: float = 1.0,
        sv_emb: Tensor | Sequence[Tensor] | None = None,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Speak.

        Args:
            codes: semantic tokens [B, 1, T_sem].
            text: phone ids of the same speech [B, T_ph].
            refer: reference spectrogram(s) [B, spec_channels, T_spec]; several are averaged.
            noise_scale: spread of the latent around its mean; 0 gives the mean.
            speed: above 1 is faster; frames become int(T_spec / speed) + 1.
            sv_emb: speaker vector(s) [B, 20480] for versions that need them.
            generator: source of the noise; the same state gives the same waveform.

        Returns:
            waveform [B, 1, T_spec * hop] in -1..1.
        """
        style = self.style(refer, sv_emb)
        prior = self.prior(codes, text, style, speed)
        z_p = prior.m
        if noise_scale:
            noise = torch.randn(prior.m.shape, generator=generator, device=prior.m.device, dtype=prior.m.dtype)
            z_p = sample(prior.m, prior.logs, noise * noise_scale)
        return self.dec(self.latent(z_p, prior.mask, style), style)

    # -- training ------------------------------------------------------------------------------------------------
    def forward(
        self,
        ssl: Tensor,
        y: Tensor,
        y_lengths: Tensor,
        text: Tensor,
        text_lengths: Tensor,
        sv_emb: Tensor | None = None,
        draws: Draws | None = None,
    ) -> TrainingPass:
        """One training pass.

        Args:
            ssl: SSL features [B, ssl_dim, T_spec].
            y: linear spectrogram [B, spec_channels, T_spec], T_spec even (see the public padding rule).
            y_lengths: valid frames [B].
            text: phone ids [B, T_ph].
            text_lengths: valid phones [B].
            sv_emb: speaker vectors [B, 20480] for versions that need them.
            draws: fixed random draws, for tests and reproducible runs.
        """
        draws = draws or Draws()
        mask = sequence_mask(y_lengths, y.size(2))[:, None].to(y.dtype)
        style = self.style_of(y, mask, sv_emb)
        quantized, commit = self.quantize(ssl)
        prior = self.enc_p(quantized, y_lengths, text, text_lengths, self.prior_style(style))
        m_q, logs_q = self.enc_q(y, mask, style)
        noise = draws.noise
        if noise is None:
            noise = torch.randn(m_q.shape, generator=draws.generator, device=m_q.device, dtype=m_q.dtype)
        z = sample(m_q, logs_q, noise) * mask
        z_p = self.flow(z, mask, style)
        starts = draws.starts
        if starts is None:
            starts = random_starts(y_lengths, self.segment_size, draws.generator)
        wav = self.dec(slice_segments(z, starts, self.segment_size), style)
        latents = Latents(z, z_p, prior.m, prior.logs, m_q, logs_q)
        return TrainingPass(wav, commit, starts, prior.mask, mask, latents, quantized)


Synthesizer = SynthesizerTrn | SynthesizerTrnV3


def build_synthesizer(spec_channels: int, segment_size: int, n_speakers: int = 0, **hps_model: Any) -> Synthesizer:
    """The network of the version that ``hps_model`` names; arguments as :class:`SynthesizerTrn`.

    Raises:
        ConfigError: unknown version, or values that cannot be used.
    """
    if SynthesizerConfig.from_mapping(hps_model).spec.mel is None:
        return SynthesizerTrn(spec_channels, segment_size, n_speakers, **hps_model)
    return SynthesizerTrnV3(spec_channels, segment_size, n_speakers, **hps_model)
