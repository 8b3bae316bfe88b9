"""Phones back to words: whole texts, pieces, and what is not known."""

from __future__ import annotations

from plugins.host.gsv_lm.words import KEPT, Spoken, Words, parse


def test_prompt_and_target_are_found_as_texts() -> None:
    words = Words()
    words.note_text((1, 2, 3), "one")
    words.note_text((4, 5), "two")
    assert words.find((1, 2, 3, 4, 5), 9) == Spoken("one", "two", 3)
    assert words.find((4, 5), 0) == Spoken("", "two", 0)


def test_a_prompt_that_was_only_seen_in_pieces() -> None:
    words = Words()
    words.note_piece((1,), "o")
    words.note_piece((2, 3), "ne")
    words.note_text((4, 5), "two")
    assert words.find((1, 2, 3, 4, 5), 9) == Spoken("one", "two", 3)


def test_pieces_alone_give_the_words_and_a_likely_border() -> None:
    words = Words()
    words.note_piece((1, 2), "one")
    words.note_piece((3, 4), "two")
    assert words.find((1, 2, 3, 4), 4) == Spoken("", "onetwo", 2)


def test_a_longest_piece_that_leads_nowhere_is_given_up() -> None:
    assert parse((1, 2, 3), {(1, 2): "a", (1,): "b", (2, 3): "c"}) == "bc"
    assert parse((1, 9), {(1,): "a"}) is None


def test_unknown_phones_have_no_words() -> None:
    assert Words().find((1, 2, 3), 0) == Spoken("", "", 0)


def test_old_texts_are_forgotten() -> None:
    words = Words()
    for number in range(KEPT + 1):
        words.note_text((number, 1), str(number))
    assert words.find((0, 1), 0).text == ""
    assert words.find((KEPT, 1), 0).text == str(KEPT)
