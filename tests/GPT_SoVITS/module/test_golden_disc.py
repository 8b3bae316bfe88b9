"""Discriminators and GAN losses against the reference run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from module.losses import discriminator_loss, feature_loss, generator_loss
from module.models import MultiPeriodDiscriminator

pytestmark = pytest.mark.golden


def _stat(x: torch.Tensor) -> torch.Tensor:
    return torch.stack([x.mean(), x.std()])


@pytest.mark.parametrize("name", ["disc_v2", "disc_v2Pro"])
@torch.no_grad()
def test_scores_maps_and_losses(golden: Callable[[str], Any], name: str) -> None:
    fixture = golden(name)
    net = MultiPeriodDiscriminator(periods=fixture.meta["config"]["periods"])
    net.load_state_dict(fixture.state_dict(fixture.meta["state_dict"]), strict=True)
    real, fake, maps_real, maps_fake = net(fixture.tensor("y"), fixture.tensor("y_hat"))
    tolerance = fixture.meta["tolerance"]

    def close(actual: torch.Tensor, key: str) -> None:
        torch.testing.assert_close(actual, fixture.tensor(key), atol=tolerance["abs"], rtol=tolerance["rel"])

    for side, scores, maps in (("real", real, maps_real), ("fake", fake, maps_fake)):
        for i, (score, layers) in enumerate(zip(scores, maps, strict=True)):
            close(score[:, :16], f"score_{side}_{i}_first16")
            close(_stat(score), f"score_{side}_{i}_stat")
            if side == "real":  # the fixture holds the maps of the real signal only
                close(torch.stack([_stat(m) for m in layers]), f"fmap_{side}_{i}_stat")
            assert [list(m.shape) for m in layers] == fixture.meta["shapes"][f"fmap_{i}"]
    close(discriminator_loss(real, fake)[0], "loss_disc")
    close(generator_loss(fake)[0], "loss_gen")
    close(feature_loss(maps_real, maps_fake), "loss_feature")
