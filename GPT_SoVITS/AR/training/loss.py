"""Losses of the text-to-semantic stage: cross-entropy on tokens, guided attention, and the optional preference loss.

Guided attention (the idea of Tachibana et al. 2018, "Efficiently Trainable Text-to-Speech System Based on Deep
Convolutional Networks with Guided Attention", carried over to chosen heads of a decoder-only network): a position that
predicts a token is pushed to look at the phones near the diagonal of its own clip, or, where an alignment is known,
at the very phone that is spoken there. With little speech the network finds text-to-audio alignment much sooner.

Shapes: B batch, H heads, L positions, T_ph phonemes, P predicted positions, D channels per head.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from AR.data.collate import IGNORE, Batch
from AR.models.t2s_model import Text2SemanticDecoder, training_bias
from AR.models.transformer import AttentionTap
from AR.training.config import GuidedSection
from AR.training.preference import corrupt, log_likelihood, preference


def off_diagonal(batch: Batch, width: float) -> Tensor:
    """[B, P, T_ph]: 0 on the diagonal of a clip, towards 1 away from it and everywhere outside the clip."""
    gap = batch.target_time[:, :, None] - batch.text_time[:, None, :]
    penalty = 1.0 - torch.exp(-gap.square() / (2.0 * width * width))
    same_clip = batch.target_clip[:, :, None] == batch.text_clip[:, None, :]
    return torch.where(same_clip, penalty, torch.ones_like(penalty))


class GuidedAttention:
    """Collects the guidance loss while the layers run; one object per batch.

    Args:
        batch: what is trained on.
        settings: layers, heads, width and span.
        bias: [B, 1, L, L] of the batch.
    """

    def __init__(self, batch: Batch, settings: GuidedSection, bias: Tensor) -> None:
        self.batch, self.settings = batch, settings
        first = batch.phones.shape[1] - 1
        self.first_row = first
        self.columns = bias.shape[-1] if settings.span == "all" else first + 1
        self.bias = bias[:, :, first:, : self.columns]
        self.penalty = off_diagonal(batch, settings.width)[:, None]
        self.rows = batch.targets != IGNORE
        self.known = (batch.target_column >= 0) & self.rows
        self.losses: list[Tensor] = []

    def tap(self, layer: int, queries: Tensor, keys: Tensor) -> None:
        """Look at the guided heads of a layer. Both [B, H, L, D]."""
        if layer not in self.settings.layers:
            return
        heads = self.settings.heads
        q = queries[:, :heads, self.first_row :].float()
        k = keys[:, :heads, : self.columns].float()
        scores = q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5 + self.bias.float()
        text = F.log_softmax(scores, dim=-1)[..., : self.first_row + 1]  # [B, h, P, T_ph]
        mass = text.exp()
        # mass on audio counts as far from the diagonal, too
        diagonal = (mass * self.penalty).sum(-1) + (1.0 - mass.sum(-1)).clamp_min(0.0)
        column = self.batch.target_column.clamp_min(0)[:, None, :, None].expand(-1, heads, -1, 1)
        exact = -text.gather(-1, column).squeeze(-1)
        per_row = torch.where(self.known[:, None], exact, diagonal)  # [B, h, P]
        self.losses.append(per_row.mean(1)[self.rows].mean())

    def loss(self) -> Tensor:
        """Mean over the guided layers."""
        return torch.stack(self.losses).mean()


class T2STrainingModule(nn.Module):
    """The network and its losses as one module, so that wrappers for several processes see one forward pass.

    Args:
        model: what is trained.
        label_smoothing: share of the target spread over all tokens.
        guided: guidance of the attention.
        token_noise: share of the tokens heard so far that are replaced by random ones (the targets stay). Speaking
            goes wrong where the network trusts its own tokens more than the text; noise teaches it to look at the text.
        prefer: add the preference loss (preference.py) in training.
    """

    def __init__(
        self,
        model: Text2SemanticDecoder,
        label_smoothing: float,
        guided: GuidedSection,
        token_noise: float = 0.0,
        prefer: bool = False,
    ) -> None:
        super().__init__()
        self.token_noise = token_noise
        self.model = model
        self.label_smoothing = label_smoothing
        self.guided = guided
        self.prefer = prefer

    def forward(self, batch: Batch, guided_weight: float = 0.0) -> dict[str, Tensor]:
        """Losses of a batch.

        Returns:
            "loss" to minimise; detached: "token_loss" (nats per token, without smoothing), "top3" (share of tokens,
            EOS left out, whose right answer is among the three likeliest), "count" of predicted positions,
            "guided" where ``guided_weight`` is above 0, and in training with ``prefer`` "preference" (mean of the rows)
            and "preferred" (share of rows that are likelier than their faulty copies).
        """
        bias = training_bias(batch.text_valid, batch.token_lens, batch.tokens.shape[1])
        guide = GuidedAttention(batch, self.guided, bias) if guided_weight > 0 else None
        rows = batch.targets != IGNORE
        targets = batch.targets[rows]
        log_probs = self._log_probs(batch, batch.tokens, bias, rows, guide.tap if guide else None)
        picked = log_probs.gather(1, targets[:, None]).squeeze(1)  # [N]
        token_loss = -picked.mean()
        smoothing = self.label_smoothing if self.training else 0.0
        loss = (1.0 - smoothing) * token_loss - smoothing * log_probs.mean()
        out = {"token_loss": token_loss.detach(), "count": rows.sum(), "top3": _top3(log_probs.detach(), targets)}
        if guide is not None:
            guided = guide.loss()
            loss = loss + guided_weight * guided
            out["guided"] = guided.detach()
        if self.prefer and self.training:
            pairs, margin = self._preference(batch, picked, rows)
            # a mean of pairs beside a mean of positions: beside the public sum of positions it would hardly count
            loss = loss + pairs.mean()
            out |= {"preference": pairs.detach().mean(), "preferred": (margin.detach() > 0).float().mean()}
        return {"loss": loss, **out}

    def _log_probs(
        self, batch: Batch, tokens: Tensor, bias: Tensor, rows: Tensor, tap: AttentionTap | None = None
    ) -> Tensor:
        """[N, V] of the real positions ``rows`` [B, P], when ``tokens`` are spoken to the phones of ``batch``."""
        hidden = self.model(batch.phones, batch.text_positions, self._heard(tokens), bias, batch.bert, tap)
        return F.log_softmax(self.model.ar_predict_layer(hidden[rows]).float(), dim=-1)

    def _preference(self, batch: Batch, picked: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Preference loss [B] and by how many nats each row is likelier than its faulty copy [B]."""
        worse = corrupt(batch, self.model.ar_predict_layer.out_features - 1)
        bias = training_bias(batch.text_valid, worse.token_lens, worse.tokens.shape[1])
        worse_rows = worse.targets != IGNORE
        log_probs = self._log_probs(batch, worse.tokens, bias, worse_rows)
        worse_picked = log_probs.gather(1, worse.targets[worse_rows][:, None]).squeeze(1)
        chosen = log_likelihood(picked, rows, worse.cut)
        rejected = log_likelihood(worse_picked, worse_rows, worse.cut)
        return preference(chosen, rejected), chosen - rejected

    def _heard(self, tokens: Tensor) -> Tensor:
        """[B, T_sem] tokens as the network hears them in training."""
        share = self.token_noise if self.training else 0.0
        return with_noise(tokens, share, self.model.ar_predict_layer.out_features - 1)


def with_noise(ids: Tensor, share: float, codes: int, where: Tensor | None = None) -> Tensor:
    """``ids`` with a ``share`` of them, of those ``where`` is True, replaced by random ones below ``codes``.

    Draws nothing where the share is 0. All tensors [B, L].
    """
    if share <= 0:
        return ids
    noisy = torch.rand(ids.shape, device=ids.device) < share
    if where is not None:
        noisy &= where
    return torch.where(noisy, torch.randint_like(ids, codes), ids)


def _top3(log_probs: Tensor, targets: Tensor) -> Tensor:
    """Share of the targets (EOS left out) among the three likeliest."""
    real = targets != log_probs.shape[-1] - 1
    right = (log_probs.topk(3, dim=-1).indices == targets[:, None]).any(-1)
    return (right & real).sum() / real.sum().clamp_min(1)
