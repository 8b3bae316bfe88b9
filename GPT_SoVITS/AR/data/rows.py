"""What is trained on in an epoch: rows of one or two clips, sorted into batches by token count.

Everything is a pure function of (clips, seed, epoch), so that a resumed run sees the same batches.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from AR.data.clips import Clip
from AR.data.splice import repeat_part, splice

Row = tuple[Clip, ...]
"""The clips that are joined into one training row: a target alone, or a prompt and its target."""


@dataclass(frozen=True)
class Batching:
    """How rows are made and put together.

    Attributes:
        batch_tokens: positions (phones and tokens, padding included) in a batch.
        batch_size: rows in a batch, at most.
        join_probability: share of the rows that get another clip of the same speaker in front.
        max_row_tokens: a joined row is not longer than this many positions.
        repeat: how often every clip comes in an epoch.
        splice_probability: share of the targets that go on, in their middle, as another clip of the speaker does
            (splice.py).
        easy_epochs: the first so many epochs have neither spliced nor repeating targets (an epoch that is easy in part
            has none).
        repeat_probability: share of the targets in which a part is said several times (splice.py).
    """

    batch_tokens: int
    batch_size: int
    join_probability: float = 0.5
    max_row_tokens: int = 1000
    repeat: int = 1
    splice_probability: float = 0.0
    easy_epochs: float = 0.0
    repeat_probability: float = 0.0

    def as_recorded(self) -> Batching:
        """The same, with every clip as it was said."""
        return replace(self, splice_probability=0.0, repeat_probability=0.0)


def small_set_repeat(clips: int) -> int:
    """The public rule: fewer than 100 clips are repeated max(2, 100 // n) times an epoch."""
    return max(2, 100 // clips) if clips < 100 else 1


def row_length(row: Row) -> int:
    """Positions of a row: phones and tokens."""
    return sum(len(clip.phones) + len(clip.tokens) for clip in row)


def plan_rows(clips: Sequence[Clip], how: Batching, rng: np.random.Generator) -> list[Row]:
    """Every clip as a target ``repeat`` times; some of them behind a prompt by the same speaker."""
    by_speaker: dict[str, list[Clip]] = defaultdict(list)
    for clip in clips:
        if clip.speaker is not None:
            by_speaker[clip.speaker].append(clip)
    rows: list[Row] = []
    for clip in [c for c in clips for _ in range(how.repeat)]:
        others = by_speaker[clip.speaker] if clip.speaker is not None else []
        target = clip
        if how.splice_probability and rng.random() < how.splice_probability:
            target = _spliced(clip, others or clips, how.max_row_tokens, rng)
        if how.repeat_probability and rng.random() < how.repeat_probability:
            target = _no_longer(repeat_part(target, rng), target, how.max_row_tokens)
        row: Row = (target,)
        if len(others) > 1 and rng.random() < how.join_probability:
            prompt = others[int(rng.integers(len(others)))]
            if prompt is not clip and row_length((prompt, target)) <= how.max_row_tokens:
                row = (prompt, target)
        rows.append(row)
    return rows


def _spliced(clip: Clip, others: Sequence[Clip], longest: int, rng: np.random.Generator) -> Clip:
    """``clip`` with the end of one of the others; as it is where they do not fit or the row would be too long."""
    return _no_longer(splice(clip, others[int(rng.integers(len(others)))], rng), clip, longest)


def _no_longer(made: Clip | None, clip: Clip, longest: int) -> Clip:
    """What was made of ``clip``; the clip itself where that is nothing, or a row longer than ``longest``."""
    return clip if made is None or row_length((made,)) > longest else made


def make_batches(rows: Sequence[Row], how: Batching, rng: np.random.Generator) -> list[list[Row]]:
    """Rows of like length together, at most ``batch_tokens`` padded positions each, in random order."""
    order = rng.permutation(len(rows))
    ranked = sorted((rows[i] for i in order), key=lambda row: row_length(row) // 8)
    batches: list[list[Row]] = []
    longest = 0
    for row in ranked:
        longest = max(longest, row_length(row))
        full = batches and (len(batches[-1]) >= how.batch_size or longest * (len(batches[-1]) + 1) > how.batch_tokens)
        if not batches or full:
            batches.append([])
            longest = row_length(row)
        batches[-1].append(row)
    return [batches[i] for i in rng.permutation(len(batches))]


def epoch_batches(clips: Sequence[Clip], how: Batching, seed: int, epoch: int) -> list[list[Row]]:
    """The batches of an epoch, the same for the same arguments."""
    rng = np.random.default_rng([seed, epoch])
    if epoch < how.easy_epochs:
        how = how.as_recorded()
    return make_batches(plan_rows(clips, how, rng), how, rng)


def share_of_process(batches: Sequence[list[Row]], rank: int, world: int) -> list[list[Row]]:
    """Every world-th batch; all processes get the same number (the first ones again where it does not come out)."""
    count = -(-len(batches) // world)
    return [batches[(i * world + rank) % len(batches)] for i in range(count)]
