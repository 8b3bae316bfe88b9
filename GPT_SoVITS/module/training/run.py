"""The state of one training run: networks, optimisers, where it stands; saved, resumed and exported as a whole.

Knows what has to be kept so that a killed run goes on as if nothing had happened; the loop is in ``loop.py``.
"""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from errors import CheckpointError
from module.models import SynthesizerTrn
from module.training.channels_last import use_channels_last
from module.training.ema import WeightAverage
from module.training.latents import DecoderClips, fit_mel_head
from module.training.networks import (
    build_discriminator,
    build_generator,
    discriminator_optimizer,
    generator_optimizer,
    learning_rate,
    load_pretrained_discriminator,
    load_pretrained_generator,
    set_learning_rate,
)
from module.training.on_device import DeviceClips
from module.training.paths import PLAIN_LOGS, QUIET_LOGS, Route, TrainingForward, set_prior_noise
from module.training.settings import S2Settings
from module.training.states import newest_pair, save_pair
from module.training.steps import Learner
from process_ckpt import save_s2

logger = logging.getLogger(__name__)


@dataclass
class Position:
    """Where training stands: epoch and batch counted from 0, step over all epochs."""

    epoch: int = 0
    batch: int = 0
    step: int = 0


class TrainingRun(ABC):
    """Everything that changes while training; what differs between the recipes is in the subclasses.

    Args:
        settings: of the run.
        accelerator: places and wraps networks and optimisers.
        ssl_dim: channels of the SSL features.

    Attributes:
        generator: the network that is trained, in what accelerate wraps.
        learners: all networks with their optimisers.
        average: of the generator's weights, None where it is not wanted.
        lora_rank: of the adapter that is exported, None where a whole model is.
    """

    generator: Learner
    learners: tuple[Learner, ...]
    average: WeightAverage | None = None
    lora_rank: int | None = None

    def __init__(self, settings: S2Settings, accelerator: Accelerator, ssl_dim: int) -> None:
        self.settings, self.accelerator, self.ssl_dim = settings, accelerator, ssl_dim
        self.position = Position()

    # -- resuming ------------------------------------------------------------------------------------------------
    def _restore(
        self, network: nn.Module, optimizer: torch.optim.Optimizer, state: dict[str, Any], head: nn.Module | None = None
    ) -> None:
        """Put a saved network and its optimiser back.

        Raises:
            CheckpointError: the state is of a network with other sizes.
        """
        try:
            self._load(network, state["model"])
            if head is not None and "mel_head" in state:
                head.load_state_dict(state["mel_head"])
            optimizer.load_state_dict(state["optimizer"])
        except (RuntimeError, ValueError, KeyError) as error:
            raise CheckpointError(
                f"the training state in {self.settings.state_dir} does not fit the configuration",
                "the configuration it was started with",
                "take that configuration, or another experiment name, or remove the folder",
            ) from error

    def _load(self, network: nn.Module, weights: Mapping[str, Tensor]) -> None:
        network.load_state_dict(weights)

    def _restore_run(self, state: dict[str, Any]) -> None:
        """Put back what belongs to the run as a whole; public states lack some of it."""
        self.position = Position(state["iteration"] - 1, state.get("batch", 0), state.get("step", 0))
        if self.average is not None and "ema" in state:
            self.average.load_state_dict(state["ema"])
        if self.accelerator.scaler is not None and state.get("scaler"):
            self.accelerator.scaler.load_state_dict(state["scaler"])
        if self.accelerator.is_main_process and "rng" in state:
            torch.set_rng_state(state["rng"])
        else:
            torch.manual_seed(self.settings.train.seed + self.position.step + self.accelerator.process_index)
        logger.info("continuing at epoch %d, step %d", self.position.epoch + 1, self.position.step)

    # -- saving --------------------------------------------------------------------------------------------------
    def set_rate(self) -> float:
        """Bring all optimisers to the learning rate of this moment, and tell it."""
        rate = learning_rate(self.settings.train, self.position.epoch, self.position.step)
        for learner in self.learners:
            set_learning_rate(learner.optimizer, rate)
        return rate

    def _common_state(self) -> dict[str, Any]:
        """What every file of a training state holds."""
        return {
            "iteration": self.position.epoch + 1,
            "learning_rate": self.settings.train.learning_rate,
            "step": self.position.step,
            "batch": self.position.batch,
        }

    def _run_state(self) -> dict[str, Any]:
        """What the generator's file holds beside its network."""
        scaler = self.accelerator.scaler
        return {
            "optimizer": self.generator.optimizer.state_dict(),
            "rng": torch.get_rng_state(),
            "scaler": scaler.state_dict() if scaler is not None else None,
            **({"ema": self.average.state_dict()} if self.average is not None else {}),
            **self._common_state(),
        }

    def save(self) -> None:
        """Write the training state (main process only); a kill in the middle leaves the previous one whole."""
        if self.accelerator.is_main_process:
            keep_latest = self.settings.train.if_save_latest
            save_pair(self.settings.state_dir, self.position.step, keep_latest, *self._states())

    def export(self) -> Path:
        """Write the small file that speaks (main process only): half precision, public layout."""
        epoch, step = self.position.epoch + (self.position.batch > 0), self.position.step
        rank = f"_l{self.lora_rank}" if self.lora_rank else ""
        path = self.settings.save_weight_dir / f"{self.settings.name}_e{epoch}_s{step}{rank}.pth"
        if self.accelerator.is_main_process:
            config = {**self.settings.raw, "model": {**self.settings.model, "ssl_dim": self.ssl_dim}}
            info = f"{epoch}epoch_{step}iteration"
            save_s2(path, self._weights(), config, info, self.settings.version, self.lora_rank)
            logger.info("saved weights %s", path)
        return path

    @abstractmethod
    def _states(self) -> tuple[dict[str, Any], dict[str, Any] | None]:
        """Content of the generator's file and of the discriminators'."""

    @abstractmethod
    def _weights(self) -> dict[str, Tensor]:
        """What the exported file holds, in full precision."""

    def _averaged(self, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return dict(weights) if self.average is None else self.average.applied_to(weights)


class S2Run(TrainingRun):
    """Synthesiser and discriminators of the versions that make a waveform.

    Args:
        settings, accelerator, ssl_dim: as :class:`TrainingRun`.
        root: folder that relative pretrained paths are taken from.
    """

    def __init__(self, settings: S2Settings, accelerator: Accelerator, ssl_dim: int, root: Path) -> None:
        super().__init__(settings, accelerator, ssl_dim)
        train = settings.train
        self.has_mel_head = False  # one that acoustic steps have taught
        self.has_prior = True  # one that has learned anything
        generator, disc = build_generator(settings, ssl_dim), build_discriminator(settings)
        saved = newest_pair(settings.state_dir)
        if saved is None:
            self._start_from_pretrained(generator, disc, root)
        forward = TrainingForward(generator, settings.data.n_mel_channels, train)
        optimizers = (
            generator_optimizer(generator, train, forward.mel_head if train.c_acoustic else None),
            discriminator_optimizer(disc, train),
        )
        self.average = WeightAverage(generator, train.ema_decay) if train.ema_decay else None
        if saved is not None:
            self._restore(generator, optimizers[0], saved[0], forward.mel_head)
            self._restore(disc, optimizers[1], saved[1])
            self.has_mel_head = "mel_head" in saved[0]
        if train.channels_last:
            use_channels_last(generator)
        if train.compile:
            generator.dec.compile()
        self.generator = Learner(*accelerator.prepare(forward, optimizers[0]))
        self.disc = Learner(*accelerator.prepare(disc, optimizers[1]))
        self.learners = (self.generator, self.disc)
        if saved is not None:
            self._restore_run(saved[0])

    def _start_from_pretrained(self, generator: SynthesizerTrn, disc: nn.Module, root: Path) -> None:
        train, random_parts = self.settings.train, ["enc_p"]
        if train.pretrained_s2G:
            random_parts = load_pretrained_generator(generator, root / train.pretrained_s2G)
        elif generator.config.freeze_quantizer:
            logger.warning("no pretrained_s2G: the frozen quantizer is random, its tokens carry little")
        self.has_prior = "enc_p" not in random_parts
        if train.prior_rows:
            set_prior_noise(generator, PLAIN_LOGS)
        elif (train.acoustic_steps or train.prior_path_steps) and "enc_p" in random_parts:
            set_prior_noise(generator, QUIET_LOGS)
        if train.pretrained_s2D:
            load_pretrained_discriminator(disc, root / train.pretrained_s2D)

    def _restore_run(self, state: dict[str, Any]) -> None:
        super()._restore_run(state)
        if self.settings.train.freeze_prior and self.average is not None:
            # the decoder alone learns now: let it hear the averaged prior, which is the one that is exported
            live = self.network.state_dict()
            averaged = self.average.applied_to(live)
            self.network.load_state_dict({n: live[n] if n.startswith("dec.") else averaged[n] for n in live})

    @property
    def decoder_alone(self) -> bool:
        """Whether only the decoder learns from here to the end: no acoustic steps are left, and none are joint."""
        train = self.settings.train
        on_prior = Route.at(self.position.step, train) is Route.PRIOR
        return train.freeze_prior and on_prior and not train.prior_rows

    def fit_mel_head(self, clips: DeviceClips) -> None:
        """A mel head for a prior that came without one; every process fits the same."""
        gap = fit_mel_head(clips, self.accelerator.unwrap_model(self.generator.network), self.settings)
        self.has_mel_head = True
        logger.info("what the fitted mel head reads is %.2f from the recordings' log mels", gap)

    def decoder_clips(self, clips: DeviceClips) -> DecoderClips:
        """Latents of ``clips`` by this run's prior, for a decoder that learns alone."""
        return DecoderClips(clips, self.accelerator.unwrap_model(self.generator.network), self.settings)

    @property
    def network(self) -> SynthesizerTrn:
        """The synthesiser itself, whatever it is wrapped in."""
        return self.accelerator.unwrap_model(self.generator.network).network

    def _states(self) -> tuple[dict[str, Any], dict[str, Any]]:
        forward = self.accelerator.unwrap_model(self.generator.network)
        generator = {
            "model": forward.network.state_dict(),
            "mel_head": forward.mel_head.state_dict(),
            **self._run_state(),
        }
        disc = {
            "model": self.accelerator.unwrap_model(self.disc.network).state_dict(),
            "optimizer": self.disc.optimizer.state_dict(),
            **self._common_state(),
        }
        return generator, disc

    def _weights(self) -> dict[str, Tensor]:
        return self._averaged(self.network.state_dict())
