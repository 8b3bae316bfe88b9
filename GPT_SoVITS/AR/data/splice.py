"""New sentences from old ones: the beginning of one aligned clip, then the end of another.

A few hours of speech hold few sentences, and a network soon knows them by heart: it then goes by what it has said
instead of by the phones. Sentences that nobody has said, of sounds that somebody has, leave it only the phones.
"""

from __future__ import annotations

import numpy as np

from AR.data.clips import Clip


def splice(first: Clip, second: Clip, rng: np.random.Generator) -> Clip | None:
    """The beginning of ``first`` up to some phone, and ``second`` from the same phone on.

    Args:
        first, second: clips with an alignment; the result has the speaker of ``first``, and no text, since where a
            phone's letters are is not known.
        rng: chooses among all the places where the two can be joined.

    Returns:
        The new clip, or None where an alignment is missing or the two have no phone in common.
    """
    if first.alignment is None or second.alignment is None:
        return None
    ends, starts = _onsets(first.alignment), _onsets(second.alignment)
    ends = ends[ends[:, 0] > 0]  # something of the first clip is kept
    same = np.argwhere(first.phones[ends[:, 0]][:, None] == second.phones[starts[:, 0]])
    if not len(same):
        return None
    end, start = same[int(rng.integers(len(same)))]
    (phone_a, token_a), (phone_b, token_b) = ends[end].tolist(), starts[start].tolist()
    moved = second.alignment[token_b:]
    return Clip(
        f"{first.name}+{second.name}",
        np.concatenate([first.phones[:phone_a], second.phones[phone_b:]]),
        np.concatenate([first.tokens[:token_a], second.tokens[token_b:]]),
        first.speaker,
        alignment=np.concatenate([first.alignment[:token_a], np.where(moved < 0, -1, moved + phone_a - phone_b)]),
    )


def _onsets(alignment: np.ndarray) -> np.ndarray:
    """[N, 2]: every phone that is heard, in order, and the token at which it begins."""
    phones, tokens = np.unique(alignment, return_index=True)
    heard = phones >= 0
    return np.stack([phones[heard], tokens[heard]], axis=1)
