"""Rows to padded tensors, in the layout in which the network decodes: phones padded on the left, tokens on the right.

(The public training pads phones on the right while its mask assumes the left: golden/NOTES.md, number 6.)

Shapes: B batch, T_ph phonemes, T_sem semantic tokens, P = T_sem + 1 predicted positions (all tokens and EOS).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
import torch
from torch import Tensor

from AR.backend import EOS
from AR.data.clips import Clip
from AR.data.rows import Row

IGNORE = -100
BERT_DIM = 1024


@dataclass(frozen=True)
class Batch:
    """One training batch.

    Attributes:
        phones: [B, T_ph] int64, left-padded with 0.
        text_positions: [B, T_ph] int64, 0 at the first real phone.
        text_valid: [B, T_ph] bool, real phones.
        tokens: [B, T_sem] int64, right-padded with EOS.
        token_lens: [B] int64.
        targets: [B, P] int64: tokens, EOS, then ``IGNORE``.
        text_time: [B, T_ph] float32, place of a phone within its clip, 0..1.
        text_clip: [B, T_ph] int64, which clip of the row a phone belongs to (-1 padding).
        target_time: [B, P] float32, place of a predicted token within its clip, 0..1.
        target_clip: [B, P] int64, which clip it belongs to (-1 padding).
        target_column: [B, P] int64, column of the phone spoken there, -1 where no alignment is known.
        bert: [B, 1024, T_ph] float32 left-padded with 0, or None.
    """

    phones: Tensor
    text_positions: Tensor
    text_valid: Tensor
    tokens: Tensor
    token_lens: Tensor
    targets: Tensor
    text_time: Tensor
    text_clip: Tensor
    target_time: Tensor
    target_clip: Tensor
    target_column: Tensor
    bert: Tensor | None = None

    def to(self, device: torch.device) -> Batch:
        """The same batch on another device."""
        moved = {f.name: getattr(self, f.name) for f in fields(self)}
        return replace(self, **{n: t.to(device, non_blocking=True) for n, t in moved.items() if t is not None})


def _times(length: int) -> np.ndarray:
    return (np.arange(length, dtype=np.float32) + 0.5) / max(1, length)


def _pack(parts: Sequence[np.ndarray], fill: float, left: bool) -> Tensor:
    """Vectors to one matrix, padded with ``fill``."""
    length = max(len(part) for part in parts)
    out = np.full((len(parts), length), fill, dtype=parts[0].dtype)
    for row, part in zip(out, parts, strict=True):
        if left:
            row[length - len(part) :] = part
        else:
            row[: len(part)] = part
    return torch.from_numpy(out)


def _join(row: Row, part: str) -> np.ndarray:
    return np.concatenate([getattr(clip, part) for clip in row])


def _labels(row: Row, part: str) -> np.ndarray:
    return np.concatenate([np.full(len(getattr(clip, part)), i, np.int64) for i, clip in enumerate(row)])


def _alignment(row: Row) -> np.ndarray:
    """Phone index within the row per token, -1 where unknown."""
    parts, start = [], 0
    for clip in row:
        known = np.full(len(clip.tokens), -1, np.int64) if clip.alignment is None else clip.alignment
        parts.append(np.where(known < 0, -1, known + start))
        start += len(clip.phones)
    return np.concatenate(parts)


def _bert(clip: Clip) -> Tensor:
    """[1024, T_ph] of a clip; zeros where there is no file or its length is another."""
    features = torch.zeros(BERT_DIM, len(clip.phones))
    if clip.bert_path is not None:
        stored = torch.load(clip.bert_path, map_location="cpu", weights_only=True)
        if stored.shape == features.shape:
            features = stored.float()
    return features


def collate(rows: Sequence[Row], with_bert: bool = False) -> Batch:
    """Rows to a batch; ``with_bert`` reads the text features of the clips."""
    phones = _pack([_join(row, "phones") for row in rows], 0, left=True)
    lens = torch.tensor([sum(len(clip.phones) for clip in row) for row in rows])
    text_max = phones.shape[1]
    text_valid = torch.arange(text_max) >= text_max - lens[:, None]
    tokens = [_join(row, "tokens") for row in rows]
    # the EOS position belongs to the end of the last clip
    columns = _pack([np.append(_alignment(row), -1) for row in rows], -1, left=False)
    columns = torch.where(columns < 0, columns, columns + (text_max - lens)[:, None])
    bert = None
    if with_bert:
        bert = torch.zeros(len(rows), BERT_DIM, text_max)
        for out, row in zip(bert, rows, strict=True):
            joined = torch.cat([_bert(clip) for clip in row], dim=1)
            out[:, text_max - joined.shape[1] :] = joined
    return Batch(
        phones=phones,
        text_positions=(text_valid.cumsum(1) - 1).clamp_min(0),
        text_valid=text_valid,
        tokens=_pack(tokens, EOS, left=False),
        token_lens=torch.tensor([len(t) for t in tokens]),
        targets=_pack([np.append(t, EOS) for t in tokens], IGNORE, left=False),
        text_time=_pack([np.concatenate([_times(len(c.phones)) for c in row]) for row in rows], 0.0, left=True),
        text_clip=_pack([_labels(row, "phones") for row in rows], -1, left=True),
        target_time=_pack([_target_times(row) for row in rows], 1.0, left=False),
        target_clip=_pack([np.append(_labels(row, "tokens"), len(row) - 1) for row in rows], -1, left=False),
        target_column=columns,
        bert=bert,
    )


def _target_times(row: Row) -> np.ndarray:
    times = [_times(len(clip.tokens)) for clip in row]
    return np.concatenate([*times, np.ones(1, np.float32)])
