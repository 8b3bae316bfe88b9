"""Language model stages of GPT-SoVITS in vLLM: registers the model classes that exported folders name.

Installed beside vLLM (``pip install plugins/vllm_gsv``), found through the entry point ``vllm.general_plugins``. It
imports nothing of the rest of this repository.
"""

from __future__ import annotations

FAMILIES = {"qwen3": "Qwen3", "qwen2": "Qwen2", "llama": "Llama"}
"""Backbones by the ``model_type`` of their configuration."""


def register() -> None:
    """Tell vLLM the classes, by name: no model code is imported before one is wanted. May be called several times."""
    from vllm import ModelRegistry

    for family in FAMILIES.values():
        name = f"Gsv{family}ForCausalLM"
        if name not in ModelRegistry.get_supported_archs():
            ModelRegistry.register_model(name, f"vllm_gsv.models:{name}")
