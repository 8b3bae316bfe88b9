"""The model that is trained: a warm start, the memory it will need, the layers that are kept."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from AR.errors import LMUnavailable, T2SError
from AR.models import lm_backbone
from AR.models.lm_folder import LMConfig
from AR.models.qwen3_t2s_model import Qwen3T2SModel
from AR.training import lm_model
from AR.training.lm_config import parse_lm_config
from tests.GPT_SoVITS.AR.conftest import NEW_MODEL


def test_warm_start_takes_over_what_is_like_what(make_lm_parts: tuple[Any, LMConfig]) -> None:
    tokenizer, config = make_lm_parts
    for width in (32, 48):
        model = Qwen3T2SModel(lm_model.new_decoder(NEW_MODEL, tokenizer), tokenizer, config)
        source = torch.randn(1025, width, generator=torch.Generator().manual_seed(1))
        source[5] = source[6]
        names = ("ar_text_embedding", "ar_audio_embedding")
        lm_model.warm_start(
            model, {f"model.{name}.word_embeddings.weight": source[: 732 if "text" in name else 1025] for name in names}
        )
        table = model.semantic_embedding.weight
        torch.testing.assert_close(table[5], table[6])
        assert float(table.detach().std()) == pytest.approx(model.embedding_scale(), rel=0.05)
    with pytest.raises(T2SError, match="ar_text_embedding"):
        lm_model.warm_start(model, {})


def test_memory_is_estimated_from_the_shape() -> None:
    from transformers import Qwen2Config

    shape = Qwen2Config(
        vocab_size=151936,
        hidden_size=896,
        intermediate_size=4864,
        num_hidden_layers=24,
        num_attention_heads=14,
        num_key_value_heads=2,
    )
    lora = lm_model.memory_estimate(parse_lm_config({"qwen3": {"tuning": "lora"}}), shape)
    full = lm_model.memory_estimate(parse_lm_config({"qwen3": {"tuning": "full"}}), shape)
    assert 1.8 < lora["weights"] < 2.2 and lora["gradients and optimizer"] < 0.3
    assert full["gradients and optimizer"] > 5


def test_more_layers_than_the_backbone_has_are_refused() -> None:
    from transformers import LlamaConfig, LlamaForCausalLM

    shape = {k: v for k, v in NEW_MODEL.items() if k not in ("model_type", "head_dim")}
    decoder = LlamaForCausalLM(LlamaConfig(**shape, vocab_size=50)).model
    with pytest.raises(LMUnavailable, match=f"first 9 layers are wanted, the backbone has {len(decoder.layers)}"):
        lm_backbone.keep_layers(decoder, 9)
