"""LoRA weights of a backbone in peft's layout: added to its own, and written. peft is needed for writing only."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from AR.errors import LMUnavailable
from AR.models.lm_backbone import brief


@torch.no_grad()
def merge_lora(decoder: nn.Module, folder: Path) -> None:
    """Add LoRA weights in peft's layout to the layers they belong to; peft itself is not needed.

    Raises:
        LMUnavailable: ``adapter_mismatch``, naming missing, unexpected or misshapen parts.
    """
    from safetensors.torch import load_file

    try:
        settings = json.loads((folder / "adapter_config.json").read_text(encoding="utf-8"))
        weights = load_file(folder / "adapter_model.safetensors")
    except Exception as error:  # noqa: BLE001 - safetensors has error kinds of its own
        raise LMUnavailable("adapter_mismatch", f"LoRA folder {folder} cannot be read ({brief(error)})") from error
    strange = ("use_dora", "modules_to_save", "alora_invocation_tokens", "rank_pattern", "alpha_pattern")
    unknown = [key for key in strange if settings.get(key)]
    if settings.get("peft_type") != "LORA" or unknown:
        raise LMUnavailable("adapter_mismatch", f"{folder} is no plain LoRA ({', '.join(unknown) or 'peft_type'})")
    rank = float(settings["r"])
    scale = float(settings["lora_alpha"]) / (math.sqrt(rank) if settings.get("use_rslora") else rank)
    pairs: dict[str, dict[str, Tensor]] = {}
    for key, tensor in weights.items():
        layer, _, part = key.removeprefix("base_model.model.").rpartition(".lora_")
        pairs.setdefault(layer, {})[part.split(".")[0]] = tensor
    modules = dict(decoder.named_modules())
    for layer, parts in pairs.items():
        target = modules.get(layer) or modules.get(layer.removeprefix("model."))
        if target is None or set(parts) != {"A", "B"}:
            raise LMUnavailable("adapter_mismatch", f"{folder}: unexpected or incomplete LoRA part {layer!r}")
        weight = target.weight
        delta = scale * (parts["B"].float() @ parts["A"].float())
        if not isinstance(weight, Tensor) or weight.shape != delta.shape:
            raise LMUnavailable("adapter_mismatch", f"{folder}: {layer} is {tuple(delta.shape)}, not the backbone's")
        weight.copy_(weight.float() + delta.to(weight.device))  # rounded once where the weights are in half precision


def save_lora(decoder: nn.Module, folder: Path, half: bool = False) -> None:
    """Write the injected LoRA weights in peft's layout."""
    from peft import get_peft_model_state_dict
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    weights = get_peft_model_state_dict(decoder, adapter_name="default")
    save_file(stored(weights, half), folder / "adapter_model.safetensors")
    decoder.peft_config["default"].save_pretrained(str(folder))  # type: ignore[index, union-attr]


def stored(weights: Mapping[str, Tensor], half: bool) -> dict[str, Tensor]:
    """Weights as they are written: on CPU, in float16 where that is wanted."""
    cpu = {name: tensor.detach().cpu() for name, tensor in weights.items()}
    return {name: (t.half() if half and t.is_floating_point() else t).contiguous() for name, t in cpu.items()}
