"""From logits to the next token: penalty, top-p, temperature, top-k, softmax, draw. Pure functions, and ``RowSampler``,
which holds the values of many rows.

Order and borders are those users of GPT-SoVITS know (reference: tests/golden/sampling).

Shapes: B batch, V vocabulary.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass

import torch
from torch import Tensor

from AR.backend import EOS, VOCAB_SIZE, SamplingParams, T2SRequest

NEG_INF = float("-inf")


def seen_mask(previous: Tensor, vocab_size: int) -> Tensor:
    """[B, T] ids -> [B, V] bool, True where an id occurs."""
    mask = torch.zeros(previous.shape[0], vocab_size, dtype=torch.bool, device=previous.device)
    return mask.scatter_(1, previous, True)


Values = Tensor | float
"""One for all rows, or one a row, [B, 1]."""


def repetition_penalty(logits: Tensor, seen: Tensor, penalty: Values) -> Tensor:
    """Weaken seen ids, each once however often it occurred: positive logits / penalty, negative x penalty. [B, V]."""
    return torch.where(seen, torch.where(logits < 0, logits * penalty, logits / penalty), logits)


def top_p_filter(logits: Tensor, top_p: Values) -> Tensor:
    """Keep the likeliest ids while their summed probability is at most ``top_p`` (1 or more: all).

    The id that crosses the threshold is removed too (as the public sampler does); the first always stays. [B, V].
    """
    ordered, order = torch.sort(logits, descending=True, dim=-1)
    limit = torch.as_tensor(top_p, device=logits.device)
    limit = torch.where(limit >= 1.0, float("inf"), limit)
    remove = ordered.softmax(dim=-1).cumsum(dim=-1) > limit
    remove[:, 0] = False
    return logits.masked_fill(torch.zeros_like(remove).scatter(1, order, remove), NEG_INF)


def top_k_filter(logits: Tensor, top_k: Tensor | int, width: int | None = None) -> Tensor:
    """Remove everything strictly below the k-th largest logit; ties with it survive. [B, V].

    Args:
        logits: [B, V].
        top_k: k, for all rows or for each [B, 1]; 0, less, or V and more: all stay.
        width: at least the largest k below V, where ``top_k`` is a tensor.
    """
    size = logits.shape[-1]
    if isinstance(top_k, int):
        width, top_k = min(top_k, size), torch.full((len(logits), 1), top_k, device=logits.device)
    if width is None or width <= 0 or width >= size:
        return logits
    best = torch.topk(logits, width, dim=-1).values
    border = best.gather(1, (top_k - 1).clamp(0, width - 1))
    border = torch.where((top_k > 0) & (top_k < size), border, NEG_INF)
    return logits.masked_fill(logits < border, NEG_INF)


def probabilities(penalised: Tensor, top_k: int, top_p: float, temperature: float) -> Tensor:
    """Probabilities [B, V] from logits that already carry the repetition penalty; the same values for all rows."""
    logits = top_p_filter(penalised, top_p) / max(temperature, 1e-5)
    return top_k_filter(logits, top_k).softmax(dim=-1)


def draw(probs: Tensor, noise: Tensor) -> Tensor:
    """One id per row [B]: arg-max of probs / Exp(1) noise, which equals one multinomial draw."""
    return torch.argmax(probs / noise, dim=-1)


@dataclass(frozen=True)
class Variant:
    """Which parts of sampling the live rows need: host-side facts, so that nothing is computed for nobody.

    Attributes:
        top_k: the largest k below the vocabulary, rounded up to a power of two; 0 where no row has one.
        top_p: whether any row has a top-p below 1.
        window: the longest repetition window, 0 where no row has one.
    """

    top_k: int
    top_p: bool
    window: int


class RowSampler:
    """Draws the next token of every row, each by its own values, seed and history. Rows as in ``models/kv_cache.py``.

    Noise is drawn where the logits are, in blocks, from a generator for each row: a row's noise depends on its seed
    and the device alone.
    """

    BLOCK = 32

    def __init__(self, device: torch.device, vocab: int = VOCAB_SIZE) -> None:
        self._device, self._vocab = device, vocab
        self._params: list[SamplingParams] = []
        self._generators: list[torch.Generator] = []
        self._left: list[int] = []  # noise of so many steps is there
        self.top_k = torch.zeros(0, 1, dtype=torch.int64, device=device)
        self.values = torch.zeros(0, 4, device=device)  # top_p, temperature, penalty, repetition_share
        self.counts = torch.zeros(0, 3, dtype=torch.int64, device=device)  # drawn, min_tokens, repetition_window
        self.seen = torch.zeros(0, vocab, dtype=torch.bool, device=device)
        self.recent = torch.zeros(0, 0, dtype=torch.int64, device=device)
        self.noise = torch.zeros(0, self.BLOCK, vocab, device=device)

    def make_room(self, rows: int) -> None:
        """Have at least so many rows."""
        more = rows - len(self._params)
        if more <= 0:
            return
        for name in ("top_k", "values", "counts", "seen", "recent", "noise"):
            old = getattr(self, name)
            setattr(self, name, torch.cat((old, old.new_zeros(more, *old.shape[1:]))))
        self._params += [SamplingParams()] * more
        self._generators += [torch.Generator(self._device)] * more
        self._left += [0] * more

    def open_row(self, row: int, request: T2SRequest, params: SamplingParams) -> None:
        """Begin a request in a row."""
        seed = secrets.randbelow(2**62) if params.seed is None else (params.seed + request.segment) % 2**63
        self._params[row], self._left[row] = params, 0
        self._generators[row] = torch.Generator(self._device).manual_seed(seed)
        self.top_k[row] = params.top_k
        self.values[row] = torch.tensor(
            [params.top_p, max(params.temperature, 1e-5), params.repetition_penalty, params.repetition_share]
        )
        self.counts[row] = torch.tensor([0, params.min_tokens, params.repetition_window])
        self.seen[row] = False
        if request.prompt is not None:
            self.seen[row, request.prompt.to(self._device)] = True
        missing = params.repetition_window - self.recent.shape[1]
        if missing > 0:
            self.recent = torch.nn.functional.pad(self.recent, (0, missing), value=-1)
        self.recent[row] = -1

    def move(self, source: int, target: int) -> None:
        """Copy a row over another one."""
        for tensor in (self.top_k, self.values, self.counts, self.seen, self.recent, self.noise):
            tensor[target] = tensor[source]
        self._params[target], self._left[target] = self._params[source], self._left[source]
        self._generators[target] = self._generators[source]

    def variant(self, rows: int) -> Variant:
        """What the first ``rows`` rows need."""
        live = self._params[:rows]
        widest = max((p.top_k for p in live if p.top_k < self._vocab), default=0)
        top_k = 1 << (widest - 1).bit_length() if widest > 0 else 0
        return Variant(
            min(top_k, self._vocab - 1), any(p.top_p < 1 for p in live), max(p.repetition_window for p in live)
        )

    def refill(self, rows: int) -> None:
        """Draw noise for rows that have none left; called before each :meth:`draw`, outside a captured graph."""
        for row in range(rows):
            if not self._left[row]:
                self.noise[row].exponential_(generator=self._generators[row]).clamp_min_(1e-20)
                self._left[row] = self.BLOCK
            self._left[row] -= 1

    def draw(self, logits: Tensor, variant: Variant) -> tuple[Tensor, Tensor]:
        """Next ids [n] of the first n rows, and [3, n]: the id, whether it ends the row, whether logits are not finite.

        EOS is impossible before a row's ``min_tokens``; a row also ends where EOS is the arg-max of the penalised
        logits, as in the public loop. Tensors alone: nothing waits for the device.
        """
        rows = len(logits)
        counts, seen = self.counts[:rows], self.seen[:rows]
        top_p, temperature, penalty, share = self.values[:rows].unsqueeze(-1).unbind(1)
        finite = logits.isfinite().all(dim=-1)
        early = counts[:, 0] < counts[:, 1]
        logits = logits.float().clone()
        logits[:, EOS].masked_fill_(early, NEG_INF)
        penalised = repetition_penalty(logits, seen, penalty)
        noise = self.noise[torch.arange(rows, device=logits.device), counts[:, 0] % self.BLOCK]
        kept = (top_p_filter(penalised, top_p) if variant.top_p else penalised) / temperature
        tokens = draw(top_k_filter(kept, self.top_k[:rows], variant.top_k).softmax(dim=-1), noise)
        if variant.window:
            tokens = self._redrawn(tokens, penalised / temperature, noise, counts, share)
        seen.scatter_(1, tokens[:, None], True)
        counts[:, 0] += 1
        ends = (tokens == EOS) | (penalised.argmax(dim=-1) == EOS)
        return tokens, torch.stack((tokens, ends, ~finite))

    def _redrawn(self, tokens: Tensor, scaled: Tensor, noise: Tensor, counts: Tensor, share: Tensor) -> Tensor:
        """Repetition-aware sampling (the idea of VALL-E 2, Chen et al. 2024): ids that came too often lately, again.

        They are drawn from all ids, with the same noise in another order. tokens [n]; scaled and noise [n, V]; counts
        [n, 3]; share [n, 1].
        """
        recent, window = self.recent[: len(tokens)], counts[:, 2:]
        often = (recent == tokens[:, None]).sum(dim=1, keepdim=True) > share * window
        others = draw(scaled.softmax(dim=-1), noise.flip(-1))
        tokens = torch.where((often & (window > 0))[:, 0], others, tokens)
        place = counts[:, :1] % window.clamp_min(1)  # a ring as long as the row's own window
        recent.scatter_(1, place, torch.where(window > 0, tokens[:, None], -1))
        return tokens

    def device_state(self) -> list[Tensor]:
        """Tensors that :meth:`draw` changes."""
        return [self.counts, self.seen, self.recent]
