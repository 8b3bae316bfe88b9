"""Our KV cache behind transformers' ``Cache`` interface, for decoders that ``plain_decoder.py`` does not know.

Shapes: B batch, H key-value heads, L positions, D channels per head.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor
from transformers.cache_utils import Cache, CacheLayerMixin

from AR.models.kv_cache import View


class _ViewLayer(CacheLayerMixin):  # type: ignore[misc]
    """One layer of a view. Full-length layers are kept for sliding attention too; the mask does the sliding."""

    is_sliding = False

    def __init__(self, view: View, layer: int, before: int) -> None:
        super().__init__()
        self._view, self._layer, self._before = view, layer, before
        self.is_initialized = True

    def lazy_initialization(self, key_states: Tensor, value_states: Tensor) -> None:
        """Nothing to do: the cache is there."""

    def update(self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
        """Write [B, H, n, D]; returns what can be seen, [B, H, L, D] twice."""
        return self._view.update(self._layer, key_states, value_states)

    def get_seq_length(self) -> int:
        return self._before

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        return self._before + query_length, 0

    def get_max_length(self) -> int:
        return -1


class ViewCache(Cache):  # type: ignore[misc]
    """A view of a cache as transformers reads it; ``before`` positions are filled in its longest row."""

    def __init__(self, view: View, layers: int, before: int) -> None:
        super().__init__(layers=[_ViewLayer(view, layer, before) for layer in range(layers)])
