"""Sentences out of a text that is still being written: each is given out as soon as it is known to be complete."""

from __future__ import annotations

import re

MARKS = "。！？；…!?.\n"
_WIDE = frozenset("。！？；…\n")
_CLOSING = "\"'”’」』）)]》〉"
_ABBREVIATIONS = frozenset("mr mrs ms dr prof st vs etc e.g i.e no fig vol approx jr sr inc ltd co".split())
LONGEST = 400
"""Characters without an end; more are cut at a comma or a space."""
_SOFT = re.compile(r"[,，、;:：\s]")


class SentenceBuffer:
    """Collects pieces of a text."""

    def __init__(self) -> None:
        self._text = ""

    def feed(self, text: str) -> list[str]:
        """The sentences that are complete now."""
        self._text += text
        found = []
        while (end := self._end()) > 0:
            found.append(self._text[:end].strip())
            self._text = self._text[end:]
        return [sentence for sentence in found if any(map(str.isalnum, sentence))]

    def rest(self) -> list[str]:
        """What is left when no more comes."""
        left, self._text = self._text.strip(), ""
        return [left] if any(map(str.isalnum, left)) else []

    def clear(self) -> None:
        """Forget what was collected."""
        self._text = ""

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
        """True for the point of an abbreviation, an initial or an ordinal."""
        if self._text[at] != ".":
            return False
        word = self._text[:at].split()[-1].lstrip("(\"'“‘") if self._text[:at].split() else ""
        return word.lower() in _ABBREVIATIONS or (len(word) == 1 and word.isalpha() and word.isupper())
