"""From a stretch of text to the pieces that are spoken one by one: cut, short ones joined, each closed by a mark.

Works on texts that know where they came from (``text.places``). Knows marks only; language, phones and models are other
modules' work.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from text.places import Placed
from TTS_infer_pack.marks import mark_ends
from TTS_infer_pack.text_segmentation_method import DOUBLE_MARKS, cut_ends, get_method, single_mark, splits

_SHORT_START = 4
_SHORT_PIECE = 5
_FIRST = re.compile("[" + re.escape("".join(sorted(splits))) + "]")
_NEWLINES = re.compile("\n+")
_CLOSERS = frozenset("”’\"')）」』】》〉]")
#: Words: letters, digits, and placeholders of explicit readings, though their category is no letter's.
WORD = re.compile("[^\\W_]|[\U000f0000-\U000ffffd]")
#: Marks that end a sentence.
SENTENCE_ENDS = frozenset(".?!。？！…")
#: Methods that write one mark for a double one, and those that drop pieces of marks alone.
_SIMPLIFYING = frozenset({"cut1", "cut2"})
_DROPPING = {"cut3": "。", "cut4": ".", "cut5": "".join(sorted(splits | frozenset(";、")))}


def full_stop(lang: str) -> str:
    """The full stop of a language mode."""
    return "." if lang == "en" else "。"


def leading(mark: str, text: str) -> str:
    """``mark`` as it is put in front of ``text``: never so that it becomes a part of a number (.8)."""
    return mark if text[:1].isalpha() or "\U000f0000" <= text[:1] <= "\U000ffffd" else f"{mark} "


def sentences(text: Placed, lang: str, method: str, alone: bool = False) -> list[Placed]:
    """The pieces of a stretch of text; none when there is nothing to speak.

    A mark is put in front of a short start; pieces of marks alone are left out. With ``alone`` the text is cut behind
    every sentence too, whatever the method: for stages that have learned one sentence at a time.

    Raises:
        RequestError: for an unknown cutting method.
    """
    cut = get_method(method)
    text = _stripped(text)
    if not text.text:
        return []
    if text.text[0] not in splits and len(_FIRST.split(text.text, maxsplit=1)[0].strip()) < _SHORT_START:
        lead = leading(full_stop(lang), text.text)
        text = Placed.joined([Placed(lead, [text.span(0, 0)] * len(lead)), text])
    if method in _SIMPLIFYING:
        text = text.sub(DOUBLE_MARKS, single_mark)
    ends = cut_ends(method, text.text)
    if alone and ends is not None:
        ends = [*ends, *mark_ends(text.text, SENTENCE_ENDS)]
    # A method from outside says what it made of the text; where that came from is found by comparison.
    pieces = _pieces(text, ends) if ends is not None else _pieces(text.rewritten(cut(text.text)), [])
    result: list[Placed] = []
    for piece in _merged([piece for piece in pieces if _stays(piece.text, method)], _SHORT_PIECE):
        if WORD.search(piece.text) is not None or "_" in piece.text:
            result.append(closed(piece, full_stop(lang)))
    return result


def closed(piece: Placed, mark: str) -> Placed:
    """``piece``, with ``mark`` behind it where it ends in none."""
    bare = piece.text.rstrip("".join(_CLOSERS)) if piece.text[-1:] in _CLOSERS else piece.text
    if bare[-1:] in splits or not piece.text:
        return piece
    return Placed.joined([piece, Placed(mark, [piece.span(len(piece.text), len(piece.text))])])


def _stripped(text: Placed) -> Placed:
    start = len(text.text) - len(text.text.lstrip("\n"))
    return text.part(start, max(start, len(text.text.rstrip("\n"))))


def _pieces(text: Placed, ends: Iterable[int]) -> list[Placed]:
    """``text`` cut at ``ends`` and at newlines, which are left out."""
    breaks = [match.span() for match in _NEWLINES.finditer(text.text)]
    edges = sorted({0, len(text.text), *ends, *(edge for pair in breaks for edge in pair)})
    newlines = {start for start, _ in breaks}
    return [text.part(a, b) for a, b in zip(edges[:-1], edges[1:], strict=True) if a not in newlines]


def _stays(piece: str, method: str) -> bool:
    """Whether a piece is more than a space, and more than marks where the method leaves these out."""
    if WORD.search(piece) is None and method in _DROPPING and not piece.strip(" " + _DROPPING[method]):
        return False
    return bool(piece.strip(" ")) or len(piece) > 1


def _merged(pieces: Sequence[Placed], threshold: int) -> list[Placed]:
    """Neighbours joined until each piece has ``threshold`` characters; a short rest joins the last piece."""
    groups: list[list[Placed]] = []
    current: list[Placed] = []
    for piece in pieces:
        current.append(piece)
        if sum(len(part.text) for part in current) >= threshold:
            groups.append(current)
            current = []
    if current and groups:
        groups[-1] += current
    elif current:
        groups.append(current)
    return [Placed.joined(group) for group in groups]
