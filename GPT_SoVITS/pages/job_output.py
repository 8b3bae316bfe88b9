"""What a running command says: log lines and tqdm bars out of the bytes that it writes.

Knows nothing about processes. The newest lines are kept in memory, all of them in a file; redrawn bars are neither,
of each bar only its present state is kept.
"""

from __future__ import annotations

import codecs
import re
import threading
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import IO

KEPT_LINES = 300
LONGEST_LINE = 2000
"""Characters of a line that are kept in memory."""
LONGEST_PIECE = 1 << 16
"""Characters without a line end after which one is assumed."""
DEFAULT_TITLE = "progress"

_BAR = re.compile(
    r"(?:(?P<title>\S.*?):)?\s*(?P<percent>\d{1,3})%\|[^|]*\|\s*(?P<done>[^/\s]+)/(?P<total>[^\s\[]+)"
    r"\s*\[(?P<detail>[^\]]*)\]?\s*"
)
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_ERROR = re.compile(r"\berror\b|[A-Za-z.]+(?:Error|Exception)\b", re.I)
_LOG_PREFIX = re.compile(r"^.*?\b(?:ERROR|CRITICAL)\b[\s:]+(?:[\w.]+:\s+)?|^error:\s*", re.I)


@dataclass(frozen=True)
class Bar:
    """One tqdm bar as it stands: how far (0..1), done and total as written, and the text in its brackets."""

    title: str
    fraction: float
    done: str
    total: str
    detail: str


def parse_bar(text: str) -> Bar | None:
    """The bar that ``text`` is, or None where it is something else."""
    found = _BAR.fullmatch(text.strip())
    if found is None:
        return None
    done, total = found["done"], found["total"]
    try:
        fraction = float(done) / float(total)
    except (ValueError, ZeroDivisionError):  # with units, as in 1.2k/3.4k
        fraction = int(found["percent"]) / 100
    return Bar(found["title"] or DEFAULT_TITLE, min(1.0, fraction), done, total, found["detail"])


def error_of(lines: list[str]) -> str:
    """The line that says why a command failed: the last that speaks of an error, else the last of all."""
    for line in reversed(lines):
        if _ERROR.search(line):
            return _LOG_PREFIX.sub("", line, count=1) or line
    return lines[-1] if lines else ""


class Transcript:
    """Takes in a command's output; may be read from other threads while it grows.

    Args:
        path: file that gets every line; its folder is made.
        keep: lines kept in memory.
        append: go on in a file that is there.
    """

    def __init__(self, path: Path, keep: int = KEPT_LINES, append: bool = False) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file: IO[str] | None = path.open("a" if append else "w", encoding="utf-8")
        self._lines: deque[str] = deque(maxlen=keep)
        self._bars: dict[str, Bar] = {}
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._pending = ""
        self._lock = threading.Lock()

    def feed(self, data: bytes) -> None:
        """Take in the next bytes."""
        with self._lock:
            text = _ESCAPES.sub("", self._pending + self._decoder.decode(data))
            *pieces, self._pending = re.split(r"[\r\n]", text)
            if len(self._pending) > LONGEST_PIECE:
                pieces.append(self._pending)
                self._pending = ""
            for piece in pieces:
                self._take(piece)
            bar = parse_bar(self._pending)  # a bar has no line end until it is drawn again
            if bar is not None:
                self._bars[bar.title] = bar
            if self._file is not None:
                self._file.flush()

    def add(self, line: str) -> None:
        """Take in a line of the caller's own."""
        with self._lock:
            self._take(line)

    def close(self) -> None:
        """The command has ended: the rest becomes a line, the file is closed."""
        with self._lock:
            self._take(self._pending)
            self._pending = ""
            if self._file is not None:
                self._file.close()
                self._file = None

    def _take(self, piece: str) -> None:
        line = piece.rstrip()
        bar = parse_bar(line)
        if bar is not None:
            self._bars[bar.title] = bar
        elif line:
            self._lines.append(line[:LONGEST_LINE])
            if self._file is not None:
                self._file.write(line + "\n")

    @property
    def lines(self) -> tuple[str, ...]:
        """The newest lines, the oldest of them first."""
        with self._lock:
            return tuple(self._lines)

    @property
    def bars(self) -> tuple[Bar, ...]:
        """All bars so far, in the order in which they appeared."""
        with self._lock:
            return tuple(self._bars.values())
