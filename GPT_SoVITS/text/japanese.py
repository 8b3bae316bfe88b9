"""Japanese frontend: ``text_normalize`` and ``g2p``, phones of Open JTalk with pitch marks.

Words, readings and accents come from Open JTalk through ``pyopenjtalk-plus`` (its dictionary is in the wheel). The
phones are those the published weights were trained with: ``[`` the pitch rises, ``]`` it falls, UNK between accent
phrases (the labels write ``#``) and for brackets.
"""

from __future__ import annotations

import re
from functools import lru_cache

from text.ja.normalize import normalize
from text.symbols2 import symbols

_PARTS = re.compile(r"[A-Za-z\d\u3005-\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff]+|.", re.DOTALL)
_MARKS = {"、": ",", "，": ",", "；": ",", "：": ",", ";": ",", ":": ",", "。": ".", "．": ".", "！": "!", "？": "?"}
_MARKS |= {mark: mark for mark in ",.!?-…"} | {"·": ",", "・": "", "—": "", "–": "", "'": "", '"': ""}
_REPEATED = re.compile(r"([、。,.!?！？…])[、。,.!?！？…]+")
_MAX_PART = 200
_KNOWN = frozenset(symbols)


def text_normalize(text: str) -> str:
    """The text as Open JTalk reads it right; repeated marks shrink to the first one."""
    return _REPEATED.sub(r"\1", normalize(text))


def g2p(norm_text: str) -> list[str]:
    """Phones of a normalised text; marks are phones of their own, brackets are UNK."""
    return [phone for _, _, part in stretches(norm_text) for phone in part]


def stretches(norm_text: str) -> list[tuple[int, int, list[str]]]:
    """(from, to, phones) of each mark and of what is between marks."""
    out: list[tuple[int, int, list[str]]] = []
    for match in _PARTS.finditer(norm_text):
        part, begin = match[0], match.start()
        if len(part) == 1 and not _is_spoken(part):
            mark = _MARKS.get(part, "" if part.isspace() else "UNK")
            out.append((begin, begin + 1, [mark] if mark else []))
            continue
        for start in range(0, len(part), _MAX_PART):
            piece = part[start : start + _MAX_PART]
            out.append((begin + start, begin + start + len(piece), list(_stretch(piece.lower()))))
    return out


def _is_spoken(char: str) -> bool:
    return char.isalnum() and char.isascii() or "\u3005" <= char <= "\u3007" or "\u3040" <= char <= "\u9fff"


@lru_cache(maxsize=4096)
def _stretch(text: str) -> tuple[str, ...]:
    """Phones of a stretch without marks."""
    from pyopenjtalk import g2p_prosody

    out: list[str] = []
    for phone in g2p_prosody(text):
        if phone in ("^", "$"):
            continue
        if phone in ("#", "_"):
            out.append("UNK" if phone == "#" else ",")
            continue
        # Vowels that the labels mark as voiceless are trained as plain ones; braces mark guessed words.
        phone = phone.lower() if phone in ("A", "I", "U", "E", "O") else phone
        if phone in _KNOWN:
            out.append(phone)
    return tuple(out)


_KANA = re.compile(r"[\u3041-\u3096\u30a1-\u30fa\u30fc]+")


#: Hiragana after which う is a long vowel, as in きょう.
_LONG_U = re.compile(r"(?<=[おこそとのほもよろごぞどぼぽょを])う")


def parse_reading(reading: str) -> list[str] | None:
    """An explicit pronunciation in kana, as the katakana text that is spoken instead; None when it is none.

    Hiragana are read as they are spelled (きょう is キョー), katakana as they stand.
    """
    kana = reading.strip()
    if not _KANA.fullmatch(kana):
        return None
    return ["".join(chr(ord(c) + 0x60) if "\u3041" <= c <= "\u3096" else c for c in _LONG_U.sub("ー", kana))]
