"""Decodes on this machine: one thread, one batch, any number of callers. Knows no particular network.

The thread starts with the first request and ends after a while without any; what it has allocated ends with it.
"""

from __future__ import annotations

import logging
import queue
import threading
import weakref
from collections.abc import Iterator

import torch

from AR.backend import SamplingParams, T2SBackend, T2SRequest
from AR.engine.batch import DecodeBatch
from AR.engine.tokens import FinishReason, SpokenTokens
from AR.errors import EngineClosed, EngineFull

logger = logging.getLogger(__name__)

ROWS = 16
QUEUE = 64
IDLE_SECONDS = 2.0

_Item = tuple[list[int], FinishReason | None, BaseException | None]


class TokenStream(Iterator[SpokenTokens]):
    """What :meth:`LocalEngine.stream` returns. Belongs to one consumer; closing or losing it cancels the request."""

    def __init__(self, engine: LocalEngine, stage: str) -> None:
        self._engine, self._stage, self._ended = engine, stage, False
        self._error: BaseException | None = None
        self.items: queue.SimpleQueue[_Item] = queue.SimpleQueue()

    def __iter__(self) -> TokenStream:
        return self

    def __next__(self) -> SpokenTokens:
        """All tokens that have come since the last call, at least one or the end.

        Raises:
            Exception: what the network raised, after the tokens that came before it.
        """
        if self._error is not None:
            error, self._error = self._error, None
            raise error
        if self._ended:
            raise StopIteration
        tokens: list[int] = []
        reason: FinishReason | None = None
        while not (reason or self._error):
            new, reason, self._error = self.items.get()
            tokens += new
            if self.items.empty():
                break
        self._ended = bool(reason or self._error)
        if self._error is not None and not tokens:
            return next(self)
        return SpokenTokens(torch.tensor(tokens, dtype=torch.int64), reason, stage=self._stage)

    def close(self) -> None:
        """Cancel the request: it is gone before the engine's next step."""
        if not self._ended:
            self._ended = True
            self._engine.cancel(self.items)

    def __del__(self) -> None:
        self.close()


def _close(engine: weakref.ref[LocalEngine]) -> None:
    """At the end of the interpreter; an engine that is gone before has no thread."""
    if (alive := engine()) is not None:
        alive.close()


class LocalEngine:
    """An engine over a network on this machine; see :class:`~AR.engine.tokens.T2SEngine`.

    Args:
        backend: the network.
        rows: most requests that decode at once.
        queue_size: most requests that wait for one of them to end.
        idle_seconds: time without requests after which the thread ends and memory is freed.
        capture: capture steps as graphs, where the device can.
    """

    def __init__(
        self,
        backend: T2SBackend,
        rows: int = ROWS,
        queue_size: int = QUEUE,
        idle_seconds: float = IDLE_SECONDS,
        capture: bool = True,
    ) -> None:
        self.backend = backend
        self._rows, self._queue_size, self._idle_seconds, self._capture = rows, queue_size, idle_seconds, capture
        self._change = threading.Condition()
        self._new: list[tuple[queue.SimpleQueue[_Item], T2SRequest, SamplingParams]] = []
        self._cancelled: list[queue.SimpleQueue[_Item]] = []
        self._inside = 0  # requests that were taken and have not ended
        self._closed = self._hasty = False
        self._thread: threading.Thread | None = None
        # A thread that is inside torch while the interpreter ends aborts the process, so it is waited for.
        weakref.finalize(self, _close, weakref.ref(self))

    @property
    def name(self) -> str:
        """Name of the network."""
        return self.backend.name

    @property
    def load(self) -> int:
        """Requests under way and waiting."""
        return self._inside

    def stream(self, request: T2SRequest, sampling: SamplingParams) -> TokenStream:
        """As :class:`~AR.engine.tokens.T2SEngine`.

        Raises:
            EngineFull: the queue is full.
            EngineClosed: after :meth:`close`.
        """
        stream = TokenStream(self, self.name)
        with self._change:
            if self._closed:
                raise EngineClosed(f"the engine of {self.name} is closed")
            if self._inside >= self._rows + self._queue_size:
                raise EngineFull(
                    f"{self._rows} requests decode and {self._queue_size} wait for {self.name}: try again later"
                )
            self._hasty = False
            self._inside += 1
            self._new.append((stream.items, request, sampling))
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name=f"decode {self.name}", daemon=True)
                self._thread.start()
            self._change.notify()
        return stream

    def cancel(self, items: queue.SimpleQueue[_Item]) -> None:
        """Give a request up (:meth:`TokenStream.close` calls it)."""
        with self._change:
            self._cancelled.append(items)
            self._change.notify()

    def release(self) -> None:
        """As :class:`~AR.engine.tokens.T2SEngine`."""
        with self._change:
            self._hasty = True
            self._change.notify()

    def close(self) -> None:
        """End all requests with an error, and the thread. Requests that come later are refused."""
        with self._change:
            self._closed = True
            self._change.notify()
            thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join()

    def __enter__(self) -> LocalEngine:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    # ---- the thread -------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        under_way: dict[int, queue.SimpleQueue[_Item]] = {}

        def deliver(key: object, tokens: list[int], reason: FinishReason | None, error: BaseException | None) -> None:
            assert isinstance(key, int)
            if reason or error:
                items = under_way.pop(key)
                with self._change:
                    self._inside -= 1
            else:
                items = under_way[key]
            if tokens or reason or error:
                items.put((tokens, reason, error))

        batch = DecodeBatch(self.backend, self._rows, deliver, self._capture)
        try:
            while self._take_over(batch, under_way):
                batch.work()
        except Exception as error:  # a fault of the engine itself: nobody must wait for ever
            logger.exception("the engine of %s failed", self.name)
            with self._change:
                lost = [*under_way.values(), *(new[0] for new in self._new)]
                self._new, self._cancelled, self._inside, self._thread = [], [], 0, None
            for items in lost:
                items.put(([], None, error))

    def _take_over(self, batch: DecodeBatch, under_way: dict[int, queue.SimpleQueue[_Item]]) -> bool:
        """Take new requests and cancels over into the batch; waits while there is nothing to do. False: end."""
        with self._change:
            while not (self._new or self._cancelled or batch.busy or self._closed):
                waited = self._hasty or not self._change.wait(self._idle_seconds)
                if waited and not (self._new or self._cancelled or self._closed):
                    self._thread = None  # a request from now on starts another one
                    return False
            new, self._new = self._new, []
            cancelled, self._cancelled = self._cancelled, []
            closed = self._closed
        for items, request, sampling in new:
            under_way[id(items)] = items
            batch.add(id(items), request, sampling)
        for items in cancelled:
            if under_way.pop(id(items), None) is not None:
                batch.drop(id(items))
                with self._change:
                    self._inside -= 1
        if closed:
            batch.fail_all(EngineClosed(f"the engine of {self.name} was closed"))
        return not closed
