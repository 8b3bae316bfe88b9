"""One training step: losses of the generator and of the discriminators, as published, and the cheap warm-up.

Knows losses and in which order the two networks learn; does not know data, epochs or files.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from module.commons import slice_segments
from module.losses import discriminator_loss, feature_loss, generator_loss, kl_loss
from module.mel_processing import LOG_FLOOR, mel_spectrogram_torch, spec_to_mel_torch
from module.models import Latents, MultiPeriodDiscriminator
from module.training.dataset import Batch
from module.training.paths import Outcome, Route, Spoken
from module.training.settings import DataSettings, S2Settings
from module.training.stft_loss import MultiResolutionSTFTLoss

logger = logging.getLogger(__name__)


@dataclass
class Learner:
    """A network and its optimiser, both as ``accelerator.prepare`` gave them back."""

    network: nn.Module
    optimizer: torch.optim.Optimizer

    def learn(self, loss: Tensor, accelerator: Accelerator, clip: float) -> Tensor:
        """Backward pass and optimiser step; gives the gradient norm before clipping at ``clip`` (0: not clipped)."""
        self.optimizer.zero_grad(set_to_none=True)
        accelerator.backward(loss)
        norm = accelerator.clip_grad_norm_(self.network.parameters(), clip or float("inf"))
        self.optimizer.step()
        return torch.as_tensor(norm)

    @property
    def steps(self) -> int:
        """How many steps the network has learned, over all runs."""
        return max((int(state["step"]) for state in self.optimizer.state.values()), default=0)


def log_mel(spec: Tensor, data: DataSettings) -> Tensor:
    """Log mel of linear spectrograms [B, bins, T] -> [B, n_mel_channels, T]."""
    return spec_to_mel_torch(
        spec, data.filter_length, data.n_mel_channels, data.sampling_rate, data.mel_fmin, data.mel_fmax
    )


def real_mel(spec: Tensor, settings: S2Settings) -> Tensor:
    """What the mel head is to read, log mel and lowest bins: [B, bins, T] -> [B, n_mel_channels + low_bins, T]."""
    mel, low = log_mel(spec, settings.data), settings.train.low_bins
    return torch.cat([mel, spec[:, :low].clamp(min=LOG_FLOOR).log()], dim=1) if low else mel


class S2Step:
    """Call with a batch and the step number; updates the networks and gives the losses by name, detached."""

    def __init__(self, settings: S2Settings, accelerator: Accelerator, generator: Learner, disc: Learner) -> None:
        self.settings, self.accelerator = settings, accelerator
        self.generator, self.disc = generator, disc
        self.stft = MultiResolutionSTFTLoss().to(accelerator.device)
        first = settings.train.disc_first_steps
        self.disc_alone = max(0, first - disc.steps) if first else 0  # steps left; read once, as a device is waited for

    def __call__(self, batch: Batch, step: int) -> dict[str, Tensor]:
        route = Route.at(step, self.settings.train)
        if self._discriminators_first(route, step):
            return self._teach_discriminators(batch, route)
        with self.accelerator.autocast():
            outcome: Outcome = self.generator.network(batch, route)
        losses = self._prior_losses(batch, outcome)
        if outcome.latents is not None:
            losses["g/kl"] = self._kl(outcome.latents, outcome.mask)
        if outcome.speech is not None:
            losses.update(self._speech_losses(batch, outcome, step))
        losses["g/total"] = torch.stack([value for name, value in losses.items() if name.startswith("g/")]).sum()
        losses["g/grad_norm"] = self.generator.learn(losses["g/total"], self.accelerator, self.settings.train.grad_clip)
        return {name: value.detach() for name, value in losses.items()}

    def _discriminators_first(self, route: Route, step: int) -> bool:
        """Whether a generator that speaks already should wait until the discriminators know anything."""
        train = self.settings.train
        heard = route is not Route.ACOUSTIC and step >= train.warmup_stft_steps
        return heard and self.disc_alone > 0

    def _teach_discriminators(self, batch: Batch, route: Route) -> dict[str, Tensor]:
        """A step of the discriminators alone."""
        with torch.no_grad(), self.accelerator.autocast():
            outcome: Outcome = self.generator.network(batch, route)
        assert outcome.speech is not None
        self.disc_alone -= 1
        real = self._real(batch, outcome.speech)
        losses = self._learn_discriminators(real, outcome.speech.wav.float())
        return {name: value.detach() for name, value in losses.items()} | {"g/total": real.new_zeros(())}

    def _real(self, batch: Batch, speech: Spoken) -> Tensor:
        """The recordings' samples [B, 1, segment] where ``speech`` was made."""
        return slice_segments(
            batch.wav, speech.starts * self.settings.data.hop_length, self.settings.train.segment_size
        )

    def _prior_losses(self, batch: Batch, outcome: Outcome) -> dict[str, Tensor]:
        """Mel head and guided attention, weighted; nothing on the posterior path."""
        train, losses = self.settings.train, {}
        if outcome.mels and train.c_acoustic:
            losses["g/acoustic"] = self._acoustic(batch, outcome) * train.c_acoustic
        if outcome.attention is not None and train.c_attention:
            known = batch.alignment >= 0
            aim = outcome.attention.gather(2, batch.alignment.clamp(min=0)[:, :, None]).squeeze(2)
            # a sum over a mask, as indexing by it would wait for the device
            heard = torch.where(known, aim, 0.0).sum() / known.sum().clamp(min=1)
            losses["g/attention"] = -heard * train.c_attention
        return losses

    def _acoustic(self, batch: Batch, outcome: Outcome) -> Tensor:
        """Mean distance of what the mel head reads off each latent."""
        real = real_mel(batch.spec, self.settings)
        gaps = [(mel.float() - real).abs().mean(dim=1, keepdim=True) * outcome.mask for mel in outcome.mels]
        return torch.stack(gaps).mean(dim=0).sum() / outcome.mask.sum()

    def _kl(self, latents: Latents, mask: Tensor) -> Tensor:
        """How far the posterior is from the prior, weighted."""
        kl = kl_loss(latents.z_p, latents.logs_q, latents.m_p, latents.logs_p, mask)
        return kl * self.settings.train.c_kl

    def _speech_losses(self, batch: Batch, outcome: Outcome, step: int) -> dict[str, Tensor]:
        """What the waveform is judged by; the discriminators learn on the way."""
        train, out = self.settings.train, outcome.speech
        assert out is not None
        real, fake = self._real(batch, out), out.wav.float()
        losses: dict[str, Tensor] = {}
        if step >= train.warmup_stft_steps:
            if step % train.disc_every == 0:
                losses.update(self._learn_discriminators(real, fake.detach()))
            losses.update(self._adversarial_losses(real, fake))
        losses.update(self._reconstruction_losses(batch, outcome, real, fake, step))
        return losses

    def _reconstruction_losses(
        self, batch: Batch, outcome: Outcome, real: Tensor, fake: Tensor, step: int
    ) -> dict[str, Tensor]:
        """Mel, KL, commitment and, where it has a weight, STFT loss; each already weighted."""
        train, data, out = self.settings.train, self.settings.data, outcome.speech
        assert out is not None
        common = (data.filter_length, data.n_mel_channels, data.sampling_rate)
        spec = slice_segments(batch.spec, out.starts, self.settings.segment_frames)
        mel_real = log_mel(spec, data)
        mel_fake = mel_spectrogram_torch(
            fake.squeeze(1), *common, data.hop_length, data.win_length, data.mel_fmin, data.mel_fmax
        )
        gaps = (mel_real - mel_fake).abs().mean(dim=(1, 2))
        if outcome.from_prior is not None:
            # the prior cannot know the pitch exactly: where its harmonics fall beside, a blur would cost least
            gaps = torch.lerp(torch.ones_like(gaps), gaps.new_full((), train.c_mel_prior), outcome.from_prior) * gaps
        losses = {"g/mel": gaps.mean() * train.c_mel, "g/commit": out.commit.float()}
        weight = train.c_stft if step < train.warmup_stft_steps else train.c_stft_adversarial
        if weight:
            losses["g/stft"] = self.stft(fake, real) * weight
        return losses

    def _learn_discriminators(self, real: Tensor, fake: Tensor) -> dict[str, Tensor]:
        """One step of the discriminators on waveforms [B, 1, segment]."""
        with self.accelerator.autocast():
            scores_real, scores_fake, _, _ = self.disc.network(real, fake)
        total, _, _ = discriminator_loss(scores_real, scores_fake)
        norm = self.disc.learn(total, self.accelerator, self.settings.train.grad_clip)
        return {"d/total": total, "d/grad_norm": norm}

    def _adversarial_losses(self, real: Tensor, fake: Tensor) -> dict[str, Tensor]:
        """What the discriminators say to the generator: least squares and feature matching.

        The plain module is called, frozen: no gradients for the discriminators, none to be exchanged between
        processes.
        """
        disc: MultiPeriodDiscriminator = self.accelerator.unwrap_model(self.disc.network)
        disc.requires_grad_(False)
        with self.accelerator.autocast():
            with torch.no_grad():
                _, maps_real = disc.score(real)
            scores, maps_fake = disc.score(fake)
        disc.requires_grad_(True)
        train = self.settings.train
        return {
            "g/adversarial": generator_loss(scores)[0] * train.c_adv,
            "g/features": feature_loss(maps_real, maps_fake) * train.c_fm,
        }
