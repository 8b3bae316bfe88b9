"""The fast path of one decode step: a decoder's own modules and weights, called for one position without the work that
``forward`` repeats for every token.

Rotary codes come from a table made once, masks are cut from one made at prefill, and heads of a group are the queries
of one attention call. Decoders built like Llama (Qwen2, Qwen3, Llama, Mistral) are called projection by projection,
Gemma 3 layer by layer; all others take the plain path. A test holds both paths together, token by token.

Shapes: B batch, C channels, H heads, H_kv key-value heads, D channels per head, L positions so far.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

LLAMA_LIKE = frozenset({"Qwen2Model", "Qwen3Model", "LlamaModel", "MistralModel"})
BY_LAYER = frozenset({"Gemma3TextModel"})
KNOWN_DECODERS = LLAMA_LIKE | BY_LAYER
STATIC_ROPE = frozenset({"default", "linear", "llama3"})
"""Rotary kinds whose codes depend on the position alone."""
TABLE_BLOCK = 2048


def supports(decoder: nn.Module) -> bool:
    """True where :class:`FastStep` gives what the decoder's own ``forward`` gives."""
    name = type(decoder).__name__
    if name not in KNOWN_DECODERS or not all(kind in STATIC_ROPE for kind in _rope_kinds(decoder)):
        return False
    return name in BY_LAYER or decoder.config.hidden_act == "silu"  # type: ignore[union-attr]


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
        window = getattr(config, "sliding_window", None)
        # Mistral names no kinds: with a window, all its layers have it
        usual = "full_attention" if window is None else "sliding_attention"
        self.kinds: list[str] = list(getattr(config, "layer_types", None) or [usual] * count)
        self.window: int | None = window if "sliding_attention" in self.kinds else None
        self.by_layer = type(decoder).__name__ in BY_LAYER
        self.layers: list[tuple[Any, str]] = list(zip(decoder.layers[:count], self.kinds, strict=True))  # type: ignore
        self.tables: dict[str, tuple[Tensor, Tensor]] = {}

    def _reserve(self, positions: int, like: Tensor) -> dict[str, tuple[Tensor, Tensor]]:
        """Rotary codes for at least ``positions`` positions, in the type and on the device of ``like``.

        A call uses the tables that it is given: another one may put shorter ones in their place meanwhile.
        """
        tables = self.tables
        made = [table for table, _ in tables.values()]
        if made and all(len(t) >= positions and t.dtype == like.dtype and t.device == like.device for t in made):
            return tables
        rows = max(TABLE_BLOCK, -(-positions // TABLE_BLOCK) * TABLE_BLOCK)
        index = torch.arange(rows, device=like.device)[None]
        rotary: Any = self.decoder.rotary_emb
        tables = {}  # put in place in one assignment, as others read while this is being made
        for kind in set(self.kinds):
            cos, sin = (t[0] for t in (rotary(like, index, kind) if self.by_layer else rotary(like, index)))
            if not self.by_layer:  # the sign of the rotation goes into the table
                first, second = sin.chunk(2, dim=-1)
                sin = torch.cat((-first, second), dim=-1)
            tables[kind] = (cos, sin)
        self.tables = tables
        return tables

    def __call__(self, x: Tensor, positions: Tensor, cache: Any, real: Tensor | None) -> Tensor:
        """Hidden states [B, 1, C] of one more position.

        Args:
            x: [B, 1, C] embedded input.
            positions: [B] position codes.
            cache: a ``PreallocatedCache``; written to.
            real: [B, 1, 1, >= L + 1] bool, False where a row has padding; None without padding.
        """
        total = cache.length + 1
        tables = self._reserve(total, x)
        mask = None if real is None else real[..., :total]
        masks = dict.fromkeys(self.kinds, mask)
        if self.window is not None and total > self.window:
            near = torch.arange(total, device=x.device) > total - 1 - self.window
            masks["sliding_attention"] = near.expand(x.shape[0], 1, 1, total) if mask is None else mask & near
        codes = {kind: (cos[positions, None], sin[positions, None]) for kind, (cos, sin) in tables.items()}
        if self.by_layer:
            for layer, kind in self.layers:
                x = layer(x, attention_mask=masks[kind], position_embeddings=codes[kind], past_key_values=cache)
            return self.decoder.norm(x)  # type: ignore[operator, no-any-return]
        x = x[:, 0]
        for (layer, kind), store in zip(self.layers, cache.layers, strict=True):
            x = x + self._attend(layer.self_attn, _norm(x, layer.input_layernorm), *codes[kind], store, masks[kind])
            h, mlp = _norm(x, layer.post_attention_layernorm), layer.mlp
            x = x + mlp.down_proj(F.silu(mlp.gate_proj(h)).mul_(mlp.up_proj(h)))
        return _norm(x, self.decoder.norm)[:, None]

    @staticmethod
    def _attend(attn: Any, x: Tensor, cos: Tensor, sin: Tensor, store: Any, mask: Tensor | None) -> Tensor:
        """Attention of one position. x [B, C], cos and sin [B, 1, D] -> [B, C]."""
        rows, size = x.shape[0], attn.head_dim
        q, k = attn.q_proj(x).view(rows, -1, size), attn.k_proj(x).view(rows, -1, size)  # [B, H, D], [B, H_kv, D]
        if hasattr(attn, "q_norm"):
            q, k = _norm(q, attn.q_norm), _norm(k, attn.k_norm)
        heads = k.shape[1]
        both = torch.cat((q, k), dim=1)
        both = torch.addcmul(both * cos, both.roll(size // 2, -1), sin)
        keys, values = store.update(both[:, -heads:, None], attn.v_proj(x).view(rows, heads, 1, size))
        # the heads that share keys are the queries of one call: [B, H_kv, H / H_kv, D]
        grouped = both[:, :-heads].reshape(rows, heads, -1, size)
        out = F.scaled_dot_product_attention(grouped, keys, values, attn_mask=mask, scale=attn.scaling)
        return attn.o_proj(out.reshape(rows, -1))  # type: ignore[no-any-return]


def _norm(x: Tensor, module: Any) -> Tensor:
    """RMS norm with the weight and epsilon of a Llama-like norm module."""
    return F.rms_norm(x, x.shape[-1:], module.weight, module.variance_epsilon)
