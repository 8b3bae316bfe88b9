"""The decoder stack of a Llama-like language model in plain PyTorch: Qwen2, Qwen3, Llama, Mistral, Gemma 3 (text).

It has the parameter names of transformers' decoders, and is filled from a loaded one (sharing its weights, so that
packed or merged layers stay what they are) or from a folder's safetensors. transformers is not needed to run it. What
a model is like is a row of :class:`Shape`; there is one layer for all of them. Works with PyTorch 2.4 and later.

A step (one new position a row) goes through it as [B, C], a stretch of positions as [B, L, C]: a step of a small model
is mostly calls of small operations, and two dimensions need fewer of them.

Shapes: B batch, L new positions, C hidden channels, H heads, G key-value heads, D channels per head, S positions seen.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from AR.models.kv_cache import View

FULL, SLIDING = "full_attention", "sliding_attention"
FAMILIES = ("qwen2", "qwen3", "llama", "mistral", "gemma3_text")
ROPE_KINDS = ("default", "linear", "llama3")
TABLE_ROWS = 2048


@dataclass(frozen=True)
class Shape:
    """What a model is like.

    Attributes:
        kinds: per layer, whether it looks at all positions or at the last ``window`` ones.
        ropes: per kind, what the rotary codes are made from: kind, base and scaling, as configurations name them.
        scale: of the attention scores.
        bias: biases of the q, k, v and of the output projection.
        qk_norm: queries and keys are normed per head.
        gemma: Gemma's norms (weight + 1, and one more after each block) and its activation.
        embed_scale: factor on the word embedding.
    """

    vocab: int
    hidden: int
    inner: int
    heads: int
    groups: int
    head_dim: int
    eps: float
    kinds: tuple[str, ...]
    window: int | None
    ropes: Mapping[str, Mapping[str, Any]]
    scale: float
    bias: tuple[bool, bool]
    qk_norm: bool
    gemma: bool
    embed_scale: float

    @classmethod
    def of_config(cls, config: Mapping[str, Any]) -> Shape:
        """From the content of a ``config.json``, of transformers 4 or 5.

        Raises:
            ValueError: a model that :class:`PlainDecoder` does not compute; says what it is about.
        """
        family = config.get("model_type")
        if family not in FAMILIES:
            raise ValueError(f"model_type {family!r} is none of {', '.join(FAMILIES)}")
        gemma = family == "gemma3_text"
        activation = config.get("hidden_activation") if gemma else config.get("hidden_act", "silu")
        if activation not in (("gelu_pytorch_tanh", None) if gemma else ("silu",)):
            raise ValueError(f"activation {activation!r}")
        odd = ("attn_logit_softcapping", "use_bidirectional_attention", "mlp_bias")
        if any(config.get(key) for key in odd):
            raise ValueError("one of " + ", ".join(odd))
        heads, hidden = config["num_attention_heads"], config["hidden_size"]
        head_dim = config.get("head_dim") or hidden // heads
        window = config.get("sliding_window") if config.get("use_sliding_window", True) else None
        kinds = _layer_kinds(config, family, window)
        bias = bool(config.get("attention_bias", False))
        return cls(
            config["vocab_size"],
            hidden,
            config["intermediate_size"],
            heads,
            config.get("num_key_value_heads") or heads,
            head_dim,
            config.get("rms_norm_eps", 1e-6),
            kinds,
            window if SLIDING in kinds else None,
            {kind: _rope(config, kind, gemma) for kind in set(kinds)},
            (config.get("query_pre_attn_scalar", 256) if gemma else head_dim) ** -0.5,
            (True, False) if family == "qwen2" else (bias, bias),
            family in ("qwen3", "gemma3_text"),
            gemma,
            hidden**0.5 if gemma else 1.0,
        )


def _layer_kinds(config: Mapping[str, Any], family: str, window: int | None) -> tuple[str, ...]:
    count = config["num_hidden_layers"]
    if config.get("layer_types"):
        return tuple(config["layer_types"])[:count]
    if window is None or family == "llama":
        return (FULL,) * count
    if family == "gemma3_text":  # files of transformers 4: every sixth layer looks far
        every = config.get("sliding_window_pattern", 6)
        return tuple(SLIDING if (layer + 1) % every else FULL for layer in range(count))
    first = 0 if family == "mistral" else config.get("max_window_layers", 28)
    return tuple(SLIDING if layer >= first else FULL for layer in range(count))


def _rope(config: Mapping[str, Any], kind: str, gemma: bool) -> Mapping[str, Any]:
    """Rotary settings of a layer kind. Transformers 5 has them in one entry, 4 in several."""
    found = config.get("rope_parameters")
    if found:
        found = dict(found.get(kind) or found)
    else:
        near = gemma and kind == SLIDING
        base = config.get("rope_local_base_freq", 10000.0) if near else config.get("rope_theta", 10000.0)
        found = {} if near else dict(config.get("rope_scaling") or {})
        found["rope_theta"] = base
    name = found.setdefault("rope_type", found.get("type", "default"))
    if name not in ROPE_KINDS or found.get("partial_rotary_factor", 1.0) != 1.0:
        raise ValueError(f"rotary codes of kind {name!r}")
    return found


def rotary_rates(rope: Mapping[str, Any], size: int) -> Tensor:
    """[size / 2] radians per position, float32."""
    rates: Tensor = 1.0 / (rope["rope_theta"] ** (torch.arange(0, size, 2, dtype=torch.float32) / size))
    if rope["rope_type"] == "linear":
        return rates / rope["factor"]
    if rope["rope_type"] == "default":
        return rates
    # llama3: slow rates are divided, fast ones stay, and those between change over smoothly
    turns = rope["original_max_position_embeddings"] * rates / (2 * math.pi)
    low, high = rope["low_freq_factor"], rope["high_freq_factor"]
    share = ((turns - low) / (high - low)).clamp(0, 1)
    return (1 - share) * rates / rope["factor"] + share * rates


class Norm(nn.Module):
    """Root-mean-square norm; Gemma's weight is counted from 1."""

    def __init__(self, size: int, shape: Shape) -> None:
        super().__init__()
        self.weight, self.eps, self.gemma = nn.Parameter(torch.ones(size)), shape.eps, shape.gemma
        self._floor = torch.full((), shape.eps, device="cpu")  # a plain tensor even where the rest is made on "meta"

    def forward(self, x: Tensor) -> Tensor:
        weight = self.weight + 1.0 if self.gemma else self.weight
        if x.dtype != torch.float32 or x.device.type != "cpu":
            return F.rms_norm(x, x.shape[-1:], weight, self.eps)
        # on CPU that is a dozen operations; this is five
        length = torch.linalg.vector_norm(x, dim=-1, keepdim=True)
        scale = torch.addcmul(self._floor, length, length, value=1 / x.shape[-1]).rsqrt_()
        return (x * scale).mul_(weight)


class Attention(nn.Module):
    """Attention with rotary codes; the heads of a group are the queries of one call."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape, size = shape, shape.head_dim
        self.q_proj = nn.Linear(shape.hidden, shape.heads * size, bias=shape.bias[0])
        self.k_proj = nn.Linear(shape.hidden, shape.groups * size, bias=shape.bias[0])
        self.v_proj = nn.Linear(shape.hidden, shape.groups * size, bias=shape.bias[0])
        self.o_proj = nn.Linear(shape.heads * size, shape.hidden, bias=shape.bias[1])
        if shape.qk_norm:
            self.q_norm, self.k_norm = Norm(size, shape), Norm(size, shape)

    def forward(self, x: Tensor, codes: tuple[Tensor, Tensor], view: View, layer: int) -> Tensor:
        """x [B, L, C] or [B, C], codes (cosine, signed sine) [B, (L,) 1, D] -> as x."""
        size, groups, heads = self.shape.head_dim, self.shape.groups, self.shape.heads
        lead = x.shape[:-1]
        q, k = self.q_proj(x).view(*lead, heads, size), self.k_proj(x).view(*lead, groups, size)
        if self.shape.qk_norm:
            q, k = self.q_norm.forward(q), self.k_norm.forward(k)
        both = torch.cat((q, k), dim=-2)  # [B, (L,) H + G, D]
        turned = both.view(*lead, heads + groups, 2, size // 2).flip(-2).view_as(both)  # each half in the other's place
        both = torch.addcmul(both * codes[0], turned, codes[1])
        q, k = both.split((heads, groups), dim=-2)
        v = self.v_proj(x).view(*lead, groups, size)
        mask = view.mask(self.shape.window if self.shape.kinds[layer] == SLIDING else None)
        each = heads // groups
        if x.dim() == 2:  # a step: the same without moving anything
            keys, values = view.update(layer, k.unsqueeze(2), v.unsqueeze(2))  # [B, G, S, D]
            q = q.view(lead[0], groups, each, size)
            out = F.scaled_dot_product_attention(q, keys, values, attn_mask=mask, scale=self.shape.scale)
            return self.o_proj(out.reshape(lead[0], -1))  # type: ignore[no-any-return]
        keys, values = view.update(layer, k.transpose(1, 2), v.transpose(1, 2))
        q = q.unflatten(2, (groups, each)).permute(0, 2, 3, 1, 4).flatten(2, 3)  # [B, G, H/G * L, D]
        mask = mask.repeat(1, 1, each, 1) if mask is not None else None
        out = F.scaled_dot_product_attention(q, keys, values, attn_mask=mask, scale=self.shape.scale)
        out = out.unflatten(2, (each, lead[1])).permute(0, 3, 1, 2, 4).reshape(*lead, -1)
        return self.o_proj(out)  # type: ignore[no-any-return]


class MLP(nn.Module):
    """Gated feed-forward."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.gemma = shape.gemma
        self.gate_proj = nn.Linear(shape.hidden, shape.inner, bias=False)
        self.up_proj = nn.Linear(shape.hidden, shape.inner, bias=False)
        self.down_proj = nn.Linear(shape.inner, shape.hidden, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        gate = self.gate_proj(x)
        gate = F.gelu(gate, approximate="tanh") if self.gemma else F.silu(gate)
        return self.down_proj(gate.mul_(self.up_proj(x)))  # type: ignore[no-any-return]


class Layer(nn.Module):
    """Attention and feed-forward, each with a norm before it, and with Gemma one after it."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.self_attn, self.mlp = Attention(shape), MLP(shape)
        self.input_layernorm, self.post_attention_layernorm = Norm(shape.hidden, shape), Norm(shape.hidden, shape)
        if shape.gemma:
            self.pre_feedforward_layernorm = Norm(shape.hidden, shape)
            self.post_feedforward_layernorm = Norm(shape.hidden, shape)

    def forward(self, x: Tensor, codes: tuple[Tensor, Tensor], view: View, layer: int) -> Tensor:
        # forward, not the module itself: nothing hooks into these, and a step of a small model is mostly such calls
        attention = self.self_attn
        attended = attention.forward(self.input_layernorm.forward(x), codes, view, layer)
        if not attention.shape.gemma:
            x = x + attended
            return x + self.mlp.forward(self.post_attention_layernorm.forward(x))
        x = x + self.post_attention_layernorm(attended)
        return x + self.post_feedforward_layernorm(self.mlp(self.pre_feedforward_layernorm(x)))  # type: ignore[no-any-return]


class WordEmbedding(nn.Embedding):
    """Word table; Gemma scales what it finds."""

    def __init__(self, shape: Shape) -> None:
        super().__init__(shape.vocab, shape.hidden)
        self.factor = shape.embed_scale

    def forward(self, ids: Tensor) -> Tensor:
        found = super().forward(ids)
        return found if self.factor == 1.0 else found * torch.tensor(self.factor, dtype=found.dtype)


class PlainDecoder(nn.Module):
    """Embedded positions to hidden states; keys and values go through a cache's view."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.embed_tokens = WordEmbedding(shape)
        self.layers = nn.ModuleList(Layer(shape) for _ in shape.kinds)
        self.norm = Norm(shape.hidden, shape)
        self._codes: dict[str, tuple[Tensor, Tensor]] = {}

    def get_input_embeddings(self) -> nn.Module:
        """The word table, by transformers' name for it."""
        return self.embed_tokens

    @classmethod
    def of(cls, decoder: Any) -> PlainDecoder:
        """The same network as a loaded decoder of transformers, with its very weights.

        Raises:
            ValueError: as :meth:`Shape.of_config`.
        """
        with torch.device("meta"):
            plain = cls(Shape.of_config(decoder.config.to_dict()))
        theirs = dict(decoder.named_modules())
        for name, module in list(plain.named_modules()):
            parent, _, own = name.rpartition(".")
            if isinstance(module, Norm):
                module.weight = theirs[name].weight
            elif isinstance(module, (nn.Linear, nn.Embedding)):  # the very module: it may be packed or scaled
                setattr(plain.get_submodule(parent), own, theirs[name])
        return plain.eval()

    @classmethod
    def load(cls, folder: str | Path, config: Mapping[str, Any], dtype: torch.dtype = torch.float32) -> PlainDecoder:
        """From a folder with ``*.safetensors``, strictly; an output head over words is passed over.

        Raises:
            ValueError: as :meth:`Shape.of_config`, or no weights.
            RuntimeError: weights that do not fit, by name.
        """
        from safetensors.torch import load_file

        weights: dict[str, Tensor] = {}
        for path in sorted(Path(folder).glob("*.safetensors")):
            weights.update(load_file(path))
        if not weights:
            raise ValueError(f"no safetensors in {folder}")
        with torch.device("meta"):
            plain = cls(Shape.of_config(config))
        found = {name[6:] if name.startswith("model.") else name: value.to(dtype) for name, value in weights.items()}
        plain.load_state_dict({n: v for n, v in found.items() if not n.startswith("lm_head.")}, assign=True)
        return plain.eval().requires_grad_(False)

    def forward(self, x: Tensor, view: View, rows: int) -> Tensor:
        """Hidden states [B, L, C] of new positions [B, L, C].

        Args:
            x: embedded, in the network's precision.
            view: where their keys and values go; says their positions.
            rows: positions that the cache has room for; no position is beyond.
        """
        step = x.shape[1] == 1
        x, places = (x[:, 0], view.positions[:, 0]) if step else (x, view.positions)
        codes = {kind: (cos[places], sin[places]) for kind, (cos, sin) in self._tables(rows, x).items()}
        for index, layer in enumerate(self.layers):
            x = layer.forward(x, codes[self.shape.kinds[index]], view, index)  # type: ignore[operator]
        x = self.norm.forward(x)
        return x[:, None] if step else x

    def _tables(self, rows: int, like: Tensor) -> dict[str, tuple[Tensor, Tensor]]:
        """Per layer kind, cosines and signed sines [rows or more, 1, D]; made once, swapped in one assignment."""
        tables = self._codes
        known = next(iter(tables.values()), (like[:0],))[0]
        if known.shape[0] < rows or known.dtype != like.dtype or known.device != like.device:
            rows = -(-rows // TABLE_ROWS) * TABLE_ROWS
            tables = {kind: _codes(rope, self.shape.head_dim, rows, like) for kind, rope in self.shape.ropes.items()}
            self._codes = tables
        return tables


def _codes(rope: Mapping[str, Any], size: int, rows: int, like: Tensor) -> tuple[Tensor, Tensor]:
    angles = torch.arange(rows, dtype=torch.float32, device=like.device)[:, None, None]
    angles = angles * rotary_rates(rope, size).to(like.device)
    cos, sin = angles.cos().to(like.dtype), angles.sin().to(like.dtype)
    return torch.cat((cos, cos), dim=-1), torch.cat((-sin, sin), dim=-1)  # the turn's sign goes into the table
