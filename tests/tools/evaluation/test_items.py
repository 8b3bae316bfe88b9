"""Tables of sentences: how they are read, how some of them are drawn, and the project's own ones."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from errors import DatasetError
from tools.evaluation.items import Item, read_items, sample
from tools.evaluation.options import DATA


def test_items_find_their_recordings(tmp_path: Path) -> None:
    (tmp_path / "a.wav").touch()
    table = tmp_path / "items.tsv"
    table.write_text('path\tspeaker\ttext\na.wav\tanna\tHello "you".\nnone.wav\t\tBye.\n\t\tNo path.\n')
    items = read_items(table)
    assert [item.path for item in items] == [tmp_path / "a.wav", None, None]
    assert items[0].text == 'Hello "you".' and items[0].speaker == "anna" and items[0].language == "en"


def test_a_row_may_name_its_language_and_category(tmp_path: Path) -> None:
    table = tmp_path / "items.tsv"
    table.write_text("category\tlanguage\ttext\nlong\tja\tはい。\n\t\tHallo.\n")
    assert read_items(table, language="en") == [
        Item(0, "はい。", language="ja", category="long"),
        Item(1, "Hallo.", language="en"),
    ]


@pytest.mark.parametrize("content", ["", "words\nHello\n", "text\n\n"])
def test_tables_that_cannot_be_used(tmp_path: Path, content: str) -> None:
    (tmp_path / "items.tsv").write_text(content)
    with pytest.raises(DatasetError):
        read_items(tmp_path / "items.tsv")
    with pytest.raises(DatasetError, match="cannot be read"):
        read_items(tmp_path / "none.tsv")


def test_a_larger_limit_only_adds_sentences_and_treats_categories_alike() -> None:
    items = [Item(n, f"Sentence {n}.", category="ab"[n % 2]) for n in range(20)]
    few, more = sample(items, 4), sample(items, 10)
    assert set(few) < set(more) and few == sorted(few, key=lambda item: item.number)
    assert Counter(item.category for item in more) == {"a": 5, "b": 5}
    assert sample(items, 99) == items and few != items[:4]


@pytest.mark.parametrize(("name", "fewest"), [("eval_en.tsv", 200), ("eval_ja.tsv", 100)])
def test_the_projects_recorded_sentences(name: str, fewest: int) -> None:
    items = read_items(DATA / name)
    assert len(items) >= fewest and len({item.text for item in items}) == len(items)


def test_the_hard_sentences() -> None:
    items = read_items(DATA / "eval_hard.tsv")
    counts = Counter(item.category for item in items)
    assert set(counts) == {"repetition", "long", "homographs", "names", "numbers"} and min(counts.values()) >= 12
    assert {item.language for item in items} == {"en"} and len({item.text for item in items}) == len(items)
    lengths = [len(item.text.split()) for item in items if item.category == "long"]
    assert min(lengths) >= 19 and max(lengths) <= 45
    assert all(any(c.isdigit() for c in item.text) for item in items if item.category == "numbers")
