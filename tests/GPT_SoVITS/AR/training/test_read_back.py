"""Which tokens stand for which phones is learned from clips alone."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from AR.errors import T2SError
from AR.training.read_back import RARE, Spoken, evenly, learn

PHONES = 12


def clip(seed: int, known: bool = False) -> Spoken:
    """A clip whose phone p is spoken by one to four of the tokens 20 p to 20 p + 19, one phone of ten by none."""
    source = np.random.default_rng(seed)
    phones = source.integers(0, PHONES, 15)
    counts = source.integers(1, 5, 15) * (source.random(15) > 0.1)
    places = np.repeat(np.arange(15), counts)
    tokens = 20 * phones[places] + source.integers(0, 20, len(places))
    return Spoken(phones, tokens, places if known else None)


def purity(clips: list[Spoken], rounds: int) -> float:
    """Share of a phone's tokens that it is the likeliest for."""
    table = learn(clips, rounds)
    return float(np.mean(table.ratios.argmax(axis=0)[: 20 * PHONES] == np.repeat(np.arange(PHONES), 20)))


def test_phones_are_found_without_an_alignment() -> None:
    clips = [clip(seed) for seed in range(80)]
    assert purity(clips, 4) > 0.97 > purity(clips, 0)


def test_a_known_alignment_is_the_beginning() -> None:
    assert purity([clip(seed, known=True) for seed in range(80)], 0) > 0.99


def test_recordings_hardly_ever_count_as_misread() -> None:
    table = learn([clip(seed) for seed in range(1000, 1400)])
    fresh = [clip(seed) for seed in range(100, 160)]
    assert np.mean([table.misread(one.phones, one.tokens) is not None for one in fresh]) < 0.2
    assert sum(found.grave for one in fresh if (found := table.misread(one.phones, one.tokens))) <= 3
    others = [table.misread(one.phones, other.tokens) for one, other in pairwise(fresh)]
    assert np.mean([found is not None and found.grave for found in others]) > 0.9


def test_phones_that_were_hardly_heard_are_left_out() -> None:
    rare = Spoken(np.full(RARE - 1, 40), np.arange(500, 510))
    table = learn([*(clip(seed) for seed in range(30)), rare])
    assert 40 not in table.ids and list(table.ids) == list(range(PHONES))


def test_a_phone_that_takes_no_time_costs_nothing() -> None:
    marked = [one._replace(phones=np.insert(one.phones, 7, 30)) for one in (clip(seed) for seed in range(80))]
    table = learn(marked)
    silent, spoken = table.skips[table.ids == 30], table.skips[table.ids < PHONES]
    assert silent > spoken.max() + 1.0


def test_tokens_are_first_spread_evenly() -> None:
    assert evenly(Spoken(np.arange(3), np.arange(7))).tolist() == [0, 0, 0, 1, 1, 2, 2]


def test_clips_without_tokens_teach_nothing() -> None:
    with pytest.raises(T2SError, match="no clip has phones and tokens"):
        learn([Spoken(np.arange(3), np.zeros(0, np.int64))])
