"""Which number format a device computes fast: the one place that decides it.

Knows torch alone. bfloat16 is worth it where the processor has units for it: NVIDIA from Ampere on, and x86 with AMX
tiles (Intel since 2023), where matrix products are several times faster than in float32. Emulated bfloat16 is slower.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel


def has_fast_bfloat16(device: torch.device | str) -> bool:
    """Whether ``device`` has units of its own for bfloat16."""
    kind = torch.device(device).type
    if kind == "cuda":
        return torch.cuda.is_available() and torch.cuda.is_bf16_supported(including_emulation=False)
    capabilities: dict[str, object] = getattr(
        torch.cpu, "get_capabilities", dict
    )()  # older hosts of the plugin lack it
    return kind == "cpu" and bool(capabilities.get("amx_bf16"))


def training_device() -> torch.device:
    """Where training runs when nothing else is said: the first GPU, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def training_attention(device: torch.device | str) -> AbstractContextManager[None]:
    """Context in which attention is trained: on CPUs as plain matrix products.

    torch's fused attention is made for long rows; its backward pass took a third of a training step of rows of 170
    positions, four times as long as the products.
    """
    return sdpa_kernel(SDPBackend.MATH) if torch.device(device).type == "cpu" else nullcontext()


def mixed_precision(wanted: bool) -> str:
    """accelerate's word for training on :func:`training_device`: "bf16", "fp16" (older GPUs) or "no"."""
    device = training_device()
    if not wanted:
        return "no"
    if has_fast_bfloat16(device):
        return "bf16"
    return "fp16" if device.type == "cuda" else "no"
