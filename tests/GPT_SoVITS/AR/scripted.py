"""A network that says what a test tells it to, row by row, behind the interface of ``AR.backend.T2SBackend``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor

from AR.backend import T2SRequest

Say = Callable[[T2SRequest, int, int], int]
"""(request, run, step) -> the id that is by far the likeliest; runs of all requests are counted from 0."""


@dataclass
class ScriptState:
    """Rows of a :class:`Scripted`: (request, run, step) each."""

    rows: dict[int, tuple[T2SRequest, int, int]] = field(default_factory=dict)

    def make_room(self, rows: int, positions: int) -> bool:
        return False

    def move(self, source: int, target: int) -> None:
        self.rows[target] = self.rows.pop(source)

    def free_row(self, row: int) -> None:
        self.rows.pop(row, None)


class Scripted:
    """Says what ``say`` says; raises ``error`` in its step number ``at`` (of all steps), or gives NaN there."""

    device = torch.device("cpu")

    def __init__(
        self, say: Say, name: str = "scripted", error: BaseException | None = None, at: int = -1, nan: bool = False
    ) -> None:
        self.say, self.name, self.error, self.at, self.nan = say, name, error, at, nan
        self.runs = self.steps = 0
        self.sizes: list[int] = []
        self.portions = 1

    def allocate(self, rows: int, positions: int) -> ScriptState:
        return ScriptState()

    def read(self, state: ScriptState, row: int, request: T2SRequest) -> Iterator[Tensor | None]:
        for _ in range(self.portions - 1):
            yield None
        state.rows[row] = request, self.runs, 0
        self.runs += 1
        yield self._logits(state, row)

    def step(self, state: ScriptState, tokens: Tensor) -> Tensor:
        self.steps += 1
        self.sizes.append(len(tokens))
        if self.steps == self.at and self.error is not None:
            raise self.error
        for row in range(len(tokens)):
            request, run, step = state.rows[row]
            state.rows[row] = request, run, step + 1
        logits = torch.stack([self._logits(state, row) for row in range(len(tokens))])
        return logits.fill_(float("nan")) if self.nan and self.steps == self.at else logits

    def _logits(self, state: ScriptState, row: int) -> Tensor:
        logits = torch.zeros(1025)
        logits[self.say(*state.rows[row])] = 40.0
        return logits
