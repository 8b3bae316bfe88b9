"""The six ways to cut a long text into pieces (cut0 .. cut5), by the names users know; pieces are joined by newlines.

Knows punctuation only; language, phones and models are other modules' work.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from errors import RequestError

CutMethod = Callable[[str], str]

#: Marks that may end a piece.
splits = frozenset("，。？！,.?!~:：—…")
#: Marks that alone make no piece.
punctuation = frozenset("!?…,.- ")
_CUT5_MARKS = frozenset(",.;?!、，。？！：…")
_PIECE = re.compile("[^{0}]*[{0}]".format(re.escape("".join(sorted(splits)))), re.DOTALL)
_CHARS_PER_CUT = 50
_SENTENCES_PER_CUT = 4

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


def split(todo_text: str) -> list[str]:
    """Pieces that each end in a mark of ``splits``; "。" is added where the text ends without one."""
    todo_text = todo_text.replace("……", "。").replace("——", "，")
    if not todo_text:
        return []
    if todo_text[-1] not in splits:
        todo_text += "。"
    return _PIECE.findall(todo_text)


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
    # The last group takes what is left, so it may hold up to seven pieces.
    starts = list(range(0, len(pieces), _SENTENCES_PER_CUT))
    if len(starts) <= 1:
        return _joined([inp])
    ends: list[int | None] = [*starts[1:-1], None]
    return _joined("".join(pieces[start:end]) for start, end in zip(starts[:-1], ends, strict=True))


@register_method("cut2")
def cut2(inp: str) -> str:
    """About every 50 characters, at a mark; a short rest joins the piece before it."""
    inp = inp.strip("\n")
    pieces = split(inp)
    if len(pieces) < 2:
        return _joined([inp])
    groups: list[str] = []
    current = ""
    for piece in pieces:
        current += piece
        if len(current) > _CHARS_PER_CUT:
            groups.append(current)
            current = ""
    if current:
        groups.append(current)
    if len(groups) > 1 and len(groups[-1]) < _CHARS_PER_CUT:
        groups[-2:] = [groups[-2] + groups[-1]]
    return _joined(groups)


@register_method("cut3")
def cut3(inp: str) -> str:
    """At the Chinese full stop."""
    return _joined(inp.strip("\n").strip("。").split("。"))


@register_method("cut4")
def cut4(inp: str) -> str:
    """At the English full stop, except in decimal numbers."""
    return _joined(re.split(r"(?<!\d)\.(?!\d)", inp.strip("\n").strip(".")))


@register_method("cut5")
def cut5(inp: str) -> str:
    """At every mark, except a point between digits."""
    inp = inp.strip("\n")
    pieces: list[str] = []
    start = 0
    for at, char in enumerate(inp):
        if char not in _CUT5_MARKS or (char == "." and _between_digits(inp, at)):
            continue
        pieces.append(inp[start : at + 1])
        start = at + 1
    if start < len(inp):
        pieces.append(inp[start:])
    return _joined(pieces, _CUT5_MARKS)


def _between_digits(text: str, at: int) -> bool:
    return 0 < at < len(text) - 1 and text[at - 1].isdigit() and text[at + 1].isdigit()
