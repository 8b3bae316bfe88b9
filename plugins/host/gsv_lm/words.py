"""Which words a row of phone ids stands for: the host gives its decoder phones only, a language model reads words.

What the host's frontend makes is remembered, phones with their normalised text: whole texts where it is asked for a
text, pieces where it cleans a stretch of one language. A row is the prompt's phones with the target's behind them.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass

KEPT = 4096
"""So many texts and pieces are remembered; the oldest go first."""
TOKENS_PER_PHONE = 2.2
"""Of ordinary speech; places the border between prompt and target where it is not known."""

Ids = tuple[int, ...]


@dataclass(frozen=True)
class Spoken:
    """The words of a row: of the prompt and of the target, and how many phones are the prompt's."""

    prompt_text: str = ""
    text: str = ""
    prompt_phones: int = 0


class Words:
    """Remembers phones and their words. Safe for several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._texts: OrderedDict[Ids, str] = OrderedDict()
        self._pieces: OrderedDict[Ids, str] = OrderedDict()

    def note_text(self, ids: Ids, text: str) -> None:
        """A whole text (of a segment, or of the reference clip)."""
        self._note(self._texts, ids, text)

    def note_piece(self, ids: Ids, text: str) -> None:
        """A stretch of a text."""
        self._note(self._pieces, ids, text)

    def _note(self, into: OrderedDict[Ids, str], ids: Ids, text: str) -> None:
        if not ids:
            return
        with self._lock:
            into[ids] = text
            into.move_to_end(ids)
            while len(into) > KEPT:
                into.popitem(last=False)

    def find(self, ids: Ids, prompt_tokens: int) -> Spoken:
        """The words of a row; texts are empty where nobody made these phones here.

        Args:
            ids: phones of prompt and target.
            prompt_tokens: semantic tokens of the prompt; 0: there is none, and all phones are the target's.
        """
        with self._lock:
            texts, pieces = dict(self._texts), dict(self._pieces)
        if not prompt_tokens:
            return Spoken("", texts.get(ids) or parse(ids, pieces) or "", 0)
        for length in sorted({len(known) for known in texts if len(known) < len(ids)}):
            first, rest = ids[:-length], ids[-length:]
            if rest in texts:
                before = texts.get(first) or parse(first, pieces)
                if before is not None:
                    return Spoken(before, texts[rest], len(first))
        border = min(len(ids) - 1, round(prompt_tokens / TOKENS_PER_PHONE))
        return Spoken("", parse(ids, pieces) or "", border)


def parse(ids: Ids, pieces: dict[Ids, str]) -> str | None:
    """The text of ``ids`` as a row of known pieces, longest first; None where they are not made of pieces."""
    lengths = sorted({len(piece) for piece in pieces}, reverse=True)
    texts: dict[int, str | None] = {len(ids): ""}  # the text from each place on
    for start in range(len(ids) - 1, -1, -1):
        texts[start] = None
        for length in lengths:
            rest = texts.get(start + length)
            piece = pieces.get(ids[start : start + length])
            if rest is not None and piece is not None:
                texts[start] = piece + rest
                break
    return texts[0]
