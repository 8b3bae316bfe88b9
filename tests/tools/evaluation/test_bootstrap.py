"""Intervals over sentences: known cases, coverage, and what pairing is worth."""

from __future__ import annotations

import numpy as np
import pytest

from tools.evaluation.bootstrap import Interval, drawn, paired_ratio, quotient


def test_each_draw_has_as_many_sentences_as_there_are() -> None:
    counts = drawn(7, draws=50)
    assert counts.shape == (50, 7) and (counts.sum(axis=1) == 7).all()
    assert np.array_equal(counts, drawn(7, draws=50))


def test_two_sentences_can_be_drawn_in_three_ways() -> None:
    # Both twice the first (0 of 10), one of each (5 of 20), twice the second (5 of 10): the middle one half the time.
    found = quotient([0, 5], [10, 10])
    assert found == Interval(0.25, 0.0, 0.5)


def test_sentences_alike_leave_no_doubt_and_nothing_leaves_no_figure() -> None:
    assert quotient([1, 1, 1], [4, 4, 4]) == Interval(0.25, 0.25, 0.25)
    assert quotient([], []) is None and quotient([1, 2], [0, 0]) is None
    assert paired_ratio(([1], [2]), ([0], [2])) is None


def test_the_interval_holds_the_truth_as_often_as_it_says() -> None:
    numbers = np.random.default_rng(1)
    words = np.full(100, 10.0)
    hits = 0
    for _ in range(200):
        errors = numbers.binomial(10, 0.2, size=100)
        found = quotient(errors, words, draws=1000)
        assert found is not None
        hits += found.low <= 0.2 <= found.high
    assert 0.90 <= hits / 200 <= 0.99


def test_more_sentences_make_it_narrower() -> None:
    errors = np.random.default_rng(2).binomial(10, 0.3, size=400)
    few, many = quotient(errors[:50], np.full(50, 10.0)), quotient(errors, np.full(400, 10.0))
    assert few and many and many.high - many.low < 0.5 * (few.high - few.low)


def test_pairing_takes_out_what_is_hard_for_both() -> None:
    numbers = np.random.default_rng(3)
    hardness = numbers.uniform(0.02, 0.6, size=200)
    words = np.full(200, 20.0)
    base = numbers.binomial(20, hardness)
    better = numbers.binomial(base, 0.8)  # a fifth of the same errors is gone
    paired = paired_ratio((better, words), (base, words))
    shuffled = paired_ratio((numbers.permutation(better), words), (base, words))
    assert paired and shuffled and paired.value == pytest.approx(shuffled.value)
    assert paired.low <= 0.8 <= paired.high < 1.0
    assert paired.high - paired.low < 0.6 * (shuffled.high - shuffled.low)


def test_a_figure_in_another_unit() -> None:
    assert Interval(0.25, 0.2, 0.3).scaled(100).as_list(1) == [25.0, 20.0, 30.0]
