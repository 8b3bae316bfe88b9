"""The user's own pronunciations: a text file of ``language<TAB>word<TAB>reading`` lines.

Each line acts as if the word were written ``[[word|reading]]`` everywhere (see ``text.markup``); what stands in the
text itself wins. English words match whole and in any case, others wherever they stand, the longest first.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path

from errors import TextError
from text.places import Placed
from text.registry import LANGUAGE_ROWS, frontend_module

#: Environment variable that names the file.
VARIABLE = "GSV_LEXICON"


#: Brackets of a reading, or the end of the text.
_BRACKETS = re.compile(r"\[\[[^\[\]\n]*\]\]|\0$")


def _folds(language: str) -> bool:
    return LANGUAGE_ROWS[language].reading.fold_case


@dataclass(frozen=True)
class UserLexicon:
    """Words and readings per language."""

    entries: dict[str, dict[str, str]] = field(default_factory=dict)

    @cached_property
    def _patterns(self) -> dict[str, re.Pattern[str]]:
        patterns: dict[str, re.Pattern[str]] = {}
        for language, words in self.entries.items():
            joined = "|".join(re.escape(w) for w in sorted(words, key=len, reverse=True))
            if _folds(language):
                patterns[language] = re.compile(rf"(?<![A-Za-z'])(?:{joined})(?![A-Za-z'])", re.IGNORECASE)
            else:
                patterns[language] = re.compile(joined)
        return patterns

    def marked(self, text: Placed, language: str) -> Placed:
        """``text`` with ``[[word|reading]]`` around the listed words of a language."""
        pattern = self._patterns.get(language)
        if pattern is None:
            return text
        words = self.entries[language]
        fold = str.lower if _folds(language) else str
        parts: list[Placed] = []
        start = 0
        # Brackets that are there already are stepped over.
        for match in _BRACKETS.finditer(text.text + "\0"):
            stretch = text.part(start, match.start())
            followed = match[0] != "\0"
            parts.append(
                stretch.sub(
                    pattern,
                    lambda m, stretch=stretch, followed=followed: (  # type: ignore[misc]
                        m[0] if followed and m.end() == len(stretch.text) else f"[[{m[0]}|{words[fold(m[0])]}]]"
                    ),
                )
            )
            parts.append(text.part(match.start(), match.end()))
            start = match.end()
        return Placed.joined(parts)


def load(path: Path | str) -> UserLexicon:
    """Read a lexicon file (UTF-8); empty lines and lines that begin with # are skipped.

    Raises:
        TextError: for a missing file or a wrong line, with its number and what was expected.
    """
    path = Path(path)
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise TextError(
            f"the lexicon {path} cannot be read ({error})", "a UTF-8 text file", "correct the path"
        ) from error
    entries: dict[str, dict[str, str]] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.startswith("#"):
            continue
        language, word, reading = _fields(path, number, line)
        entries.setdefault(language, {})[word.lower() if _folds(language) else word] = reading
    return UserLexicon(entries)


def _fields(path: Path, number: int, line: str) -> tuple[str, str, str]:
    parts = [part.strip() for part in line.split("\t")]
    where = f"line {number} of the lexicon {path}"
    if len(parts) != 3 or not parts[1] or re.search(r"[\[\]|]", line):
        raise TextError(
            f"{where} is {line[:60]!r}", "language<TAB>word<TAB>reading, without brackets", "correct the line"
        )
    language, word, reading = parts
    if language not in LANGUAGE_ROWS:
        known = ", ".join(LANGUAGE_ROWS)
        raise TextError(f"{where} names language {language!r}", f"one of {known}", "correct the line")
    notation = LANGUAGE_ROWS[language].reading
    units = frontend_module(language).parse_reading(reading)
    if units is None or (notation.per_character and len(units) != len(word)):
        raise TextError(f"{where} has the reading {reading!r}", notation.example, "correct the reading")
    return language, word, reading


_chosen: list[UserLexicon | None] = [None]


def use(path: Path | str | None) -> None:
    """Choose the lexicon file for all texts of this process; None goes back to the environment's.

    Raises:
        TextError: as :func:`load`.
    """
    _chosen[0] = load(path) if path is not None else None


def current() -> UserLexicon | None:
    """The lexicon in use: the chosen one, else the file that the environment variable names, else none."""
    if _chosen[0] is not None:
        return _chosen[0]
    path = os.environ.get(VARIABLE)
    return _from_file(path, os.stat(path).st_mtime_ns if os.path.exists(path) else 0) if path else None


@lru_cache(maxsize=4)
def _from_file(path: str, changed: int) -> UserLexicon:
    return load(path)
