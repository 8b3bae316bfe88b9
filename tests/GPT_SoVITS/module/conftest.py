"""Tiny seeded synthesiser configurations for the tests of this folder."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from module.models import SynthesizerTrn

# A small pack: 16 kHz, hop 320 (= 5 * 4 * 4 * 4), 50 frames per second.
TINY: dict[str, Any] = {
    "inter_channels": 16,
    "hidden_channels": 16,
    "filter_channels": 32,
    "n_heads": 2,
    "n_layers": 2,
    "kernel_size": 3,
    "p_dropout": 0.1,
    "resblock": "2",
    "resblock_kernel_sizes": [3, 5],
    "resblock_dilation_sizes": [[1, 2], [2, 6]],
    "upsample_rates": [5, 4, 4, 4],
    "upsample_initial_channel": 32,
    "upsample_kernel_sizes": [11, 8, 8, 8],
    "gin_channels": 24,
    "ssl_dim": 192,
    "posterior_layers": 3,
    "flow_layers": 2,
    "style_channels": 16,
    "version": "v2",
}
SPEC_CHANNELS = 513
SEGMENT = 8


@pytest.fixture
def tiny_config() -> dict[str, Any]:
    return dict(TINY)


@pytest.fixture
def tiny() -> Callable[..., SynthesizerTrn]:
    """``tiny(resblock="1")``: a seeded small synthesiser with the given keys changed."""

    def build(**changes: Any) -> SynthesizerTrn:
        torch.manual_seed(0)
        return SynthesizerTrn(SPEC_CHANNELS, SEGMENT, **{**TINY, **changes})

    return build


@pytest.fixture
def batch() -> tuple[torch.Tensor, ...]:
    """Training batch of two: ssl, spectrogram, lengths, phones, lengths (the second item is shorter)."""
    draw = torch.Generator().manual_seed(1)
    ssl = torch.randn(2, 192, 24, generator=draw)
    spec = torch.rand(2, SPEC_CHANNELS, 24, generator=draw)
    text = torch.randint(0, 732, (2, 9), generator=draw)
    return ssl, spec, torch.tensor([24, 18]), text, torch.tensor([9, 6])
