"""Float16 weights on a CPU: half the memory and, as decoding waits for memory, about twice the speed.

Linear layers keep their weights packed in float16 and multiply in float32 (FBGEMM, a library within PyTorch; its
kernels read float16 and accumulate in float32). Published language models have bfloat16 weights, which float16 holds
exactly, but for those below 8e-6, which are off by 3e-8 at most: the results are those of float32 up to rounding.
Activations, norms and the adapter stay in float32. For speaking only: packed weights cannot be trained or saved.
"""

from __future__ import annotations

import functools
from typing import Any

import torch
from torch import Tensor, nn

WORTHWHILE = 8_000_000
"""Parameters from which on it is faster: smaller models stay in the processor's cache, which is fast enough."""
FLOAT16_MAX = torch.finfo(torch.float16).max


class HalfLinear(nn.Module):
    """A linear layer with packed float16 weights; takes and gives float32, [..., C_in] -> [..., C_out].

    Args:
        linear: the layer to replace; any float type.
    """

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        self.in_features, self.out_features = linear.in_features, linear.out_features
        bias = None if linear.bias is None else linear.bias.detach().float()
        self.packed: Any = torch.ops.quantized.linear_prepack_fp16(linear.weight.detach().float(), bias)

    def forward(self, x: Tensor) -> Tensor:
        return torch.ops.quantized.linear_dynamic_fp16(x, self.packed)  # type: ignore[no-any-return]

    @property
    def nbytes(self) -> int:
        """Bytes that the weights take."""
        return 2 * self.in_features * self.out_features

    def extra_repr(self) -> str:
        return f"{self.in_features}, {self.out_features}, float16 weights"


@functools.lru_cache(maxsize=1)
def available() -> bool:
    """True where this processor and this build of PyTorch can do it, and do it right."""
    if not {"fbgemm", "x86"} & set(torch.backends.quantized.supported_engines):
        return False
    layer = nn.utils.skip_init(nn.Linear, 32, 8, bias=False)  # draws nothing from the global generator
    layer.weight.data = torch.linspace(-1, 1, 256).half().float().reshape(8, 32)
    x = torch.linspace(-1, 2, 64).reshape(2, 32)
    try:
        half = HalfLinear(layer)(x)
    except (RuntimeError, AttributeError):
        return False
    return bool(torch.allclose(half, layer(x), atol=1e-4))


def worthwhile(parameters: int | None) -> bool:
    """True for a model of so many parameters (None: not known, so not small)."""
    return parameters is None or parameters >= WORTHWHILE


@torch.no_grad()
def pack(decoder: nn.Module) -> None:
    """Pack all linear layers of a decoder stack, in place, one after the other, so that little more than the weights is
    held at any time; the rest is made float32, but for a word table that is only looked up.

    Layers with numbers beyond float16 (or none at all: NaN) keep float32.
    """
    for module in list(decoder.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, nn.Linear):
                fits = bool(child.weight.abs().max() <= FLOAT16_MAX)
                setattr(module, name, HalfLinear(child) if fits else child.float())
    word_table = decoder.get_input_embeddings()  # type: ignore[operator]
    only_looked_up = type(word_table) is nn.Embedding  # Gemma's multiplies what it finds
    for module in decoder.modules():
        if not (module is word_table and only_looked_up):
            for parameter in module.parameters(recurse=False):
                parameter.data = parameter.data.float()


def is_packed(decoder: nn.Module) -> bool:
    """True where :func:`pack` was called."""
    return any(isinstance(module, HalfLinear) for module in decoder.modules())
