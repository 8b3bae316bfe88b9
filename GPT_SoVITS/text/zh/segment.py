"""Chinese words with their parts of speech: jieba's dictionary and model through ``rjieba`` (Rust, abi3 wheels, MIT).

It is about twenty times as fast as the Python package, and has no cache file and no build step.
"""

from __future__ import annotations

from functools import lru_cache

import rjieba

_MAX_CLAUSE = 400


def tagged(clause: str) -> list[tuple[str, str]]:
    """(word, tag) of a clause without marks; joined they are the clause.

    A clause longer than any sentence is cut first, so that the time stays linear.
    """
    out: list[tuple[str, str]] = []
    for start in range(0, len(clause), _MAX_CLAUSE):
        out.extend(rjieba.tag(clause[start : start + _MAX_CLAUSE], hmm=False))
    return _merged(out)


def _merged(words: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """儿 joins the word before it, so that the sandhi rules see it there; 地 after an adverb leaves the next word."""
    out: list[tuple[str, str]] = []
    for text, tag in words:
        before = out[-1] if out else ("", "x")
        if text == "儿" and before[1][:1] in ("n", "v", "r", "q", "m", "z") and before[0]:
            out[-1] = (before[0] + text, before[1])
        elif len(text) > 1 and text[0] == "地" and before[1][:1] in ("d", "z") and tag[:1] in ("l", "v"):
            out += [("地", "uv"), (text[1:], "v")]
        else:
            out.append((text, tag))
    return out


@lru_cache(maxsize=8192)
def is_word(text: str) -> bool:
    """Whether the dictionary holds ``text`` as one word."""
    return len(text) == 1 or rjieba.cut(text, hmm=False) == [text]
