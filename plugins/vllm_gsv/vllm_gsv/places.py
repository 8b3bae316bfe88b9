"""Positions and place codes of a row, from its token ids alone. Knows no vLLM.

Embeddings of phones and semantic tokens carry sine codes of their place in their own stream. vLLM counts positions of
a row from its first token and knows no streams, but it has position channels (made for pictures in a text): channel 0
holds the rotary position here, channel 1 the place. For tokens that are generated it adds one and the same number in
every channel, so the rotary positions of a row are moved until its first semantic token is at ``start``: from there on
both channels are ``start`` + place. Rotary codes are relative; moving all of a row changes nothing.

Shapes: L positions of a row, N positions of a batch, C hidden channels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

SPEECH = 1025
"""1024 semantic tokens and EOS."""


@dataclass(frozen=True)
class Ids:
    """Where each kind of id begins, and the rotary position of the first semantic token."""

    phones: int
    semantic: int
    start: int

    @classmethod
    def of(cls, section: dict[str, Any]) -> Ids:
        """From the section ``gsv`` of a ``config.json``."""
        return cls(int(section["phones"]), int(section["semantic"]), int(section["start"]))

    def is_phone(self, ids: Tensor) -> Tensor:
        """True for phones; any shape."""
        return (ids >= self.phones) & (ids < self.semantic)

    def is_semantic(self, ids: Tensor) -> Tensor:
        """True for semantic tokens and EOS; any shape."""
        return (ids >= self.semantic) & (ids < self.semantic + SPEECH)


def row_positions(tokens: list[int], ids: Ids) -> tuple[Tensor, int]:
    """Position channels [3, L] of a row, and what is added to the index of each token that is generated after it.

    Channel 2 is not used; vLLM has at least three. A row whose text is longer than ``start`` gets positions that are
    cut off at 0: it will not make sense, but it must not end the engine of all others.
    """
    row = torch.tensor(tokens, dtype=torch.int64)
    phone, semantic = ids.is_phone(row), ids.is_semantic(row)
    before = int(semantic.long().argmax()) if bool(semantic.any()) else len(tokens)
    rotary = torch.arange(len(tokens)) + (ids.start - before)
    place = torch.where(semantic, rotary, torch.where(phone, phone.cumsum(0) - 1, 0))
    return torch.stack((rotary, place, place)).clamp_min(0), ids.start - before


def place_codes(tokens: Tensor, places: Tensor, ids: Ids, gains: Tensor, width: int) -> Tensor:
    """What is added to the embeddings [N, C] of a batch.

    Args:
        tokens: [N] ids.
        places: [N] channel 1 of the positions.
        ids: where kinds begin.
        gains: [2] factors, of phones and of semantic tokens.
        width: C.
    """
    semantic = ids.is_semantic(tokens)
    gain = semantic * gains[1] + ids.is_phone(tokens) * gains[0]
    place = (places - ids.start * semantic).clamp_min(0)
    half = width // 2
    rates = torch.exp(torch.arange(half, device=tokens.device) * (-math.log(10000.0) / max(1, half)))
    angles = place[:, None].float() * rates
    return gain[:, None] * F.pad(torch.cat((angles.sin(), angles.cos()), dim=1), (0, width - 2 * half))
