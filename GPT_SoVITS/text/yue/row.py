"""Cantonese in the registry of languages."""

from __future__ import annotations

from text.language_row import ALL, AUTO, MIXED, Language, Notation
from text.zh.row import COUNTERS

ROW = Language(
    code="yue",
    order=50,
    module="text.cantonese",
    modes={"auto_yue": AUTO, "yue": MIXED, "all_yue": ALL},
    han=True,
    counters=COUNTERS,
    spells_names=True,
    reading=Notation(
        shape=r"[a-z]{1,6}[1-6](?: +[a-z]{1,6}[1-6])*",
        example="Jyutping, one syllable per character, such as gwong2 dung1",
        per_character=True,
    ),
    has_word2ph=True,
    extra="yue",
    symbols="v2",
)
