"""What is written is what is said: tests/data/readings.tsv, through the same way as a request.

A row is (language, mode, cut, text, spoken), separated by tabs: ``mode`` is the request's text_lang, ``cut`` its
cutting method, ``spoken`` the same text written out as it is to be said. ``text`` goes through ``cut`` and ``spoken``
through cut0, both in ``mode``; their phones must be equal. Marks at the start of a segment are left out of the
comparison: they are put there before short texts, whatever these say. Rows stand grouped by language.

tests/data/readings_wrong.tsv lists the rows that are known to be read wrong: (language, mode, cut, text, reason).
"""

from __future__ import annotations

import logging
from functools import cache
from itertools import dropwhile
from pathlib import Path
from typing import NamedTuple

import pytest

from text import symbols_for
from TTS_infer_pack.TextPreprocessor import TextPreprocessor

logger = logging.getLogger(__name__)

DATA = Path(__file__).parents[2] / "data"
LANGUAGES = ("zh", "yue", "en", "ja", "ko")
NEEDS = {"zh": "rjieba", "ja": "pyopenjtalk", "yue": "ToJyutping"}
RIGHT = 0.97
#: Rows that the file has at least, per language.
AT_LEAST = {"zh": 343, "yue": 141, "en": 356, "ja": 161, "ko": 160}
_MARKS = frozenset(",.!?…-")


class Row(NamedTuple):
    """A line of readings.tsv."""

    language: str
    mode: str
    cut: str
    text: str
    spoken: str

    @property
    def key(self) -> tuple[str, ...]:
        """What names the row in the table of known faults."""
        return tuple(self[:4])


@cache
def rows_of(name: str) -> tuple[tuple[str, ...], ...]:
    """Fields of all lines of a table; the first line, its header, is left out."""
    lines = (DATA / name).read_text(encoding="utf-8").split("\n")[1:]
    return tuple(tuple(line.split("\t")) for line in lines if line)


def rows_in(language: str) -> list[Row]:
    """The rows of a language."""
    return [Row(*fields) for fields in rows_of("readings.tsv") if fields[0] == language]


def known_wrong() -> dict[tuple[str, ...], str]:
    """Why a row is read wrong, by its key."""
    return {fields[:4]: fields[4] for fields in rows_of("readings_wrong.tsv")}


def said(text: str, mode: str, cut: str) -> list[str]:
    """Phone names of a request's text, segments joined, without the marks that begin a segment."""
    names = symbols_for("v2")
    out: list[str] = []
    for segment in TextPreprocessor().preprocess(text, mode, cut):
        out += dropwhile(_MARKS.__contains__, (names[phone] for phone in segment["phones"]))
    return out


def is_right(row: Row) -> bool:
    """Whether a text gives the phones of what is to be said."""
    return said(row.text, row.mode, row.cut) == said(row.spoken, row.mode, "cut0")


def _difference(row: Row) -> str:
    heard, wanted = said(row.text, row.mode, row.cut), said(row.spoken, row.mode, "cut0")
    return f"{row}\n  said {' '.join(heard)}\n  want {' '.join(wanted)}"


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_is_written_is_what_is_said(language: str) -> None:
    if language in NEEDS:
        pytest.importorskip(NEEDS[language])
    rows, known = rows_in(language), known_wrong()
    wrong = [row for row in rows if not is_right(row)]
    share = 1 - len(wrong) / len(rows)
    logger.info("%s: %d rows, %.1f %% right", language, len(rows), 100 * share)
    unknown = [row for row in wrong if row.key not in known]
    assert not unknown, "\n".join(map(_difference, unknown))
    mended = [row for row in rows if row.key in known and row not in wrong]
    assert not mended, f"read right by now, so take them out of readings_wrong.tsv: {mended}"
    assert share >= RIGHT, f"{language}: {len(wrong)} of {len(rows)} rows wrong"
    assert len(rows) >= AT_LEAST[language]


def test_the_tables_are_well_formed() -> None:
    assert all(len(fields) == 5 for fields in (*rows_of("readings.tsv"), *rows_of("readings_wrong.tsv")))
    keys = [fields[:4] for fields in rows_of("readings.tsv")]
    assert len(set(keys)) == len(keys), "a row is there twice"
    assert {fields[0] for fields in rows_of("readings.tsv")} == set(LANGUAGES)
    assert set(known_wrong()) <= set(keys), "a known fault that readings.tsv lacks"
    assert all(known_wrong().values()), "a known fault without its reason"
