"""New sentences from old ones: the beginning of one aligned clip, then the end of another; or a part said again.

A few hours of speech hold few sentences, and a network soon knows them by heart: it then goes by what it has said
instead of by the phones. Sentences that nobody has said, of sounds that somebody has, leave it only the phones. Words
that come again and again ("row after row after row") are rare in speech, and a network that has not met them loses its
place among them: it says one too few, or goes round.
"""

from __future__ import annotations

import numpy as np

from AR.data.clips import Clip

SHORTEST_PART, LONGEST_PART = 3, 24
"""Phones of a part that is repeated: a short word to half a dozen of them."""
MOST_REPEATS = 4


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


def repeat_part(clip: Clip, rng: np.random.Generator, times: int = MOST_REPEATS) -> Clip | None:
    """``clip`` with a part of it said two to ``times`` times in a row.

    Args:
        clip: with an alignment. The part lasts from a phone to just before the same phone later on, so that each
            repetition begins after the sound that it has been heard after; the result has no text, as in ``splice``.
        rng: chooses the part, and how often it is said.
        times: how often the part is said at most.

    Returns:
        The new clip, or None where an alignment is missing or no phone comes again at a fitting distance.
    """
    if clip.alignment is None:
        return None
    onsets = _onsets(clip.alignment)
    index = onsets[:, 0]
    apart = index[None, :] - index[:, None]
    fits = (apart >= SHORTEST_PART) & (apart <= LONGEST_PART)
    pairs = np.argwhere(fits & (clip.phones[index][:, None] == clip.phones[index][None, :]))
    if not len(pairs):
        return None
    begin, end = pairs[int(rng.integers(len(pairs)))]
    (phone_a, token_a), (phone_b, token_b) = onsets[begin].tolist(), onsets[end].tolist()
    more = int(rng.integers(1, times))
    part = clip.alignment[token_a:token_b]
    shift = phone_b - phone_a
    again = [np.where(part < 0, -1, part + k * shift) for k in range(1, more + 1)]
    rest = clip.alignment[token_b:]
    return Clip(
        f"{clip.name}*{more + 1}",
        np.concatenate([clip.phones[:phone_b], *[clip.phones[phone_a:phone_b]] * more, clip.phones[phone_b:]]),
        np.concatenate([clip.tokens[:token_b], *[clip.tokens[token_a:token_b]] * more, clip.tokens[token_b:]]),
        clip.speaker,
        alignment=np.concatenate([clip.alignment[:token_b], *again, np.where(rest < 0, -1, rest + more * shift)]),
    )


def _onsets(alignment: np.ndarray) -> np.ndarray:
    """[N, 2]: every phone that is heard, in order, and the token at which it begins."""
    phones, tokens = np.unique(alignment, return_index=True)
    heard = phones >= 0
    return np.stack([phones[heard], tokens[heard]], axis=1)
