"""Training v3 and later: an adapter on the flow-matching network, and what an adapter file holds.

Trained are low-rank matrices beside the attention projections of the flow-matching network, and the small parts before
it (style encoder, bridge, WaveNet). The prior and the flow-matching network itself stay as the base model has them.
"""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from errors import MissingDependencyError
from module.lora import WRAPPER
from module.synthesizer_v3 import SynthesizerTrnV3
from module.training.dataset import Batch

TARGETS = ["to_q", "to_k", "to_v", "to_out.0"]
"""Attention projections that get low-rank matrices; rank = alpha, so their scale is 1, as the loader merges them."""


def add_adapter(network: SynthesizerTrnV3, rank: int) -> None:
    """Freeze what is not trained and put low-rank matrices in, in place; the network says the same as before.

    Raises:
        MissingDependencyError: peft is not installed.
    """
    try:
        from peft import LoraConfig, inject_adapter_in_model
    except ImportError as error:
        raise MissingDependencyError(
            "training an adapter needs peft", "the extra 'train'", 'pip install -e ".[train]"'
        ) from error
    for part in (network.enc_p, network.ssl_proj, network.quantizer):
        part.requires_grad_(False)
    inject_adapter_in_model(LoraConfig(r=rank, lora_alpha=rank, target_modules=TARGETS), network.cfm)


def trained_tensors(network: SynthesizerTrnV3) -> dict[str, Tensor]:
    """What training changes, and the buffers, by the names of the wrapped network."""
    frozen = {name for name, parameter in network.named_parameters() if not parameter.requires_grad}
    return {name: tensor for name, tensor in network.state_dict().items() if name not in frozen}


def public_names(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The same tensors under the names of an adapter file."""
    return {WRAPPER + n.removeprefix("cfm.") if n.startswith("cfm.") else n: t for n, t in tensors.items()}


def save_memory(network: SynthesizerTrnV3) -> None:
    """Compute the transformer blocks again in the backward pass in place of keeping what they made."""
    for block in network.cfm.estimator.transformer_blocks:
        block.forward = partial(checkpoint, block.forward, use_reentrant=False)  # type: ignore[method-assign]


class FlowForward(nn.Module):
    """What accelerate wraps: called on a batch, gives the flow-matching loss."""

    def __init__(self, network: SynthesizerTrnV3) -> None:
        super().__init__()
        self.network = network

    def train(self, mode: bool = True) -> FlowForward:
        """As ``nn.Module.train``; the frozen prior stays as in speaking, without dropout."""
        super().train(mode)
        self.network.enc_p.eval()
        return self

    def forward(self, batch: Batch) -> torch.Tensor:
        """A scalar."""
        lengths = (batch.spec_lengths, batch.mel_lengths, batch.text_lengths)
        return self.network(batch.ssl, batch.spec, batch.mel, lengths, batch.text)
