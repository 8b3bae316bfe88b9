"""Doing something to a module of the host right after it was imported, or at once where it is there already."""

from __future__ import annotations

import importlib.machinery
import logging
import sys
import threading
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

logger = logging.getLogger(__name__)

HOST_ROOT = "GPT_SoVITS."
"""The host's modules are imported from two roots, with and without this in front."""
Patch = Callable[[ModuleType], None]


class AfterImport:
    """A finder in front of ``sys.meta_path`` that finds nothing itself and runs patches on modules that others load."""

    def __init__(self) -> None:
        self._patches: dict[str, list[Patch]] = {}
        self._busy = threading.local()

    def add(self, name: str, patch: Patch) -> None:
        """Run ``patch`` on module ``name`` (dotted, below ``GPT_SoVITS/``), now or when it is imported."""
        for full in (name, HOST_ROOT + name):
            self._patches.setdefault(full, []).append(patch)
            module = sys.modules.get(full)
            if module is not None and not getattr(module.__spec__, "_initializing", False):
                apply(patch, module)

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: Any = None) -> Any:
        """As the import system asks; None for all modules that nobody waits for."""
        if name not in self._patches or getattr(self._busy, "name", None) == name:
            return None
        self._busy.name = name
        try:
            spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        finally:
            self._busy.name = None
        loader: Any = spec.loader if spec is not None else None
        if loader is None or not hasattr(loader, "exec_module"):
            return None
        execute = loader.exec_module

        def execute_and_patch(module: ModuleType) -> None:
            execute(module)
            for patch in self._patches[name]:
                apply(patch, module)

        loader.exec_module = execute_and_patch
        return spec


def apply(patch: Patch, module: ModuleType) -> None:
    """Run a patch; what goes wrong is one line in the log, and the host goes on."""
    try:
        patch(module)
    except Exception as error:  # noqa: BLE001 - as in boot.py
        logger.warning("%s is left as it is (%s: %s)", module.__name__, type(error).__name__, error)
