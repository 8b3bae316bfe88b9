"""Who is being spoken to, so that a stop button ends its visitor's own speech, within a sentence and nobody else's."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Stops:
    """Speech that is under way, by visitor. Safe for several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: defaultdict[str, list[threading.Event]] = defaultdict(list)

    @contextmanager
    def running(self, visitor: str) -> Iterator[Callable[[], bool]]:
        """While speech for ``visitor`` is made; gives what says whether they have stopped it."""
        stopped = threading.Event()
        with self._lock:
            self._running[visitor].append(stopped)
        try:
            yield stopped.is_set
        finally:
            with self._lock:
                self._running[visitor].remove(stopped)
                if not self._running[visitor]:
                    del self._running[visitor]

    def stop(self, visitor: str) -> None:
        """End what is being made for ``visitor``; what they ask for later is not concerned."""
        with self._lock:
            for stopped in self._running.get(visitor, ()):
                stopped.set()
