"""How far a run has come, read from the state that its recipe left; tensors are not read."""

from __future__ import annotations

import json
import logging
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from errors import GSVError
from pages.runs import Run

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Position:
    """Where a run stands.

    Attributes:
        epochs: whole epochs that are done.
        step: steps that are done.
        minutes: of training over all starts; 0 where the recipe does not count them so.
    """

    epochs: int
    step: int
    minutes: float = 0.0


def position_of(run: Run) -> Position | None:
    """None before the first state."""
    try:
        return POSITIONS[run.wish.stage](run)
    except (GSVError, OSError, KeyError, ValueError, TypeError) as error:
        logger.info("the state of %s cannot be read (%s)", run.folder, error)
        return None


def _ar(run: Run) -> Position | None:
    path = run.states / "state.pt"
    if not path.is_file():
        return None
    facts = _facts(path, path.stat().st_mtime_ns)["position"]
    return Position(int(facts["epoch"]), int(facts["step"]), float(facts["minutes"]))


def _sovits(run: Run) -> Position | None:
    found = [path for path in run.states.glob("G_*.pth") if re.fullmatch(r"G_\d+\.pth", path.name)]
    if not found:
        return None
    path = max(found, key=lambda path: path.stat().st_mtime_ns)
    facts = _facts(path, path.stat().st_mtime_ns)
    return Position(int(facts["iteration"]) - 1, int(facts.get("step", 0)))


def _language_model(run: Run) -> Position | None:
    from AR.training.state import last_state  # late: torch

    state = last_state(run.states)
    if state is None:
        return None
    facts = json.loads((state / "trainer_state.json").read_text(encoding="utf-8"))
    step, steps = int(facts["global_step"]), int(facts["max_steps"])
    trained = run.trained_settings() or {}
    epochs = int(trained.get("train", {}).get("epochs", run.wish.epochs))
    clock = state / "clock.json"
    minutes = float(json.loads(clock.read_text(encoding="utf-8"))["minutes"]) if clock.is_file() else 0.0
    return Position(math.floor(epochs * step / steps) if steps else 0, step, minutes)


POSITIONS: dict[str, Callable[[Run], Position | None]] = {"s1": _ar, "s2": _sovits, "lm": _language_model}


@lru_cache(maxsize=64)
def _facts(path: Path, changed: int) -> dict[str, Any]:
    """The plain values of a state that was written at ``changed``."""
    from checkpoint_io import read_checkpoint  # late: torch

    content = read_checkpoint(path, "a training state", lazy=True)
    return {name: content[name] for name in ("position", "iteration", "step") if name in content}
