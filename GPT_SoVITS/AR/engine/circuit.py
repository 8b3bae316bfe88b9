"""Whether an engine elsewhere is asked at all: after a failure not before it is in good health again.

A thread of its own looks after it meanwhile, so that no request waits for an engine that is dead.
"""

from __future__ import annotations

import logging
import threading
import time
import weakref
from collections.abc import Callable

from AR.errors import LMUnavailable

logger = logging.getLogger(__name__)

FIRST_SECONDS = 1.0
LONGEST_SECONDS = 30.0


class Circuit:
    """Closed: the engine is asked. Open: it is not, and ``trouble`` says why. Safe for several threads.

    Args:
        label: of the engine, for the log.
        probe: a method of the circuit's owner that raises ``LMUnavailable`` while the engine is not well. It is kept
            weakly: who drops the owner ends the thread.
        first, longest: seconds before the first look at a broken engine, and between later ones at most.
    """

    def __init__(
        self,
        label: str,
        probe: Callable[[], None],
        first: float = FIRST_SECONDS,
        longest: float = LONGEST_SECONDS,
    ) -> None:
        self._label, self._probe = label, weakref.WeakMethod(probe)
        self._first, self._longest = first, longest
        self._lock = threading.Lock()
        self._trouble: LMUnavailable | None = None

    @property
    def trouble(self) -> LMUnavailable | None:
        """Why the engine is not asked; None where it is."""
        return self._trouble

    def check(self) -> None:
        """Raise ``LMUnavailable`` while it is open."""
        if self._trouble is not None:
            raise _bare(self._trouble)

    def open(self, trouble: LMUnavailable) -> None:
        """Do not ask the engine until a probe finds it well."""
        with self._lock:
            begins, self._trouble = self._trouble is None, _bare(trouble)
        if begins:
            logger.warning("%s is not asked for now: %s", self._label, trouble)
            threading.Thread(target=self._watch, name=f"watch {self._label}", daemon=True).start()

    def _watch(self) -> None:
        pause = self._first
        while True:
            time.sleep(pause)
            probe = self._probe()
            if probe is None:
                return
            try:
                probe()
            except LMUnavailable as trouble:
                self._trouble = _bare(trouble)
            else:
                break
            del probe  # while this sleeps, nothing but the owner's users keeps it alive
            pause = min(2 * pause, self._longest)
        with self._lock:
            self._trouble = None
        logger.info("%s is asked again", self._label)


def _bare(trouble: LMUnavailable) -> LMUnavailable:
    """The same without a traceback, whose frames would keep the owner and whole requests alive."""
    return LMUnavailable(trouble.reason, str(trouble))
