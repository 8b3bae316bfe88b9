"""Speaker vectors for v2Pro and v2ProPlus: the published speaker network behind one call.

Knows the weight file and the network; knows nothing of synthesis.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from checkpoint_io import read_checkpoint
from eres2net.ERes2NetV2 import ERes2NetV2
from eres2net.kaldi import fbank
from errors import CheckpointError
from process_ckpt import load_strict
from published import SPEAKER, fetch_command, place

SV_PATH = place(SPEAKER)
"""Where the published weights lie."""


class SV(nn.Module):
    """The speaker network of the Pro versions.

    Args:
        path: its weights, a plain state dict; None for :data:`SV_PATH`.

    Raises:
        CheckpointError: missing, unsafe, damaged, or weights of something else.
    """

    def __init__(self, path: str | os.PathLike[str] | None = None) -> None:
        super().__init__()
        path = path or SV_PATH
        weight = read_checkpoint(path, "the speaker network (ERes2NetV2) that v2Pro and v2ProPlus need")
        if not isinstance(weight, Mapping) or not all(isinstance(value, Tensor) for value in weight.values()):
            raise CheckpointError(
                f"{path} is not a plain state dict",
                "the weights of ERes2NetV2 w24s4ep4",
                f"{fetch_command('sv')} --force",
            )
        self.embedding_model = ERes2NetV2()
        load_strict(self.embedding_model, weight, path)
        self.eval().requires_grad_(False)

    @torch.inference_mode()
    def compute_embedding3(self, wav: Tensor) -> Tensor:
        """Speaker vectors [B, 20480] of a 16 kHz waveform [B, T_wav] in -1..1."""
        parameter = next(self.parameters())
        # The filter bank needs full precision; only the network may run in half.
        return self.embedding_model.forward3(fbank(wav.to(parameter.device)).to(parameter.dtype))
