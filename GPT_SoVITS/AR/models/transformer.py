"""Post-norm transformer layers with the parameter names of the public checkpoints.

One layer serves training (dropout, guided heads) and decoding (KV cache).

Shapes: B batch, L positions, C channels, H heads, D = C / H.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from AR.models.config import T2SModelConfig
from AR.models.kv_cache import View
from AR.models.lm_half import HalfLinear

AttentionTap = Callable[[int, Tensor, Tensor], None]
"""Called in training with (layer, queries [B, H, L, D], keys [B, H, L, D]), to look at chosen heads."""


def dropout(x: Tensor, share: float) -> Tensor:
    """Zeroes a random ``share`` of ``x`` and scales the rest.

    On CPU the random numbers of torch's own dropout cost a fifth of a training step; eight bytes of every 64-bit number
    are used here instead, so the share is rounded to a 256th.
    """
    if x.device.type != "cpu":
        return F.dropout(x, share, training=True)
    dropped = max(1, round(share * 256))
    numbers = torch.empty(-(-x.numel() // 8), dtype=torch.int64).random_(-(2**63), None)
    keep = numbers.view(torch.uint8)[: x.numel()].view(x.shape) >= dropped
    return x * keep.to(x.dtype).mul_(256 / (256 - dropped))


class SelfAttention(nn.Module):
    """Multi-head self-attention with stacked q, k, v projection."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.in_proj_weight = nn.Parameter(torch.empty(3 * dim, dim))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * dim))
        self.out_proj = nn.Linear(dim, dim)
        self.packed: HalfLinear | None = None
        """Stands for the stacked projection once its weights are packed; ``in_proj_weight`` is empty then."""
        nn.init.xavier_uniform_(self.in_proj_weight)
        nn.init.zeros_(self.out_proj.bias)

    def project(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """[B, L, C] -> queries, keys, values, each [B, H, L, D]."""
        packed = self.packed
        stacked = F.linear(x, self.in_proj_weight, self.in_proj_bias) if packed is None else packed(x)
        q, k, v = stacked.unflatten(-1, (3, self.heads, -1)).unbind(-3)
        return q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2)

    @torch.no_grad()
    def pack(self) -> None:
        """Keep the projections in packed float16 from now on (lm_half.py)."""
        stacked = nn.utils.skip_init(nn.Linear, *reversed(self.in_proj_weight.shape))
        stacked.weight, stacked.bias = self.in_proj_weight, self.in_proj_bias
        self.packed = HalfLinear(stacked)
        self.in_proj_weight = nn.Parameter(self.in_proj_weight[:0].clone(), requires_grad=False)
        self.out_proj = HalfLinear(self.out_proj)  # type: ignore[assignment, arg-type]

    def attend(self, q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None) -> Tensor:
        """[B, H, L, D] queries over [B, H, S, D] keys -> [B, L, C]; ``mask`` is added to the scores."""
        out = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        return self.out_proj(out.transpose(1, 2).flatten(-2))


class TransformerLayer(nn.Module):
    """Attention and ReLU feed-forward, each followed by residual and layer norm."""

    def __init__(self, config: T2SModelConfig) -> None:
        super().__init__()
        self.dropout = config.dropout
        self.self_attn = SelfAttention(config.hidden_dim, config.head)
        self.linear1 = nn.Linear(config.hidden_dim, config.linear_units)
        self.linear2 = nn.Linear(config.linear_units, config.hidden_dim)
        self.norm1 = nn.LayerNorm(config.hidden_dim, eps=1e-5)
        self.norm2 = nn.LayerNorm(config.hidden_dim, eps=1e-5)

    def _drop(self, x: Tensor) -> Tensor:
        return dropout(x, self.dropout) if self.training and self.dropout > 0 else x

    def finish(self, x: Tensor, attended: Tensor) -> Tensor:
        """Residuals, norms and feed-forward after attention. [B, L, C]."""
        x = self.norm1(x + self._drop(attended))
        return self.norm2(x + self._drop(self.linear2(self._drop(F.relu(self.linear1(x))))))


class TransformerStack(nn.Module):
    """``layers`` one after the other; no final norm."""

    def __init__(self, config: T2SModelConfig) -> None:
        super().__init__()
        self.layers = nn.ModuleList(TransformerLayer(config) for _ in range(config.n_layer))

    def forward(self, x: Tensor, mask: Tensor | None, tap: AttentionTap | None = None) -> Tensor:
        """Whole sequences, as in training. [B, L, C] -> [B, L, C]; ``mask`` [B, 1, L, L] is added to the scores."""
        for index, layer in enumerate(self.layers):
            assert isinstance(layer, TransformerLayer)
            q, k, v = layer.self_attn.project(x)
            if tap is not None:
                tap(index, q, k)
            x = layer.finish(x, layer.self_attn.attend(q, k, v, mask))
        return x

    def extend(self, x: Tensor, view: View) -> Iterator[Tensor]:
        """New positions [B, n, C] through one layer after the other; gives x after each, the last one is the result.

        A caller may do other work between two layers. Keys and values go to the places that ``view`` names.
        """
        mask = view.mask()
        for index, layer in enumerate(self.layers):
            assert isinstance(layer, TransformerLayer)
            q, k, v = layer.self_attn.project(x)
            keys, values = view.update(index, k, v)
            x = layer.finish(x, layer.self_attn.attend(q, keys, values, mask))
            yield x

    def pack(self) -> None:
        """Keep the weights in packed float16 from now on, for speaking on a CPU (lm_half.py)."""
        for layer in self.layers:
            assert isinstance(layer, TransformerLayer)
            layer.self_attn.pack()
            layer.linear1, layer.linear2 = HalfLinear(layer.linear1), HalfLinear(layer.linear2)  # type: ignore
