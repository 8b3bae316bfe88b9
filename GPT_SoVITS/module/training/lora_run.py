"""One run of adapter training (v3 and later): only what is trained is saved, resumed and exported."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from errors import CheckpointError
from module.synthesizer_v3 import SynthesizerTrnV3
from module.training.adapter import FlowForward, add_adapter, public_names, save_memory, trained_tensors
from module.training.dataset import Batch
from module.training.ema import WeightAverage
from module.training.networks import generator_optimizer, model_values
from module.training.run import TrainingRun
from module.training.settings import S2Settings
from module.training.states import newest_state
from module.training.steps import Learner
from process_ckpt import load_sovits_new, load_strict, sovits_version
from published import S2G, place

logger = logging.getLogger(__name__)


def load_base(settings: S2Settings, ssl_dim: int, root: Path) -> SynthesizerTrnV3:
    """The whole base model, which the adapter is trained on and will be merged into: ``pretrained_s2G``, else the
    published one.

    Raises:
        CheckpointError: missing (the message names the command that fetches it), an adapter itself, of another
            version, or of other sizes than configured.
    """
    published = place(S2G[settings.version])
    path = root / settings.train.pretrained_s2G if settings.train.pretrained_s2G else published
    checkpoint = load_sovits_new(path)
    found = sovits_version(path, checkpoint)
    if found.is_lora or found.model_version != settings.version:
        kind = f"a {found.model_version} {'adapter' if found.is_lora else 'model'}"
        raise CheckpointError(
            f"{path} is {kind}",
            f"the whole {settings.version} base model",
            "correct train.pretrained_s2G or the version",
        )
    if path.resolve() != published.resolve():
        logger.warning("speaking merges the adapter into %s, and this training is on top of %s", published, path)
    values = {**model_values(settings, ssl_dim), "freeze_quantizer": True}
    with torch.device("meta"):  # drawing 400 million weights only to replace them takes longer than reading them
        network = SynthesizerTrnV3(settings.data.spec_channels, settings.segment_frames, **values)
    load_strict(network, checkpoint["weight"], path, assign=True)
    logger.info("adapter of rank %d on top of %s", settings.train.lora_rank, path)
    return network


class LoraRun(TrainingRun):
    """Adapter training.

    Args:
        settings, accelerator, ssl_dim: as :class:`TrainingRun`.
        root: folder that a relative pretrained path is taken from.
    """

    def __init__(self, settings: S2Settings, accelerator: Accelerator, ssl_dim: int, root: Path) -> None:
        super().__init__(settings, accelerator, ssl_dim)
        train = settings.train
        self.lora_rank = train.lora_rank
        network = load_base(settings, ssl_dim, root)
        add_adapter(network, train.lora_rank)
        if train.grad_ckpt:
            save_memory(network)
        optimizer = generator_optimizer(network, train)
        self.average = WeightAverage(network, train.ema_decay) if train.ema_decay else None
        saved = newest_state(settings.state_dir)
        if saved is not None:
            self._restore(network, optimizer, saved)
        self.generator = Learner(*accelerator.prepare(FlowForward(network), optimizer))
        self.learners = (self.generator,)
        if saved is not None:
            self._restore_run(saved)

    @property
    def network(self) -> SynthesizerTrnV3:
        """The synthesiser itself, whatever it is wrapped in."""
        return self.accelerator.unwrap_model(self.generator.network).network

    def step(self, batch: Batch, number: int) -> dict[str, Tensor]:
        """One training step; gives the losses by name, detached."""
        with self.accelerator.autocast():
            loss = self.generator.network(batch)
        norm = self.generator.learn(loss, self.accelerator, self.settings.train.grad_clip)
        return {"g/total": loss.detach(), "g/grad_norm": norm.detach()}

    def _load(self, network: nn.Module, weights: Mapping[str, Tensor]) -> None:
        """A state holds what is trained; the rest of the network is the base model's."""
        assert isinstance(network, SynthesizerTrnV3)
        if weights.keys() != trained_tensors(network).keys():
            raise KeyError("other names")
        network.load_state_dict({**network.state_dict(), **weights})

    def _states(self) -> tuple[dict[str, Any], None]:
        return {"model": trained_tensors(self.network), **self._run_state()}, None

    def _weights(self) -> dict[str, Tensor]:
        return public_names(self._averaged(trained_tensors(self.network)))
