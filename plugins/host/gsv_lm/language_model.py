"""The language model that is loaded, at most one at a time; a failed load is remembered too, so that it fails once."""

from __future__ import annotations

import gc
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from AR.hardware import has_fast_bfloat16
from AR.lm_loader import LMPlaces, load_language_model, usable_stages
from AR.models import lm_half

STAGES_FOLDER = "GPT_weights_qwen3"


@dataclass(frozen=True)
class Asked:
    """What decides which model is loaded.

    Attributes:
        name: a stage, a folder, or a backbone's hub id.
        root: of the checkout; a relative folder starts there.
        device: of the host's AR model.
        codebook, symbols: of the voice.
        precision: "auto" or "float32".
    """

    name: str
    root: Path
    device: str
    codebook: str
    symbols: str
    precision: str


class Holder:
    """Keeps the model that was asked for last. Safe for several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._asked: Asked | None = None
        self._model: Any = None
        self._error: Exception | None = None

    def get(self, asked: Asked) -> Any:
        """The model; loaded where another was, and the one before goes first.

        Raises:
            Exception: why it cannot be loaded, the same one until something else is asked for.
        """
        with self._lock:
            if asked != self._asked:
                self._drop()
                self._asked = asked
                try:
                    self._model = load(asked)
                except Exception as error:  # noqa: BLE001 - it is raised below, each time
                    self._error = error
            if self._error is not None:
                raise self._error
            return self._model

    def release(self) -> None:
        """Free its memory; the next one who asks loads again."""
        with self._lock:
            self._drop()

    def _drop(self) -> None:
        self._asked = self._model = self._error = None
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()


def places(root: Path) -> LMPlaces:
    """Where trained stages lie in a checkout."""
    return LMPlaces([root / STAGES_FOLDER])


def stage_names(root: Path) -> list[str]:
    """Trained stages of a checkout, for a list."""
    return usable_stages(places(root))


def load(asked: Asked) -> Any:
    """Load what is asked for, torch's random generators left as they were: the host seeds them.

    Raises:
        LMUnavailable: with the reason why not.
    """
    device = torch.device(asked.device)
    dtype, packed = precision(device, asked.precision)
    local = asked.root / asked.name
    name = str(local) if local.is_dir() else asked.name
    with untouched_generators(device):
        return load_language_model(name, places(asked.root), device, dtype, asked.codebook, asked.symbols, packed)


def precision(device: torch.device, wanted: str) -> tuple[torch.dtype, bool]:
    """(type of the weights, whether they are packed float16 where that is worthwhile) on a device."""
    if wanted == "float32":
        return torch.float32, False
    if device.type == "cuda":
        return (torch.bfloat16 if has_fast_bfloat16(device) else torch.float16), False
    return torch.float32, device.type == "cpu" and lm_half.available()


def untouched_generators(device: torch.device) -> Any:
    """A context after which torch's global generators are as before."""
    cuda = [device] if device.type == "cuda" else []
    return torch.random.fork_rng(devices=cuda)
