"""The languages that can be spoken: one row each, found in the language's own folder.

A folder ``text/<language>/`` with a module ``row.py`` that holds ``ROW`` adds a language; nothing else names it. A row
says where the frontend is, which letters the language has, how readings are written, and what requests call it. This
module knows no language itself, and imports a frontend only when a text in its language comes.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType

from errors import MissingDependencyError, TextError
from text.language_row import ALL, ALONE, AUTO, MIXED, Language

ROW_MODULE = "row"


def _found() -> dict[str, Language]:
    """The rows of all language folders beside this file."""
    folders = (path.parent.name for path in Path(__file__).parent.glob(f"*/{ROW_MODULE}.py"))
    rows: list[Language] = [importlib.import_module(f"text.{folder}.{ROW_MODULE}").ROW for folder in folders]
    return {row.code: row for row in sorted(rows, key=lambda row: (row.order, row.code))}


#: All languages by code, in the order that users see.
LANGUAGE_ROWS: Mapping[str, Language] = _found()

#: Names of languages as users write them in lists, lower case, and the language that each means.
ALIASES: Mapping[str, str] = {name: row.code for row in LANGUAGE_ROWS.values() for name in (row.code, *row.aliases)}


@dataclass(frozen=True)
class Mode:
    """A language mode: what it does, and in which language; empty in ``auto``, where the text decides."""

    kind: str
    language: str = ""


def _modes() -> dict[str, Mode]:
    own = [(name, Mode(kind, row.code)) for row in LANGUAGE_ROWS.values() for name, kind in row.modes.items()]
    by_kind = [pair for kind in (AUTO, ALONE, MIXED, ALL) for pair in own if pair[1].kind == kind]
    return {"auto": Mode(AUTO), **dict(by_kind)}


#: Every language mode of a request, in the order that users see.
MODE_ROWS: Mapping[str, Mode] = _modes()


def language_row(code: str) -> Language:
    """The row of a language; raises TextError naming the available ones."""
    if code not in LANGUAGE_ROWS:
        raise TextError(
            f"there is no text frontend for language {code!r}",
            f"one of {', '.join(sorted(LANGUAGE_ROWS))}",
            "choose an available language",
        )
    return LANGUAGE_ROWS[code]


def mode_row(name: str) -> Mode:
    """What a language mode does; raises TextError naming the modes."""
    if name not in MODE_ROWS:
        raise TextError(f"language {name!r} is not known", f"one of {', '.join(MODE_ROWS)}", "correct the language")
    return MODE_ROWS[name]


def spoken_in(mode: str) -> tuple[str, ...]:
    """The languages that a mode may speak, English first. A bare language is a mode too."""
    row = MODE_ROWS.get(mode, Mode(MIXED, mode))
    if row.kind == ALONE:
        return (row.language,)
    if row.kind == AUTO:
        # One language reads the Chinese characters that are not Japanese: the mode's own, or Mandarin.
        han = row.language or "zh"
        return tuple(r.code for r in LANGUAGE_ROWS.values() if r.letters or r.code == han)
    return tuple(dict.fromkeys(("en", row.language)))


@cache
def frontend_module(code: str) -> ModuleType:
    """The module of a language, imported on first use.

    Raises:
        TextError: for a language without a frontend.
        MissingDependencyError: when the frontend's packages are not installed.
    """
    row = language_row(code)
    try:
        return importlib.import_module(row.module)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] == "text":
            raise
        raise MissingDependencyError(
            f"the text frontend for {code!r} needs the package {error.name!r}, which is not installed",
            "its language packages",
            f"pip install -e '.[{row.extra}]'" if row.extra else f"pip install {error.name}",
        ) from error
