"""The six ways to cut a long text into pieces (cut0 .. cut5), by the names users know; pieces are joined by newlines.

Each method is a function from a text to the places where it is cut, marks kept (``cut_ends``); ``cut0`` to ``cut5``
give the public form of the same. Where a mark may be cut at is ``marks.py``'s work. Knows punctuation only; language,
phones and models are other modules' work.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from errors import RequestError
from TTS_infer_pack.marks import mark_ends

CutMethod = Callable[[str], str]

#: Marks that may end a piece.
splits = frozenset("，。？！,.?!~:：—…")
#: Marks that alone make no piece.
punctuation = frozenset("!?…,.- ")
_CUT5_MARKS = frozenset(",.;?!、，。？！：…")
_CHARS_PER_CUT = 50
_SENTENCES_PER_CUT = 4
#: What cut1 and cut2 write for double marks, but between digits.
DOUBLE_MARKS = re.compile(r"……|(?<!\d)——(?!\d)")

METHODS: dict[str, CutMethod] = {}


def register_method(name: str) -> Callable[[CutMethod], CutMethod]:
    """Decorator that adds a cutting method under ``name``."""

    def add(function: CutMethod) -> CutMethod:
        METHODS[name] = function
        return function

    return add


def get_method_names() -> list[str]:
    """Names of all cutting methods."""
    return list(METHODS)


def get_method(name: str) -> CutMethod:
    """The cutting method of a name.

    Raises:
        RequestError: for an unknown name.
    """
    if name not in METHODS:
        raise RequestError(f"cutting method {name!r} is not known", f"one of {', '.join(METHODS)}", "correct the name")
    return METHODS[name]


def single_mark(match: re.Match[str]) -> str:
    """What cut1 and cut2 write for a double mark (``DOUBLE_MARKS``)."""
    return "。" if match[0] == "……" else "，"


def split(todo_text: str) -> list[str]:
    """Pieces that each end in a mark of ``splits``; "。" is added where the text ends without one."""
    todo_text = DOUBLE_MARKS.sub(single_mark, todo_text)
    if not todo_text:
        return []
    if todo_text[-1] not in splits:
        todo_text += "。"
    return _slices(todo_text, mark_ends(todo_text, splits))


def _slices(text: str, ends: Iterable[int]) -> list[str]:
    """The pieces of ``text`` that end at the given places; the last one ends with the text."""
    edges = sorted({0, len(text), *ends})
    return [text[start:end] for start, end in zip(edges[:-1], edges[1:], strict=True)]


def _ends_of_groups(text: str) -> list[int]:
    """cut1: behind every fourth mark; the last group takes what is left, so it may hold up to seven pieces."""
    ends = [*mark_ends(text, splits), len(text)]
    pieces = len(dict.fromkeys(ends))
    return [ends[at - 1] for at in range(_SENTENCES_PER_CUT, pieces, _SENTENCES_PER_CUT)][: _groups(pieces) - 1]


def _groups(pieces: int) -> int:
    return max(1, -(-pieces // _SENTENCES_PER_CUT) - 1)


def _ends_of_lengths(text: str) -> list[int]:
    """cut2: behind the first mark after 50 characters; a short rest joins the piece before it."""
    out: list[int] = []
    for end in mark_ends(text, splits):
        if end - (out[-1] if out else 0) > _CHARS_PER_CUT:
            out.append(end)
    if out and len(text) - out[-1] < _CHARS_PER_CUT:
        out.pop()
    return out


#: Places where each method cuts a text without newlines.
_ENDS: dict[str, Callable[[str], list[int]]] = {
    "cut0": lambda text: [],
    "cut1": _ends_of_groups,
    "cut2": _ends_of_lengths,
    "cut3": lambda text: mark_ends(text, frozenset("。")),
    "cut4": lambda text: mark_ends(text, frozenset(".")),
    "cut5": lambda text: mark_ends(text, _CUT5_MARKS),
}


def cut_ends(name: str, text: str) -> list[int] | None:
    """Places where a method cuts ``text``, marks kept; None for a method that was registered from outside."""
    return _ENDS[name](text) if name in _ENDS else None


def split_big_text(text: str, max_len: int = 510) -> list[str]:
    """Pieces of at most ``max_len`` characters, cut at marks only: a stretch without marks stays whole.

    As in the public method, the first piece is empty when the text begins with such a stretch.
    """
    result: list[str] = []
    current = ""
    for part in re.split("([" + re.escape("".join(sorted(splits))) + "])", text):
        if len(current) + len(part) > max_len:
            result.append(current)
            current = part
        else:
            current += part
    return [*result, current] if current else result


def _joined(pieces: Iterable[str], silent: frozenset[str] = punctuation) -> str:
    return "\n".join(piece for piece in pieces if not set(piece) <= silent)


@register_method("cut0")
def cut0(inp: str) -> str:
    """No cut."""
    return "\n" if set(inp) <= punctuation else inp


@register_method("cut1")
def cut1(inp: str) -> str:
    """Every four pieces between marks; fewer than five stay as they were written."""
    inp = inp.strip("\n")
    pieces = split(inp)
    if len(pieces) <= _SENTENCES_PER_CUT:
        return _joined([inp])
    return _joined(_slices("".join(pieces), _ends_of_groups("".join(pieces))))


@register_method("cut2")
def cut2(inp: str) -> str:
    """About every 50 characters, at a mark; a short rest joins the piece before it."""
    inp = inp.strip("\n")
    pieces = split(inp)
    if len(pieces) < 2:
        return _joined([inp])
    return _joined(_slices("".join(pieces), _ends_of_lengths("".join(pieces))))


@register_method("cut3")
def cut3(inp: str) -> str:
    """At the Chinese full stop."""
    return _without(inp, "。")


@register_method("cut4")
def cut4(inp: str) -> str:
    """At the English full stop, except in decimal numbers and abbreviations."""
    return _without(inp, ".")


def _without(text: str, mark: str) -> str:
    """The pieces of ``text`` without the mark that ends them, as the public methods give them."""
    text = text.strip("\n").strip(mark)
    pieces = _slices(text, mark_ends(text, frozenset(mark)))
    return _joined(piece.removesuffix(mark) for piece in pieces)


@register_method("cut5")
def cut5(inp: str) -> str:
    """At every mark, except inside numbers, abbreviations and addresses."""
    inp = inp.strip("\n")
    return _joined(_slices(inp, mark_ends(inp, _CUT5_MARKS)), _CUT5_MARKS)
