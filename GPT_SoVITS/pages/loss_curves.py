"""Losses of a training, read from the TensorBoard files that it writes, also while it runs."""

from __future__ import annotations

import logging
import re
import threading
from pathlib import Path
from typing import Any, NamedTuple

logger = logging.getLogger(__name__)

POINTS = 400
"""Of each curve at most."""
KEPT_FOLDERS = 8
SHOWN = re.compile(r"g/(?:total|mel|kl)|(?:train|held_out|eval)/(?:token_)?loss|train/preference")
"""The curves that are shown: SoVITS, AR and language model trainings name theirs so."""
HELD_OUT = re.compile(r"(?:held_out|eval)/")


class Point(NamedTuple):
    """One value of a curve."""

    step: int
    value: float
    curve: str


class LossCurves:
    """Reads trainings' folders; what was read is kept, so that asking again is cheap. Safe for several threads."""

    def __init__(self) -> None:
        self._readers: dict[Path, Any] = {}
        self._lock = threading.Lock()

    def read(self, output: Path) -> list[Point]:
        """All points so far of the training that writes to ``output``; empty before the first."""
        points: dict[tuple[str, int], Point] = {}
        with self._lock:
            for folder in sorted({path.parent for path in output.rglob("events.out.tfevents.*")}):
                for point in self._read_folder(folder):
                    points[point.curve, point.step] = point  # a resumed run writes some steps again
        return sorted(points.values(), key=lambda point: (point.curve, point.step))

    def _read_folder(self, folder: Path) -> list[Point]:
        reader = self._reader(folder)
        if reader is None:
            return []
        try:
            reader.Reload()
        except Exception as error:  # noqa: BLE001 - a file that is just being written; the next look reads it
            logger.info("%s cannot be read yet (%s)", folder, error)
        return [
            Point(event.step, event.value, _name(tag))
            for tag in reader.Tags()["scalars"]
            if SHOWN.fullmatch(tag)
            for event in reader.Scalars(tag)
        ]

    def _reader(self, folder: Path) -> Any:
        """tensorboard's own reader of a folder; None where tensorboard is not installed."""
        if folder not in self._readers:
            try:
                from tensorboard.backend.event_processing.event_accumulator import SCALARS, EventAccumulator
            except ImportError:
                logger.warning("tensorboard is not installed: no loss curves; pip install -e .[train]")
                return None
            while len(self._readers) >= KEPT_FOLDERS:
                del self._readers[next(iter(self._readers))]
            self._readers[folder] = EventAccumulator(str(folder), size_guidance={SCALARS: POINTS})
        return self._readers[folder]


def _name(tag: str) -> str:
    """A curve's name on the page: what all trainings call held-out is called so."""
    return "held-out" if HELD_OUT.match(tag) else tag.removeprefix("g/").removeprefix("train/").replace("token_", "")
