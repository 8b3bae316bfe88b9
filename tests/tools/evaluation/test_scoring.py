"""Counting errors."""

from __future__ import annotations

import pytest

from tools.evaluation.scoring import ErrorCount, count_errors


@pytest.mark.parametrize(
    ("reference", "heard", "expected"),
    [
        ("a b c", "a b c", (0, 0, 0)),
        ("a b c", "a x c", (1, 0, 0)),
        ("a b c", "a c", (0, 1, 0)),
        ("a b c", "a b b c", (0, 0, 1)),
        ("a b c", "", (0, 3, 0)),
        ("", "a b", (0, 0, 2)),
        ("a b", "c d e", (2, 0, 1)),
    ],
)
def test_edits_are_the_fewest(reference: str, heard: str, expected: tuple[int, int, int]) -> None:
    assert count_errors(reference.split(), heard.split()) == ErrorCount(*expected, len(reference.split()))


def test_rates_are_over_the_corpus_not_means_of_means() -> None:
    assert (ErrorCount(1, 0, 0, 1) + ErrorCount(0, 0, 0, 9)).rate == 10.0
    assert ErrorCount().rate == 0.0
