"""Convolutions with weight normalisation under the public names ``weight_g`` and ``weight_v``.

weight = weight_g * weight_v / ||weight_v||, the norm taken over all dimensions but the first (Salimans & Kingma 2016).
:func:`fold_weight_norm` replaces both by one plain ``weight``, which is what inference wants.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


class _WeightNormMixin:
    """Turns the ``weight`` of a convolution class into a pair of parameters; put it in front of the class."""

    weight_g: nn.Parameter
    weight_v: nn.Parameter

    def _split(self: Any) -> None:
        weight = self.weight.detach()
        del self.weight
        self.weight_g = nn.Parameter(_norm(weight))
        self.weight_v = nn.Parameter(weight.clone())

    def __getattr__(self: Any, name: str) -> Any:
        # The parent's forward reads self.weight; before folding that is computed from the pair.
        if name == "weight" and "weight_v" in self._parameters:
            return torch._weight_norm(self._parameters["weight_v"], self._parameters["weight_g"], 0)
        return nn.Module.__getattr__(self, name)

    def init_normal(self: Any, std: float = 0.01) -> None:
        """Draw the direction from N(0, std) and set the gain to its norm."""
        with torch.no_grad():
            self.weight_v.normal_(0.0, std)
            self.weight_g.copy_(_norm(self.weight_v))

    def fold(self: Any) -> None:
        """Replace the pair by the plain weight; does nothing the second time."""
        if "weight_v" not in self._parameters:
            return
        weight = self.weight.detach().clone()
        del self.weight_g, self.weight_v
        self.register_parameter("weight", nn.Parameter(weight, requires_grad=False))


def _norm(weight: Tensor) -> Tensor:
    return weight.flatten(1).norm(dim=1).view(-1, *([1] * (weight.dim() - 1)))


class WNConv1d(_WeightNormMixin, nn.Conv1d):
    """``nn.Conv1d`` with weight normalisation."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._split()


class WNConv2d(_WeightNormMixin, nn.Conv2d):
    """``nn.Conv2d`` with weight normalisation."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._split()


class WNConvTranspose1d(_WeightNormMixin, nn.ConvTranspose1d):
    """``nn.ConvTranspose1d`` with weight normalisation over the input channels."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._split()


def fold_weight_norm(module: nn.Module) -> None:
    """Fold every weight-normalised layer inside ``module`` for inference.

    The state_dict then holds ``weight`` where it held ``weight_g`` and ``weight_v``: save before folding.
    """
    for layer in module.modules():
        if isinstance(layer, _WeightNormMixin):
            layer.fold()
