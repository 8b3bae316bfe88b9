"""What is finished, so that a stage that was stopped goes on where it was, and files that are never half written.

A journal is a text file to which a stage appends a line per finished clip: digest TAB name TAB result. The digest
stands for everything that the result was made from (audio or text, settings, weights); a line whose digest is no
longer right is ignored, and so is a line that was cut off when the process died. The public files are made from
the journals when a stage ends.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

FOLDER = ".prepare"


@contextmanager
def atomic_file(path: Path) -> Iterator[IO[bytes]]:
    """A binary file that appears under its name only when the block ends without an error."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as stream:
            yield stream
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_atomic(path: Path, text: str) -> None:
    """Write ``text`` as UTF-8, whole or not at all."""
    with atomic_file(path) as stream:
        stream.write(text.encode("utf-8"))


def digest_of(*parts: object) -> str:
    """A short fingerprint of the given values."""
    return hashlib.sha256("\x1f".join(str(part) for part in parts).encode()).hexdigest()[:16]


def file_stamp(path: Path) -> str:
    """Size and time of change: enough to notice that a clip was replaced without reading it."""
    status = path.stat()
    return f"{status.st_size}:{status.st_mtime_ns}"


def file_digest(path: Path) -> str:
    """Fingerprint of a file's content, for weights whose time of change says little."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()[:16]


class Journal:
    """The finished clips of one stage, shared by all its parts.

    Args:
        folder: the training folder (``logs/<exp>``); journals lie in its subfolder ``.prepare``.
        stage: name of the stage's public file without extension, for example ``2-name2text``.
        part: number of this worker; it writes a journal of its own and reads all of them.
    """

    def __init__(self, folder: Path, stage: str, part: int = 0) -> None:
        self._folder, self._stage = folder / FOLDER, stage
        self._path = self._folder / f"{stage}-{part}.tsv"
        self._rows: dict[str, tuple[str, str]] = {}
        for path in sorted(self._folder.glob(f"{stage}-*.tsv"), key=lambda p: p.stat().st_mtime_ns):
            self._rows.update(self._read(path))
        self._folder.mkdir(parents=True, exist_ok=True)
        self._drop_cut_line()

    @staticmethod
    def _read(path: Path) -> dict[str, tuple[str, str]]:
        rows = {}
        for line in path.read_text(encoding="utf-8", errors="replace").split("\n")[:-1]:  # the last has no line end
            fields = line.split("\t", 2)
            if len(fields) == 3:
                rows[fields[1]] = (fields[0], fields[2])
        return rows

    def _drop_cut_line(self) -> None:
        """Cut off a last line without an end, which the next line would otherwise be glued to."""
        content = self._path.read_bytes() if self._path.is_file() else b""
        if content and not content.endswith(b"\n"):
            os.truncate(self._path, content.rfind(b"\n") + 1)

    def get(self, name: str, digest: str) -> str | None:
        """The finished result of a clip, or None when there is none or it was made from something else."""
        found = self._rows.get(name)
        return found[1] if found is not None and found[0] == digest else None

    def add(self, name: str, digest: str, result: str = "") -> None:
        """Note a clip as finished; ``result`` is one line of text, which may hold tabs."""
        with self._path.open("a", encoding="utf-8", newline="\n") as stream:
            stream.write(f"{digest}\t{name}\t{result}\n")
        self._rows[name] = (digest, result)
