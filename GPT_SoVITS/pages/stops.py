"""Who is being spoken to, so that a stop button ends its visitor's own speech, within a sentence and nobody else's."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class _Speech:
    """One that is under way."""

    def __init__(self) -> None:
        self.stopped, self.ended = threading.Event(), threading.Event()


class Stops:
    """Speech that is under way, by visitor. Safe for several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: defaultdict[str, list[_Speech]] = defaultdict(list)

    @contextmanager
    def running(self, visitor: str) -> Iterator[Callable[[], bool]]:
        """While speech for ``visitor`` is made; gives what says whether they have stopped it."""
        speech = _Speech()
        with self._lock:
            self._running[visitor].append(speech)
        try:
            yield speech.stopped.is_set
        finally:
            with self._lock:
                self._running[visitor].remove(speech)
                if not self._running[visitor]:
                    del self._running[visitor]
            speech.ended.set()

    def stop(self, visitor: str, seconds: float = 0.0) -> None:
        """End what is being made for ``visitor``, and wait for that so long; what they ask for later goes on."""
        with self._lock:
            running = list(self._running.get(visitor, ()))
        for speech in running:
            speech.stopped.set()
        until = time.monotonic() + seconds
        for speech in running:
            speech.ended.wait(max(0.0, until - time.monotonic()))
