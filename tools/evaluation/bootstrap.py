"""95 % intervals by the bootstrap over sentences: how far a figure would move had other sentences been chosen.

A sentence is drawn as a whole, with all its seeds; two systems are compared on the same drawn sentences, so what is
hard about a sentence for both of them cancels out. Knows numbers only.

Shapes: S sentences, D draws.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

DRAWS = 10_000
SEED = 0
COVERAGE = 95.0


@dataclass(frozen=True)
class Interval:
    """A figure and its interval; a single sentence gives one of no width."""

    value: float
    low: float
    high: float

    def as_list(self, digits: int = 4) -> list[float]:
        """[value, low, high], rounded, for JSON."""
        return [round(number, digits) for number in (self.value, self.low, self.high)]

    def scaled(self, factor: float) -> Interval:
        """The same in another unit."""
        return Interval(self.value * factor, self.low * factor, self.high * factor)


def drawn(sentences: int, draws: int = DRAWS, seed: int = SEED) -> NDArray[np.float64]:
    """How often each sentence is in each draw, [D, S]; rows sum to S. The same for the same numbers."""
    shares = np.full(sentences, 1.0 / sentences)
    return np.random.default_rng(seed).multinomial(sentences, shares, size=draws).astype(np.float64)


def quotient(tops: Sequence[float], bottoms: Sequence[float], draws: int = DRAWS, seed: int = SEED) -> Interval | None:
    """Sum of ``tops`` [S] by sum of ``bottoms`` [S], such as errors by words; None where there is nothing to divide by.

    A mean over sentences has ``bottoms`` of 1.
    """
    top, bottom = np.asarray(tops, dtype=np.float64), np.asarray(bottoms, dtype=np.float64)
    if not top.size or bottom.sum() == 0:
        return None
    counts = drawn(len(top), draws, seed)
    return _interval(top.sum() / bottom.sum(), _divided(counts @ top, counts @ bottom))


def paired_ratio(
    first: tuple[Sequence[float], Sequence[float]],
    second: tuple[Sequence[float], Sequence[float]],
    draws: int = DRAWS,
    seed: int = SEED,
) -> Interval | None:
    """The quotient of ``first`` by the quotient of ``second``, both on the same drawn sentences.

    Args:
        first: (tops [S], bottoms [S]) of one system.
        second: of the other, the same sentences in the same order.
        draws: how many draws.
        seed: of the draws.

    Returns:
        None where the second system makes no error.
    """
    values = [np.asarray(part, dtype=np.float64) for part in (*first, *second)]
    top, bottom, other_top, other_bottom = values
    if not top.size or not bottom.sum() or not other_top.sum() or not other_bottom.sum():
        return None
    counts = drawn(len(top), draws, seed)
    ratios = _divided(_divided(counts @ top, counts @ bottom), _divided(counts @ other_top, counts @ other_bottom))
    return _interval((top.sum() / bottom.sum()) / (other_top.sum() / other_bottom.sum()), ratios)


def _divided(tops: NDArray[np.float64], bottoms: NDArray[np.float64]) -> NDArray[np.float64]:
    """Element by element; NaN where nothing can be divided by."""
    return np.divide(tops, bottoms, out=np.full_like(tops, np.nan), where=bottoms != 0)


def _interval(value: float, draws: NDArray[np.float64]) -> Interval:
    edge = (100.0 - COVERAGE) / 2
    low, high = np.nanpercentile(draws, [edge, 100.0 - edge])
    return Interval(float(value), float(low), float(high))
