"""What the text tests share: how near phones come to the reference's."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import pytest

from tools.evaluation.scoring import count_errors

Pairs = Iterable[tuple[Sequence[str], Sequence[str]]]


def mean_agreement(pairs: Pairs) -> float:
    """Mean over sentences of 1 - edits / phones, for pairs of (reference's phones, ours)."""
    scores = [1 - count_errors(reference, ours).errors / max(1, len(reference)) for reference, ours in pairs]
    return sum(scores) / len(scores)


@pytest.fixture(scope="session")
def agreement() -> Callable[[Pairs], float]:
    """:func:`mean_agreement`: the measure that docs/text.md gives figures of."""
    return mean_agreement
