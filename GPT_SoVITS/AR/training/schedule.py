"""Learning rate and guidance weight as functions of progress."""

from __future__ import annotations

import math

from AR.training.config import GuidedSection, OptimizerSection


def learning_rate(settings: OptimizerSection, step: int, progress: float) -> float:
    """Linear warm-up from ``lr_init`` over ``warmup_steps``, then a cosine from ``lr`` to ``lr_end``.

    Args:
        settings: the optimizer section.
        step: optimizer steps done.
        progress: 0..1, how much of the decay is over.
    """
    if step < settings.warmup_steps:
        return settings.lr_init + (settings.lr - settings.lr_init) * step / settings.warmup_steps
    return settings.lr_end + (settings.lr - settings.lr_end) * 0.5 * (1.0 + math.cos(math.pi * min(1.0, progress)))


def guided_weight(settings: GuidedSection, step: int) -> float:
    """Falls linearly from ``weight`` to ``final_weight`` over ``decay_steps``."""
    if settings.decay_steps <= 0:
        return settings.weight
    share = min(1.0, step / settings.decay_steps)
    return settings.weight + (settings.final_weight - settings.weight) * share
