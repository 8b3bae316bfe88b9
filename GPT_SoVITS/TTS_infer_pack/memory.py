"""Memory of a process that speaks for days: what grows with every new length of speech, kept small.

Two things did. oneDNN keeps what it has prepared for each shape of a convolution, 1024 of them by default. And glibc
keeps the freed blocks of many sizes that speech of many lengths leaves behind. Knows nothing about models.
"""

from __future__ import annotations

import ctypes
import os
import sys
import threading
from collections.abc import Callable, Iterator
from typing import TypeVar

CACHE_VARIABLE = "ONEDNN_PRIMITIVE_CACHE_CAPACITY"
PRIMITIVES = 64
"""Prepared convolutions that are kept."""
EVERY = 16
"""Requests after which freed memory is given back; it takes some milliseconds."""

T = TypeVar("T")


def bound_primitive_cache() -> None:
    """Let oneDNN keep fewer prepared convolutions, unless the environment says how many; before it is first used."""
    os.environ.setdefault(CACHE_VARIABLE, str(PRIMITIVES))


def give_back() -> None:
    """Give freed memory back to the system, where the C library can."""
    if sys.platform != "linux":
        return
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc has it, musl has not
    if trim is not None:
        trim(0)


class RequestMemory:
    """Gives memory back after every so many requests. Safe for several threads.

    Args:
        every: so many.
        tidy: gives it back.
    """

    def __init__(self, every: int = EVERY, tidy: Callable[[], None] = give_back) -> None:
        self._every, self._tidy = every, tidy
        self._lock = threading.Lock()
        self._ended = 0

    def watch(self, chunks: Iterator[T]) -> Iterator[T]:
        """``chunks`` of one request; closing the iterator closes them."""
        try:
            yield from chunks
        finally:
            with self._lock:
                self._ended += 1
                is_due = self._ended % self._every == 0
            if is_due:
                self._tidy()
