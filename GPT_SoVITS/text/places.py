"""Where in the original text each character came from, through cutting and rewriting.

``Placed`` is a text that remembers: every character has a span (from, to) of characters of the original. What a step
keeps has its span; what a step writes anew has the span of all that it replaced; what is added has an empty span.
Spans never go back: the start and the end of each are at least those of the one before.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from difflib import SequenceMatcher
from itertools import pairwise
from typing import NamedTuple

Span = tuple[int, int]
"""Characters from, to of the original text; equal where nothing was written."""

_WINDOW = 160
_TOKEN = re.compile(r"[A-Za-z]+(?:'[A-Za-z]+)?|\d|[가-힣]+|\s+|.", re.DOTALL)


class Placed(NamedTuple):
    """A text and the span of each of its characters."""

    text: str
    spans: Sequence[Span]

    @classmethod
    def of(cls, text: str, start: int = 0) -> Placed:
        """An original text, whose first character is number ``start``."""
        return cls(text, [(at, at + 1) for at in range(start, start + len(text))])

    @classmethod
    def joined(cls, parts: Iterable[Placed]) -> Placed:
        """Parts one after the other."""
        texts: list[str] = []
        spans: list[Span] = []
        for part in parts:
            texts.append(part.text)
            spans.extend(part.spans)
        return cls("".join(texts), spans)

    def part(self, start: int, end: int) -> Placed:
        """The characters from ``start`` to ``end``."""
        return Placed(self.text[start:end], self.spans[start:end])

    def span(self, start: int, end: int) -> Span:
        """What the characters from ``start`` to ``end`` came from; an empty span at the place where there are none."""
        inside = self.spans[start:end]
        if inside:
            return inside[0][0], inside[-1][1]
        at = self.spans[start - 1][1] if start else (self.spans[0][0] if self.spans else 0)
        return at, at

    def written(self, start: int, end: int, text: str) -> Placed:
        """``text`` in the place of the characters from ``start`` to ``end``."""
        return Placed(text, [self.span(start, end)] * len(text))

    def sub(self, pattern: re.Pattern[str], replace: Callable[[re.Match[str]], str]) -> Placed:
        """As ``pattern.sub``: what is replaced keeps its place."""
        parts: list[Placed] = []
        start = 0
        for match in pattern.finditer(self.text):
            parts += [self.part(start, match.start()), self.written(match.start(), match.end(), replace(match))]
            start = match.end()
        return Placed.joined([*parts, self.part(start, len(self.text))]) if parts else self

    def rewritten(self, text: str) -> Placed:
        """``text``, which some step made of this one: equal stretches keep their places, others those they replaced."""
        if text == self.text:
            return self
        if len(text) == len(self.text) and all(
            a == b or not (_plain(a) or _plain(b)) for a, b in zip(text, self.text, strict=True)
        ):
            # Another form of some characters: simplified ones, other marks.
            return Placed(text, self.spans)
        old, new = _tokens(self.text), _tokens(text)
        spans: list[Span] = []
        for a, b, c, d in _aligned([token for token, _ in old], [token for token, _ in new]):
            start, end = _edges(old, a, b, len(self.text))
            first, last = _edges(new, c, d, len(text))
            # Single characters for as many others: another form of each, such as a simplified one.
            if self.text[start:end] == text[first:last] or end - start == last - first == b - a == d - c:
                spans += self.spans[start:end]
            else:
                spans += [self.span(start, end)] * (last - first)
        return Placed(text, spans)


def _plain(char: str) -> bool:
    """Whether a character is a Latin letter or a digit: one that numbers and their words are written with."""
    return char.isascii() and char.isalnum()


def _aligned(old: Sequence[str], new: Sequence[str]) -> Iterator[tuple[int, int, int, int]]:
    """Stretches (from, to of the old, from, to of the new) that say the same, in order; together they are all of both.

    The comparison takes quadratic time, so long texts are compared window by window, each up to its last equal stretch.
    """
    a = c = 0
    while a < len(old) or c < len(new):
        left, right = old[a : a + _WINDOW], new[c : c + 2 * _WINDOW]
        codes = SequenceMatcher(None, left, right, autojunk=False).get_opcodes()
        whole = a + len(left) == len(old) and c + len(right) == len(new)
        last = next((n for n in range(len(codes) - 1, -1, -1) if codes[n][0] == "equal"), -1)
        if not whole and last >= 0:
            codes = codes[: last + 1]
        for _, i, j, k, m in codes:
            yield a + i, a + j, c + k, c + m
        a, c = a + codes[-1][2], c + codes[-1][4]


def _tokens(text: str) -> list[tuple[str, int]]:
    """Words and single characters, each with its place."""
    return [(match[0], match.start()) for match in _TOKEN.finditer(text)]


def _edges(tokens: Sequence[tuple[str, int]], first: int, last: int, length: int) -> Span:
    """Characters from, to of the tokens from ``first`` to ``last``."""
    start = tokens[first][1] if first < len(tokens) else length
    return start, tokens[last][1] if last < len(tokens) else length


def spread(counts: Sequence[int], spans: Sequence[Span]) -> list[Span]:
    """One span per phone from the number of phones of each character.

    Characters without phones give their place to the phones before them, the first ones to those behind: a letter that
    is not sounded belongs to the word it is in.
    """
    out: list[Span] = []
    waiting: Span | None = None
    for count, span in zip(counts, spans, strict=True):
        if count:
            out += [(waiting[0] if waiting else span[0], span[1])] * count
            waiting = None
        elif not out:
            waiting = (waiting[0] if waiting else span[0], span[1])
    return out


def evenly(phones: int, spans: Sequence[Span]) -> list[Span]:
    """One span per phone where nothing says which character a phone belongs to: in even steps.

    Every character is in the span of a phone.
    """
    if not spans or not phones:
        return [(0, 0)] * phones
    edges = [round(at * len(spans) / phones) for at in range(phones + 1)]
    out: list[Span] = []
    for start, end in pairwise(edges):
        first = min(start, len(spans) - 1)
        last = max(first, end - 1)
        out.append((spans[first][0], spans[last][1]))
    return out


def monotonic(spans: Iterable[Span]) -> list[Span]:
    """Spans whose starts and ends never go back."""
    out: list[Span] = []
    start = end = 0
    for a, b in spans:
        # No min() and max(): this runs for every phone of every text.
        start = a if a > start else start
        end = b if b > end else end
        out.append((start if start < end else end, end))
    return out
