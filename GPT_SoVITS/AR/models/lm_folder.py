"""``t2s_config.json``: what a trained language model folder says about itself.

A folder holds it beside ``adapter.safetensors`` (phone, marker and semantic embeddings, output head) and either
``lora/`` (peft layout, for a backbone that lies elsewhere) or ``backbone/`` (weights and tokenizer of its own).
Knows names and JSON; loads no weights.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from AR.backend import EOS, VOCAB_SIZE
from AR.errors import LMUnavailable, T2SError
from AR.plausible import LearnedSpan, span_in

CONFIG_FILE = "t2s_config.json"
ADAPTER_FILE = "adapter.safetensors"
LORA_FOLDER = "lora"
BACKBONE_FOLDER = "backbone"
FORMAT = 1
TEXT_MODES = ("bpe+phones", "phones", "bpe")
WEIGHTS = ("lora", "backbone", "frozen")
SHAPE_KEYS = (
    "model_type",
    "hidden_size",
    "num_hidden_layers",
    "num_attention_heads",
    "num_key_value_heads",
    "intermediate_size",
    "vocab_size",
)


@dataclass(frozen=True)
class LMConfig:
    """All that is needed to put a language model into the text-to-semantic slot.

    Attributes:
        backbone: hub id or folder of the causal LM; "backbone" means the folder's own.
        gguf_file: file within ``backbone`` where the weights are in GGUF.
        fingerprint: shape of the whole backbone that the adapter was trained with.
        layers: how many of its layers are used, from the first; 0: all.
        text_mode: which text streams the row has: "bpe+phones", "phones" or "bpe".
        symbols: "v1" or "v2", the phone symbols.
        phone_count: rows of the phone table.
        codebook: fingerprint of the quantizer whose tokens these are; empty where it is not known.
        weights: where the backbone's changes are: "lora", "backbone" (a folder of its own) or "frozen" (none).
        training: facts about the training, for people, and the span of its clips.
    """

    backbone: str
    gguf_file: str = ""
    fingerprint: Mapping[str, Any] = field(default_factory=dict)
    text_mode: str = "bpe+phones"
    symbols: str = "v2"
    phone_count: int = 732
    codebook: str = ""
    weights: str = "frozen"
    training: Mapping[str, Any] = field(default_factory=dict)
    layers: int = 0

    @property
    def span(self) -> LearnedSpan:
        """The longest speech that the weights have learned, as their training wrote it."""
        return span_in(self.training)

    def __post_init__(self) -> None:
        for name, value, known in (
            ("text_mode", self.text_mode, TEXT_MODES),
            ("weights", self.weights, WEIGHTS),
            ("symbols", self.symbols, ("v1", "v2")),
        ):
            if value not in known:
                raise T2SError(f"{name} is {value!r}; known are {', '.join(known)}")
        if self.phone_count < 1:
            raise T2SError(f"phone_count must be at least 1, not {self.phone_count}")

    @property
    def uses_bpe(self) -> bool:
        return "bpe" in self.text_mode

    @property
    def uses_phones(self) -> bool:
        return "phones" in self.text_mode

    def write(self, folder: Path) -> None:
        """Write ``t2s_config.json``; whole or not at all."""
        content = {"format": FORMAT, "vocab_size": VOCAB_SIZE, "eos": EOS, **dataclasses.asdict(self)}
        temporary = folder / f".{CONFIG_FILE}.{os.getpid()}.tmp"
        temporary.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        os.replace(temporary, folder / CONFIG_FILE)

    @classmethod
    def read(cls, folder: Path) -> LMConfig:
        """From a folder.

        Raises:
            LMUnavailable: ``no_adapter`` without the file, ``adapter_mismatch`` where it cannot be understood.
        """
        path = folder / CONFIG_FILE
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            raise LMUnavailable("no_adapter", f"{folder} has no {CONFIG_FILE}: no trained adapter is there") from error
        except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
            raise LMUnavailable("adapter_mismatch", f"{path} cannot be read ({error})") from error
        known = {f.name for f in dataclasses.fields(cls)}
        if not isinstance(content, dict) or content.pop("format", None) != FORMAT:
            raise LMUnavailable("adapter_mismatch", f"{path} is not of format {FORMAT}")
        if (content.pop("vocab_size", VOCAB_SIZE), content.pop("eos", EOS)) != (VOCAB_SIZE, EOS):
            raise LMUnavailable("adapter_mismatch", f"{path} is for another number of semantic tokens")
        unknown = sorted(set(content) - known)
        if unknown or "backbone" not in content:
            raise LMUnavailable("adapter_mismatch", f"{path}: unknown keys {unknown} or no backbone named")
        try:
            return cls(**content)
        except (T2SError, TypeError) as error:
            raise LMUnavailable("adapter_mismatch", f"{path}: {error}") from error


def is_lm_folder(path: Path) -> bool:
    """True for a folder with a trained language model stage."""
    return (path / CONFIG_FILE).is_file()


def shape_fingerprint(config: Any) -> dict[str, Any]:
    """Shape of a backbone from its transformers configuration; an adapter fits backbones of the same shape only."""
    text = config.get_text_config() if hasattr(config, "get_text_config") else config
    values = {key: getattr(text, key, None) for key in SHAPE_KEYS}
    heads = values["num_attention_heads"] or 1
    values["head_dim"] = getattr(text, "head_dim", None) or (values["hidden_size"] or 0) // heads
    return values


def parameters_of(fingerprint: Mapping[str, Any]) -> int | None:
    """Parameters of a Llama-like decoder stack of that shape, norms and biases left out; None where it says too little.

    Spares the reading of a GGUF file, whose header alone takes seconds.
    """
    wanted = [fingerprint.get(key) for key in (*SHAPE_KEYS[1:], "head_dim")]
    if not all(isinstance(value, int) for value in wanted):
        return None
    hidden, layers, heads, groups, inner, words, size = (int(value) for value in wanted if value is not None)
    return words * hidden + layers * hidden * (2 * size * (heads + groups) + 3 * inner)


def check_fingerprint(wanted: Mapping[str, Any], config: Any, where: str) -> None:
    """Compare the shape that an adapter was trained with to a backbone's.

    Raises:
        LMUnavailable: ``adapter_mismatch``, naming what differs.
    """
    have = shape_fingerprint(config)
    wrong = [f"{key} {have.get(key)} (adapter: {value})" for key, value in wanted.items() if have.get(key) != value]
    if wrong:
        message = f"the adapter was trained on another backbone than {where}: {', '.join(wrong)}"
        raise LMUnavailable("adapter_mismatch", f"{message}; use the backbone that t2s_config.json names")


def codebook_fingerprint(codebook: Tensor) -> str:
    """Fingerprint of a quantizer's entries [1024, C]: two models share token meanings when it is the same.

    Taken of half precision, in which published checkpoints are stored.
    """
    values = codebook.detach().to("cpu", torch.float32).to(torch.float16).contiguous()
    return hashlib.sha256(values.numpy().tobytes()).hexdigest()[:16]


def check_request_alphabet(config: LMConfig, codebook: str, symbols: str) -> None:
    """Refuse an adapter whose phones or tokens mean something else than those of the voice.

    Raises:
        LMUnavailable: ``adapter_mismatch`` (symbols) or ``codebook_mismatch``.
    """
    if symbols and symbols != config.symbols:
        raise LMUnavailable(
            "adapter_mismatch",
            f"the adapter reads {config.symbols} phone symbols, the voice has "
            f"{symbols}; train an adapter for this voice or load the one it was made for",
        )
    if codebook and config.codebook and codebook != config.codebook:
        raise LMUnavailable(
            "codebook_mismatch",
            f"the adapter was trained on tokens of another SoVITS model (codebook "
            f"{config.codebook}, loaded {codebook}); load that model or train again",
        )
