"""The one line that a file of the host gets, and getting it out again byte for byte. Knows bytes, no checkout."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

MARK = b"# gsv_lm plugin"
BOOT = "gsv_lm/boot.py"


def sha256(data: bytes) -> str:
    """Hash of file content, in hex."""
    return hashlib.sha256(data).hexdigest()


@dataclass(frozen=True)
class InsertedLine:
    """What was done to one file of the host.

    Attributes:
        file: path below the checkout, with forward slashes.
        before, after: hashes of its content without and with the line.
        inserted: the bytes that were put in, as text.
        created: the file did not exist.
    """

    file: str
    before: str
    after: str
    inserted: str
    created: bool = False

    def as_dict(self) -> dict[str, Any]:
        """For the manifest."""
        return asdict(self)


def guarded_line(to_gpt_sovits: str, newline: str) -> str:
    """The line: runs ``boot.py``, and whatever goes wrong there, the host goes on.

    Args:
        to_gpt_sovits: from the file's package to ``GPT_SoVITS/``, as "/..".
        newline: the file's own line ending.
    """
    run = f'__import__("runpy").run_path(__path__[0] + "{to_gpt_sovits}/{BOOT}", run_name="gsv_lm_boot")'
    return f'with __import__("contextlib").suppress(Exception): {run}  {MARK.decode()}{newline}'


def newline_of(data: bytes) -> str:
    """The line ending of a file: that of its first line."""
    return "\r\n" if data.split(b"\n", 1)[0].endswith(b"\r") and b"\n" in data else "\n"


def insert(path: Path, file: str, to_gpt_sovits: str = "/..") -> InsertedLine:
    """Put the line into a file: in front, where nothing has been imported yet; behind what has to come first.

    Args:
        path: the file; made where it is missing.
        file: its name in the manifest.
        to_gpt_sovits: see :func:`guarded_line`.
    """
    created = not path.exists()
    before = b"" if created else path.read_bytes()
    assert MARK not in before, f"{path} has the line already"
    newline = newline_of(before)
    line = guarded_line(to_gpt_sovits, newline).encode()
    place = _place(before)
    if place == len(before) and before and not before.endswith(b"\n"):
        line = newline.encode() + line
    after = before[:place] + line + before[place:]
    path.write_bytes(after)
    return InsertedLine(file, sha256(before), sha256(after), line.decode(), created)


def _place(data: bytes) -> int:
    """Where the line goes: in front, but behind a byte-order mark, a coding line or a future import: at the end."""
    head = data[:400]
    must_be_first = (data.startswith(b"\xef\xbb\xbf"), b"coding" in b"".join(head.splitlines()[:2]))
    return len(data) if any(must_be_first) or b"from __future__" in data else 0


def take_out(path: Path, done: InsertedLine) -> str:
    """Take the line out again; returns what was found: "restored", "changed since" or "gone".

    A file that was changed since loses the line only.
    """
    if not path.exists():
        return "gone"
    data = path.read_bytes()
    line = done.inserted.encode()
    without = data.replace(line, b"", 1) if line in data else without_marked_lines(data)
    if done.created and not without:
        path.unlink()
        return "restored"
    if without != data:
        path.write_bytes(without)
    return "restored" if sha256(without) == done.before else "changed since"


def without_marked_lines(data: bytes) -> bytes:
    """``data`` without any line that carries the mark, whatever its line endings are by now."""
    return b"".join(line for line in data.splitlines(keepends=True) if MARK not in line)
