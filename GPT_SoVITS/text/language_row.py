"""What is said about a language in one row: the types that every ``text/<language>/row.py`` fills."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

#: What a mode does (``text.language.runs_for_mode``): each run in its own language; Latin words with their numbers in
#: English; Latin words alone in English; everything in the one language.
AUTO, MIXED, ALL, ALONE = "auto", "mixed", "all", "alone"


@dataclass(frozen=True)
class Notation:
    """How explicit readings of a language are written (``text.markup``, ``text.user_lexicon``).

    Attributes:
        shape: regular expression that a whole reading matches; what it matches is still checked by ``parse_reading``.
        example: for error messages.
        per_character: one syllable per Chinese character.
        as_text: the reading is spoken in place of the word, as ordinary text.
        before: regular expression of the word that ``[[reading]]`` may stand behind; empty with ``per_character``.
        fold_case: words of the lexicon match in any case, and whole.
    """

    shape: str
    example: str
    per_character: bool = False
    as_text: bool = False
    before: str = ""
    fold_case: bool = False


@dataclass(frozen=True)
class Language:
    """A language: everything that the rest of the program has to know about it.

    Attributes:
        code: its name everywhere.
        module: the frontend: ``text_normalize(text) -> str``, ``g2p(norm) -> phones``, ``parse_reading(str)``
            (a list, or None where it is no reading), and without ``has_word2ph`` also ``stretches(norm)``:
            (from, to, phones) of its words.
        reading: how explicit readings are written.
        modes: names of the language modes of a request that are this language's, and what each does.
        aliases: other names of the language in lists.
        letters: regular expression of a stretch of letters that only this language writes; empty where it has none.
        han: it writes Chinese characters.
        counters: words directly after a number that show that it is read in this language.
        spells_names: a number that touches Latin letters after it (5G, 3D) is read in this language, not in English.
        has_word2ph: ``g2p`` returns (phones, word2ph): phones per character of the normalised text.
        extra: the pip extra that installs what the module imports.
        symbols: the first symbol table that it fits.
        versioned: ``g2p`` takes the table's name as ``version``.
        order: place in lists that users see.
    """

    code: str
    module: str
    reading: Notation
    modes: Mapping[str, str]
    aliases: tuple[str, ...] = ()
    letters: str = ""
    han: bool = False
    counters: tuple[str, ...] = ()
    spells_names: bool = False
    has_word2ph: bool = False
    extra: str = ""
    symbols: str = "v1"
    versioned: bool = False
    order: int = field(default=100, compare=False)
