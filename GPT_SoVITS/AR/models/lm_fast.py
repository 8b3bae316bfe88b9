"""The fast path of one decode step: the backbone's own layers, without the work that ``forward`` repeats every token.

The layers (and so every weight and formula) are the backbone's; only the frame around them is made lean: rotary codes
come from a table made once, masks are cut from one made at prefill, and no outputs are collected. Backbones that are
not known to be built this way take the plain path; a test holds both paths together, token by token.

Shapes: B batch, C channels, D channels per head, L positions so far.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

KNOWN_DECODERS = frozenset({"Qwen2Model", "Qwen3Model", "LlamaModel", "MistralModel", "Gemma3TextModel"})
STATIC_ROPE = frozenset({"default", "linear", "llama3"})
"""Rotary kinds whose codes depend on the position alone."""
TABLE_BLOCK = 2048


def supports(decoder: nn.Module) -> bool:
    """True where :class:`FastStep` gives what the decoder's own ``forward`` gives."""
    if type(decoder).__name__ not in KNOWN_DECODERS:
        return False
    return all(kind in STATIC_ROPE for kind in _rope_kinds(decoder))


def _rope_kinds(decoder: nn.Module) -> set[str]:
    rotary = decoder.rotary_emb
    kinds = getattr(rotary, "rope_type", "default")
    return set(kinds.values()) if isinstance(kinds, dict) else {str(kinds)}


class FastStep:
    """Runs single positions through a decoder. Holds tables, no weights; safe to share between decode states."""

    def __init__(self, decoder: nn.Module) -> None:
        config: Any = decoder.config
        self.decoder = decoder
        count = config.num_hidden_layers
        self.kinds: list[str] = list(getattr(config, "layer_types", None) or ["full_attention"] * count)
        self.window: int | None = getattr(config, "sliding_window", None) if "sliding_attention" in self.kinds else None
        self.by_kind = type(decoder).__name__ == "Gemma3TextModel"
        self.layers = list(zip(decoder.layers[:count], self.kinds, strict=True))  # type: ignore[arg-type, index]
        self.tables: dict[str, tuple[Tensor, Tensor]] = {}
        self.rows = 0

    def _reserve(self, positions: int, like: Tensor) -> None:
        """Rotary codes for at least ``positions`` positions, in the type and on the device of ``like``."""
        made = [table for table, _ in self.tables.values()]
        if positions <= self.rows and all(t.dtype == like.dtype and t.device == like.device for t in made):
            return
        rows = max(TABLE_BLOCK, -(-positions // TABLE_BLOCK) * TABLE_BLOCK)
        index = torch.arange(rows, device=like.device)[None]
        rotary: Any = self.decoder.rotary_emb
        tables = {}
        for kind in set(self.kinds):
            cos, sin = rotary(like, index, kind) if self.by_kind else rotary(like, index)
            tables[kind] = (cos[0], sin[0])
        self.tables, self.rows = tables, rows

    def __call__(self, x: Tensor, positions: Tensor, cache: Any, real: Tensor | None) -> Tensor:
        """Hidden states [B, 1, C] of one more position.

        Args:
            x: [B, 1, C] embedded input.
            positions: [B] position codes.
            cache: a ``PreallocatedCache``; written to.
            real: [B, 1, 1, >= L + 1] bool, False where a row has padding; None without padding.
        """
        total = cache.length + 1
        self._reserve(total, x)
        mask = None if real is None else real[..., :total]
        masks = dict.fromkeys(self.kinds, mask)
        if self.window is not None and total > self.window:
            near = torch.arange(total, device=x.device) > total - 1 - self.window
            masks["sliding_attention"] = near.expand(x.shape[0], 1, 1, total) if mask is None else mask & near
        codes = {kind: (cos[positions, None], sin[positions, None]) for kind, (cos, sin) in self.tables.items()}
        for layer, kind in self.layers:
            x = layer(x, attention_mask=masks[kind], position_embeddings=codes[kind], past_key_values=cache)
        return self.decoder.norm(x)  # type: ignore[operator, no-any-return]
