"""Which language a stretch of text is in, and what each language mode of a request makes of it.

``segments`` cuts mixed text into (language, text) runs; ``runs_for_mode`` applies the mode names that users know (auto,
auto_yue, en, zh, ja, ko, yue, all_zh, ...). No frontend is loaded here.

Letters decide by their script. Chinese characters are shared, so a stretch of them is judged by the character sets of
the two languages (GB 2312, Shift JIS level 1, Big5: the codecs of the standard library) and by kana beside it in the
same clause. A trained identifier guesses badly on two to ten characters: it is where the known bug of Chinese text read
as Japanese comes from.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from itertools import groupby
from typing import NamedTuple

from errors import TextError

#: Every language mode of a request: what it means is in ``runs_for_mode``.
MODES = ("auto", "auto_yue", "en", "zh", "ja", "ko", "yue", "all_zh", "all_ja", "all_ko", "all_yue")

_HAN = "\u2e80-\u2fdf\u3005-\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_LATIN = "A-Za-z\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f\uff21-\uff3a\uff41-\uff5a"
_SCRIPTS = re.compile(
    rf"(?P<en>[{_LATIN}][{_LATIN}\u0300-\u036f]*)"
    r"|(?P<ja>[\u3041-\u309f\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff\uff66-\uff9d]+)"
    r"|(?P<ko>[\u1100-\u11ff\u3131-\u318f\uac00-\ud7af]+)"
    rf"|(?P<han>[{_HAN}]+)"
    r"|(?P<given>[\U000f0000-\U000ffffd])"
)
#: Pronouns and particles that settle Chinese alone, even beside kana.
_STRONG = frozenset("你您她们吗呢吧这么怎谁很没還沒嗎這麼們妳啲嘅咗喺唔哋冇嚟")
#: Words of Chinese in characters that Japanese has too.
_FUNCTION = frozenset("是他到把讓給跟也就要去")
_MAX_TITLE = 8


class Run(NamedTuple):
    """A stretch of text in one language."""

    language: str
    text: str


@lru_cache(maxsize=16384)
def _kind(char: str) -> str:
    """Who writes a character: "s" simplified Chinese, "t" traditional, "j" Japanese, "b" the last two, "" everyone."""
    simplified = _in(char, "gb2312")
    japanese = _in(char, "shift_jis") and char.encode("shift_jis") < b"\x98\x9f"
    if simplified:
        return "" if japanese else "s"
    traditional = _in(char, "big5")
    if japanese:
        return "b" if traditional else "j"
    return "t" if traditional else ""


def _in(char: str, codec: str) -> bool:
    try:
        char.encode(codec)
    except UnicodeEncodeError:
        return False
    return True


def han_language(text: str, touches_kana: bool = False) -> str:
    """ "zh", "ja", or "" where a stretch of Chinese characters may be either.

    Args:
        text: the characters.
        touches_kana: whether kana stand directly beside them.
    """
    if any(char in _STRONG for char in text):
        return "zh"
    if touches_kana:
        return "zh" if any(_kind(char) == "s" and not _in(char, "shift_jis") for char in text) else "ja"
    kinds = {_kind(char) for char in text}
    if kinds & {"s", "t"} and "j" not in kinds:
        return "zh"
    if "j" in kinds:
        return "ja"
    if "b" not in kinds:
        return ""
    return "zh" if len(text) > _MAX_TITLE or any(char in _FUNCTION for char in text) else "ja"


class _Piece(NamedTuple):
    start: int
    end: int
    script: str


def segments(text: str, default: str = "", neutral: str = "zh", given: Mapping[str, str] | None = None) -> list[Run]:
    """Text cut into runs of one language, in order; joined they are ``text`` again.

    Marks, digits and spaces belong to the run before them (at the start, to the first run); with a default language, a
    number after an English word belongs to that language.

    Args:
        default: language of everything that is not in Latin letters; empty: found by script and characters.
        neutral: language of a text that shows none, such as "3.14".
        given: language of each placeholder of ``text.markup``.
    """
    pieces = [_Piece(m.start(), m.end(), m.lastgroup or "en") for m in _SCRIPTS.finditer(text)]
    if not pieces:
        return [Run(default or neutral, text)] if text else []
    languages = _languages(text, pieces, default, neutral, given or {})
    runs: list[Run] = []
    start = 0
    for at, piece in enumerate(pieces):
        stop = pieces[at + 1].start if at + 1 < len(pieces) else len(text)
        number = (
            re.search(r"\d", text[piece.end : stop]) if languages[at] == "en" and default not in ("", "en") else None
        )
        if number:
            runs.append(Run("en", text[start : piece.end + number.start()]))
            start = piece.end + number.start()
        runs.append(Run(default if number else languages[at], text[start:stop]))
        start = stop
    return _merged(runs)


def _merged(runs: list[Run]) -> list[Run]:
    grouped = groupby(runs, key=lambda run: run.language)
    return [Run(language, "".join(run.text for run in group)) for language, group in grouped]


def _languages(text: str, pieces: list[_Piece], default: str, neutral: str, given: Mapping[str, str]) -> list[str]:
    """The language of every script run; "" is settled by the runs beside it."""
    out: list[str] = []
    for at, (start, end, script) in enumerate(pieces):
        if script == "given":
            out.append(given.get(text[start:end], ""))
        elif script == "en" or default:
            out.append("en" if script == "en" else default)
        elif script == "han":
            beside = {pieces[i].script for i in (at - 1, at + 1) if 0 <= i < len(pieces) and _touch(pieces, at, i)}
            out.append(han_language(text[start:end], "ja" in beside))
        else:
            out.append(script)
    return _settled(out, neutral)


def _touch(pieces: list[_Piece], at: int, other: int) -> bool:
    first, second = sorted((at, other))
    return pieces[first].end == pieces[second].start


def _settled(languages: list[str], neutral: str) -> list[str]:
    """Undecided runs take the language of the nearest decided run that has Chinese characters, left one first."""
    left = list(languages)
    for at in range(1, len(left)):
        if not left[at]:
            left[at] = next((left[i] for i in range(at - 1, max(-1, at - 4), -1) if left[i] in ("zh", "ja", "yue")), "")
    right = list(languages)
    for at in range(len(right) - 2, -1, -1):
        if not right[at]:
            right[at] = next(
                (right[i] for i in range(at + 1, min(len(right), at + 4)) if right[i] in ("zh", "ja", "yue")), ""
            )
    undecided = neutral if neutral in ("zh", "ja", "yue") else "zh"
    return [a or b or c or undecided for a, b, c in zip(languages, left, right, strict=True)]


def main_language(text: str) -> str:
    """The language of a text's first run, in which numbers and marks alone are read; "zh" where there is none."""
    start = _SCRIPTS.search(text)
    if start is None:
        return "zh"
    found = segments(text[start.start() : start.start() + 200])
    return found[0].language if found else "zh"


def runs_for_mode(text: str, mode: str, neutral: str = "zh", given: Mapping[str, str] | None = None) -> list[Run]:
    """The runs of ``text`` as a request in ``mode`` reads them.

    * ``en``: everything is English.
    * ``zh``, ``ja``, ``ko``, ``yue``: Latin words with the numbers after them are English, all else is that language.
    * ``all_*``: Latin words alone are English, all else, numbers too, is that language.
    * ``auto``: each run in its own language; ``auto_yue``: Chinese runs are Cantonese.

    Args:
        text: what is spoken.
        mode: one of ``MODES``.
        neutral: language of numbers and marks in ``auto`` when the text shows none.
        given: language of each placeholder of ``text.markup``.

    Raises:
        TextError: for an unknown mode.
    """
    if mode not in MODES:
        raise TextError(f"language {mode!r} is not known", f"one of {', '.join(MODES)}", "correct the language")
    if mode == "en":
        return [Run("en", text)] if text else []
    if mode.startswith("all_"):
        return segments(text, mode.removeprefix("all_"), given=given)
    found = segments(text, neutral=neutral, given=given)
    if mode in ("auto", "auto_yue"):
        return _merged([Run("yue" if mode == "auto_yue" and lang == "zh" else lang, part) for lang, part in found])
    if not any(_SCRIPTS.search(run.text) for run in found):
        return [Run(mode, text)] if text else []
    return _merged([Run(lang if lang == "en" else mode, part) for lang, part in found])
