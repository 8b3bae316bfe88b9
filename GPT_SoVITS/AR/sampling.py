"""From logits to the next token: penalty, top-p, temperature, top-k, softmax, draw. Pure functions plus a noise source.

Order and borders are those users of GPT-SoVITS know (reference: tests/golden/sampling).

Shapes: B batch, V vocabulary.
"""

from __future__ import annotations

import torch
from torch import Tensor

from AR.backend import SamplingParams

NEG_INF = float("-inf")


def seen_mask(previous: Tensor, vocab_size: int) -> Tensor:
    """[B, T] ids -> [B, V] bool, True where an id occurs."""
    mask = torch.zeros(previous.shape[0], vocab_size, dtype=torch.bool, device=previous.device)
    return mask.scatter_(1, previous, True)


def repetition_penalty(logits: Tensor, seen: Tensor, penalty: float) -> Tensor:
    """Weaken seen ids, each once however often it occurred: positive logits / penalty, negative x penalty. [B, V]."""
    if penalty == 1.0:
        return logits
    return torch.where(seen, torch.where(logits < 0, logits * penalty, logits / penalty), logits)


def top_p_filter(logits: Tensor, top_p: float) -> Tensor:
    """Keep the likeliest ids while their summed probability is at most ``top_p``.

    The id that crosses the threshold is removed too (as the public sampler does); the first always stays. [B, V].
    """
    if top_p >= 1.0:
        return logits
    ordered, order = torch.sort(logits, descending=True, dim=-1)
    remove = ordered.softmax(dim=-1).cumsum(dim=-1) > top_p
    remove[:, 0] = False
    return logits.masked_fill(torch.zeros_like(remove).scatter(1, order, remove), NEG_INF)


def top_k_filter(logits: Tensor, top_k: int) -> Tensor:
    """Remove everything strictly below the k-th largest logit; ties with it survive. [B, V]."""
    if top_k <= 0 or top_k >= logits.shape[-1]:
        return logits
    border = torch.topk(logits, top_k, dim=-1).values[:, -1:]
    return logits.masked_fill(logits < border, NEG_INF)


def probabilities(penalised: Tensor, top_k: int, top_p: float, temperature: float) -> Tensor:
    """Probabilities [B, V] from logits that already carry the repetition penalty."""
    logits = top_p_filter(penalised, top_p) / max(temperature, 1e-5)
    return top_k_filter(logits, top_k).softmax(dim=-1)


def draw(probs: Tensor, noise: Tensor) -> Tensor:
    """One id per row [B]: arg-max of probs / Exp(1) noise, which equals one multinomial draw."""
    return torch.argmax(probs / noise, dim=-1)


def sample(logits: Tensor, seen: Tensor, params: SamplingParams, noise: Tensor) -> tuple[Tensor, Tensor]:
    """Next ids [B] and the arg-max of the penalised logits [B] (which decides on stopping, as in the public loop)."""
    penalised = repetition_penalty(logits, seen, params.repetition_penalty)
    probs = probabilities(penalised, params.top_k, params.top_p, params.temperature)
    return draw(probs, noise), penalised.argmax(dim=-1)


def redraw(
    tokens: Tensor, recent: Tensor, logits: Tensor, seen: Tensor, params: SamplingParams, noise: Tensor
) -> Tensor:
    """Repetition-aware sampling (the idea of VALL-E 2, Chen et al. 2024): ids that came too often lately, drawn again.

    Args:
        tokens: [B] as drawn by :func:`sample`.
        recent: [B, W] the ids before them, -1 where there are none yet.
        logits, seen, params: as for :func:`sample`.
        noise: [B, V] that was used for ``tokens``; it serves here in another order.
    """
    often = (recent == tokens[:, None]).float().mean(dim=1) > params.repetition_share
    penalised = repetition_penalty(logits, seen, params.repetition_penalty)
    others = draw(probabilities(penalised, 0, 1.0, params.temperature), noise.flip(-1))
    return torch.where(often, others, tokens)


class RowNoise:
    """Exp(1) noise for every row from that row's own CPU generator.

    A row's noise depends on its seed alone, not on its batch or device; it is made in blocks to keep the loop lean.
    """

    BLOCK = 32

    def __init__(self, seeds: list[int], vocab_size: int, device: torch.device) -> None:
        self._generators = [torch.Generator().manual_seed(seed) for seed in seeds]
        self._vocab, self._device = vocab_size, device
        self._block = torch.empty(0)
        self._used = self.BLOCK

    def next(self) -> Tensor:
        """[B, V] noise of the next step."""
        if self._used == self.BLOCK:
            rows = [torch.empty(self.BLOCK, self._vocab).exponential_(generator=g) for g in self._generators]
            self._block = torch.stack(rows).clamp_min_(1e-20).to(self._device, non_blocking=True)
            self._used = 0
        self._used += 1
        return self._block[:, self._used - 1]

    def select(self, rows: list[int]) -> None:
        """Go on with these rows only."""
        self._generators = [self._generators[row] for row in rows]
        if self._used < self.BLOCK:
            self._block = self._block[rows]
