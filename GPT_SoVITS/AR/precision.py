"""Which half precision a GPU has of its own: asked in one place, by training and speech alike."""

from __future__ import annotations

import torch


def has_bfloat16() -> bool:
    """True where there is a CUDA device that computes in bfloat16 itself.

    torch counts older ones too, on which each operation is emulated: slower than float32, and than float16 by far.
    """
    return torch.cuda.is_available() and torch.cuda.is_bf16_supported(including_emulation=False)
