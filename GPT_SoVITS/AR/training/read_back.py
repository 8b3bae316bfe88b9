"""Learns which tokens stand for which phones (``AR/read_back.py``) from clips' phones and tokens alone.

Viterbi training: the tokens of each clip are first spread evenly over its phones, then table and alignment are made
from each other in turns. An alignment that is known saves the first turns.

Shapes: T_ph phones, T_sem semantic tokens (25 Hz), K codes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from AR.backend import EOS
from AR.errors import T2SError
from AR.read_back import Floats, Ints, ReadBack, likeliest_path

ROUNDS = 4
SMOOTHING = 20.0
"""Tokens of the usual mixture that every phone is taken to have been heard with: rare phones know little."""
RARE = 3
"""Phones heard in fewer places than that are left out: nothing is said of texts that have them."""
USUAL, ALL = 0.95, 0.999
"""Shares of the recordings whose deviation is below bound and limit."""


class Spoken(NamedTuple):
    """A clip: phones [T_ph], tokens [T_sem], and the phone of each token [T_sem] (-1: none) where that is known."""

    phones: Ints
    tokens: Ints
    places: Ints | None = None


def learn(
    clips: Sequence[Spoken], rounds: int = ROUNDS, progress: Callable[[Iterable[Spoken]], Iterable[Spoken]] = iter
) -> ReadBack:
    """The table of a codebook.

    Args:
        clips: recordings, as the text-to-semantic stage is trained on them.
        rounds: turns of table and alignment.
        progress: called with the clips of each turn; what it gives is what is read.

    Raises:
        T2SError: no clip has both phones and tokens.
    """
    clips = [clip for clip in clips if len(clip.phones) and len(clip.tokens)]
    if not clips:
        raise T2SError("no clip has phones and tokens; expected those of a training folder")
    places = [evenly(clip) if clip.places is None else clip.places for clip in clips]
    table = _table(clips, places)
    for _ in range(rounds):
        table = _table(clips, [_aligned(table, clip) for clip in progress(clips)])
    deviations = [table.deviation(clip.phones, clip.tokens) for clip in progress(clips)]
    bound, limit = np.quantile(deviations, (USUAL, ALL))
    return replace(table, bound=float(bound), limit=float(limit))


def evenly(clip: Spoken) -> Ints:
    """Every phone of a clip with as many tokens as any other [T_sem]."""
    return (np.arange(len(clip.tokens)) * len(clip.phones)) // len(clip.tokens)


def _aligned(table: ReadBack, clip: Spoken) -> Ints:
    rows, known = table.rows(clip.phones)
    gains = np.where(known[:, None], table.ratios[rows][:, clip.tokens], 0.0).T
    return likeliest_path(gains, np.where(known, table.skips[rows], 0.0))


def _table(clips: Sequence[Spoken], places: Sequence[Ints]) -> ReadBack:
    """Counts of tokens and of phones without any, as a table without a bound."""
    size = 1 + max(int(clip.phones.max()) for clip in clips)
    heard, written, silent = np.zeros((size, EOS)), np.zeros(size), np.zeros(size)
    for clip, found in zip(clips, places, strict=True):
        spoken = found >= 0
        at = found[spoken]
        np.add.at(heard, (clip.phones[at], clip.tokens[spoken]), 1.0)
        without = np.ones(len(clip.phones), dtype=bool)
        without[at] = False
        np.add.at(written, clip.phones, 1.0)
        np.add.at(silent, clip.phones[without], 1.0)
    ids = np.flatnonzero(written >= RARE)
    usual: Floats = (heard.sum(axis=0) + 0.5) / (heard.sum() + 0.5 * EOS)
    counts = heard[ids]
    chances = (counts + SMOOTHING * usual) / (counts.sum(axis=1, keepdims=True) + SMOOTHING)
    skips = np.log((silent[ids] + 1.0) / (written[ids] + 2.0))
    return ReadBack(ids, np.log(chances / usual), skips, 0.0, 0.0)
