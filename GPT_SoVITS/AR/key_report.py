"""How weights from a file fit a network: the one comparison behind every strict load of this tree.

Knows names and shapes; what is raised about them, and of which kind, is the caller's affair. Nothing but torch is
imported, so that any part of the tree can use it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

SHOWN = 3
"""Names of each kind of difference that a message lists."""


@dataclass(frozen=True)
class KeyReport:
    """Names per kind of difference; ``mismatched`` says "name: file / network"."""

    missing: tuple[str, ...] = ()
    unexpected: tuple[str, ...] = ()
    mismatched: tuple[str, ...] = ()
    not_finite: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """True where the weights can be loaded as they are."""
        return not (self.missing or self.unexpected or self.mismatched or self.not_finite)

    def __str__(self) -> str:
        parts = (
            ("missing", self.missing),
            ("unexpected", self.unexpected),
            ("of another shape", self.mismatched),
            ("with NaN or infinity", self.not_finite),
        )
        listed = (
            f"{len(names)} {kind} ({', '.join(names[:SHOWN])}{', ...' if len(names) > SHOWN else ''})"
            for kind, names in parts
            if names
        )
        return "; ".join(listed) or "all keys match"


def compare_keys(
    own: Mapping[str, Tensor], weight: Mapping[str, Tensor], may_be_infinite: tuple[str, ...] = ()
) -> KeyReport:
    """Compare a network's state dict with a file's weights: names, shapes, and that every value that counts is one.

    Args:
        own: the network's.
        weight: the file's, by the network's names.
        may_be_infinite: ends of the names whose values are never computed with.
    """
    shared = [name for name in weight if name in own]
    return KeyReport(
        missing=tuple(name for name in own if name not in weight),
        unexpected=tuple(name for name in weight if name not in own),
        mismatched=tuple(
            f"{n}: {tuple(weight[n].shape)} / {tuple(own[n].shape)}" for n in shared if weight[n].shape != own[n].shape
        ),
        not_finite=tuple(
            n
            for n in shared
            if weight[n].is_floating_point()
            and not n.endswith(may_be_infinite)
            and not bool(weight[n].isfinite().all())
        ),
    )


def _is_finite(value: Tensor) -> bool:
    return not value.is_floating_point() or bool(value.isfinite().all())
