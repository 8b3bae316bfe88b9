"""What a visitor wants to have trained, which of its settings mean something, and what is wrong with a value."""

from __future__ import annotations

import math
from dataclasses import dataclass

from errors import RequestError
from module.versions import VersionSpec
from pages.context import PageContext
from pages.training_bases import PRESETS
from pages.voice_folder import NAME

STAGES = ("lm", "s1", "s2")
"""Language model, AR model, SoVITS."""
LIMITS = {
    "epochs": (1, 10_000),
    "batch_size": (1, 512),
    "minutes": (0, 100_000),
    "save_every": (1, 10_000),
    "lora_rank": (1, 512),
}
ALWAYS = frozenset({"epochs", "batch_size", "minutes"})
"""Settings of every training."""
OF_STAGE = {"lm": {"preset", "backbone"}, "s1": {"save_every", "if_dpo"}, "s2": {"save_every"}}
OF_ADAPTER = frozenset({"lora_rank", "grad_ckpt"})


@dataclass(frozen=True)
class TrainingWish:
    """What a visitor chose, as it came from the page.

    Attributes:
        stage: one of :data:`STAGES`.
        name: of the weights to make.
        minutes: the training ends after so many, 0: the epochs decide.
        save_every: epochs between two weight files (s1, s2).
        device: "cpu", "cuda:0", ...
        preset, backbone: of the language model; an empty backbone is the preset's.
        if_dpo: with the preference loss (s1).
        lora_rank, grad_ckpt: rank of an adapter, and less memory for more time (s2 of the versions that train one).
    """

    stage: str
    name: str
    epochs: int
    batch_size: int
    minutes: float
    save_every: int
    device: str
    preset: str = ""
    backbone: str = ""
    if_dpo: bool = False
    lora_rank: int = 32
    grad_ckpt: bool = False


def settings_that_count(stage: str, spec: VersionSpec | None) -> frozenset[str]:
    """Which settings of a wish mean something for a stage of a version (None: none is chosen)."""
    adapter = stage == "s2" and spec is not None and spec.trains_adapter
    return ALWAYS | OF_STAGE.get(stage, set()) | (OF_ADAPTER if adapter else set())


def check(context: PageContext, wish: TrainingWish, spec: VersionSpec) -> None:
    """Refuse what could only fail later.

    Args:
        context: the page's.
        wish: what a visitor chose.
        spec: version of the weights to start from.

    Raises:
        RequestError: in the visitor's language.
    """
    if wish.stage not in STAGES:
        raise RequestError(context.say("training.bad_stage"))
    if not NAME.fullmatch(wish.name):
        raise RequestError(context.say("training.bad_name"))
    counting = settings_that_count(wish.stage, spec)
    for key, (low, high) in LIMITS.items():
        if key not in counting:
            continue
        value = getattr(wish, key)
        if not isinstance(value, int | float) or not math.isfinite(value) or not low <= value <= high:
            raise RequestError(
                context.say("training.bad_number", name=context.say(f"training.{key}"), low=low, high=high)
            )
    if "preset" in counting and wish.preset not in PRESETS:
        raise RequestError(context.say("training.bad_preset"))
