"""SynthesizerTrn: semantic tokens, phones and a reference spectrogram -> waveform, for every VITS version.

Public names of weights and methods. What differs between versions is a row of :mod:`module.versions`.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from errors import CheckpointError, RequestError
from module.commons import random_starts, sequence_mask, slice_segments
from module.discriminators import MultiPeriodDiscriminator
from module.encoders import PosteriorEncoder, Prior, PriorEncoder, sample
from module.flow import Flow
from module.generator import Generator
from module.model_config import SynthesizerConfig
from module.quantizer import Quantizer
from module.style_encoder import MelStyleEncoder
from module.weight_norm import fold_weight_norm

__all__ = ["Draws", "Latents", "MultiPeriodDiscriminator", "SynthesizerTrn", "TrainingPass"]

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


class SynthesizerTrn(nn.Module):
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
        self.config, self.spec = config, spec
        self.segment_size = segment_size
        self.style_bins = min(spec.style_bins or spec_channels, spec_channels)
        self.enc_p = PriorEncoder(config)
        self.dec = Generator(config)
        self.enc_q = PosteriorEncoder(spec_channels, config)
        self.flow = Flow(config)
        self.ref_enc = MelStyleEncoder(self.style_bins, config.gin_channels, config.style_channels)
        stride = config.frames_per_token
        self.ssl_proj = nn.Conv1d(config.ssl_dim, config.ssl_dim, stride, stride=stride)
        self.quantizer = Quantizer(config.ssl_dim, config.codebook_size)
        if spec.needs_speaker_embedding:
            self.sv_emb = nn.Linear(spec.speaker_channels, config.gin_channels)
            self.ge_to512 = nn.Linear(config.gin_channels, spec.prior_style_channels)
            self.prelu = nn.PReLU(config.gin_channels)
        if config.freeze_quantizer:
            self.ssl_proj.requires_grad_(False)
            self.quantizer.requires_grad_(False)

    # -- style ---------------------------------------------------------------------------------------------------
    def _style(self, refer: Tensor, mask: Tensor, sv_emb: Tensor | None) -> Tensor:
        style = self.ref_enc(refer[:, : self.style_bins] * mask, mask)
        if not self.spec.needs_speaker_embedding:
            return style
        if sv_emb is None:
            raise RequestError(f"{self.spec.name} needs a speaker embedding", "sv_emb beside each reference")
        return self.prelu(style + self.sv_emb(sv_emb.to(style.dtype)).unsqueeze(-1))

    def _prior_style(self, style: Tensor) -> Tensor:
        return self.ge_to512(style.squeeze(-1)).unsqueeze(-1) if self.spec.needs_speaker_embedding else style

    def style(self, refer: Tensor | Sequence[Tensor], sv_emb: Tensor | Sequence[Tensor] | None = None) -> Tensor:
        """Timbre of one or several references, averaged.

        Args:
            refer: linear spectrogram [B, spec_channels, T_spec] or a list of them.
            sv_emb: speaker vector [B, 20480] or a list, for versions that need one.

        Returns:
            style vector [B, gin_channels, 1].
        """
        refers = [refer] if isinstance(refer, Tensor) else list(refer)
        vectors = [sv_emb] * len(refers) if sv_emb is None or isinstance(sv_emb, Tensor) else list(sv_emb)
        if not refers or len(vectors) != len(refers):
            raise RequestError(f"{len(refers)} references, {len(vectors)} speaker vectors", "one of each, at least one")
        styles = [self._style(r, r.new_ones(r.size(0), 1, r.size(2)), v) for r, v in zip(refers, vectors, strict=True)]
        return torch.stack(styles).mean(0)

    # -- inference -----------------------------------------------------------------------------------------------
    def prior(self, codes: Tensor, text: Tensor, style: Tensor, speed: float = 1.0) -> Prior:
        """Distribution of the latent: codes [B, 1, T_sem], phone ids [B, T_ph], style [B, gin, 1]."""
        quantized = self._to_frames(self.quantizer.decode(codes))
        lengths = torch.full((codes.size(0),), quantized.size(2), device=codes.device)
        text_lengths = torch.full((text.size(0),), text.size(1), device=text.device)
        return self.enc_p(quantized, lengths, text, text_lengths, self._prior_style(style), speed)

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

    @torch.no_grad()
    def extract_latent(self, ssl: Tensor) -> Tensor:
        """Semantic tokens of SSL features [B, ssl_dim, frames at 50 Hz] -> [B, 1, T_sem]."""
        return self.quantizer.encode(self.ssl_proj(ssl))

    # -- training ------------------------------------------------------------------------------------------------
    def train(self, mode: bool = True) -> SynthesizerTrn:
        """As ``nn.Module.train``, but a frozen quantiser stays in evaluation mode."""
        super().train(mode)
        if self.config.freeze_quantizer:
            self.ssl_proj.eval()
            self.quantizer.eval()
        return self

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
        style = self._style(y, mask, sv_emb)
        quantized, commit = self._quantize(ssl)
        prior = self.enc_p(quantized, y_lengths, text, text_lengths, self._prior_style(style))
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

    def _quantize(self, ssl: Tensor) -> tuple[Tensor, Tensor]:
        """SSL features [B, ssl_dim, T] -> quantised frames [B, ssl_dim, T] and the commitment loss; float32 always."""
        frozen = torch.no_grad() if self.config.freeze_quantizer else contextlib.nullcontext()
        with frozen, torch.autocast(ssl.device.type, enabled=False):
            result = self.quantizer(self.ssl_proj(ssl.float()))
        return self._to_frames(result.vectors), result.commit

    def _to_frames(self, vectors: Tensor) -> Tensor:
        """Token rate -> spectrogram rate, each vector repeated."""
        return vectors.repeat_interleave(self.config.frames_per_token, dim=2)

    # -- weights -------------------------------------------------------------------------------------------------
    def load_public(self, weights: Mapping[str, Tensor]) -> None:
        """Load public weights strictly; only a missing posterior encoder (``enc_q.*``) is allowed.

        A file without it (every fine-tuned inference file) removes the posterior encoder, so such a model speaks but
        does not train.

        Raises:
            CheckpointError: names are missing or unexpected, or shapes differ; the message lists them.
        """
        if hasattr(self, "enc_q") and not any(name.startswith("enc_q.") for name in weights):
            del self.enc_q
        own = self.state_dict()
        problems = [f"missing {n}" for n in own if n not in weights]
        problems += [f"unexpected {n}" for n in weights if n not in own]
        problems += [
            f"{n} is {tuple(weights[n].shape)} instead of {tuple(t.shape)}"
            for n, t in own.items()
            if n in weights and weights[n].shape != t.shape
        ]
        if problems:
            shown = ", ".join(problems[:8]) + (f" and {len(problems) - 8} more" if len(problems) > 8 else "")
            raise CheckpointError(f"weights do not fit a {self.spec.name} synthesiser: {shown}")
        self.load_state_dict(weights, strict=True)

    def remove_weight_norm(self) -> None:
        """Fold weight normalisation into plain weights (inference only; afterwards the public names are gone)."""
        fold_weight_norm(self)

    def prepare_inference(self) -> SynthesizerTrn:
        """Evaluation mode, no posterior encoder, no gradients, folded weights; returns the model itself."""
        if hasattr(self, "enc_q"):
            del self.enc_q
        self.eval().requires_grad_(False)
        self.remove_weight_norm()
        return self
