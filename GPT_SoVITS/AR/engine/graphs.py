"""A decode step as a CUDA graph: captured once for each key, replayed from then on; on other devices just called.

The step reads and writes tensors that stay where they are in memory. Launching a graph costs the host microseconds,
launching the hundreds of kernels of a step costs it milliseconds. Knows nothing of what the step does.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any

import torch
from torch import Tensor

WARM_UP_STEPS = 2
"""Calls before a capture: libraries choose their kernels and take their workspaces in the first ones."""


class StepGraphs:
    """Runs steps on ``device``.

    Args:
        device: where the step's tensors are.
        capture: False: never capture, to compare with.
    """

    def __init__(self, device: torch.device, capture: bool = True) -> None:
        self._captures = capture and device.type == "cuda"
        self._graphs: dict[Hashable, torch.cuda.CUDAGraph] = {}
        self._pool: Any = None

    def clear(self) -> None:
        """Forget all graphs: a tensor that they use has moved."""
        self._graphs.clear()
        self._pool = None

    def run(self, key: Hashable, step: Callable[[], None], changed: Sequence[Tensor]) -> None:
        """Run ``step`` once.

        Args:
            key: all that decides which kernels the step launches; steps of one key differ in the tensors' content.
            step: launches the work, waits for nothing.
            changed: tensors whose content a step changes and the next one reads; put back after the warm-up.
        """
        if not self._captures:
            step()
            return
        graph = self._graphs.get(key)
        if graph is None:
            graph = self._capture(step, changed)
            self._graphs[key] = graph
        graph.replay()

    def _capture(self, step: Callable[[], None], changed: Sequence[Tensor]) -> torch.cuda.CUDAGraph:
        before = [tensor.clone() for tensor in changed]
        side, current = torch.cuda.Stream(), torch.cuda.current_stream()
        side.wait_stream(current)
        with torch.cuda.stream(side):
            for _ in range(WARM_UP_STEPS):
                step()
        current.wait_stream(side)
        for tensor, value in zip(changed, before, strict=True):
            tensor.copy_(value)
        graph = torch.cuda.CUDAGraph()
        if self._pool is None:  # graphs never run at once, so they share their working memory
            self._pool = torch.cuda.graph_pool_handle()
        with torch.cuda.graph(graph, pool=self._pool, capture_error_mode="thread_local"):
            step()
        return graph
