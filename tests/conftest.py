"""Fixtures shared by the whole suite: where the golden vectors are and how they are read."""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

HERE = Path(__file__).resolve().parent
REPO = HERE.parent


def golden_dir() -> Path:
    """Folder of the reference vectors: ``GOLDEN_DIR`` or the project's own copies."""
    return Path(os.environ.get("GOLDEN_DIR") or HERE / "golden").resolve()


def _det_weights() -> ModuleType:
    spec = importlib.util.spec_from_file_location("det_weights", HERE / "golden" / "det_weights.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@dataclass
class Golden:
    """One numeric fixture: ``meta`` (configuration, facts, tolerances) and ``io`` (arrays by name)."""

    folder: Path

    @cached_property
    def meta(self) -> dict[str, Any]:
        return json.loads((self.folder / "meta.json").read_text(encoding="utf-8"))

    @cached_property
    def io(self) -> dict[str, np.ndarray]:
        with np.load(self.folder / "io.npz") as archive:
            return {name: archive[name] for name in archive.files}

    def tensor(self, name: str) -> torch.Tensor:
        return torch.from_numpy(self.io[name].copy())

    def state_dict(
        self, entries: list, gain: dict | None = None, skip: tuple = (), strip: str = ""
    ) -> dict[str, torch.Tensor]:
        """Deterministic weights for ``entries`` ([name, shape, dtype]); ``strip`` is cut off the front of each name."""
        arrays = _det_weights().det_state_dict(entries, gain=gain, skip=skip)
        return {k.removeprefix(strip): torch.from_numpy(v) for k, v in arrays.items()}


@pytest.fixture(autouse=True)
def _own_accelerate_state() -> Iterator[None]:
    """accelerate keeps precision and device per process; a test must not inherit those of the one before it."""
    yield
    state = sys.modules.get("accelerate.state")
    if state is not None:
        state.AcceleratorState._reset_state(reset_partial_state=True)


@pytest.fixture
def golden() -> Callable[[str], Golden]:
    """``golden("vits_v2")``: the fixture of that name; the test is skipped where it is absent."""

    def get(name: str) -> Golden:
        folder = golden_dir() / name
        if not (folder / "meta.json").is_file():
            pytest.skip(f"golden fixture {name} is not in {golden_dir()}")
        return Golden(folder)

    return get


@pytest.fixture
def golden_text() -> Callable[[str], list[dict[str, Any]]]:
    """``golden_text("text.jsonl")``: the rows of a text fixture; skipped where absent."""

    def get(name: str) -> list[dict[str, Any]]:
        path = golden_dir() / "text" / name
        if not path.is_file():
            pytest.skip(f"golden text fixture {name} is not in {golden_dir()}")
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]

    return get
