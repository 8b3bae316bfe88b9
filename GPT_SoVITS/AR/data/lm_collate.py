"""Clips to batches of the language model stage: rows as in decoding, streams dropped now and then, labels, guidance.

A batch has its text parts padded on the left and its tokens on the right, so that the <semantic> markers of all rows
stand in one column.

Shapes: B batch, T_text text positions (BPE, markers, phones), T_sem tokens, L = T_text + T_sem, P = T_sem + 1.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from AR.data.clips import Clip
from AR.data.collate import IGNORE, Batch, collate
from AR.data.rows import Batching, Row, epoch_batches, share_of_process
from AR.models import lm_rows
from AR.models.lm_folder import LMConfig

MOST_TEXTS = 4096
"""Texts whose BPE is remembered; joined ones are as many as there are pairs of clips."""


@dataclass(frozen=True)
class Item:
    """One training row and which of its text streams are there."""

    row: Row
    bpe: bool = True
    phones: bool = True


def draw_streams(config: LMConfig, share: float, rng: np.random.Generator) -> tuple[bool, bool]:
    """(with BPE, with phones): each dropped with probability ``share``, never both."""
    bpe, phones = config.uses_bpe, config.uses_phones
    if bpe and phones:
        drawn = rng.random()
        bpe, phones = drawn >= share, not share <= drawn < 2 * share
    return bpe, phones


class LMCollator:
    """Items to a dict of tensors: "ids", "kinds", "labels" [B, L] and, under "guide", a ``Batch`` for guidance."""

    def __init__(self, tokenizer: Any, config: LMConfig, guided: bool) -> None:
        self.tokenizer, self.config, self.guided = tokenizer, config, guided
        self._known: dict[str, list[int]] = {}

    def _bpe(self, row: Row) -> list[int]:
        text = ""
        for clip in row:
            text = lm_rows.join_texts(text, clip.text)
        if text not in self._known:
            if len(self._known) >= MOST_TEXTS:
                self._known.clear()
            self._known[text] = lm_rows.bpe_ids(self.tokenizer, text)
        return self._known[text]

    def _text(self, item: Item) -> lm_rows.RowIds:
        bpe = self._bpe(item.row) if item.bpe else []
        phones: list[int] = np.concatenate([clip.phones for clip in item.row]).tolist() if item.phones else []
        return lm_rows.text_row(bpe, phones)

    def __call__(self, items: Sequence[Item]) -> dict[str, Any]:
        base = collate([item.row for item in items])
        ids, kinds = lm_rows.left_pad([self._text(item) for item in items])
        spoken = torch.arange(base.tokens.shape[1]) < base.token_lens[:, None]
        width = ids.shape[1]
        out: dict[str, Any] = {
            "ids": torch.cat((ids, base.tokens), dim=1),
            "kinds": torch.cat((kinds, torch.where(spoken, lm_rows.SEMANTIC, lm_rows.PAD)), dim=1),
            "labels": torch.cat((torch.full((len(items), width - 1), IGNORE), base.targets), dim=1),
        }
        if self.guided:
            out["guide"] = _guide(base, ids, [item.phones for item in items])
        return out


def _guide(base: Batch, ids: Tensor, with_phones: Sequence[bool]) -> Batch:
    """``base`` with its text part widened to the row's: phones stand right before the last marker."""
    width, phones = ids.shape[1], base.phones.shape[1]
    start = width - 1 - phones
    kept = torch.tensor(with_phones)[:, None]

    def widen(values: Tensor, fill: float) -> Tensor:
        out = torch.full(ids.shape, fill, dtype=values.dtype)
        # where another row's phones are longer than this batch's BPE-less text, the surplus is padding
        low = max(0, -start)
        out[:, max(0, start) : width - 1] = torch.where(kept, values[:, low:], fill)
        return out

    column = torch.where((base.target_column >= 0) & kept, base.target_column + start, -1)
    return replace(
        base,
        phones=ids,
        text_time=widen(base.text_time, 0.0),
        text_clip=widen(base.text_clip, -1),
        target_column=column,
    )


class ItemData(Dataset[Item]):
    """Hands items through: the sampler makes them, so that they are a function of seed and epoch alone."""

    def __init__(self, clips: Sequence[Clip]) -> None:
        self.clips = clips

    def __len__(self) -> int:
        return len(self.clips)

    def __getitem__(self, item: Any) -> Item:
        return item  # type: ignore[no-any-return]


class ItemBatches(Sampler[list[Item]]):
    """All batches of all epochs, one after the other; the same for the same arguments.

    Args:
        clips: training clips.
        how: batch sizes and joining.
        config: which streams there are.
        drop: share of rows that lose a stream.
        seed, epochs: of the run.
        share: (process, processes).
    """

    def __init__(
        self,
        clips: Sequence[Clip],
        how: Batching,
        config: LMConfig,
        drop: float,
        seed: int,
        epochs: int,
        share: tuple[int, int] = (0, 1),
    ) -> None:
        self.clips, self.how, self.config, self.drop, self.seed, self.share = clips, how, config, drop, seed, share
        # counted and made again when their turn comes: spliced rows of all epochs would fill the memory
        self.lengths = [len(self._epoch(epoch)) for epoch in range(epochs)]

    def __len__(self) -> int:
        return sum(self.lengths)

    def batches_of(self, epochs: float) -> int:
        """Batches in the first so many epochs; the last may be a part of one."""
        whole = int(epochs)
        return sum(self.lengths[:whole]) + int(sum(self.lengths[whole : whole + 1]) * (epochs - whole))

    def _epoch(self, epoch: int) -> list[list[Row]]:
        return share_of_process(epoch_batches(self.clips, self.how, self.seed, epoch), *self.share)

    def __iter__(self) -> Iterator[list[Item]]:
        for epoch in range(len(self.lengths)):
            rng = np.random.default_rng([self.seed, epoch, 1])
            for rows in self._epoch(epoch):
                yield [self._item(row, *draw_streams(self.config, self.drop, rng)) for row in rows]

    def _item(self, row: Row, bpe: bool, phones: bool) -> Item:
        """Rows with a spliced clip have no text to give to the BPE."""
        without_text = self.config.uses_phones and not all(clip.text for clip in row)
        return Item(row, False, True) if without_text else Item(row, bpe, phones)
