"""Requests that decode together: admitted while others run, stepped, retired one by one. Knows no threads.

Live rows are rows 0 to n - 1 of the state; where one ends, the last one takes its place. A request is read in portions
between steps, so that a long one does not hold up the others.

Shapes: R rows, n live rows, V = 1025, K steps between two looks of the host at the tokens.
"""

from __future__ import annotations

import traceback
from collections import deque
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from AR.backend import VOCAB_SIZE, SamplingParams, T2SBackend, T2SRequest, default_max_tokens
from AR.engine.graphs import WARM_UP_STEPS, StepGraphs
from AR.engine.tokens import FinishReason
from AR.models.kv_cache import bucket
from AR.sampling import RowSampler, Variant

LOOK_INTERVAL = 8
"""Steps between two looks on accelerators, where each look waits for the device."""


@dataclass
class Entry:
    """A request under way.

    Attributes:
        key: what its owner knows it by.
        limit: most new tokens.
        count: new tokens so far.
        dropped: its owner does not want it any more.
    """

    key: Hashable
    request: T2SRequest
    sampling: SamplingParams
    limit: int = field(init=False)
    count: int = 0
    dropped: bool = False

    def __post_init__(self) -> None:
        self.limit = self.sampling.max_tokens or default_max_tokens(self.request)


Deliver = Callable[[Hashable, list[int], FinishReason | None, BaseException | None], None]
"""Called with (key, new tokens, why it ended or None, error or None); a reason or an error is the last of a key."""


class DecodeBatch:
    """Decodes any number of requests, at most ``rows`` at once.

    Args:
        backend: the network.
        rows: most live rows.
        deliver: called with new tokens.
        capture: capture steps as graphs, where the device can.
        look: steps between two looks of the host at the tokens; None: each on CPU, else ``LOOK_INTERVAL``.
        all_first: read all that waits before the next step; fewer steps in all, but nobody hears anything meanwhile.
    """

    def __init__(
        self,
        backend: T2SBackend,
        rows: int,
        deliver: Deliver,
        capture: bool = True,
        look: int | None = None,
        all_first: bool = False,
    ) -> None:
        self._all_first = all_first
        self._backend, self._rows, self._deliver, self._device = backend, rows, deliver, backend.device
        self._look = look or (1 if self._device.type == "cpu" else LOOK_INTERVAL)
        self._graphs = StepGraphs(self._device, capture)
        self._waiting: deque[Entry] = deque()
        self._live: list[Entry] = []
        self._reading: tuple[Entry, int, Iterator[Tensor | None]] | None = None
        self.release()

    def release(self) -> None:
        """Free all memory; only while nothing is under way."""
        self._graphs.clear()
        self._state: Any = None
        self._sampler = RowSampler(self._device)
        self._logits = torch.zeros(0, VOCAB_SIZE, device=self._device)
        self._tokens = torch.zeros(0, dtype=torch.int64, device=self._device)
        self._flags = torch.zeros(self._look, 3, 0, dtype=torch.int64, device=self._device)
        self._turn = torch.zeros(1, dtype=torch.int64, device=self._device)

    # ---- what is under way ------------------------------------------------------------------------------------------

    @property
    def busy(self) -> bool:
        """True while anything is under way."""
        return bool(self._live or self._waiting or self._reading)

    @property
    def waiting(self) -> int:
        """Requests that are not decoding yet."""
        return len(self._waiting) + (self._reading is not None)

    @property
    def live(self) -> int:
        """Requests that are decoding."""
        return len(self._live)

    def add(self, key: Hashable, request: T2SRequest, sampling: SamplingParams) -> None:
        """Take a request; it decodes as soon as a row is free."""
        self._waiting.append(Entry(key, request, sampling))

    @torch.inference_mode()
    def drop(self, key: Hashable) -> None:
        """Give a request up: nothing more comes of it, and it is gone before the next step."""
        self._waiting = deque(entry for entry in self._waiting if entry.key != key)
        if self._reading is not None and self._reading[0].key == key:
            self._reading[2].close()  # type: ignore[attr-defined]
            self._reading = None
        for row, entry in enumerate(self._live):
            if entry.key == key:
                self._retire(row)
                return

    def fail_all(self, error: BaseException) -> None:
        """End everything with an error."""
        entries = [*self._live, *([self._reading[0]] if self._reading else []), *self._waiting]
        self._live, self._reading, self._waiting = [], None, deque()
        self.release()
        for entry in entries:
            self._deliver(entry.key, [], None, error)

    # ---- work -------------------------------------------------------------------------------------------------------

    @torch.inference_mode()
    def work(self) -> None:
        """Read one portion of the next request, and decode one look's worth of tokens of all live rows."""
        self._read_portion()
        while self._all_first and (self._reading or (self._waiting and len(self._live) < self._rows)):
            self._read_portion()
        if not self._live:
            return
        failed: BaseException | None = None
        try:
            flags = self._steps()
            for row in sorted(self._read_flags(flags), reverse=True):  # from the end, so that indices stay true
                self._retire(row)
            if self._live and self._look == 1:
                rows = len(self._live)
                self._logits[:rows] = self._backend.step(self._state, self._tokens[:rows])
        except Exception as error:  # noqa: BLE001 - whatever it is, its owners get it
            failed = error
        if failed is not None:
            # the frames of the error hold what the step had computed, and with it the cache
            traceback.clear_frames(failed.__traceback__)
            lost, self._live = self._live, []
            reading, self._reading = self._reading, None
            if reading is not None:  # begins anew, in a state of its own
                self._waiting.appendleft(reading[0])
            del reading
            self.release()
            for entry in lost:
                self._deliver(entry.key, [], None, failed)

    def _read_portion(self) -> None:
        """One portion of the request that is being read; the next one is begun where a row is free."""
        if self._reading is None:
            if not self._waiting or len(self._live) >= self._rows:
                return
            entry, row = self._waiting.popleft(), len(self._live)
            self._reading = entry, row, iter(())
            failed = self._guarded(lambda: self._begin(entry, row))
        else:
            failed = None
        failed = failed or self._guarded(self._go_on)
        if failed is not None:
            assert self._reading is not None
            entry, self._reading = self._reading[0], None
            if not self._live:
                self.release()
            self._deliver(entry.key, [], None, failed)

    @staticmethod
    def _guarded(work: Callable[[], None]) -> BaseException | None:
        try:
            work()
        except Exception as error:  # noqa: BLE001 - its owner gets it
            traceback.clear_frames(error.__traceback__)
            return error
        return None

    def _begin(self, entry: Entry, row: int) -> None:
        self._make_room(row + 1)
        self._reading = entry, row, self._backend.read(self._state, row, entry.request)

    def _go_on(self) -> None:
        assert self._reading is not None
        entry, row, portions = self._reading
        logits = next(portions)
        if logits is None:
            return
        target = len(self._live)
        if row != target:  # rows before it have ended meanwhile
            self._state.move(row, target)
        self._sampler.open_row(target, entry.request, entry.sampling)
        self._logits[target] = logits
        self._live.append(entry)
        self._reading = None

    def _make_room(self, rows: int) -> None:
        """Have at least so many rows, in powers of two: what decodes alone should not hold memory for many."""
        rows = min(bucket(rows, 1), self._rows)
        if self._state is None:
            self._state = self._backend.allocate(rows, 0)
        more = rows - len(self._tokens)
        if more > 0:
            self._state.make_room(rows, 0)
            self._sampler.make_room(rows)
            self._logits = torch.cat((self._logits, self._logits.new_zeros(more, VOCAB_SIZE)))
            self._tokens = torch.cat((self._tokens, self._tokens.new_zeros(more)))
            self._flags = self._flags.new_zeros(self._look, 3, rows)
            self._graphs.clear()

    def _steps(self) -> list[list[list[int]]]:
        """Draw the next tokens of all live rows; [K][3][n]: tokens, whether they end the row, whether not finite."""
        rows = len(self._live)
        if self._look == 1:  # the step follows once the rows that end have gone
            self._sampler.refill(rows)
            self._tokens[:rows], flags = self._sampler.draw(self._logits[:rows], self._sampler.variant(rows))
            return [flags.tolist()]
        padded = min(bucket(rows, 1), self._rows)  # one graph for several numbers of rows; the rest computes for nobody
        if self._state.make_room(padded, max(self._state.cache.filled[:rows]) + self._look + WARM_UP_STEPS):
            self._graphs.clear()
        self._turn.zero_()
        for _ in range(self._look):
            self._sampler.refill(rows)
            self._captured_step(padded, self._sampler.variant(rows))
        return self._flags[..., :rows].tolist()  # the one wait

    def _captured_step(self, rows: int, variant: Variant) -> None:
        state, sampler = self._state, self._sampler

        def step() -> None:
            self._tokens[:rows], flags = sampler.draw(self._logits[:rows], variant)
            self._flags[..., :rows].index_copy_(0, self._turn, flags[None].to(self._flags.dtype))
            self._turn.add_(1).clamp_(max=self._look - 1)
            self._logits[:rows] = self._backend.step(state, self._tokens[:rows])

        before = state.host_state()
        key = (rows, state.cache.span(rows), variant, sampler.recent.shape[1])
        changed = [*state.device_state(), *sampler.device_state(), self._logits, self._turn]
        self._graphs.run(key, step, changed)
        state.restore_host(before)  # a capture has counted several steps, a replay none
        state.count_step(rows)

    def _read_flags(self, steps: list[list[list[int]]]) -> list[int]:
        """Hand out new tokens; returns the rows that have ended. Tokens of a row behind its end are cut off."""
        ended = []
        for row, entry in enumerate(self._live):
            tokens: list[int] = []
            reason: FinishReason | None = None
            error: BaseException | None = None
            for token, ends, broken in ([part[row] for part in step] for step in steps):
                if broken:
                    what = f"backend {self._backend.name} gave NaN logits at step {entry.count + len(tokens)}"
                    error = FloatingPointError(what)
                elif ends:
                    reason = "eos"
                else:
                    tokens.append(token)
                    if entry.count + len(tokens) >= entry.limit:
                        reason = "length"
                if reason or error:
                    ended.append(row)
                    break
            entry.count += len(tokens)
            self._deliver(entry.key, tokens, reason, error)
        return ended

    def _retire(self, row: int) -> None:
        """End a row; the last live one takes its place."""
        last = len(self._live) - 1
        if row != last:
            self._state.move(last, row)
            self._sampler.move(last, row)
            self._tokens[row], self._logits[row] = self._tokens[last], self._logits[last]
            self._live[row] = self._live[last]
        else:
            self._state.free_row(row)
        self._live.pop()
