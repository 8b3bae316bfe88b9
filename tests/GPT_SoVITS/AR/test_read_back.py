"""Tokens read back as phones: skipped, repeated and babbled words are noticed, the text itself is not."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from AR.errors import T2SError
from AR.read_back import WINDOW, Floats, Ints, ReadBack, likeliest_path

PHONES = np.arange(3, 23)
"""Phone p is spoken by the tokens 10 p to 10 p + 9 and by no other."""


def made(bound: float = 1.0) -> ReadBack:
    ratios = np.full((len(PHONES), 1024), -4.0, dtype=np.float32)
    for row, phone in enumerate(PHONES):
        ratios[row, 10 * phone : 10 * phone + 10] = 3.0
    return ReadBack(PHONES, ratios, np.full(len(PHONES), np.log(0.05)), bound, 2 * bound)


def said(phones: Ints, tokens_each: int = 3, seed: int = 0) -> Ints:
    source = np.random.default_rng(seed)
    return np.concatenate([10 * phone + source.integers(0, 10, tokens_each) for phone in phones])


def test_what_says_the_text_does_not_deviate() -> None:
    table, text = made(), np.random.default_rng(1).permutation(PHONES)
    for each in (1, 3, 8):
        assert table.deviation(text, said(text, each)) == 0.0
    hurried = np.delete(text, [4, 11])  # two phones without a token of their own
    assert table.misread(text, said(hurried)) is None


@pytest.mark.parametrize("fault", ["skipped", "twice", "mixed up", "other words"])
def test_what_says_something_else_deviates(fault: str) -> None:
    table, text = made(), np.random.default_rng(1).permutation(PHONES)
    spoken = {
        "skipped": said(np.concatenate((text[:4], text[12:]))),
        "twice": said(np.concatenate((text[:12], text[4:]))),
        "mixed up": said(np.concatenate((text[:4], text[12:16], text[4:12], text[16:]))),
        "other words": said(text[::-1]),
    }[fault]
    found = table.misread(text, spoken)
    assert found is not None and found.deviation == table.deviation(text, spoken) > table.bound
    assert found.grave == (found.deviation > table.limit)


@pytest.mark.parametrize("kept", [slice(8, None), slice(0, 12)])
def test_words_that_are_missing_at_either_end_are_noticed(kept: slice) -> None:
    table, text = made(), np.random.default_rng(1).permutation(PHONES)
    assert table.misread(text, said(text[kept])) is not None


def test_only_the_worst_stretch_counts() -> None:
    table, text = made(), PHONES
    wrong = said(text, 3)
    wrong[30 : 30 + WINDOW] = said(text[:6], 3)[:WINDOW]  # the beginning, said again in the middle
    once = table.deviation(text, wrong)
    assert 3.0 < once < 8.0
    twice = table.deviation(np.concatenate((text, text)), np.concatenate((wrong, said(text, 3))))
    assert twice == pytest.approx(once, rel=0.1)


def test_nothing_is_said_of_unknown_phones_and_tokens() -> None:
    table, text = made(), PHONES
    assert table.deviation(np.append(text, 99), said(text[::-1])) == 0.0
    assert table.deviation(text, np.append(said(text[::-1]), 1024)) == 0.0
    assert table.deviation(text, np.zeros(0, np.int64)) == 0.0
    assert table.deviation(np.zeros(0, np.int64), said(text)) == 0.0
    assert table.deviation(text, said(text[::-1])[-2:]) > table.bound  # shorter than a stretch


def best_by_trying(gains: Floats, skips: Floats) -> float:
    """The value of the best path, by looking at all of them."""
    tokens, phones = gains.shape
    values = []
    for path in itertools.combinations_with_replacement(range(phones), tokens):
        left_out = set(range(phones)) - set(path)
        values.append(gains[range(tokens), path].sum() + skips[sorted(left_out)].sum())
    return max(values)


def test_the_path_is_the_best_of_all() -> None:
    source = np.random.default_rng(0)
    for tokens, phones in ((1, 1), (1, 4), (3, 5), (5, 3), (6, 4)):
        gains, skips = source.normal(size=(tokens, phones)), -source.exponential(size=phones)
        path = likeliest_path(gains, skips)
        left_out = sorted(set(range(phones)) - set(path.tolist()))
        assert (np.diff(path) >= 0).all()
        assert gains[range(tokens), path].sum() + skips[left_out].sum() == pytest.approx(best_by_trying(gains, skips))


def test_a_table_is_kept_in_a_file(tmp_path: Path) -> None:
    path, table = tmp_path / "table.safetensors", made(bound=2.5)
    replace(table, codebook="abc").save(path)
    again = ReadBack.load(path)
    assert (again.bound, again.limit, again.codebook) == (2.5, 5.0, "abc")
    wrong = said(PHONES[::-1])
    assert again.deviation(PHONES, wrong) == pytest.approx(table.deviation(PHONES, wrong), abs=0.01)


def test_what_is_no_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(T2SError, match="cannot be read"):
        ReadBack.load(tmp_path / "none.safetensors")
    (tmp_path / "text.safetensors").write_text("no table")
    with pytest.raises(T2SError, match="cannot be read"):
        ReadBack.load(tmp_path / "text.safetensors")
    save_file({"ids": PHONES}, tmp_path / "other.safetensors")
    with pytest.raises(T2SError, match=r"no table of format.*read_back\.py"):
        ReadBack.load(tmp_path / "other.safetensors")
