"""Semantic tokens read back as phones: a stretch that says other words than the text is noticed before it is heard.

A table says how much likelier each token is while a phone is spoken than at any time, in nats (pointwise mutual
information); ``AR/training/read_back.py`` learns it from a training folder. It belongs to a codebook, not to a network:
AR and language model that speak the same tokens are read with the same one. The likeliest path through the text's
phones (Viterbi; phones in order, each may be left out for what that costs) is compared with the phones that would fit
the tokens best if there were no text. Skipped, repeated and babbled words show as a stretch in which the text's phones
fit far worse.

Shapes: T_ph phones, T_sem semantic tokens (25 Hz), N phones that the table knows, K codes.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from AR.errors import T2SError

WINDOW = 16
"""Tokens of a stretch, 0.64 s: a long word. Of 10, 16 and 25 the one that found most misheard words in 380 takes of 100
sentences, spoken by AR and language model."""
FORMAT = "read-back-1"
NEVER = -1e9
"""Log-probability of what cannot be."""

Floats = NDArray[np.floating[Any]]
Ints = NDArray[np.integer[Any]]


class Misread(NamedTuple):
    """Speech that says something else than its text: by how many nats a token, and whether people should be told."""

    deviation: float
    grave: bool


@dataclass(frozen=True)
class ReadBack:
    """What the tokens of a codebook tell of phones.

    Attributes:
        ids: [N] phone ids that are known, rising.
        ratios: [N, K] log of how much likelier a token is while that phone is spoken.
        skips: [N] log-probability that a written phone has no token of its own.
        bound: deviation above which speech counts as misread and is worth another try; few recordings reach it.
        limit: above this the listener is told; no recording is that far from its text.
        codebook: fingerprint of the codebook, empty where it is not known.
    """

    ids: Ints
    ratios: Floats
    skips: Floats
    bound: float
    limit: float
    codebook: str = ""

    @cached_property
    def _best(self) -> Floats:
        """What the best phone gains for each token [K]."""
        return np.asarray(self.ratios.max(axis=0))

    def rows(self, phones: Ints) -> tuple[Ints, NDArray[np.bool_]]:
        """Rows of the table for phones [T_ph], and which of them it knows; the others' rows mean nothing."""
        rows = np.searchsorted(self.ids, phones).clip(max=len(self.ids) - 1)
        return rows, self.ids[rows] == phones

    def deviation(self, phones: Ints, tokens: Ints) -> float:
        """How far the worst stretch of ``tokens`` [T_sem] is from saying ``phones`` [T_ph], in nats a token.

        0 where any phone or token is unknown, or there are none: then nothing can be said.
        """
        rows, known = self.rows(phones)
        if not len(phones) or not known.all() or not len(tokens) or int(tokens.max()) >= self.ratios.shape[1]:
            return 0.0
        gains = self.ratios[rows][:, tokens].T.astype(np.float64)
        skips = self.skips[rows]
        path = likeliest_path(gains, skips)
        lost = self._best[tokens] - gains[np.arange(len(tokens)), path] - _left_out(path, skips)
        sums = np.concatenate(([0.0], lost.cumsum()))
        size = min(WINDOW, len(tokens))
        return float((sums[size:] - sums[:-size]).max() / size)

    def misread(self, phones: Ints, tokens: Ints) -> Misread | None:
        """What is to be said of a deviation above the bound; None of any other."""
        deviation = self.deviation(phones, tokens)
        return Misread(deviation, deviation > self.limit) if deviation > self.bound else None

    def save(self, path: Path) -> None:
        """Write the table, its ratios in half precision."""
        arrays = {"ids": self.ids.astype(np.int64), "ratios": self.ratios.astype(np.float16)}
        facts = {
            "format": FORMAT,
            "bound": f"{self.bound:.3f}",
            "limit": f"{self.limit:.3f}",
            "codebook": self.codebook,
        }
        save_file({**arrays, "skips": self.skips.astype(np.float32)}, path, facts)

    @classmethod
    def load(cls, path: Path) -> ReadBack:
        """Read what :meth:`save` wrote.

        Raises:
            T2SError: no such file, or not of that kind.
        """
        try:
            with safe_open(str(path), framework="np") as file:
                facts = file.metadata() or {}
                if facts.get("format") != FORMAT:
                    raise T2SError(f"{path} is no table of format {FORMAT}; make it anew with tools/pack/read_back.py")
                ids, ratios, skips = (file.get_tensor(name) for name in ("ids", "ratios", "skips"))
                bounds = float(facts["bound"]), float(facts["limit"])
                return cls(ids, ratios.astype(np.float32), skips, *bounds, facts.get("codebook", ""))
        except (OSError, SafetensorError, KeyError, ValueError) as error:
            raise T2SError(f"{path} cannot be read ({error}); make it anew with tools/pack/read_back.py") from error


def _leaving_out(skips: Floats) -> Floats:
    """What leaving out the first n phones costs, [T_ph + 1]."""
    return np.concatenate(([0.0], np.cumsum(skips, dtype=np.float64)))


def _left_out(path: Ints, skips: Floats) -> Floats:
    """What the phones cost [T_sem] that a path leaves out before each token, behind the last one too."""
    cost = _leaving_out(skips)
    following = np.concatenate(([0], path[:-1] + 1))  # the first phone behind the one of the token before
    between: Floats = np.where(path > following, cost[path] - cost[following], 0.0)
    between[-1] += cost[-1] - cost[path[-1] + 1]
    return between


def likeliest_path(gains: Floats, skips: Floats) -> Ints:
    """The phone of each token [T_sem] on the likeliest path, by dynamic programming (Viterbi).

    Args:
        gains: [T_sem, T_ph] what each phone gains for each token.
        skips: [T_ph] what leaving a phone without a token costs (at most 0).

    A token keeps the phone of the one before or goes to any later one, for what it costs to leave out those between.
    """
    tokens, phones = gains.shape
    places = np.arange(phones)
    cost = _leaving_out(skips)
    best = cost[:-1] + gains[0]
    came = np.zeros((tokens, phones), dtype=np.int64)
    for token in range(1, tokens):
        # from phone q to a later p costs cost[p] - cost[q + 1]; the best q before each p is a running maximum
        left = best - cost[1:]
        highest = np.maximum.accumulate(left)
        source = np.maximum.accumulate(np.where(left >= highest, places, 0))
        moved = np.full(phones, NEVER)
        moved[1:] = highest[:-1] + cost[1:-1]
        stays = best >= moved
        came[token] = np.where(stays, places, np.concatenate(([0], source[:-1])))
        best = np.where(stays, best, moved) + gains[token]
    at = int((best + cost[-1] - cost[1:]).argmax())
    path = np.zeros(tokens, dtype=np.int64)
    for token in range(tokens - 1, -1, -1):
        path[token] = at
        at = int(came[token, at])
    return path
