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
    if found_in(line) is not None:
        return told_part(say, line)
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
    for key, pattern in _patterns():
        found = pattern.fullmatch(line)
        if found is not None and all(
            found_in(v) is not None for name, v in found.groupdict().items() if name in NESTED
        ):
            return key, found.groupdict()
    return None


@cache
def _patterns() -> tuple[tuple[str, re.Pattern[str]], ...]:
    """Keys and what their English texts look like, those with the most words of their own first."""
    rows = [(key, text) for key, text in texts(FALLBACK_LANGUAGE).items() if key.startswith(SECTIONS)]
    rows.sort(key=lambda row: -len(re.sub(r"\{\w+\}", "", row[1])))
    return tuple((key, _pattern(text)) for key, text in rows)


def _pattern(text: str) -> re.Pattern[str]:
    pieces = re.split(r"\{(\w+)\}", text)
    return re.compile("".join(f"(?P<{p}>.+)" if n % 2 else re.escape(p) for n, p in enumerate(pieces)), re.S)
