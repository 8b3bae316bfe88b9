"""The optional preference loss of the s1 training: a clip as it was spoken is preferred to one with a fault.

Direct preference optimisation (Rafailov et al. 2023, "Direct Preference Optimization: Your Language Model is Secretly
a Reward Model") without its reference model. The worse member of each pair is made here from the better one, with the
faults that an AR model is known for: a stretch is spoken twice, or is left out.

Shapes: B batch, P predicted positions (tokens and EOS), T_sem tokens.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from AR.data.collate import IGNORE, Batch

BETA = 0.2
"""How much a nat between the two counts; the public training's value."""
MIN_STRETCH, MAX_STRETCH = 5, 50
"""Tokens (25 a second): a syllable to a phrase. A limit keeps a row with a repetition from needing much more memory."""


@dataclass(frozen=True)
class Rejected:
    """The worse member of each row, laid out as in ``Batch``.

    Attributes:
        tokens: [B, T_sem'] int64, right-padded with EOS.
        token_lens: [B] int64.
        targets: [B, P'] int64: tokens, EOS, then ``IGNORE``.
        cut: [B] int64: before this position both members are the same.
    """

    tokens: Tensor
    token_lens: Tensor
    targets: Tensor
    cut: Tensor


def corrupt(batch: Batch, eos: int) -> Rejected:
    """Repeat or drop a stretch of every row's last clip, a prompt in front of it stays as it is.

    Only real tokens are touched, never padding, and the length always changes, so no row stays what it was. Draws from
    torch's generator of the CPU, on any device: the training state holds it.
    """
    lens = batch.token_lens
    last = batch.target_clip.max(dim=1, keepdim=True).values
    start = ((batch.target_clip >= 0) & (batch.target_clip < last)).sum(1)  # [B] where the last clip begins
    spoken = lens - start
    drawn = torch.rand(3, len(lens)).to(lens.device)
    longest = (spoken // 2).clamp(1, MAX_STRETCH)
    shortest = longest.clamp_max(MIN_STRETCH)
    length = shortest + _below(drawn[0], longest - shortest + 1)
    begin = start + _below(drawn[1], spoken - length + 1)
    repeated = (drawn[2] < 0.5) | (spoken < 2)  # a clip of one token cannot lose it
    # from ``cut`` on, position j holds what position j + shift held
    cut = torch.where(repeated, begin + length, begin)
    shift = torch.where(repeated, -length, length)
    new_lens = lens - shift
    position = torch.arange(int(new_lens.max()) + 1, device=lens.device)[None]  # [1, P']
    source = position + torch.where(position >= cut[:, None], shift[:, None], 0)
    targets = batch.targets.gather(1, source.clamp_max(batch.targets.shape[1] - 1))
    targets = targets.masked_fill(position > new_lens[:, None], IGNORE)
    tokens = targets.masked_fill(position >= new_lens[:, None], eos)[:, :-1]
    return Rejected(tokens, new_lens, targets, cut)


def _below(drawn: Tensor, count: Tensor) -> Tensor:
    """Whole numbers 0..count - 1 from uniform ones; both [B]."""
    return (drawn * count).long().minimum(count - 1)


def log_likelihood(picked: Tensor, rows: Tensor, cut: Tensor) -> Tensor:
    """[B] nats of the positions from ``cut`` on.

    What stands before is the same in both members; leaving it out takes the noise of dropout away.

    Args:
        picked: [N] log-probabilities of the targets at the real positions, row after row.
        rows: [B, P] bool, real positions; N of them.
        cut: [B].
    """
    spread = picked.new_zeros(rows.shape).masked_scatter(rows, picked)
    after = torch.arange(rows.shape[1], device=rows.device) >= cut[:, None]
    return (spread * after).sum(1)


def preference(chosen: Tensor, rejected: Tensor) -> Tensor:
    """[B] loss of each pair from the log-likelihoods [B] of its members, in nats."""
    return -F.logsigmoid(BETA * (chosen - rejected))
