"""How the work is divided: which segments are decoded together, and when a piece of one is spoken. Lengths alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


def make_batches(lengths: Sequence[int], batch_size: int, threshold: float, bucket: bool) -> list[list[int]]:
    """Group segment indices for decoding.

    Args:
        lengths: size of each segment (phones).
        batch_size: most segments in a batch.
        threshold: with ``bucket``, the shortest of a batch has at least this share of the longest's length, since
            every row of a batch waits for the longest one.
        bucket: sort by length first; else batches follow the order of the text (earliest first sound).

    Returns:
        every index once; the caller restores the order of the text.
    """
    order = sorted(range(len(lengths)), key=lambda i: -lengths[i]) if bucket else list(range(len(lengths)))
    batches: list[list[int]] = []
    for index in order:
        fits = bool(batches) and len(batches[-1]) < batch_size
        if fits and bucket:
            fits = lengths[index] >= threshold * lengths[batches[-1][0]]
        if fits:
            batches[-1].append(index)
        else:
            batches.append([index])
    return batches


@dataclass(frozen=True)
class PiecePlan:
    """When a piece is spoken, in tokens.

    Attributes:
        length: most tokens of a piece.
        overlap: tokens spoken twice and crossfaded.
        ahead: tokens beyond the overlap that must be known, so that what is spoken knows what follows it.
        quiet: cut where it is quietest in the second half of a piece; False: always after ``length`` tokens.
    """

    length: int = 16
    overlap: int = 2
    ahead: int = 2
    quiet: bool = False

    @property
    def needed(self) -> int:
        """Tokens from the start of a piece that must be known before it is spoken."""
        return self.length + self.overlap + self.ahead
