"""How long somebody who gave a wrong password has to wait before the next one is looked at: twice as long each time."""

from __future__ import annotations

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

LONGEST = 60.0
"""Seconds of the longest wait of one address."""
EVERYBODY_AFTER, EVERYBODY_LONGEST = 20, 5.0
"""Wrong tries of all addresses together, from which on everybody waits, and how many seconds at most. Behind a public
link addresses are what the asking side says they are."""
FORGOTTEN_AFTER = 900.0
KEPT = 4096
EVERYBODY = ""


@dataclass(frozen=True)
class _Wrong:
    count: int
    until: float


class LoginDelays:
    """Wrong logins by address. Safe for several threads.

    Args:
        clock: seconds that only grow.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._wrong: OrderedDict[str, _Wrong] = OrderedDict()

    def begin(self, address: str) -> int:
        """Count a try as wrong until :meth:`right` says otherwise.

        Returns:
            0 where the try may be looked at, else the whole seconds to wait; such a try does not count.
        """
        now = self._clock()
        who = f"from {address}"
        with self._lock:
            for name in (who, EVERYBODY):
                before = self._wrong.get(name)
                if before is not None and before.until + FORGOTTEN_AFTER < now:
                    del self._wrong[name]
                elif before is not None and before.until > now:
                    return math.ceil(before.until - now)
            self._add(who, now, free=0, longest=LONGEST)
            self._add(EVERYBODY, now, free=EVERYBODY_AFTER, longest=EVERYBODY_LONGEST)
        return 0

    def right(self, address: str) -> None:
        """The try that :meth:`begin` counted was right: forget the address's wrong ones, and one of everybody's."""
        with self._lock:
            self._wrong.pop(f"from {address}", None)
            everybody = self._wrong.get(EVERYBODY)
            if everybody is not None:
                self._wrong[EVERYBODY] = _Wrong(max(0, everybody.count - 1), self._clock())

    def _add(self, name: str, now: float, free: int, longest: float) -> None:
        before = self._wrong.pop(name, _Wrong(0, now))
        steps = min(before.count - free, 16)  # 2 ** 16 s is above every longest wait
        delay = min(2.0**steps, longest) if steps >= 0 else 0.0
        self._wrong[name] = _Wrong(before.count + 1, now + delay)
        while len(self._wrong) > KEPT:
            self._wrong.popitem(last=False)
