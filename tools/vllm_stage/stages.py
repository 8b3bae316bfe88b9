"""Stages that are compared: trained ones by name, and random ones, where a trained one of their kind is not there."""

from __future__ import annotations

from typing import Any

import torch

from AR.lm_loader import load_language_model, usable_stages
from AR.models.lm_backbone import decoder_of
from AR.models.lm_folder import LMConfig, shape_fingerprint
from AR.models.qwen3_t2s_model import Qwen3T2SModel
from TTS_infer_pack.language_model import at_home, places

TRAINED = "gsv-tiny"
LLAMA = "smollm2-135m"
RANDOM = {"random-llama": "LlamaConfig", "random-plain": "Qwen3Config"}
"""Random stages: of the Llama class, and one without place codes, which needs no plugin."""
SHARPER = 4.0
"""Factor on a random head, so that greedy decoding meets no near ties."""


def defaults() -> list[str]:
    """The pack's own, one of the Llama class, and one without place codes."""
    known = usable_stages(places())
    return [TRAINED, LLAMA if LLAMA in known else "random-llama", "random-plain"]


def load(name: str) -> Qwen3T2SModel:
    """A stage in float32. Errors as :func:`~AR.lm_loader.load_language_model`."""
    return random_stage(name) if name in RANDOM else load_language_model(at_home(name), places())


def random_stage(name: str) -> Qwen3T2SModel:
    """A small random stage with the tokenizer of the pack's language model; it makes noise, but always the same."""
    import transformers
    from transformers import AutoModelForCausalLM

    tokenizer = load_language_model(TRAINED, places()).tokenizer
    torch.manual_seed(0)
    sizes: dict[str, Any] = {"hidden_size": 256, "intermediate_size": 512, "num_hidden_layers": 4}
    sizes |= {"num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 64, "vocab_size": 1024}
    config = getattr(transformers, RANDOM[name])(**sizes, max_position_embeddings=4096)
    causal = AutoModelForCausalLM.from_config(config).eval()
    settings = LMConfig("random", fingerprint=shape_fingerprint(config))
    model = Qwen3T2SModel(decoder_of(causal), tokenizer, settings, trained=True).eval().requires_grad_(False)
    model.head.weight.mul_(SHARPER)
    if name == "random-plain":
        model.position_gain.zero_()
    return model
