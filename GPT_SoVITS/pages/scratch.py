"""The folder of uploads and speeches: how much it may hold, how old its files get, and that none outlives its server.

A server holds a lock in its folder. The system takes the lock away when the server ends, however it ends, so the next
server sees which folders are left over and removes them.
"""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

logger = logging.getLogger(__name__)

PREFIX = "gpt-sovits-page-"
LOCK = ".in-use"
MIB = 2**20
QUOTA = 2048 * MIB
OLDEST_SECONDS = 24 * 3600.0
IN_USE_SECONDS = 600.0
"""Files that are younger are not removed for others: somebody works with them."""
EVERY_SECONDS = 30.0
UNLOCKED_SECONDS = 3600.0
"""Age from which on a folder without a lock is left over; a younger one may be just about to get its lock."""


@dataclass(frozen=True)
class _File:
    path: Path
    size: int
    changed: float


class Scratch:
    """Keeps a folder within bounds. Safe for several threads.

    Args:
        folder: holds nothing else.
        quota: bytes of all files together.
        oldest: seconds after its last change that a file is kept.
        clock: the time that files are stamped with.
    """

    def __init__(
        self,
        folder: Path,
        quota: int = QUOTA,
        oldest: float = OLDEST_SECONDS,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.folder = folder
        self._quota, self._oldest, self._clock = quota, oldest, clock
        self._lock = threading.Lock()
        self._tidied = float("-inf")

    @property
    def is_due(self) -> bool:
        """True where :meth:`tidy` was last called :data:`EVERY_SECONDS` ago."""
        return self._clock() - self._tidied >= EVERY_SECONDS

    def admits(self, size: int) -> bool:
        """True where ``size`` more bytes fit, after removing what may go for them."""
        return self.tidy(size) + size <= self._quota

    def tidy(self, wanted: int = 0) -> int:
        """Remove files that are too old, then the oldest ones until ``wanted`` more bytes fit the quota.

        Returns:
            bytes that are still there.
        """
        with self._lock:
            now = self._tidied = self._clock()
            files = sorted(_files(self.folder), key=lambda file: file.changed)
            total = sum(file.size for file in files)
            for file in files:
                age = now - file.changed
                if age > self._oldest or (total + wanted > self._quota and age > IN_USE_SECONDS):
                    total -= _remove(file)
            return total


def _files(folder: Path) -> Iterator[_File]:
    """What lies below ``folder``; links are not followed."""
    for parent, _, names in os.walk(folder):
        for name in names:
            path = Path(parent) / name
            try:
                facts = path.lstat()
            except OSError:
                continue
            if name != LOCK:
                yield _File(path, facts.st_size, facts.st_mtime)


def _remove(file: _File) -> int:
    """Remove a file, and its folder where that is empty then; gives the bytes that became free."""
    try:
        file.path.unlink()
    except OSError:
        return 0
    try:
        file.path.parent.rmdir()
    except OSError:
        pass  # there is more in it
    return file.size


@contextmanager
def open_folder(parent: Path | None = None) -> Iterator[Path]:
    """A folder of this server's own that is gone when the block is left; left-over ones are removed first.

    Args:
        parent: where such folders lie (default: the system's temporary folder).
    """
    parent = parent or Path(tempfile.gettempdir())
    remove_left_over(parent)
    with tempfile.TemporaryDirectory(prefix=PREFIX, dir=parent, ignore_cleanup_errors=True) as name:
        with FileLock(Path(name) / LOCK):
            yield Path(name)


def remove_left_over(parent: Path) -> None:
    """Remove the folders of servers that were killed: nobody holds their lock."""
    for folder in parent.glob(f"{PREFIX}*"):
        try:
            if folder.is_symlink() or not folder.is_dir() or not _is_ours(folder):
                continue
            if _is_free(folder):
                shutil.rmtree(folder, ignore_errors=True)
                logger.info("removed %s, which a killed server left", folder)
        except OSError as error:
            logger.warning("%s cannot be looked at: %s", folder, error)


def _is_ours(folder: Path) -> bool:
    return not hasattr(os, "getuid") or folder.stat().st_uid == os.getuid()


def _is_free(folder: Path) -> bool:
    lock = folder / LOCK
    if not lock.exists():
        return time.time() - folder.stat().st_mtime > UNLOCKED_SECONDS
    try:
        with FileLock(lock, timeout=0):
            return True
    except Timeout:
        return False
