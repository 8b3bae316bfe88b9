"""The stand-in host's CUDA graph class; it has no graph."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch


@dataclass
class T2SResult:
    result: list = field(default_factory=list)
    infer_speed: float = 0.0
    status: str = "Success"
    exception: Exception | None = None


@dataclass
class T2SRequest:
    x: list
    x_lens: torch.Tensor
    prompts: torch.Tensor
    bert_feature: list
    valid_length: int
    top_k: int = 5
    top_p: float = 1
    early_stop_num: int = -1
    temperature: float = 1.0
    repetition_penalty: float = 1.35
    use_cuda_graph: bool = False


class CUDAGraphRunner:
    def __init__(self, decoder_model, device=None, dtype=None):
        self.decoder_model = decoder_model

    def generate(self, request):
        return T2SResult(result=[torch.randint(0, 1024, (17,)) for _ in request.x])
