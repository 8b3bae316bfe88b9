"""How a text is read: pieces, runs of one language, phones. The one way for requests and for lines of training lists.

Loads no model: features for the phones are ``TextPreprocessor``'s work.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from text.cleaner import Cleaned, clean_placed, mark
from text.language import neutral_language, runs_for_mode
from text.markup import Given, split_pauses
from text.places import Placed
from TTS_infer_pack.marks import abbreviates
from TTS_infer_pack.sentences import WORD, leading, sentences

MIN_PHONES = 6
_REPEATED = re.compile(r"([!?…,.\-])[!?…,.\-]+")
_SPACES = re.compile(" {2,}")


@dataclass(frozen=True)
class Reading:
    """How the pieces of a text are read.

    Attributes:
        lang: language mode.
        version: model version.
        given: what the placeholders of explicit readings stand for.
        neutral: language of numbers in a piece that shows none.
    """

    lang: str
    version: str
    given: Mapping[str, Given]
    neutral: str


class LanguageRun(NamedTuple):
    """A run of one language, as it is spoken."""

    language: str
    cleaned: Cleaned


class Piece(NamedTuple):
    """A piece of a text, how it is read, and the silence after it in seconds."""

    text: Placed
    reading: Reading
    pause: float


def reduced(text: Placed) -> Placed:
    """Repeated marks to the first of them: "!!!" to "!"; the point of an abbreviation is no mark (St., U.S.-based)."""

    def first(match: re.Match[str]) -> str:
        kept = 2 if match[1] == "." and match[0][1] != "." and abbreviates(text.text, match.start()) else 1
        return match[0][:kept]

    return text.sub(_REPEATED, first)


def marked_up(text: Placed, lang: str, version: str, neutral: str | None = None) -> tuple[Placed, Reading]:
    """A text with its explicit readings as placeholders, and how it is read.

    Raises:
        TextError: for an unknown mode, or a wrong lexicon.
    """
    marked = mark(text, lang)
    return marked.placed, Reading(lang, version, marked.given, neutral or neutral_language(text.text, lang))


def pieces_of(text: str, lang: str, method: str, version: str, alone: bool = False) -> Iterator[Piece]:
    """The pieces of a request's text, as its cutting method leaves them; ``alone``: see ``sentences``.

    Raises:
        TextError: for an unknown mode, a pause that is too long, or a wrong lexicon.
        RequestError: for an unknown cutting method.
    """
    neutral = neutral_language(text, lang)
    for part in split_pauses(text):
        placed, reading = marked_up(reduced(Placed.of(part.text, part.start)), lang, version, neutral)
        found = [piece for piece in sentences(placed, lang, method, alone) if WORD.search(piece.text)]
        for at, piece in enumerate(found, 1):
            yield Piece(piece, reading, part.seconds if at == len(found) else 0.0)


def runs_of(text: Placed, reading: Reading, final: bool = False) -> list[LanguageRun]:
    """The runs of a piece; a "." is put in front of fewer than six phones (once: not when ``final``).

    Raises:
        TextError: for a language that the version has no phones for.
    """
    text = text.sub(_SPACES, lambda _: " ")
    languages = {char: entry.language for char, entry in reading.given.items()}
    runs: list[LanguageRun] = []
    at = 0
    for language, run_text in runs_for_mode(text.text, reading.lang, reading.neutral, languages):
        run = text.part(at, at + len(run_text))
        at += len(run_text)
        runs.append(LanguageRun(language, clean_placed(run, language, reading.version, reading.given)))
    if final or sum(len(run.cleaned.phones) for run in runs) >= MIN_PHONES:
        return runs
    lead = leading(".", text.text)
    return runs_of(Placed.joined([Placed(lead, [text.span(0, 0)] * len(lead)), text]), reading, final=True)


def read_line(text: str, lang: str, version: str = "v2") -> tuple[list[str], list[int] | None, str]:
    """A text as a request with the same text and language mode reads it uncut (cut0): what a training line holds.

    Returns:
        (phones, word2ph, norm_text): ``word2ph`` is the number of phones of each character of ``norm_text``, where any
        of the text is Chinese or Cantonese; a word of another language has all its phones at its first character.

    Raises:
        TextError: for an unknown mode, or a language that the version has no phones for.
    """
    phones: list[str] = []
    counts: list[int] = []
    words: list[str] = []
    counted = False
    for piece in pieces_of(text, lang, "cut0", version):
        for _, cleaned in runs_of(piece.text, piece.reading):
            phones += cleaned.phones
            words.append(cleaned.norm_text)
            counted = counted or cleaned.word2ph is not None
            length = max(1, len(cleaned.norm_text))
            counts += cleaned.word2ph or [len(cleaned.phones), *([0] * (length - 1))][: len(cleaned.norm_text)]
    return phones, counts if counted else None, "".join(words)
