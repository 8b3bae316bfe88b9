"""How far a generator sees: a window of latents with that much around it speaks as the whole does."""

from __future__ import annotations

import pytest
import torch

from module.generator import Generator, GeneratorConfig, reach

TINY = GeneratorConfig(6, "2", (3, 7), ((1, 3), (1, 3)), (5, 4, 4, 4), 32, (10, 8, 8, 8))
PUBLISHED = GeneratorConfig(6, "1", (3, 7, 11), ((1, 3, 5),) * 3, (10, 8, 2, 2, 2), 32, (16, 16, 8, 2, 2))
V4_VOCODER = GeneratorConfig(6, "1", (3, 7, 11), ((1, 3, 5),) * 3, (10, 6, 2, 2, 2), 32, (20, 12, 4, 4, 4))


@pytest.mark.parametrize("config", [TINY, PUBLISHED, V4_VOCODER], ids=["tiny", "published", "vocoder"])
def test_a_sample_depends_on_so_many_frames_and_hardly_fewer(config: GeneratorConfig) -> None:
    torch.manual_seed(0)
    generator = Generator(config).double()
    for parameter in generator.parameters():  # no weight is zero, so that everything in reach counts
        parameter.data = 0.05 * torch.randn_like(parameter) + 0.02
    frames, middle = 61, 30
    latent = torch.randn(1, config.inter_channels, frames, dtype=torch.float64)
    moved = latent.clone()
    moved[..., middle] += 1
    with torch.no_grad():
        changed = (generator(latent) - generator(moved))[0, 0].reshape(frames, -1).abs().amax(1) > 0
    touched = changed.nonzero().flatten()
    seen = max(middle - int(touched.min()), int(touched.max()) - middle)
    assert seen <= reach(config) <= seen + 3
