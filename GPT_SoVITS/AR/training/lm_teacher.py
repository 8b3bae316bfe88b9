"""Learning from what another language model would say: its probabilities for every token beside the token itself.

Knowledge distillation (Hinton et al. 2015, "Distilling the Knowledge in a Neural Network"): many of the 1024 codes
sound alike, and a model that speaks already tells at every place which ones would do. It suits tokens that the same
model drew (sequence-level distillation, ``prepare_datasets/4-distill.py``).

Shapes: N positions that predict something, V = 1025.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from AR.data.collate import IGNORE
from AR.data.lm_collate import Item, LMCollator
from AR.models.qwen3_t2s_model import Qwen3T2SModel

PREFIX = "teacher_"


class Teacher:
    """A trained model that is asked, not trained. It reads the rows in its own words (tokenizer) and hears no noise.

    Args:
        model: speaks the same tokens from the same phone symbols.
    """

    def __init__(self, model: Qwen3T2SModel) -> None:
        self.model = model.requires_grad_(False)
        self._collate = LMCollator(model.tokenizer, model.config, guided=False)

    def collate(self, items: Sequence[Item]) -> dict[str, Any]:
        """The rows of a batch as this model reads them, all streams there; keys begin with ``PREFIX``."""
        config = self.model.config
        whole = [
            replace(item, bpe=config.uses_bpe and all(clip.text for clip in item.row), phones=config.uses_phones)
            for item in items
        ]
        return {PREFIX + name: value for name, value in self._collate(whole).items()}

    @torch.no_grad()
    def probabilities(self, batch: Mapping[str, Tensor]) -> Tensor:
        """[N, V] for the labelled positions of a batch, row by row, in the order of its "labels"."""
        where = batch[PREFIX + "labels"] != IGNORE
        hidden = self.model.hidden_states(batch[PREFIX + "ids"], batch[PREFIX + "kinds"])
        return self.model.head(hidden[where].float()).softmax(-1)  # type: ignore[no-any-return]
