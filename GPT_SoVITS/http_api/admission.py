"""Who may speak now: so many requests at a time, so many waiting, and an error that says when to come again.

Used from one event loop.
"""

from __future__ import annotations

import asyncio
import math

import anyio

from errors import BusyError, GSVError
from http_api.settings import Limits

FIRST_GUESS_SECONDS = 1.0
SMOOTHING = 0.2


class QueueFullError(BusyError):
    """More requests wait than may."""


class DeadlineError(GSVError):
    """A request that took longer than the limits allow."""


class SlowBodyError(GSVError):
    """A client that does not send what it announced."""


class Gate:
    """Lets ``limits.running`` requests through at a time, in the order they came.

    Attributes:
        running, waiting: how many there are now.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._places = asyncio.Semaphore(limits.running)
        self._average = FIRST_GUESS_SECONDS
        self.running = 0
        self.waiting = 0

    async def enter(self) -> None:
        """Wait for a place; whoever gets one has to :meth:`leave`.

        Raises:
            QueueFullError: too many wait already.
            BusyError: none came free in time.
        """
        if self.waiting >= self._limits.queue:
            raise QueueFullError(
                f"{self.waiting} requests are waiting", "fewer at a time", "try again later", self.retry_after()
            )
        self.waiting += 1
        try:
            with anyio.fail_after(self._limits.queue_seconds):
                await self._places.acquire()
        except TimeoutError as error:
            raise BusyError(
                f"no place came free in {self._limits.queue_seconds:g} s", "", "try again later", self.retry_after()
            ) from error
        finally:
            self.waiting -= 1
        self.running += 1

    def leave(self, seconds: float) -> None:
        """Give the place back after so many seconds of work."""
        self.running -= 1
        self._average += SMOOTHING * (seconds - self._average)
        self._places.release()

    def retry_after(self) -> int:
        """Seconds after which a place in the queue should be free."""
        return max(1, math.ceil(self._average * max(1, self.waiting) / self._limits.running))
