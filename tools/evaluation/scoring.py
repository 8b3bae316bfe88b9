"""Counting errors: the fewest edits between what was to be said and what was heard.

Totals are over the whole corpus (all errors by all units), never a mean of the sentences' rates. What a unit is says
``words``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tools.evaluation.words import hearings, units


@dataclass(frozen=True)
class ErrorCount:
    """Edits that turn the reference into what was heard, and the reference's length. Counts add up with ``+``."""

    substitutions: int = 0
    deletions: int = 0
    insertions: int = 0
    words: int = 0

    @property
    def errors(self) -> int:
        """All edits."""
        return self.substitutions + self.deletions + self.insertions

    @property
    def rate(self) -> float:
        """Errors per word of the reference, in percent; 0 for an empty reference heard as silence."""
        return 100.0 * self.errors / max(1, self.words)

    def __add__(self, other: ErrorCount) -> ErrorCount:
        return ErrorCount(
            self.substitutions + other.substitutions,
            self.deletions + other.deletions,
            self.insertions + other.insertions,
            self.words + other.words,
        )


def count_errors(reference: Sequence[str], heard: Sequence[str]) -> ErrorCount:
    """The fewest edits between two sequences of words; of several ways with as few, the one with most substitutions."""
    # row[j]: (edits, substitutions, deletions, insertions) from the reference so far to heard[:j]
    row = [(j, 0, 0, j) for j in range(len(heard) + 1)]
    for i, word in enumerate(reference, 1):
        previous, row = row, [(i, 0, i, 0)]
        for j, other in enumerate(heard, 1):
            edits, subs, dels, ins = previous[j - 1]
            diagonal = (edits, subs, dels, ins) if word == other else (edits + 1, subs + 1, dels, ins)
            edits, subs, dels, ins = previous[j]
            deletion = (edits + 1, subs, dels + 1, ins)
            edits, subs, dels, ins = row[j - 1]
            insertion = (edits + 1, subs, dels, ins + 1)
            row.append(min(diagonal, deletion, insertion, key=lambda option: option[0]))
    _, subs, dels, ins = row[-1]
    return ErrorCount(subs, dels, ins, len(reference))


def score(text: str, heard: str, language: str) -> ErrorCount:
    """Errors in ``heard`` against ``text``, both as written; digits in ``heard`` count as whatever reading fits best.

    Raises:
        MissingDependencyError: what reads the language is not installed.
    """
    wanted = units(text, language)
    return min((count_errors(wanted, other) for other in hearings(heard, language)), key=lambda count: count.errors)
