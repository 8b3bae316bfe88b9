"""Errors in the page's language: the sentences of ``errors.py``'s kinds are written in English where they are raised.

A sentence is found again by its English text in the files ``locale/en_US/errors*.json``, in which ``{name}`` stands for
whatever is put in, and told with the same values in another language. What is not in these files stays English. Tests
compare them with the sources: each text must be one that something says, and all that a page reaches must have one.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache

from errors import GSVError
from tools.i18n.translator import FALLBACK_LANGUAGE, texts

SECTIONS = ("errors.", "errors_clips.", "errors_lm.", "errors_models.", "errors_training.")
EXPECTED, FIX = "; expected ", "; fix: "
FREE = ("detail", "reason", "why")
"""Values that may be sentences themselves, and are then told in the same language."""
NESTED = ("what", "kind")
"""Values that have to be sentences themselves; otherwise the text around them is not the one that was looked for."""
LONGEST = 2000
"""Characters of what may be a sentence."""
COUNTS = "counts"
"""The value that says how many clips were left out and why: ``3 x file missing, 1 too short (first: a.wav)``."""
COUNTED = re.compile(r"(\d+ (?:x )?)(.+?)(?: \(first: (.+)\))?")
Say = Callable[..., str]


def told(say: Say, error: GSVError) -> str:
    """An error's sentence: what happened, what was expected, what to do."""
    parts = [told_part(say, error.what)]
    if error.expected:
        parts.append(say("page.error_expected", text=told_part(say, error.expected)))
    if error.fix:
        parts.append(say("page.error_fix", text=told_part(say, error.fix)))
    return "; ".join(parts)


def told_line(say: Say, line: str) -> str:
    """The same for an error that was written into a log."""
    rest, _, fix = line.partition(FIX)
    what, _, expected = rest.partition(EXPECTED)
    return told(say, GSVError(what, expected, fix))


def told_part(say: Say, text: str) -> str:
    """``text`` in the page's language, or as it is."""
    line = " ".join(text.split())
    if (found := found_in(line)) is None:
        return line
    key, values = found
    return say(key, **{name: _told_value(say, name, value) for name, value in values.items()})


def _told_value(say: Say, name: str, value: str) -> str:
    if name == COUNTS:
        return ", ".join(_told_count(say, part) for part in re.split(r", (?=\d)", value))
    return told_part(say, value) if name in FREE + NESTED else value


def _told_count(say: Say, text: str) -> str:
    if (found := COUNTED.fullmatch(text)) is None:
        return told_part(say, text)
    first = f" ({say('page.error_first', path=found[3])})" if found[3] else ""
    return f"{found[1]}{told_part(say, found[2])}{first}"


def found_in(line: str) -> tuple[str, dict[str, str]] | None:
    """The key of an English sentence and the values that stand in it, None if it is not in the files."""
    if len(line) > LONGEST:
        return None
    for key, words, patterns in _patterns():
        if not all(piece in line for piece in words):  # most are not it, and a pattern takes longer to say so
            continue
        for found in filter(None, (pattern.fullmatch(line) for pattern in patterns)):
            values = found.groupdict()
            if all(found_in(values[name]) is not None for name in NESTED if name in values):
                return key, values
    return None


@cache
def _patterns() -> tuple[tuple[str, list[str], list[re.Pattern[str]]], ...]:
    """Keys, the words of their English texts, and what these look like; those with the most words of their own first.

    "a: b: c" may be a sentence after "a: " or after "a: b: ", so there are two patterns.
    """
    rows = []
    for key, text in texts(FALLBACK_LANGUAGE).items():
        if key.startswith(SECTIONS):
            pieces = re.split(r"\{(\w+)\}", text)
            rows.append((key, pieces[::2], [_pattern(pieces, any_text) for any_text in (".+?", ".+")]))
    return tuple(sorted(rows, key=lambda row: -sum(map(len, row[1]))))


def _pattern(pieces: list[str], any_text: str) -> re.Pattern[str]:
    """``pieces`` are words and names of values in turn."""
    return re.compile("".join(f"(?P<{p}>{any_text})" if n % 2 else re.escape(p) for n, p in enumerate(pieces)), re.S)
