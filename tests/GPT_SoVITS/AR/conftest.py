"""Tiny random language models for the tests: one of each class that is supported, with a tokenizer of its own."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import pytest
import torch

SIZES: dict[str, Any] = {
    "vocab_size": 300,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 2048,
    "bos_token_id": 0,
    "eos_token_id": 0,
    "pad_token_id": 0,
}
NEW_MODEL: dict[str, Any] = {
    "model_type": "qwen3",
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "head_dim": 8,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "tie_word_embeddings": True,
}
"""A tiny model to be trained from nothing, as ``qwen3.new_model`` has it."""
KINDS = ("qwen3", "qwen2", "llama", "gemma3", "mistral")


@lru_cache
def tiny_tokenizer() -> Any:
    """A byte-level BPE of 300 entries."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=300, special_tokens=["<eos>"], initial_alphabet=pre_tokenizers.ByteLevel.alphabet()
    )
    tokenizer.train_from_iterator(["the quick brown fox jumps over the lazy dog", "hello world again"], trainer)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<eos>")


def tiny_config(kind: str) -> Any:
    from transformers import Gemma3TextConfig, LlamaConfig, MistralConfig, Qwen2Config, Qwen3Config

    if kind == "gemma3":
        layers = ["sliding_attention", "full_attention"]
        return Gemma3TextConfig(**SIZES, head_dim=8, sliding_window=24, layer_types=layers, query_pre_attn_scalar=8)
    if kind == "qwen3":
        return Qwen3Config(**SIZES, head_dim=8)
    if kind == "mistral":
        return MistralConfig(**SIZES, sliding_window=24)
    return {"qwen2": Qwen2Config, "llama": LlamaConfig}[kind](**SIZES)


def tiny_causal_lm(kind: str) -> Any:
    from transformers import AutoModelForCausalLM

    torch.manual_seed(0)
    return AutoModelForCausalLM.from_config(tiny_config(kind)).eval()


def tiny_lm(kind: str = "qwen3", trained: bool = True, text_mode: str = "bpe+phones", phone_count: int = 40) -> Any:
    """A Qwen3T2SModel on a random backbone; ``trained`` only says so."""
    from AR.backend import EOS
    from AR.models.lm_backbone import decoder_of
    from AR.models.lm_folder import LMConfig, shape_fingerprint
    from AR.models.qwen3_t2s_model import Qwen3T2SModel

    causal = tiny_causal_lm(kind)
    config = LMConfig(
        "tiny", "", shape_fingerprint(causal.config), text_mode, phone_count=phone_count, weights="backbone"
    )
    model = Qwen3T2SModel(decoder_of(causal), tiny_tokenizer(), config, trained).eval().requires_grad_(False)
    model.head.weight.mul_(4.0)  # sharper, so that greedy decoding has no near ties
    model.head.weight[EOS].mul_(1.5)
    return model


@pytest.fixture
def make_lm() -> Callable[..., Any]:
    return tiny_lm


@pytest.fixture
def make_causal_lm() -> Callable[[str], Any]:
    return tiny_causal_lm


@pytest.fixture
def make_tokenizer() -> Callable[[], Any]:
    return tiny_tokenizer


@pytest.fixture
def make_lm_parts() -> tuple[Any, Any]:
    """A tokenizer and a configuration, all that rows of training are made of."""
    from AR.models.lm_folder import LMConfig
    from AR.training.lm_tokenizer import train_bpe

    return train_bpe(["words of a and b"], 300), LMConfig("x")
