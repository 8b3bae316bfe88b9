"""Adapter files (v3 and later): their low-rank matrices are added to the base model's weights once, at load.

An adapter holds A [r, in] and B [out, r] per adapted linear layer (its weight becomes W + B A, the scale is 1), whole
replacements of the small trainable parts, and the buffers. Knows names and tensors, no files and no networks.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from errors import CheckpointError

WRAPPER = "cfm.base_model.model."
"""What the adapter's names have in the place of ``cfm.``."""
DOWN, UP = ".lora_A.default.weight", ".lora_B.default.weight"


def plain_name(name: str) -> str:
    """The base model's name of an adapter's tensor."""
    plain = "cfm." + name.removeprefix(WRAPPER) if name.startswith(WRAPPER) else name
    return plain.replace(".base_layer.", ".")


def merge_lora(base: Mapping[str, Tensor], adapter: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights of the base model with an adapter merged in; neither input is changed.

    Args:
        base: weights of the whole base model.
        adapter: weights of an adapter file of the same version.

    Raises:
        CheckpointError: the two do not belong together; the message names the first differences.
    """
    merged = dict(base)
    problems: list[str] = []
    for name, value in adapter.items():
        if name.endswith(UP):
            continue
        target = plain_name(name.removesuffix(DOWN) + ".weight" if name.endswith(DOWN) else name)
        if target not in base:
            problems.append(f"{target} is not in the base model")
        elif name.endswith(DOWN):
            up = adapter.get(name.removesuffix(DOWN) + UP)
            shape = (up.shape[0], value.shape[1]) if up is not None and up.shape[1] == value.shape[0] else None
            if up is None or shape != tuple(base[target].shape):
                problems.append(f"{target} is {tuple(base[target].shape)}, its low-rank pair gives {shape}")
                continue
            weight = base[target]
            merged[target] = (weight.float() + up.float() @ value.float()).to(weight.dtype)
        elif value.shape != base[target].shape:
            problems.append(f"{target} is {tuple(base[target].shape)}, in the adapter {tuple(value.shape)}")
        else:
            merged[target] = value
    if problems:
        more = f" and {len(problems) - 3} more" if len(problems) > 3 else ""
        raise CheckpointError(
            "the adapter does not fit its base model: " + ", ".join(problems[:3]) + more,
            "the base model it was trained on",
        )
    return merged
