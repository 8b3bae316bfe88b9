"""Training states on disk: ``G_<step>.pth`` and, with discriminators, ``D_<step>.pth``; a kill leaves a whole pair.

Public layout: keys model, iteration (epoch, counted from 1), optimizer, learning_rate; when only the latest state
is kept, the step in the name is the fixed 233333333333. This recipe adds step, batch, rng, scaler and ema.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from checkpoint_io import read_checkpoint, write_atomic
from errors import CheckpointError

logger = logging.getLogger(__name__)

T = TypeVar("T")
LATEST = 233333333333
_NAME = re.compile(r"G_(\d+)\.pth")


def save_pair(
    folder: Path, step: int, keep_latest: bool, generator: Mapping[str, Any], disc: Mapping[str, Any] | None = None
) -> None:
    """Write both files, or G alone; D first, because a pair counts as there when its G is.

    Raises:
        OutputError: the folder cannot be written.
    """
    label = LATEST if keep_latest else step
    if disc is not None:
        write_atomic(folder / f"D_{label}.pth", dict(disc))
    write_atomic(folder / f"G_{label}.pth", dict(generator))
    logger.info("saved training state %s at step %d", folder / f"G_{label}.pth", step)


def read_state(path: Path) -> dict[str, Any]:
    """A training state as a dict of tensors and plain values.

    Raises:
        CheckpointError: the file is damaged or of another kind.
    """
    state = read_checkpoint(path, "a training state")
    if not isinstance(state, dict) or not {"model", "iteration", "optimizer"} <= state.keys():
        raise CheckpointError(f"{path} is no training state", "keys model, iteration and optimizer", "remove the file")
    return state


def newest_pair(folder: Path) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """The newest readable G and D of ``folder``, or None where there is none.

    A damaged pair is passed over with a warning as long as an older one can be read.

    Raises:
        CheckpointError: there are pairs, and none of them can be read.
    """
    return _newest(folder, _read_pair)


def newest_state(folder: Path) -> dict[str, Any] | None:
    """As :func:`newest_pair`, for trainings without discriminators: the newest G."""
    return _newest(folder, read_state)


def _read_pair(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    partner = path.with_name(path.name.replace("G_", "D_", 1))
    generator, disc = read_state(path), read_state(partner)
    if generator.get("step") != disc.get("step"):
        # Killed between the two renames: each file is whole, the discriminators are one checkpoint ahead.
        logger.warning("%s is of step %s, its G of step %s", partner, disc.get("step"), generator.get("step"))
    return generator, disc


def _newest(folder: Path, read: Callable[[Path], T]) -> T | None:
    found = sorted(
        (path for path in folder.glob("G_*.pth") if _NAME.fullmatch(path.name)),
        key=lambda path: path.stat().st_mtime_ns,
        reverse=True,
    )
    last_error: CheckpointError | None = None
    for path in found:
        try:
            return read(path)
        except CheckpointError as error:
            logger.warning("%s", error)
            last_error = error
    if last_error is not None:
        raise last_error
    return None
