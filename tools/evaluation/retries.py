"""How often the text-to-semantic stage had to begin a segment again with another seed.

The pipeline tells it in its log alone (logger ``AR.checked``), so that is what is read here; a test holds both
together.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager

from AR import checked

_BEGUN_AGAIN = re.compile(r"a segment (?:collapsed|was misread)")


class RetryCount(logging.Filter):
    """Counts retries in a log; what would not have been shown without it still is not.

    Attributes:
        count: segments that were begun again, once for every try.
    """

    def __init__(self, shown_from: int) -> None:
        super().__init__()
        self.count = 0
        self._shown_from = shown_from

    def filter(self, record: logging.LogRecord) -> bool:
        """Count ``record`` if it tells of a retry; True where it may be shown."""
        self.count += bool(_BEGUN_AGAIN.match(record.getMessage()))
        return record.levelno >= self._shown_from


@contextmanager
def counted_retries() -> Iterator[RetryCount]:
    """The retries of all speech within the block."""
    logger = checked.logger
    before, counter = logger.level, RetryCount(logger.getEffectiveLevel())
    logger.addFilter(counter)
    logger.setLevel(min(logging.INFO, counter._shown_from))
    try:
        yield counter
    finally:
        logger.setLevel(before)
        logger.removeFilter(counter)
