"""Sentences out of a text that is still being written: each is given out as soon as it is known to be complete."""

from __future__ import annotations

import re
from typing import NamedTuple

from TTS_infer_pack.marks import abbreviates

MARKS = "。！？；…!?.\n"
_WIDE = frozenset("。！？；…\n")
_CLOSING = "\"'”’」』）)]》〉"
LONGEST = 400
"""Characters without an end; more are cut at a comma or a space."""
_SOFT = re.compile(r"[,，、;:：\s]")
_NEXT_LETTERS = ("a", "1")
"""What may come behind a point that looks like an abbreviation's."""


class Sentence(NamedTuple):
    """A sentence, and the place of its first character in all that was fed since the last :meth:`clear`."""

    text: str
    at: int


class SentenceBuffer:
    """Collects pieces of a text."""

    def __init__(self) -> None:
        self._text, self._at = "", 0

    def feed(self, text: str) -> list[Sentence]:
        """The sentences that are complete now."""
        self._text += text
        found = []
        while (end := self._end()) > 0:
            found.append(self._take(end))
        return [sentence for sentence in found if any(map(str.isalnum, sentence.text))]

    def rest(self) -> list[Sentence]:
        """What is left when no more comes."""
        left = self._take(len(self._text))
        return [left] if any(map(str.isalnum, left.text)) else []

    def clear(self) -> None:
        """Forget what was collected, and count from 0 again."""
        self._text, self._at = "", 0

    def _take(self, end: int) -> Sentence:
        taken, self._text = self._text[:end], self._text[end:]
        at, self._at = self._at + len(taken) - len(taken.lstrip()), self._at + end
        return Sentence(taken.strip(), at)

    def _end(self) -> int:
        """Where the first complete sentence ends; 0 where none is complete."""
        text = self._text
        for at, char in enumerate(text):
            if char not in MARKS:
                continue
            end = at + 1
            while end < len(text) and text[end] in _CLOSING + "。！？…!?.":
                end += 1
            if char in _WIDE:
                return end
            if end < len(text) and text[end].isspace() and not self._is_inside(at):
                return end
        if len(text) <= LONGEST:
            return 0
        soft = [match.end() for match in _SOFT.finditer(text, 0, LONGEST)]
        return soft[-1] if soft else LONGEST

    def _is_inside(self, at: int) -> bool:
        """True for the point of an abbreviation or initial, and where the next letter has to tell whether it is one."""
        text = self._text
        if text[at] != ".":
            return False
        if text[at + 1 :].isspace():
            return any(abbreviates(f"{text[: at + 1]} {letter}", at) for letter in _NEXT_LETTERS)
        return abbreviates(text, at)
