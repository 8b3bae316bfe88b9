"""Exponential moving average of weights."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class WeightAverage:
    """Averages a module's parameters; young averages follow quickly.

    Args:
        module: whose parameters are averaged.
        decay: share that stays per update; 0 turns averaging off (the average is the weights themselves).
    """

    def __init__(self, module: nn.Module, decay: float) -> None:
        self.decay = decay
        self.updates = 0
        self.live = dict(module.named_parameters())
        self.average = {name: p.detach().clone() for name, p in self.live.items()} if decay > 0 else {}

    @torch.no_grad()
    def update(self) -> None:
        """Take in the present weights."""
        if not self.average:
            return
        self.updates += 1
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        live = [self.live[name].detach() for name in self.average]
        torch._foreach_lerp_(list(self.average.values()), live, 1.0 - decay)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """The module holds the averaged weights inside this block."""
        saved = {name: self.live[name].detach().clone() for name in self.average}
        self._copy(self.average)
        try:
            yield
        finally:
            self._copy(saved)

    @torch.no_grad()
    def _copy(self, values: dict[str, Tensor]) -> None:
        for name, value in values.items():
            self.live[name].copy_(value)

    def state_dict(self) -> dict[str, object]:
        """For a training state."""
        return {"updates": self.updates, "average": {n: t.cpu() for n, t in self.average.items()}}

    def load_state_dict(self, state: dict[str, object]) -> None:
        """From a training state; a state without averages (decay was 0) leaves the present weights as the average."""
        stored = state["average"]
        assert isinstance(stored, dict) and isinstance(state["updates"], int)
        self.updates = state["updates"]
        for name, tensor in self.average.items():
            tensor.copy_(stored.get(name, self.live[name].detach()))
