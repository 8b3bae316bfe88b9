"""Memory that the C library keeps after it was freed, given back to the system. Knows nothing of what used it."""

from __future__ import annotations

import ctypes
from functools import cache
from typing import Any


@cache
def _trim() -> Any:
    """glibc's ``malloc_trim``; None with other C libraries."""
    try:
        return ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError, TypeError):  # no such function; no such library; Windows has no None
        return None


def give_back_memory() -> bool:
    """Give freed pages back; True where there were some.

    Threads that make and free tensors of all sizes leave holes between what still lives, each thread in a heap of its
    own, and glibc keeps them. Takes milliseconds, and holds up an allocation of another thread as long at most.
    """
    trim = _trim()
    return bool(trim(0)) if trim is not None else False
