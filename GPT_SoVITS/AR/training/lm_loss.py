"""What a training step of the language model learns from: model and losses as one module."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from AR.backend import EOS
from AR.models import lm_rows
from AR.models.qwen3_t2s_model import Qwen3T2SModel
from AR.training import lm_guided
from AR.training.lm_config import LMTrainConfig
from AR.training.lm_teacher import Teacher
from AR.training.loss import with_noise


class LMTrainingModule(nn.Module):
    """Model and losses as one module, so that wrappers for several processes see one forward pass.

    Args:
        model: what is trained.
        config: settings.
        teacher: a model to learn from; no part of the module.
    """

    def __init__(self, model: Qwen3T2SModel, config: LMTrainConfig, teacher: Teacher | None = None) -> None:
        super().__init__()
        self.model, self.settings, self.token_noise = model, config, config.train.token_noise
        self.teacher = teacher

    def forward(self, batch: Mapping[str, Any], guidance: float = 0.0) -> Tensor:
        """Loss of a batch (lm_collate.py); ``guidance`` weighs guided attention."""
        smoothing = self.settings.train.label_smoothing if self.training else 0.0
        taught = self.teacher.probabilities(batch) if self.training and self.teacher else None
        if self.training:
            spoken = batch["kinds"] == lm_rows.SEMANTIC
            batch = {**batch, "ids": with_noise(batch["ids"], self.token_noise, EOS, spoken)}
        guide = batch.get("guide")
        if guide is None or guidance <= 0 or not self.training:
            return self.model.training_loss(batch, smoothing, taught, self.settings.qwen3.teacher_share)
        with lm_guided.listening(guide, self.settings.guided, batch["kinds"] != lm_rows.PAD) as heard:
            loss = self.model.training_loss(batch, smoothing, taught, self.settings.qwen3.teacher_share)
        return loss + guidance * heard.loss()
