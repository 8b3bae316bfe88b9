"""Guided attention for any backbone: an attention function that lets a listener look at queries and keys.

It is registered with transformers under ``GUIDED`` and computes what "sdpa" computes. Shapes as in loss.py, with H_kv
key-value heads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import torch
from torch import Tensor, nn

from AR.data.collate import Batch
from AR.models.t2s_model import additive
from AR.training.config import GuidedSection
from AR.training.loss import GuidedAttention

GUIDED = "guided_sdpa"
Listener = Callable[[int, Tensor, Tensor], None]
_listener: ContextVar[Listener | None] = ContextVar("guided_attention_listener", default=None)


def _attention(module: nn.Module, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, **kwargs: Any) -> Any:
    from transformers.integrations.sdpa_attention import sdpa_attention_forward

    listener = _listener.get()
    if listener is not None:
        # [B, H_kv, L, D] -> [B, H, L, D]; the listener divides by sqrt(D), whatever the backbone's own scale is
        keys = key.repeat_interleave(query.shape[1] // key.shape[1], dim=1)
        scale = float(kwargs.get("scaling") or query.shape[-1] ** -0.5) * query.shape[-1] ** 0.5
        listener(int(module.layer_idx), query * scale, keys)  # type: ignore[arg-type]
    return sdpa_attention_forward(module, query, key, value, mask, **kwargs)


def enable(decoder: Any) -> None:
    """Make a backbone use the function."""
    from transformers.masking_utils import ALL_MASK_ATTENTION_FUNCTIONS, sdpa_mask
    from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

    ALL_ATTENTION_FUNCTIONS.register(GUIDED, _attention)
    ALL_MASK_ATTENTION_FUNCTIONS.register(GUIDED, sdpa_mask)
    decoder.config._attn_implementation = GUIDED


@contextmanager
def listening(batch: Batch, settings: GuidedSection, real: Tensor) -> Iterator[GuidedAttention]:
    """Collect the guidance loss of the passes made inside.

    Args:
        batch: with its text part as wide as the row's (lm_collate.py).
        settings: layers, heads, width and span.
        real: [B, L] bool, False for padding.
    """
    causal = torch.ones(real.shape[1], real.shape[1], dtype=torch.bool, device=real.device).tril()
    # padding rows see themselves, so that no row of scores is empty
    allowed = (causal & real[:, None, :]) | torch.eye(real.shape[1], dtype=torch.bool, device=real.device)
    guide = GuidedAttention(batch, settings, additive(allowed)[:, None])
    with hearing(guide.tap):
        yield guide


@contextmanager
def hearing(listener: Listener) -> Iterator[None]:
    """Call ``listener`` with layer, queries and keys of every attention inside."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)
