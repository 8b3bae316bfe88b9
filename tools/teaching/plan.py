"""What a run will take: texts, hours of speech, memory, time. Numbers only; starts nothing.

What is measured (speaking speed of the voice, matrix products of the device) comes in, the rest is computed, and every
line that is told says which.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from AR.backend import TOKEN_RATE
from AR.models import lm_backbone
from AR.models.lm_backbone import GIB
from AR.training.lm_config import LMTrainConfig
from AR.training.lm_model import memory_estimate

SECONDS_PER_CHARACTER = {"en": 0.065, "zh": 0.22, "yue": 0.22, "ja": 0.16, "ko": 0.16}
"""Of ordinary speech; decides how often a list is spoken."""
POSITIONS_PER_TOKEN = 1.9
"""Positions of a training row for each semantic token: the text's streams stand before them."""
FORWARD_AND_BACK = {"lora": 4, "frozen": 4, "full": 6}
"""Operations for each parameter and position: frozen weights have no gradients of their own."""
SHARE_OF_PEAK = 0.4
"""Of a plain matrix product's speed; what a training step reaches."""


@dataclass(frozen=True)
class Preset:
    """How much memory a training may take.

    Attributes:
        name: for people.
        batch_tokens, gradient_accumulation, gradient_checkpointing: as in the trainer's configuration.
        tuning: "lora" or "frozen".
    """

    name: str
    batch_tokens: int
    gradient_accumulation: int
    gradient_checkpointing: bool
    tuning: str = "lora"

    def on(self, config: LMTrainConfig) -> LMTrainConfig:
        """``config`` with this preset's values; a whole fine-tune stays one."""
        full = config.qwen3.tuning == "full"
        model = replace(
            config.qwen3,
            gradient_checkpointing=self.gradient_checkpointing,
            tuning="full" if full else self.tuning,
        )
        train = replace(config.train, batch_tokens=self.batch_tokens, gradient_accumulation=self.gradient_accumulation)
        return replace(config, qwen3=model, train=train)


PRESETS = (
    Preset("roomy", 8000, 1, False),
    Preset("medium", 4000, 2, False),
    Preset("small", 4000, 2, True),
    Preset("tight", 1500, 5, True),
    Preset("adapter only", 1000, 8, True, "frozen"),
)
"""From the fastest to the one that takes the least memory; all have batches of about 8000 positions."""
PROCESSOR_PRESETS = (Preset("processor", 1500, 1, False), Preset("small processor", 600, 1, True))
"""Without a GPU time is what is short: small steps learn more in it."""


def presets_for(device_type: str) -> tuple[Preset, ...]:
    """The presets of a kind of device."""
    return PROCESSOR_PRESETS if device_type == "cpu" else PRESETS


@dataclass(frozen=True)
class Fit:
    """A preset for a machine: what it takes in bytes, by kind, and whether that is free."""

    preset: Preset
    parts: Mapping[str, float]
    fits: bool

    @property
    def gib(self) -> float:
        """All of it, in GiB."""
        return sum(self.parts.values())


def choose_preset(
    config: LMTrainConfig, shape: Any, free: int | None, half: bool, presets: Sequence[Preset] = PRESETS
) -> Fit:
    """The first preset that fits into ``free`` bytes, else the smallest, which then says that it does not.

    Args:
        config: the training's settings.
        shape: transformers configuration of the backbone.
        free: bytes; None where that cannot be known, which counts as enough.
        half: weights and activations in bfloat16.
        presets: to choose from.
    """
    fits = [_fit(preset, config, shape, free, half) for preset in presets]
    return next((fit for fit in fits if fit.fits), fits[-1])


def _fit(preset: Preset, config: LMTrainConfig, shape: Any, free: int | None, half: bool) -> Fit:
    parts = memory_estimate(preset.on(config), shape, half)
    return Fit(preset, parts, free is None or sum(parts.values()) * GIB <= free)


def seeds_for(texts: Sequence[str], language: str, hours: float) -> list[int]:
    """Seeds, one for each time that the list is spoken, so that about ``hours`` of speech come out."""
    return list(range(1, 1 + max(1, math.ceil(hours * 3600 / max(1.0, list_seconds(texts, language))))))


def list_seconds(texts: Sequence[str], language: str) -> float:
    """How long a list is when it is spoken once, in seconds."""
    rate = SECONDS_PER_CHARACTER.get(language.removeprefix("all_"), SECONDS_PER_CHARACTER["en"])
    return rate * sum(map(len, texts))


def training_operations(hours: float, epochs: int, parameters: int, tuning: str, checkpointing: bool) -> float:
    """Floating point operations of a training on so many hours of speech."""
    positions = hours * 3600 * TOKEN_RATE * POSITIONS_PER_TOKEN * epochs
    return positions * parameters * 2 * (FORWARD_AND_BACK[tuning] / 2 + (1 if checkpointing else 0))


def measured_operations(device: torch.device, dtype: torch.dtype, size: int = 1024) -> float:
    """Floating point operations in a second of a matrix product on a device, measured within half a second."""
    a = torch.randn(size, size, device=device, dtype=dtype)
    done, started = 0, time.perf_counter()
    while time.perf_counter() - started < 0.3:
        b = a @ a
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        done += 1
    del b
    return done * 2 * size**3 / (time.perf_counter() - started)


def parameters_of(shape: Any) -> int:
    """Parameters of a backbone's decoder stack."""
    return lm_backbone.parameter_count(shape)


def told_time(seconds: float) -> str:
    """A duration for people: "4 min", "2.5 h"."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
