"""How long speech can be: the span that a stage has learned, and how few tokens are too few for the phones.

The figures are measured on recordings (docs/text.md). Knows counts only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

TOKEN_RATE = 25
"""Semantic tokens per second."""
MIN_TOKENS_PER_PHONE = 1.1
"""Fewer tokens than that are faster than any recording: of 2,578 clips the fastest Japanese one has 1.27 (its pitch
marks count as phones), the fastest English one 1.62."""
FASTEST = 0.7
"""Share of the usual tokens a phone: the fastest clip of a corpus has 0.72 of them (English), 0.79 (Japanese, without
its pitch marks; with them half of the recordings would be too short for what is usual in English)."""
COMMON = 99
"""Percentile of the clips that counts as learned: a few long ones teach little."""


class LearnedSpan(NamedTuple):
    """The longest speech that a stage has learned: phones and seconds; 0 where it is not known."""

    phones: int = 0
    seconds: float = 0.0

    @property
    def pace(self) -> float:
        """Usual tokens a phone; 0 where it is not known."""
        return self.seconds * TOKEN_RATE / self.phones if self.phones and self.seconds else 0.0


SAFE_SPAN = LearnedSpan(300, 0.0)
"""For weights that say nothing: the published ones are trained on clips of up to 54 s, most of them far shorter."""
LONGEST = 600
"""Phones beyond which no stage comes to an end within its minute."""


def span_of(phones: Sequence[int], tokens: Sequence[int]) -> LearnedSpan:
    """The span of a training set, from the number of phones and of semantic tokens of each clip."""
    if not phones or not tokens:
        return LearnedSpan()
    return LearnedSpan(_percentile(phones), round(_percentile(tokens) / TOKEN_RATE, 2))


def _percentile(values: Sequence[int]) -> int:
    ordered = sorted(values)
    return int(ordered[min(len(ordered) - 1, len(ordered) * COMMON // 100)])


def span_in(facts: object) -> LearnedSpan:
    """The span that a checkpoint's facts hold as {"span": {"phones", "seconds"}}; an unknown one where they do not."""
    span = facts.get("span") if isinstance(facts, Mapping) else None
    if not isinstance(span, Mapping):
        return LearnedSpan()
    try:
        return LearnedSpan(int(span.get("phones", 0)), float(span.get("seconds", 0)))
    except (TypeError, ValueError):
        return LearnedSpan()


def least_tokens(phones: int, pace: float = 0.0) -> int:
    """Fewest tokens that can hold so many phones; an end before has left words out.

    Args:
        phones: of the text that take time: commas and the like included, pitch marks not.
        pace: usual tokens a phone of what the stage has learned; 0: not known.
    """
    return int(max(MIN_TOKENS_PER_PHONE, FASTEST * pace) * max(1, phones))


def most_phones(span: LearnedSpan, keep_whole: bool) -> int:
    """Longest segment for a stage; with ``keep_whole`` (a person chose cut0) only what no stage can speak is cut."""
    if keep_whole:
        return LONGEST
    return span.phones or SAFE_SPAN.phones
