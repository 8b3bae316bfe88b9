"""What a stage did: clips finished, clips left out with a reason each, and the error when nothing is left."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field

from errors import DatasetError

logger = logging.getLogger(__name__)

Progress = Callable[[int, int], None]
"""Called as ``progress(done, total)`` after each clip."""


def no_progress(done: int, total: int) -> None:
    """The progress callback that does nothing."""


class SkippedClip(Exception):
    """A clip that a stage leaves out.

    Args:
        reason: short and the same for all clips with this fault; it is what gets counted.
        detail: what is particular to this clip.
    """

    def __init__(self, reason: str, detail: str = "") -> None:
        self.reason, self.detail = reason, detail
        super().__init__(f"{reason} ({detail})" if detail else reason)


@dataclass
class Report:
    """The outcome of one stage (or of reading the list).

    Attributes:
        stage: what the log lines call it.
        done: clips worked on now.
        reused: clips finished by an earlier run.
        skipped: reason -> clips left out for it, each "name (detail)".
    """

    stage: str
    done: int = 0
    reused: int = 0
    skipped: dict[str, list[str]] = field(default_factory=dict)

    @property
    def usable(self) -> int:
        """Clips that the stage has a result for."""
        return self.done + self.reused

    @property
    def skipped_total(self) -> int:
        """Clips left out, all reasons together."""
        return sum(len(clips) for clips in self.skipped.values())

    def skip(self, clip: str, reason: str, detail: str = "") -> None:
        """Count ``clip`` as left out and say so in the log."""
        shown = f"{clip} ({detail})" if detail else clip
        self.skipped.setdefault(reason, []).append(shown)
        logger.warning("%s: skipped, %s: %s", self.stage, reason, shown)

    def counts(self) -> str:
        """``3 x file missing, 1 x empty text``, the most frequent reason first."""
        ordered = sorted(self.skipped.items(), key=lambda item: -len(item[1]))
        return ", ".join(f"{len(clips)} x {reason}" for reason, clips in ordered)

    def summary(self) -> str:
        """One line with all the counts."""
        reused = f" ({self.reused} of them from an earlier run)" if self.reused else ""
        skipped = f", {self.skipped_total} skipped: {self.counts()}" if self.skipped else ", none skipped"
        return f"{self.stage}: {self.usable} clips ready{reused}{skipped}"

    def require_usable(self, source: str) -> None:
        """Raise when the stage has nothing to show.

        Raises:
            DatasetError: no clip is usable; the reasons and the first clip of the commonest one are named.
        """
        if self.usable:
            return
        if not self.skipped:
            raise DatasetError(f"{source} holds no clip", "lines vocal_path|speaker|language|text", "fill the list")
        _, clips = max(self.skipped.items(), key=lambda item: len(item[1]))
        raise DatasetError(
            f"{self.stage}: no usable clip in {source} ({self.counts()}; the first: {clips[0]})",
            "at least one good line",
            "mend the list or the audio folder and start again",
        )
