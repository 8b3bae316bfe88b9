"""Korean frontend: ``text_normalize`` and ``g2p``, phones in single letters of Hangul.

Diphthongs are two letters (ㅛ is ㅣ ㅗ), a word gap is 空, a character without a Korean reading is 停: the phones of
the published weights. The pronunciation rules are ours (``text.ko.rules``), so no tagger or dictionary is needed.
"""

from __future__ import annotations

import re
from functools import lru_cache

from text.ko import rules
from text.ko.normalize import normalize

_DIPHTHONGS = {
    "ㅑ": "ㅣㅏ",
    "ㅒ": "ㅣㅐ",
    "ㅕ": "ㅣㅓ",
    "ㅖ": "ㅣㅔ",
    "ㅛ": "ㅣㅗ",
    "ㅠ": "ㅣㅜ",
    "ㅘ": "ㅗㅏ",
    "ㅙ": "ㅗㅐ",
    "ㅚ": "ㅗㅣ",
    "ㅝ": "ㅜㅓ",
    "ㅞ": "ㅜㅔ",
    "ㅟ": "ㅜㅣ",
    "ㅢ": "ㅡㅣ",
}
_MARKS = frozenset(",.!?…-")
_RUNS = re.compile(r"[가-힣]+(?: [가-힣]+)*|.", re.DOTALL)
_LETTERS = frozenset(rules.ONSETS + rules.VOWELS)
_MAX_RUN = 200


def text_normalize(text: str) -> str:
    """The text as it is read, in Hangul, spaces and six marks."""
    return normalize(text)


def g2p(norm_text: str) -> list[str]:
    """Phones of a normalised text."""
    return [phone for _, _, part in stretches(norm_text) for phone in part]


def stretches(norm_text: str) -> list[tuple[int, int, list[str]]]:
    """(from, to, phones) of each run of words, and of each other character."""
    out: list[tuple[int, int, list[str]]] = []
    for match in _RUNS.finditer(norm_text):
        run, begin = match[0], match.start()
        if "가" <= run[0] <= "힣":
            for start in range(0, len(run), _MAX_RUN):
                piece = run[start : start + _MAX_RUN]
                out.append((begin + start, begin + start + len(piece), list(_run(piece))))
        elif run in _MARKS:
            out.append((begin, match.end(), [run]))
        elif run in _LETTERS:
            out.append((begin, match.end(), list(_DIPHTHONGS.get(run, run))))
        else:
            out.append((begin, match.end(), ["空" if run.isspace() else "停"]))
    return out


@lru_cache(maxsize=4096)
def _run(text: str) -> tuple[str, ...]:
    """Phones of words between marks."""
    blocks: list[rules.Syllable] = []
    for char in rules.respell(text):
        if char == " " and blocks:
            blocks[-1].gap = True
        elif char != " ":
            blocks.append(rules.decompose(char))
    out: list[str] = ["空"] if text.startswith(" ") else []
    for block in rules.sound(blocks):
        out += [block.onset, *_DIPHTHONGS.get(block.vowel, block.vowel)]
        if block.coda:
            out.append(block.coda)
        if block.gap:
            out.append("空")
    return tuple(out)


_HANGUL = re.compile(r"[가-힣]+(?: [가-힣]+)*")


def parse_reading(reading: str) -> list[str] | None:
    """An explicit pronunciation in Hangul, as the text that is spoken instead; None when it is none."""
    return [reading.strip()] if _HANGUL.fullmatch(reading.strip()) else None
