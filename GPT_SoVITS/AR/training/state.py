"""Training states: the AR model's file, written whole or not at all and read safely, and the language model's folders.

One file holds all that a run needs to go on: weights, optimizer, average, random generator and position.
"""

from __future__ import annotations

import os
import pickle
import zipfile
from pathlib import Path
from typing import Any

import torch

from AR.errors import T2SError

FORMAT = 1


def write_state(path: Path, state: dict[str, Any]) -> None:
    """Replace ``path`` in one go: a run killed while writing leaves the old file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            torch.save({"format": FORMAT, **state}, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def read_state(path: Path) -> dict[str, Any] | None:
    """The state, or None where there is no file.

    Raises:
        T2SError: not a training state of this program.
    """
    if not path.is_file():
        return None
    try:
        if not zipfile.is_zipfile(path):
            raise EOFError
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, pickle.UnpicklingError, EOFError, OSError) as error:
        raise T2SError(f"{path} cannot be read as a training state ({type(error).__name__}); remove it") from error
    if not isinstance(state, dict) or state.get("format") != FORMAT:
        raise T2SError(f"{path} is not a training state of this version; remove it or use another output folder")
    return state


def last_state(output: Path) -> Path | None:
    """The newest whole training state in ``output``."""
    found = [p for p in output.glob("checkpoint-*") if (p / "trainer_state.json").is_file()]
    return max(found, key=step_of, default=None)


def step_of(state: Path) -> int:
    """The step after which a training state was written."""
    return int(state.name.rpartition("-")[2])
