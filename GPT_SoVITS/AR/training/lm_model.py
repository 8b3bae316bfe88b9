"""The model of a language model training run: a pretrained or new backbone, what of it is trained, a warm start.

Says how much memory the run will take before anything is loaded.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from AR.errors import LMUnavailable, T2SError
from AR.hardware import has_fast_bfloat16
from AR.models import lm_backbone
from AR.models.lm_backbone import GIB
from AR.models.lm_folder import LMConfig, check_request_alphabet, shape_fingerprint
from AR.models.qwen3_t2s_model import Qwen3T2SModel
from AR.training import lm_guided
from AR.training.lm_config import LMTrainConfig, ModelSection

logger = logging.getLogger(__name__)
PHONE_ROWS = {"v1": 322, "v2": 732}
KEPT_WEIGHTS = {"lora": "lora", "full": "backbone", "frozen": "frozen"}
"""What a trained folder holds of the backbone (``LMConfig.weights``), by ``qwen3.tuning``."""


def build(
    config: LMTrainConfig, tokenizer: Any, codebook: str, device: torch.device, start: Path | None = None
) -> Qwen3T2SModel:
    """The model to train, with its trained parts switched on.

    Args:
        config: settings.
        tokenizer: of a new model; None for a pretrained one.
        codebook: fingerprint of the quantizer that made the tokens, or empty.
        device: where it is trained.
        start: trained folder to go on from, in place of a new adapter.

    Raises:
        T2SError: a backbone that cannot be had, or settings that do not fit it.
    """
    torch.manual_seed(config.train.seed)
    section = config.qwen3
    if start is not None:
        model = _further(config, start, codebook, device)
    elif config.new_model:
        decoder = new_decoder(config.new_model, tokenizer).to(device)
        model = _wrap(section, decoder, decoder.config, tokenizer, "backbone", codebook)
        decoder.requires_grad_(True)
    else:
        model = _pretrained(config, codebook, device)
    _unused_words(model)
    _place_codes(model, None if start is not None else section.position_gain)
    if section.gradient_checkpointing:
        model.decoder.gradient_checkpointing_enable()  # type: ignore[operator]
    if config.guided.weight > 0:
        _check_guided(config, model)
        lm_guided.enable(model.decoder)
    trained = sum(p.numel() for p in model.parameters() if p.requires_grad)
    named = section.start_from or ("new model" if config.new_model else section.model_name)
    whole = sum(p.numel() for p in model.parameters())
    logger.info("%s: %.2fM parameters, %.2fM of them trained", named, whole / 1e6, trained / 1e6)
    return model


def _further(config: LMTrainConfig, folder: Path, codebook: str, device: torch.device) -> Qwen3T2SModel:
    """A trained stage as it is on disk; its LoRA stays apart from the backbone, so that it can be saved as one."""
    known = LMConfig.read(folder)
    check_request_alphabet(known, codebook, config.qwen3.symbols)
    tuning = next(tuning for tuning, weights in KEPT_WEIGHTS.items() if weights == known.weights)
    found = lm_backbone.find_backbone(known, folder)
    section = replace(config.qwen3, tuning=tuning, layers=known.layers)
    report_memory(replace(config, qwen3=section, new_model={}), found.shape, device)
    model = Qwen3T2SModel.of_folder(folder, known, found, device, _dtype(config, tuning, device), _attach_lora)
    if tuning == "full":
        model.decoder.requires_grad_(True)
    model.config = replace(known, codebook=codebook or known.codebook)
    return model


def _dtype(config: LMTrainConfig, tuning: str, device: torch.device) -> torch.dtype:
    """Of the backbone: bfloat16 where the device has it, unless all of the backbone learns."""
    half = config.train.precision == "bf16" and device.type == "cuda" and has_fast_bfloat16(device)
    return torch.bfloat16 if half and tuning != "full" else torch.float32


def _pretrained(config: LMTrainConfig, codebook: str, device: torch.device) -> Qwen3T2SModel:
    section = config.qwen3
    found = lm_backbone.find_backbone(LMConfig(section.model_name, section.gguf_file), Path())
    report_memory(config, found.shape, device)
    dtype = _dtype(config, section.tuning, device)
    backbone = lm_backbone.load_backbone(str(found.folder), found.gguf_file, device, dtype, found.shape, section.layers)
    kept = KEPT_WEIGHTS[section.tuning]
    whole = backbone.decoder.config if kept == "backbone" else found.shape
    model = _wrap(section, backbone.decoder, whole, backbone.tokenizer, kept, codebook)
    if section.tuning == "full":
        backbone.decoder.requires_grad_(True)
    elif section.tuning == "lora":
        add_lora(backbone.decoder, section)
    return model


def _wrap(
    section: ModelSection, decoder: nn.Module, shape: Any, tokenizer: Any, weights: str, codebook: str
) -> Qwen3T2SModel:
    """``shape``: configuration of the backbone as it will be found when the folder is loaded."""
    named = section.model_name if weights != "backbone" else "backbone"
    settings = LMConfig(
        named,
        section.gguf_file,
        shape_fingerprint(shape),
        section.text_mode,
        section.symbols,
        PHONE_ROWS[section.symbols],
        codebook,
        weights,
        layers=0 if weights == "backbone" else section.layers,
    )
    return Qwen3T2SModel(decoder, tokenizer, settings, trained=True)


def _unused_words(model: Qwen3T2SModel) -> None:
    """Without the BPE stream the word table is never read: training it would only cost memory."""
    if not model.config.uses_bpe:
        model.word_table.weight.requires_grad_(False)


def _place_codes(model: Qwen3T2SModel, factor: float | None) -> None:
    """Height of the place codes of a new adapter, None for one that goes on as it was; without any, it stays so."""
    if factor is not None:
        with torch.no_grad():
            model.position_gain.mul_(factor)
    if not model.position_gain.any():
        model.position_gain.requires_grad_(False)


def _check_guided(config: LMTrainConfig, model: Qwen3T2SModel) -> None:
    shape: Any = model.decoder.config
    layers, heads = int(shape.num_hidden_layers), int(shape.num_attention_heads)
    if not config.guided.layers or max(config.guided.layers) >= layers or not 1 <= config.guided.heads <= heads:
        raise T2SError(f"guided.layers have to be in 0..{layers - 1} and guided.heads in 1..{heads}")


def new_decoder(shape: Mapping[str, Any], tokenizer: Any) -> nn.Module:
    """The decoder stack of a new causal LM with random weights.

    Raises:
        T2SError: a configuration that transformers does not accept.
    """
    from transformers import AutoConfig, AutoModelForCausalLM

    values = dict(shape)
    kind = values.pop("model_type")
    end = tokenizer.eos_token_id
    try:
        made = AutoConfig.for_model(
            kind, **values, vocab_size=len(tokenizer), bos_token_id=end, eos_token_id=end, pad_token_id=end
        )
        model = AutoModelForCausalLM.from_config(made)
    except (ValueError, TypeError, KeyError) as error:
        raise T2SError(f"qwen3.new_model cannot be built ({error})") from error
    return lm_backbone.decoder_of(model)


def add_lora(decoder: nn.Module, section: ModelSection) -> None:
    """Put trainable LoRA layers into a backbone, in place.

    Raises:
        LMUnavailable: peft is not installed.
        T2SError: targets that the backbone does not have.
    """
    peft = _import_peft()
    targets = section.lora_targets.strip()
    chosen = targets if targets == "all-linear" else [name.strip() for name in targets.split(",")]
    lora = peft.LoraConfig(
        r=section.lora_rank, lora_alpha=section.lora_alpha, lora_dropout=section.lora_dropout, target_modules=chosen
    )
    try:
        peft.inject_adapter_in_model(lora, decoder)
    except ValueError as error:
        raise T2SError(f"qwen3.lora_targets {targets!r} do not fit the backbone ({error})") from error
    _in_full_precision(decoder)


def _attach_lora(decoder: nn.Module, folder: Path) -> None:
    """Put a folder's LoRA into a backbone as layers that can be trained further, in place."""
    from safetensors.torch import load_file

    peft = _import_peft()
    try:
        settings = peft.LoraConfig.from_pretrained(str(folder))
        weights = load_file(folder / "adapter_model.safetensors")
        settings.inference_mode = False
        peft.inject_adapter_in_model(settings, decoder)
        left = peft.set_peft_model_state_dict(decoder, weights, adapter_name="default").unexpected_keys
    except Exception as error:  # noqa: BLE001 - peft, safetensors and json have error kinds of their own
        raise LMUnavailable("adapter_mismatch", f"LoRA folder {folder} cannot be used ({error})") from error
    if left:
        raise LMUnavailable("adapter_mismatch", f"{folder}: unexpected LoRA parts {left[:4]}")
    _in_full_precision(decoder)


def _import_peft() -> Any:
    try:
        import peft
    except ImportError as error:
        raise LMUnavailable(
            "transformers_missing",
            "LoRA training needs peft, which is in the extra 'train': pip install -e \".[train]\"",
        ) from error
    return peft


def _in_full_precision(decoder: nn.Module) -> None:
    """The LoRA itself: small steps get lost in half precision."""
    for parameter in decoder.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.float()


# ---- warm start -----------------------------------------------------------------------------------------------------


@torch.no_grad()
def warm_start(model: Qwen3T2SModel, weights: Mapping[str, Tensor]) -> None:
    """Start phone and semantic embeddings from those of an AR model, at the backbone's embedding scale.

    Where the widths differ, the AR embeddings go through a fixed random orthogonal map, which keeps what is like what.

    Args:
        model: a new adapter.
        weights: of the AR model, by public names with or without the prefix "model.".

    Raises:
        T2SError: weights without the two tables.
    """
    tables = {"ar_text_embedding": model.phone_embedding, "ar_audio_embedding": model.semantic_embedding}
    scale = model.embedding_scale()
    for name, table in tables.items():
        found = [t for key, t in weights.items() if key.endswith(f"{name}.word_embeddings.weight")]
        if not found:
            raise T2SError(f"the AR checkpoint has no {name}.word_embeddings.weight")
        rows = min(len(found[0]), table.weight.shape[0])
        source = _to_width(found[0][:rows].float(), table.weight.shape[1])
        source = (source - source.mean()) / source.std().clamp_min(1e-6) * scale
        table.weight[:rows] = source.to(table.weight)


def _to_width(table: Tensor, width: int) -> Tensor:
    """[N, C] -> [N, width]."""
    if table.shape[1] == width:
        return table
    big = max(width, table.shape[1])
    turn, _ = torch.linalg.qr(torch.randn(big, big, generator=torch.Generator().manual_seed(0)))
    return table @ turn[: table.shape[1], :width]


# ---- memory ----------------------------------------------------------------------------------------------------------


def memory_estimate(config: LMTrainConfig, shape: Any, half: bool | None = None) -> dict[str, float]:
    """GiB that a training run takes, by kind; computed from the shape, rounded up by experience.

    Args:
        config: settings.
        shape: transformers configuration of the backbone.
        half: weights and activations in bfloat16; None: as this machine would train.
    """
    section, train = config.qwen3, config.train
    text = shape.get_text_config()
    count = lm_backbone.parameter_count(shape)
    width, inner, layers = text.hidden_size, text.intermediate_size, section.layers or text.num_hidden_layers
    full = section.tuning == "full" or bool(config.new_model)
    adapter = width * (PHONE_ROWS[section.symbols] + 2 + 2 * 1025)
    lora = section.lora_rank * layers * (4 * 2 * width + 3 * (width + inner)) if section.tuning == "lora" else 0
    trained = adapter + (count if full else lora)
    if half is None:
        half = train.precision == "bf16" and torch.cuda.is_available()
    weight_bytes = 2 if half and not full else 4
    # per position and layer: inputs of norms, projections and the gated feed-forward, kept for the backward pass
    kept = 2 * width if section.gradient_checkpointing else 10 * width + 4 * inner
    activations = train.batch_tokens * layers * kept * (2 if half else 4)
    moments = 8 + 4 + (4 if train.ema_decay else 0)
    return {
        "weights": (count * weight_bytes + 4 * (adapter + lora)) / GIB,
        "gradients and optimizer": trained * moments / GIB,
        "activations": activations / GIB,
    }


def report_memory(config: LMTrainConfig, shape: Any, device: torch.device) -> None:
    """Log the estimate beside what is free.

    Raises:
        LMUnavailable: ``out_of_memory`` where it cannot fit.
    """
    parts = memory_estimate(config, shape)
    total, free = sum(parts.values()), lm_backbone.free_memory(device)
    listed = ", ".join(f"{name} {value:.2f}" for name, value in parts.items())
    room = "unknown" if free is None else f"{free / GIB:.1f} GiB"
    logger.info("memory for training %s: about %.2f GiB (%s); free: %s", config.qwen3.model_name, total, listed, room)
    if free is not None and total * GIB > free:
        name = config.qwen3.model_name
        raise LMUnavailable(
            "out_of_memory",
            f"training {name} needs about {total:.1f} GiB ({listed}), "
            f"{room} are free; choose a smaller model, gradient_checkpointing, smaller batch_tokens or "
            "another device",
        )
