"""The two ways a training step can take through the synthesiser.

*Posterior path* (public): spectrogram -> posterior -> waveform, with the prior drawn to the posterior by the KL term.
*Prior path* (for small packs): tokens, phones and style -> prior -> inverse flow -> waveform, exactly what speaking
does. Nothing has to be learned but what is used, so intelligible speech comes in a few thousand steps; the price is
that pitch and timing details that the tokens lack are averaged.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from module.commons import random_starts, sequence_mask, slice_segments
from module.models import Latents, SynthesizerTrn, TrainingPass
from module.training.dataset import Batch

NOISE_SCALE = 0.5  # as in speaking
QUIET_LOGS = -2.5  # log-scale of the prior where the prior path starts: little noise


class TrainingForward(nn.Module):
    """What accelerate wraps: the synthesiser, called on a batch by either path."""

    def __init__(self, network: SynthesizerTrn) -> None:
        super().__init__()
        self.network = network

    def forward(self, batch: Batch, from_prior: bool) -> TrainingPass:
        """A training pass; on the prior path the posterior's latents are those of the prior, detached."""
        if from_prior:
            return self._prior_path(batch)
        return self.network(batch.ssl, batch.spec, batch.spec_lengths, batch.text, batch.text_lengths)

    def _prior_path(self, batch: Batch) -> TrainingPass:
        net, spec, lengths = self.network, batch.spec, batch.spec_lengths
        mask = sequence_mask(lengths, spec.size(2))[:, None].to(spec.dtype)
        style = net._style(spec, mask, None)
        quantized, commit = net._quantize(batch.ssl)
        prior = net.enc_p(quantized, lengths, batch.text, batch.text_lengths, net._prior_style(style))
        noise = torch.randn_like(prior.m) * NOISE_SCALE
        z_p = prior.m + noise * prior.logs.exp()
        z: Tensor = net.flow(z_p, mask, style, reverse=True) * mask
        starts = random_starts(lengths, net.segment_size)
        wav = net.dec(slice_segments(z, starts, net.segment_size), style)
        latents = Latents(z, z_p, prior.m, prior.logs, prior.m.detach(), prior.logs.detach())
        return TrainingPass(wav, commit, starts, prior.mask, mask, latents, quantized)


def quieten_prior(network: SynthesizerTrn) -> None:
    """Start the prior with little noise, so that the prior path hears its mean from the first step on."""
    projection = network.enc_p.proj
    with torch.no_grad():
        half = projection.out_channels // 2
        projection.weight[half:] = 0.0
        if projection.bias is not None:
            projection.bias[half:] = QUIET_LOGS
