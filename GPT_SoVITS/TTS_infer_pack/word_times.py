"""When each word of a segment is spoken: from where the synthesiser's frames look at the phones.

The text attention (MRTE) says for every frame how likely each phone is; the likeliest path that never goes back says
which frames are whose. Phones are then gathered into words of the original text. Knows arrays and texts; knows nothing
of networks, requests or audio.

Shapes: H heads, T_spec frames (50 Hz), T_ph phones.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

Span = tuple[int, int]
Scores = NDArray[np.floating[Any]]
"""Log-probabilities."""

SKIPPED = -3.0
"""Log-probability of leaving a spoken phone without a frame; marks are left out at no cost."""
UNSPACED = "\u3005-\u30ff\u31f0-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
"""Scripts that write no spaces: Han and kana."""
LETTER = rf"(?=\w)[^_{UNSPACED}][\u0300-\u036f]*"
UNIT = re.compile(rf"(?=\w)[{UNSPACED}]|(?:{LETTER})+(?:['’](?:{LETTER})+)*|[%％&＆#@$€£¥￥₩+＋=＝°℃℉×÷±√<>]")
"""A word: letters and digits, an apostrophe among them; a character of an unspaced script; a symbol that is read."""
MARKUP = re.compile(r"\[\[(?=[^\[\]|\n]+\|)|(?:\||\[\[)[^\[\]|\n]*\]\]|\[pause [^\]\n]*\]", re.IGNORECASE)
"""What is written only to say how words are read (``text.markup``)."""


@dataclass(frozen=True)
class SpokenWord:
    """A word of the original text, and when it is heard.

    Attributes:
        text: as it is written: text[first:last].
        start, end: seconds.
        first, last: its characters in the request's text, from and to.
    """

    text: str
    start: float
    end: float
    first: int
    last: int

    def later(self, seconds: float) -> SpokenWord:
        """The same, ``seconds`` later."""
        return replace(self, start=self.start + seconds, end=self.end + seconds)

    def moved(self, characters: int) -> SpokenWord:
        """The same in a text with so many ``characters`` before it."""
        return replace(self, first=self.first + characters, last=self.last + characters)


def words_of(text: str, spans: Sequence[Span], looks: Scores, seconds: float) -> tuple[SpokenWord, ...]:
    """The words of a segment in the order of the text; they do not overlap, and pauses belong to none.

    Args:
        text: of the request.
        spans: characters of it that each phone came from; they never go back.
        looks: log-probabilities by head [H, T_spec, T_ph].
        seconds: how long the frames are heard, all together.
    """
    groups = word_groups(text, spans)
    frames = looks.shape[1]
    if not groups or not frames or len(spans) != looks.shape[2]:
        return ()
    path = monotonic_path(mean_of_heads(looks), cost_of_leaving_out(groups, len(spans)))
    scale = seconds / frames
    words = []
    for group, (start, end) in zip(groups, _frames_of(groups, path), strict=True):
        words.append(SpokenWord(text[group.first : group.last], start * scale, end * scale, group.first, group.last))
    return tuple(words)


# -- frames to phones ------------------------------------------------------------------------------------------------


def cost_of_leaving_out(groups: Sequence[WordGroup], phones: int) -> Scores:
    """Log-probability [T_ph] of each phone's having no frame: marks need none, a word's only phone must have one."""
    costs = np.zeros(phones)
    for group in groups:
        costs[group.phones] = SKIPPED if group.phones.stop - group.phones.start > 1 else 100 * SKIPPED
    return costs


def mean_of_heads(looks: Scores) -> Scores:
    """Log-probabilities by head [H, T_spec, T_ph] -> of all heads together [T_spec, T_ph]."""
    return np.log(np.exp(looks).mean(axis=0) + 1e-9)


def monotonic_path(scores: Scores, skip: Scores) -> NDArray[np.int64]:
    """The likeliest phone of each frame [T_spec] where phones follow each other, by dynamic programming (Viterbi).

    A frame keeps the phone of the one before, takes the next, or the one after that for what it costs to leave one out.
    Fewer frames than that allows are spread evenly.
    """
    frames, phones = scores.shape
    if frames < (phones + 1) // 2:
        return (np.arange(frames) * phones) // frames
    best = np.full(phones, -np.inf)
    best[0] = scores[0, 0]
    if phones > 1:
        best[1] = scores[0, 1] + skip[0]
    steps = np.zeros((frames, phones), dtype=np.int8)
    for frame in range(1, frames):
        options = np.full((3, phones), -np.inf)
        options[0] = best
        options[1, 1:] = best[:-1]
        options[2, 2:] = best[:-2] + skip[1:-1]
        steps[frame] = options.argmax(axis=0)
        best = options.max(axis=0) + scores[frame]
    at = phones - 1
    if phones > 1 and best[-2] + skip[-1] > best[-1]:  # a mark at the end need not be heard
        at = phones - 2
    path = np.zeros(frames, dtype=np.int64)
    for frame in range(frames - 1, -1, -1):
        path[frame] = at
        at -= steps[frame, at]
    return path


# -- phones to words -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class WordGroup:
    """A word of the text, characters ``first`` to ``last``, and the phones that it is spoken with."""

    first: int
    last: int
    phones: slice


def word_groups(text: str, spans: Sequence[Span]) -> list[WordGroup]:
    """The words that phones point to, in order.

    A word is a run of letters and digits, in Chinese and Japanese a character; words that share a phone, such as the
    parts of a number that is read as one, are one.
    """
    units = _units(text, spans)
    groups: list[WordGroup] = []
    for phone, (first, last) in enumerate(spans):
        inside = [unit for unit in units if unit[0] < last and first < unit[1]] if first < last else []
        if not inside:
            continue
        low, high = inside[0][0], inside[-1][1]
        if groups and low < groups[-1].last:
            before = groups[-1]
            groups[-1] = WordGroup(before.first, max(before.last, high), slice(before.phones.start, phone + 1))
        else:
            groups.append(WordGroup(low, high, slice(phone, phone + 1)))
    return groups


def _units(text: str, spans: Sequence[Span]) -> list[Span]:
    """Words in the part of ``text`` that ``spans`` reach over."""
    inside = [span for span in spans if span[0] < span[1]]
    if not inside:
        return []
    text = MARKUP.sub(lambda match: "_" * len(match[0]), text)  # no word has an underscore
    return [match.span() for match in UNIT.finditer(text, inside[0][0], inside[-1][1])]


def _frames_of(groups: Sequence[WordGroup], path: NDArray[np.int64]) -> list[Span]:
    """Frames from, to of each word."""
    places = [(group.phones.start, group.phones.stop) for group in groups]
    return [(int(start), int(stop)) for start, stop in np.searchsorted(path, np.array(places))]
