"""The ways a training step can take through the synthesiser.

*Posterior path* (public): spectrogram -> posterior -> waveform, with the prior drawn to the posterior by the KL term.
*Acoustic path* (for small packs): tokens, phones and style -> prior -> inverse flow -> latent, from which a linear head
reads the mel spectrogram. No waveform is made, so whole clips cost little and attention to the phones is soon learned.
*Joint path* (``prior_rows`` above 0): the posterior path, but a share of the batch is decoded from the prior, and the
mel head reads both latents. The decoder hears exact latents and those that speaking will give it; to train both
directions at once is NaturalSpeech's idea (Tan et al. 2022). Its acoustic steps do the same without a waveform.
*Prior path* (for small packs, after it): the same, and the decoder makes the waveform of a slice, exactly what speaking
does. Nothing has to be learned but what is used; the price is that pitch and timing details that the tokens lack are
averaged. Where the prior is frozen and the clips lie on the device, the decoder is given slices of latents that were
made once (:mod:`module.training.latents`).
"""

from __future__ import annotations

from contextlib import nullcontext
from enum import Enum
from typing import NamedTuple

import torch
from torch import Tensor, nn

from module.commons import random_starts, sequence_mask, slice_segments
from module.encoders import Prior, sample
from module.models import Latents, SynthesizerTrn
from module.training.dataset import Batch, SpokenLatents
from module.training.settings import TrainSettings

NOISE_SCALE = 0.5  # as in speaking
QUIET_LOGS = -2.5  # log-scale of the prior where the prior path starts: little noise
PLAIN_LOGS = 0.0  # where the joint path starts, which else would find a posterior infinitely far from a silent prior


USUAL_MEL, USUAL_LOW_BIN = -5.0, -1.0  # logarithms about which speech lies: a bias learns them slowly


class Route(Enum):
    """Which way a step takes."""

    ACOUSTIC = "acoustic"
    PRIOR = "prior"
    POSTERIOR = "posterior"

    @classmethod
    def at(cls, step: int, train: TrainSettings) -> Route:
        """The way of this step: acoustic first, then prior, then posterior."""
        if step < train.acoustic_steps:
            return cls.ACOUSTIC
        return cls.PRIOR if step < train.prior_path_steps else cls.POSTERIOR


class Spoken(NamedTuple):
    """A slice that was decoded: wav [B, 1, segment * hop], its starts [B] in frames, the commitment loss."""

    wav: Tensor
    starts: Tensor
    commit: Tensor


class Outcome(NamedTuple):
    """What a step has to judge; parts that the way does not make are None.

    mels: each [B, n_mels + low_bins, T_spec], read from a latent; attention:
    log-probabilities [B, T_spec, T_ph] of the guided head; mask: valid frames [B, 1, T_spec]; latents: where
    there is a posterior; from_prior [B]: how far each row was decoded from the prior, 1 wholly, 0 from an exact latent.
    """

    speech: Spoken | None
    mels: tuple[Tensor, ...]
    attention: Tensor | None
    mask: Tensor
    latents: Latents | None = None
    from_prior: Tensor | None = None


class Expected(NamedTuple):
    """What a batch's tokens, phones and style say of its latents, as in speaking.

    mask [B, 1, T_spec]; style [B, gin_channels, 1]; commit: commitment loss; prior; attention: as in
    :class:`Outcome`; latent [B, C, T_spec]: what the flow makes of a draw of the prior.
    """

    mask: Tensor
    style: Tensor
    commit: Tensor
    prior: Prior
    attention: Tensor
    latent: Tensor


class TrainingForward(nn.Module):
    """What accelerate wraps: the synthesiser and its training-only mel head, called on a batch by one of the ways."""

    def __init__(self, network: SynthesizerTrn, n_mels: int, train: TrainSettings) -> None:
        super().__init__()
        self.network, self.train_settings = network, train
        self.mel_head = nn.Conv1d(network.config.inter_channels, n_mels + train.low_bins, 1)
        with torch.no_grad():
            means = torch.tensor([USUAL_MEL] * n_mels + [USUAL_LOW_BIN] * train.low_bins)
            self.mel_head.bias.copy_(means)  # type: ignore[union-attr]

    def forward(self, batch: Batch, route: Route) -> Outcome:
        """A training pass by one of the ways; a batch with latents has only the decoder's part of it left."""
        if batch.latents is not None:
            return self._from_latents(batch, batch.latents)
        if self.train_settings.prior_rows and route is not Route.PRIOR:
            return self._joint(batch, speaks=route is Route.POSTERIOR)
        if route is Route.POSTERIOR:
            speech = self.network(
                batch.ssl, batch.spec, batch.spec_lengths, batch.text, batch.text_lengths, batch.speaker
            )
            spoken = Spoken(speech.wav, speech.starts, speech.commit)
            return Outcome(spoken, (), None, speech.z_mask, speech.latents)
        return self._from_prior(batch, speaks=route is Route.PRIOR)

    def _from_latents(self, batch: Batch, given: SpokenLatents) -> Outcome:
        wav = self.network.dec(given.latent, given.style)
        spoken = Spoken(wav, batch.spec_lengths.new_zeros(len(wav)), wav.new_zeros(()))
        return Outcome(spoken, (), None, torch.ones_like(given.latent[:, :1]), from_prior=1.0 - given.exact)

    def _quantized(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Vectors of the tokens [B, ssl_dim, T_spec], and the commitment loss."""
        net = self.network
        if batch.tokens is None:
            return net.quantize(batch.ssl)
        vectors = net.quantizer.decode(batch.tokens[:, None])
        return vectors.repeat_interleave(net.config.frames_per_token, dim=2), vectors.new_zeros(())

    def expected(self, batch: Batch, code_noise: float = 0.0) -> Expected:
        """What tokens, phones and style say, noise as in speaking; a share ``code_noise`` of the tokens is random."""
        net = self.network
        mask = sequence_mask(batch.spec_lengths, batch.spec.size(2))[:, None].to(batch.spec.dtype)
        style = net.style_of(batch.spec, mask, batch.speaker)
        quantized, commit = self._quantized(batch)
        noised = replace_codes(quantized, net.quantizer.codebook.embed, code_noise, net.config.frames_per_token)
        prior, attention = self._prior(noised, batch, net.prior_style(style))
        z_p = sample(prior.m, prior.logs, torch.randn_like(prior.m) * NOISE_SCALE)
        return Expected(mask, style, commit, prior, attention, net.latent(z_p, mask, style))

    def _joint(self, batch: Batch, speaks: bool) -> Outcome:
        net, share = self.network, self.train_settings.prior_rows
        expected = self.expected(batch, self.train_settings.code_noise)
        mask, style, prior = expected.mask, expected.style, expected.prior
        m_q, logs_q = net.enc_q(batch.spec, mask, style)
        exact = sample(m_q, logs_q, torch.randn_like(m_q)) * mask
        latents = Latents(exact, net.flow(exact, mask, style), prior.m, prior.logs, m_q, logs_q)
        mels = self.mel_head(expected.latent), self.mel_head(exact)
        outcome = Outcome(None, mels, expected.attention, mask, latents)
        if not speaks:
            return outcome
        rows = torch.arange(len(mask), device=mask.device, dtype=torch.float64)
        from_prior = torch.floor((rows + 1) * share) > torch.floor(rows * share)  # spread evenly over the lengths
        starts = random_starts(batch.spec_lengths, net.segment_size)
        latent = torch.where(from_prior[:, None, None], expected.latent, exact)
        wav = net.dec(slice_segments(latent, starts, net.segment_size), style)
        return outcome._replace(speech=Spoken(wav, starts, expected.commit), from_prior=from_prior.to(wav.dtype))

    def _from_prior(self, batch: Batch, speaks: bool) -> Outcome:
        net, frozen = self.network, speaks and self.train_settings.freeze_prior
        with torch.no_grad() if frozen else nullcontext():
            expected = self.expected(batch, 0.0 if frozen else self.train_settings.code_noise)
        z = expected.latent
        mels, attention = ((), None) if frozen else ((self.mel_head(z),), expected.attention)
        outcome = Outcome(None, mels, attention, expected.mask)
        if not speaks:
            return outcome
        starts = random_starts(batch.spec_lengths, net.segment_size)
        wav = net.dec(slice_segments(z, starts, net.segment_size), expected.style)
        return outcome._replace(speech=Spoken(wav, starts, expected.commit))

    def _prior(self, quantized: Tensor, batch: Batch, style: Tensor) -> tuple[Prior, Tensor]:
        """The prior, and where the first head of the text attention looked (its arguments are caught on the way)."""
        enc_p = self.network.enc_p
        caught: list[Tensor] = []
        layer = enc_p.mrte.cross_attention
        handle = layer.register_forward_pre_hook(lambda _, arguments: caught.extend(arguments))
        try:
            prior = enc_p(quantized, batch.spec_lengths, batch.text, batch.text_lengths, style)
        finally:
            handle.remove()
        frames, phones, text_mask = caught
        return prior, layer.weights(frames, phones, text_mask)


def replace_codes(quantized: Tensor, codebook: Tensor, share: float, frames_per_token: int) -> Tensor:
    """Put random codes in the place of ``share`` of the tokens: quantized [B, C, T], codebook [K, C]."""
    if not share:
        return quantized
    batch, _, frames = quantized.shape
    tokens = -(-frames // frames_per_token)
    hit = torch.rand(batch, tokens, device=quantized.device) < share
    others = codebook[torch.randint(len(codebook), (batch, tokens), device=quantized.device)].transpose(1, 2)
    spread = [t.repeat_interleave(frames_per_token, -1)[..., :frames] for t in (hit[:, None], others)]
    return torch.where(spread[0], spread[1].to(quantized.dtype), quantized)


def set_prior_noise(network: SynthesizerTrn, logs: float) -> None:
    """Start the prior with one log-scale everywhere: little lets the prior path hear its mean."""
    projection = network.enc_p.proj
    with torch.no_grad():
        half = projection.out_channels // 2
        projection.weight[half:] = 0.0
        if projection.bias is not None:
            projection.bias[half:] = logs
