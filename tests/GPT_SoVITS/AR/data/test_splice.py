"""Sentences made of the beginning of one clip and the end of another, and those in which a part is said again."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from AR.data.clips import Clip
from AR.data.lm_collate import ItemBatches
from AR.data.rows import Batching, epoch_batches
from AR.data.splice import repeat_part, splice
from AR.models.lm_folder import LMConfig


def clip(name: str, phones: list[int], speaker: str = "s") -> Clip:
    """Each phone lasts two tokens, 10 times the phone and one more; a silent token stands at the end."""
    tokens = np.array([10 * p + k for p in phones for k in (0, 1)] + [999])
    alignment = np.append(np.repeat(np.arange(len(phones)), 2), -1)
    return Clip(name, np.array(phones), tokens, speaker, None, alignment, name)


def test_a_splice_speaks_its_own_phones_and_is_new() -> None:
    first, second = clip("a", [1, 2, 3, 4, 5]), clip("b", [9, 3, 8, 2, 7])
    heard = set()
    for seed in range(20):
        made = splice(first, second, np.random.default_rng(seed))
        assert made is not None and made.alignment is not None and made.text == ""
        spoken = made.phones[made.alignment[made.alignment >= 0]]
        assert np.array_equal(spoken, made.tokens[made.alignment >= 0] // 10)  # every token still is its phone
        assert made.alignment.max() == len(made.phones) - 1 and made.tokens[-1] == 999
        heard.add(tuple(made.phones.tolist()))
    assert heard == {(1, 2, 3, 8, 2, 7), (1, 2, 7)}


def test_what_has_no_alignment_or_no_phone_in_common_is_not_spliced() -> None:
    rng, first = np.random.default_rng(0), clip("a", [1, 2, 3])
    assert splice(first, clip("b", [4, 5]), rng) is None
    assert splice(first, Clip("c", first.phones, first.tokens), rng) is None
    assert splice(first, clip("d", [1, 5]), rng) is None  # would keep nothing of the first


def test_a_repeated_part_speaks_its_own_phones_two_to_four_times() -> None:
    first = clip("a", [1, 2, 5, 6, 2, 7])
    heard = set()
    for seed in range(20):
        made = repeat_part(first, np.random.default_rng(seed))
        assert made is not None and made.alignment is not None and made.text == "" and made.speaker == "s"
        assert np.array_equal(made.phones[made.alignment[made.alignment >= 0]], made.tokens[made.alignment >= 0] // 10)
        assert np.array_equal(np.unique(made.alignment), np.arange(-1, len(made.phones)))  # every phone is heard
        assert (np.diff(made.alignment[:-1]) >= 0).all() and made.tokens[-1] == 999
        heard.add(tuple(made.phones.tolist()))
    assert heard == {(1, *(2, 5, 6) * times, 2, 7) for times in (2, 3, 4)}


def test_what_has_no_alignment_or_no_phone_twice_is_not_repeated() -> None:
    rng = np.random.default_rng(0)
    assert repeat_part(clip("a", [1, 2, 3, 4]), rng) is None
    assert repeat_part(clip("a", [1, 1, 2, 2]), rng) is None  # too near to be a word
    assert repeat_part(Clip("c", np.array([1, 2, 3, 1]), np.arange(8)), rng) is None


def test_rows_repeat_a_part_below_the_limit_and_not_in_easy_epochs() -> None:
    rng = np.random.default_rng(3)
    clips = [clip(f"x{i}", rng.integers(1, 5, 12).tolist(), "x") for i in range(40)]
    how = Batching(400, 8, max_row_tokens=70, splice_probability=0.3, repeat_probability=0.5)
    rows = [row for batch in epoch_batches(clips, how, 1, 0) for row in batch]
    made = [row[-1] for row in rows if "*" in row[-1].name]
    assert 8 <= len(made) <= 28 and all(len(c.phones) + len(c.tokens) <= 70 for c in made)
    assert any("+" in c.name for c in made) and not any("*" in c.name for c in clips)
    easy = [row for batch in epoch_batches(clips, replace(how, easy_epochs=1), 1, 0) for row in batch]
    assert {row[-1].name for row in easy} == {c.name for c in clips}


def test_rows_are_spliced_within_a_speaker_and_below_the_limit() -> None:
    rng = np.random.default_rng(3)
    clips = [clip(f"{s}{i}", rng.integers(1, 9, 12).tolist(), s) for s in "xy" for i in range(10)]
    how = Batching(400, 8, join_probability=0.3, max_row_tokens=60, splice_probability=0.5)
    rows = [row for batch in epoch_batches(clips, how, 1, 0) for row in batch]
    made = [row[-1] for row in rows if "+" in row[-1].name]
    assert len(rows) == 20 and 4 <= len(made) <= 16
    for target in made:
        assert {name[0] for name in target.name.split("+")} == {target.speaker}
        assert len(target.phones) + len(target.tokens) <= 60
    easy = [row for batch in epoch_batches(clips, replace(how, easy_epochs=2), 1, 1) for row in batch]
    assert len(easy) == 20 and not any("+" in row[-1].name for row in easy)
    again = [row for batch in epoch_batches(clips, how, 1, 0) for row in batch]
    assert [[c.name for c in row] for row in rows] == [[c.name for c in row] for row in again]


@pytest.mark.parametrize("mode", ["bpe+phones", "phones"])
def test_spliced_rows_reach_the_language_model_by_their_phones_alone(mode: str) -> None:
    clips = [clip(f"s{i}", np.random.default_rng(i).integers(1, 9, 12).tolist()) for i in range(20)]
    how = Batching(400, 8, splice_probability=0.5)
    batches = ItemBatches(clips, how, LMConfig("backbone", text_mode=mode), 0.0, seed=1, epochs=3)
    items = [item for batch in batches for item in batch]
    spliced = [item for item in items if "+" in item.row[-1].name]
    assert len(list(batches)) == len(batches) and len(items) == 60 and len(spliced) > 15
    assert all(item.phones for item in items)
    assert not any(item.bpe for item in spliced)
    assert all(item.bpe == (mode == "bpe+phones") for item in items if item not in spliced)
