"""The two networks of s2 training as they are when training starts: built, filled with pretrained parts, optimisers.

Knows which weights a pretrained file may lack and which learn more slowly; does not know losses or the loop.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from checkpoint_io import read_checkpoint
from errors import CheckpointError
from module.models import MultiPeriodDiscriminator, SynthesizerTrn
from module.training.settings import S2Settings, TrainSettings
from process_ckpt import compare_keys, load_sovits_new

logger = logging.getLogger(__name__)

# Text-side parts learn at text_low_lr_rate of the learning rate, as in the public recipe.
SLOW_PARTS = ("enc_p.text_embedding.", "enc_p.encoder_text.", "enc_p.mrte.")


def model_values(settings: S2Settings, ssl_dim: int) -> dict[str, Any]:
    """The ``model`` section, for features of ``ssl_dim`` channels.

    Raises:
        CheckpointError: the configuration is for features of another width.
    """
    model = dict(settings.model)
    if model.setdefault("ssl_dim", ssl_dim) != ssl_dim:
        raise CheckpointError(
            f"the features in 4-cnhubert have {ssl_dim} channels, model.ssl_dim is {model['ssl_dim']}",
            "equal numbers",
            "make the features with the encoder of this model, or correct model.ssl_dim",
        )
    return model


def build_generator(settings: S2Settings, ssl_dim: int) -> SynthesizerTrn:
    """The synthesiser with random weights. CheckpointError as :func:`model_values`."""
    model = model_values(settings, ssl_dim)
    return SynthesizerTrn(settings.data.spec_channels, settings.segment_frames, **model)


def build_discriminator(settings: S2Settings) -> MultiPeriodDiscriminator:
    """The discriminators of the version, thinner or fewer where the settings say so."""
    periods = settings.train.disc_periods or settings.spec.periods
    return MultiPeriodDiscriminator(False, periods=periods, width=settings.train.disc_width)


def load_parts(network: nn.Module, weights: Mapping[str, Tensor], path: Path) -> list[str]:
    """Take over weights; a top-level part (``dec``, ``enc_q``, ``quantizer``...) is there as a whole or not at all.

    Returns:
        names of the parts that the file does not hold and that keep their random start.

    Raises:
        CheckpointError: a part is incomplete, or names or shapes are of another network.
    """
    own = network.state_dict()
    given = {name.split(".")[0] for name in weights}
    report = compare_keys({name: value for name, value in own.items() if name.split(".")[0] in given}, weights)
    if not report.ok:
        raise CheckpointError(
            f"{path} does not fit the configured network: {report}",
            "weights of a network with the same sizes",
            "correct the model section or the path",
        )
    network.load_state_dict({**own, **{name: tensor.float() for name, tensor in weights.items()}})
    return sorted({name.split(".")[0] for name in own} - given)


def load_pretrained_generator(network: SynthesizerTrn, path: Path) -> list[str]:
    """Start from a generator file of any public layout, or from one that holds only the quantizer.

    Returns:
        names of the parts that the file does not hold.

    Raises:
        CheckpointError: the file cannot be read or is of another network.
    """
    random_parts = load_parts(network, load_sovits_new(path)["weight"], path)
    logger.info("generator starts from %s%s", path, f"; random: {', '.join(random_parts)}" if random_parts else "")
    if {"quantizer", "ssl_proj"} & set(random_parts):
        raise CheckpointError(f"{path} holds no quantizer", "at least ssl_proj and quantizer", "use a base model")
    return random_parts


def load_pretrained_discriminator(network: nn.Module, path: Path) -> None:
    """Start from a discriminator file (key ``weight``).

    Raises:
        CheckpointError: the file cannot be read or is of another network.
    """
    checkpoint = read_checkpoint(path, "a discriminator (s2D) file")
    if not isinstance(checkpoint, Mapping) or not isinstance(checkpoint.get("weight"), Mapping):
        raise CheckpointError(f"{path} has no key 'weight'", "a discriminator (s2D) file", "correct pretrained_s2D")
    load_parts(network, checkpoint["weight"], path)
    logger.info("discriminators start from %s", path)


def generator_optimizer(network: nn.Module, train: TrainSettings, head: nn.Module | None = None) -> torch.optim.AdamW:
    """AdamW over what is trained, the text side in a slower group; ``lr_scale`` is kept in each group.

    ``head``: a part that only training needs, in a group of its own.
    """
    trained = [(name, p) for name, p in network.named_parameters() if p.requires_grad]
    slow = [p for name, p in trained if name.startswith(SLOW_PARTS)]
    rest = [p for name, p in trained if not name.startswith(SLOW_PARTS)]
    groups = [{"params": rest, "lr_scale": 1.0}, {"params": slow, "lr_scale": train.text_low_lr_rate}]
    if head is not None:
        groups.append({"params": list(head.parameters()), "lr_scale": 1.0})
    groups = [group for group in groups if group["params"]]
    return torch.optim.AdamW(groups, lr=train.learning_rate, betas=train.betas, eps=train.eps, fused=True)


def discriminator_optimizer(network: nn.Module, train: TrainSettings) -> torch.optim.AdamW:
    """AdamW over all discriminators."""
    groups = [{"params": list(network.parameters()), "lr_scale": 1.0}]
    return torch.optim.AdamW(groups, lr=train.learning_rate, betas=train.betas, eps=train.eps, fused=True)


def set_learning_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Set every group to ``rate`` times its scale."""
    for group in optimizer.param_groups:
        group["lr"] = rate * group["lr_scale"]


def learning_rate(train: TrainSettings, epoch: int, step: int) -> float:
    """Exponential decay by epoch (counted from 0), after a linear rise over the first ``lr_warmup_steps``."""
    rise = min(1.0, (step + 1) / train.lr_warmup_steps) if train.lr_warmup_steps else 1.0
    return train.learning_rate * train.lr_decay**epoch * rise
