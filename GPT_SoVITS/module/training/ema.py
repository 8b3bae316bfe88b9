"""Exponential moving average of a network's trainable weights: smoother weights for the file that is saved."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn


class WeightAverage:
    """Average of the trainable parameters of ``model``.

    The first steps are averaged over a shorter time, (1 + n) / (10 + n), so that the random start is soon forgotten.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay, self.updates = decay, 0
        self._live = {name: p for name, p in model.named_parameters() if p.requires_grad}
        self.weights = {name: p.detach().clone() for name, p in self._live.items()}

    @torch.no_grad()
    def update(self) -> None:
        """Take in the weights as they are now."""
        self.updates += 1
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        live = [p.detach() for p in self._live.values()]
        torch._foreach_lerp_(list(self.weights.values()), live, 1 - decay)

    def applied_to(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """A copy of a state dict with the averaged weights in the place of the live ones."""
        return {name: self.weights.get(name, tensor) for name, tensor in state.items()}

    def state_dict(self) -> dict[str, object]:
        """What a checkpoint keeps."""
        return {"updates": self.updates, "weights": self.weights}

    def load_state_dict(self, state: Mapping[str, object]) -> None:
        """Continue from a checkpoint; the names must be the same."""
        weights = state["weights"]
        assert isinstance(weights, dict) and weights.keys() == self.weights.keys()
        for name, tensor in weights.items():
            self.weights[name].copy_(tensor)
        self.updates = int(state["updates"])  # type: ignore[call-overload]
