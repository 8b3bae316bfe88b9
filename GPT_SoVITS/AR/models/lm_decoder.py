"""``BackboneDecoder``: a backbone's decoder stack over our KV cache, in plain PyTorch where its kind is known.

Knows hidden states and caches; knows nothing of ids, embeddings or heads.

Shapes: B batch, L positions, C hidden channels.
"""

from __future__ import annotations

import logging
from typing import Any

from torch import Tensor, nn

from AR.models.kv_cache import View
from AR.models.plain_decoder import PlainDecoder

logger = logging.getLogger(__name__)


class BackboneDecoder:
    """Runs the decoder stack of a causal LM. No module itself: the weights stay those of the stack.

    Args:
        stack: the decoder of a transformers model.
        name: of the backbone, for the log.

    Attributes:
        through_transformers: True: decode with the stack's own ``forward`` (slower; the plain decoder must equal it).
    """

    def __init__(self, stack: nn.Module, name: str) -> None:
        self.stack, self.name = stack, name
        self.through_transformers = False
        self._plain: tuple[tuple[int, ...], PlainDecoder | None] = ((), None)

    @property
    def plain(self) -> PlainDecoder | None:
        """The same network and weights in plain PyTorch, for decoding; None where it is of no kind that is known.

        Made anew where layers were put in the place of others (LoRA, packing).
        """
        layers = tuple(id(module) for module in self.stack.modules())
        known, plain = self._plain
        if known != layers:
            try:
                plain = PlainDecoder.of(self.stack)
            except (ValueError, KeyError) as reason:
                logger.info("%s decodes through transformers: %s", self.name, reason)
                plain = None
            self._plain = layers, plain
        return plain

    @property
    def runs_plain(self) -> bool:
        """Whether :meth:`run` uses the plain decoder; :attr:`plain` was asked for before."""
        return self._plain[1] is not None and not self.through_transformers

    def run(self, x: Tensor, view: View, capacity: int, before: int, even: bool) -> Tensor:
        """New positions [B, L, C] -> [B, L, C]; their keys and values go into the cache.

        Args:
            x: the new positions.
            view: where they are in the cache.
            capacity: positions that the cache has room for.
            before: positions that are filled in the longest row.
            even: whether that many are filled in all rows.
        """
        plain = self._plain[1]
        if plain is not None and self.runs_plain:
            return plain(x, view, capacity)  # type: ignore[no-any-return]
        from AR.models.lm_cache import ViewCache

        cache = ViewCache(view, len(self.stack.layers), before)  # type: ignore[arg-type]
        return self.forward(x, None if even else self._masks(view), view.positions, cache)

    def forward(self, x: Tensor, mask: Any, positions: Tensor, cache: Any = None) -> Tensor:
        """[B, L, C] through the stack's own forward -> [B, L, C]; the other arguments are those of transformers."""
        out = self.stack(
            inputs_embeds=x,
            attention_mask=mask,
            position_ids=positions,
            past_key_values=cache,
            use_cache=cache is not None,
        )
        return out.last_hidden_state  # type: ignore[no-any-return]

    def _masks(self, view: View) -> Any:
        """Masks of rows of different lengths, as transformers' decoders take them."""
        config: Any = self.stack.config
        window = getattr(config, "sliding_window", None)
        kinds = set(getattr(config, "layer_types", None) or ())
        if kinds >= {"full_attention", "sliding_attention"}:
            return {"full_attention": view.mask(), "sliding_attention": view.mask(window)}
        return view.mask(window if not kinds or "sliding_attention" in kinds else None)
