"""What several processes of one training run have to agree on."""

from __future__ import annotations

from typing import Any

from torch import Tensor


def agreed(accelerator: Any, values: Tensor) -> Tensor:
    """The mean of ``values`` [n] over all processes, the same in each of them, on the CPU.

    Each process has a clock and rounding errors of its own. Where they decide by them whether to go on, one ends and
    the others wait for it for ever.
    """
    if accelerator.num_processes == 1:
        return values
    mine = values.to(accelerator.device).float()  # not every device has float64
    return accelerator.reduce(mine, "mean").cpu().to(values.dtype)  # type: ignore[no-any-return]
