"""The model classes: a decoder of vLLM's own, place codes at its input, and only speech at its output.

Shapes: N positions of a batch, R rows that are sampled, C hidden channels, V vocabulary of the folder.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn
from vllm.config import VllmConfig
from vllm.model_executor.layers.logits_processor import LogitsProcessor
from vllm.model_executor.layers.rotary_embedding.base import RotaryEmbeddingBase
from vllm.model_executor.layers.vocab_parallel_embedding import ParallelLMHead
from vllm.model_executor.models.llama import LlamaForCausalLM
from vllm.model_executor.models.qwen2 import Qwen2ForCausalLM
from vllm.model_executor.models.qwen3 import Qwen3ForCausalLM
from vllm.model_executor.models.utils import PPMissingLayer, maybe_prefix

from vllm_gsv.places import SPEECH, Ids, place_codes, row_positions


class SpeechTokens:
    """What makes a causal LM of vLLM a text-to-semantic stage; to be named before it in the bases.

    The folder's ``config.json`` has a section ``gsv`` (phones, semantic, start) and ``mrope_section`` at its top, which
    makes vLLM keep position channels. ``lm_head`` has 1025 rows; ``position_gain`` is a weight beside the decoder's.
    """

    supports_mrope: ClassVar[Literal[True]] = True  # vLLM's SupportsMRoPE by its members: a Protocol would end __init__

    def __init__(self, *, vllm_config: VllmConfig, prefix: str = "") -> None:
        super().__init__(vllm_config=vllm_config, prefix=prefix)  # type: ignore[call-arg]
        config = vllm_config.model_config.hf_config
        self.ids, self.width, self.size = Ids.of(config.gsv), int(config.hidden_size), int(config.vocab_size)
        exact_rotary(self)
        self.position_gain = nn.Parameter(torch.zeros(2, dtype=torch.float32), requires_grad=False)
        if not isinstance(self.lm_head, PPMissingLayer):
            quant = vllm_config.quant_config
            where = maybe_prefix(prefix, "lm_head")
            self.lm_head = ParallelLMHead(SPEECH, self.width, quant_config=quant, prefix=where)
            self.logits_processor = LogitsProcessor(SPEECH)

    def get_mrope_input_positions(self, input_tokens: list[int], mm_features: list[Any]) -> tuple[Tensor, int]:
        """Position channels [3, L] of a row, and the number that generated tokens' indices are moved by."""
        return row_positions(input_tokens, self.ids)

    def forward(
        self,
        input_ids: Tensor,
        positions: Tensor,
        intermediate_tensors: Any = None,
        inputs_embeds: Tensor | None = None,
    ) -> Any:
        """input_ids [N] and position channels [3, N] -> hidden states [N, C]."""
        if intermediate_tensors is None:  # the first stage of a pipeline has the embedding
            embeds = self.embed_input_ids(input_ids) if inputs_embeds is None else inputs_embeds
            codes = place_codes(input_ids, positions[1], self.ids, self.position_gain, self.width)
            inputs_embeds = (embeds.float() + codes).to(embeds.dtype)
        return self.model(None, positions[0], intermediate_tensors, inputs_embeds)

    def compute_logits(self, hidden_states: Tensor) -> Tensor | None:
        """[R, C] -> [R, V]: everything that is not speech is impossible."""
        speech = self.logits_processor(self.lm_head, hidden_states)
        if speech is None:  # another rank has them
            return None
        logits = speech.new_full((speech.shape[0], self.size), float("-inf"))
        logits[:, self.ids.semantic : self.ids.semantic + SPEECH] = speech[:, :SPEECH]
        return logits


def exact_rotary(model: nn.Module) -> None:
    """Compute the rotary tables of a model anew in float64.

    Rows begin at a high position here, where angles that are rounded to float32 are off by 1e-4 and more. Tables that
    are scaled in a way of their own are left alone.
    """
    for rotary in {module for module in model.modules() if isinstance(module, RotaryEmbeddingBase)}:
        table = rotary.cos_sin_cache
        rates = rotary._compute_inv_freq(rotary.base).double().to(table.device)
        angles = torch.outer(torch.arange(len(table), device=table.device).double(), rates)
        exact = torch.cat((angles.cos(), angles.sin()), dim=-1)
        if torch.allclose(exact, table.double(), atol=0.02):
            table.copy_(exact)


class GsvQwen3ForCausalLM(SpeechTokens, Qwen3ForCausalLM):
    """A stage on a Qwen3 backbone."""


class GsvQwen2ForCausalLM(SpeechTokens, Qwen2ForCausalLM):
    """A stage on a Qwen2 or Qwen2.5 backbone."""


class GsvLlamaForCausalLM(SpeechTokens, LlamaForCausalLM):
    """A stage on a Llama-class backbone, such as SmolLM2."""
