"""One file from a URL to its place: resumable, checked, written whole or not at all.

Knows HTTP and checksums; knows nothing about hubs or about what the files are. What has arrived lies in a hidden
``.part`` file beside the target, named after the content it belongs to, so that a later run goes on where this one
stopped. Standard library only.
"""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import logging
import os
import time
import urllib.error
import urllib.request
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from filelock import FileLock, Timeout

from errors import DownloadError, OutputError

logger = logging.getLogger(__name__)

Progress = Callable[[str, int, int], None]
"""Called with a file's name, the bytes that have arrived and the bytes in all."""

BLOCK = 1 << 18
TIMEOUT_SECONDS = 20.0
"""A server that sends nothing for this long has broken off."""
RETRIES = 4
"""Breaks in a row, without a byte between them, after which a transfer is given up."""
PAUSE_SECONDS = 1.0
"""Wait after a break; twice as long after each further one."""
NETWORK = (OSError, http.client.HTTPException)
"""What breaks on the way; another try may help."""


@dataclass(frozen=True)
class RemoteFile:
    """A file as a hub announces it.

    Attributes:
        name: path in its repository or archive.
        url: where its bytes are; they may be a stretch of a larger file.
        size: bytes of the file.
        sha256, git_sha1, crc32: checksums, those that the hub tells. ``git_sha1`` is that of a git blob.
        offset: where its bytes begin at the URL.
        packed_size: bytes to receive where they are deflated; None where they are the file itself.
        secrets: headers for the first host only; a redirect to another one does not get them.
    """

    name: str
    url: str
    size: int
    sha256: str | None = None
    git_sha1: str | None = None
    crc32: int | None = None
    offset: int = 0
    packed_size: int | None = None
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def wire_size(self) -> int:
        """Bytes to receive."""
        return self.size if self.packed_size is None else self.packed_size

    @property
    def identity(self) -> str:
        """Differs for other content, as far as the hub tells."""
        known = (self.name, self.size, self.sha256, self.git_sha1, self.crc32, self.packed_size)
        return hashlib.sha256(repr(known).encode()).hexdigest()[:12]


# ---- asking ---------------------------------------------------------------------------------------------------------


def open_url(
    url: str, secrets: Mapping[str, str] | None = None, span: tuple[int, int] | None = None
) -> http.client.HTTPResponse:
    """A GET request's answer; ``span`` asks for the bytes [begin, end) only.

    A server that does not know ranges sends everything, with status 200 in place of 206.

    Raises:
        DownloadError: refused or not there (HTTP 4xx).
        OSError, http.client.HTTPException: out of reach, or trouble at the server; worth another try (``NETWORK``).
    """
    request = urllib.request.Request(url, headers={"User-Agent": "gpt-sovits-lm"})
    if span:
        request.add_header("Range", f"bytes={span[0]}-{span[1] - 1}")
    for name, value in (secrets or {}).items():
        request.add_unredirected_header(name, value)
    try:
        answer: http.client.HTTPResponse = urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS)
    except urllib.error.HTTPError as error:
        if error.code in (408, 429) or error.code >= 500:
            raise
        raise DownloadError(
            f"{url} was refused (HTTP {error.code})",
            "a file that may be fetched",
            "check the name; for a model with terms accept them and set HF_TOKEN",
        ) from error
    return answer


def _blocks(remote: RemoteFile, have: int) -> Iterator[bytes]:
    """What comes from the server from byte ``have`` of the file on, until all is there or the connection ends."""
    left = remote.wire_size - have
    span = remote.offset + have, remote.offset + remote.wire_size
    with open_url(remote.url, remote.secrets, span) as answer:
        unwanted = 0 if answer.status == 206 else span[0]
        while unwanted > 0 and (block := answer.read(min(BLOCK, unwanted))):
            unwanted -= len(block)
        while left > 0 and (block := answer.read(min(BLOCK, left))):
            left -= len(block)
            yield block


def _receive(remote: RemoteFile, part: Path, progress: Progress) -> None:
    """Fill ``part`` up to the size announced, through breaks of the connection.

    Raises:
        DownloadError: refused, or broken off too often in a row.
        OSError: ``part`` cannot be written.
    """
    breaks = 0
    with part.open("ab") as file:
        have = file.tell()
        progress(remote.name, have, remote.wire_size)
        while have < remote.wire_size:
            before, blocks, reason = have, _blocks(remote, have), "the connection ended early"
            while True:
                try:
                    block = next(blocks, b"")
                except NETWORK as error:
                    reason, block = str(error) or type(error).__name__, b""
                if not block:
                    break
                file.write(block)
                have += len(block)
                progress(remote.name, have, remote.wire_size)
            if have < remote.wire_size:
                breaks = 1 if have > before else breaks + 1
                _pause(remote, have, breaks, reason)


def _pause(remote: RemoteFile, have: int, breaks: int, reason: str) -> None:
    """Wait after a break, or give up."""
    if breaks > RETRIES:
        raise DownloadError(
            f"{remote.name} broke off after {have} of {remote.wire_size} bytes ({reason})",
            f"a connection to {remote.url}",
            "check the network and HF_ENDPOINT, then run the same command: it goes on from there",
        )
    logger.info("%s broke off after %d bytes (%s): going on", remote.name, have, reason)
    time.sleep(PAUSE_SECONDS * 2 ** (breaks - 1))


# ---- checking -------------------------------------------------------------------------------------------------------


def difference(path: Path, remote: RemoteFile) -> str:
    """In a few words how the file at ``path`` differs from what the hub announces; empty where it does not."""
    size = path.stat().st_size
    if size != remote.size:
        return f"{size} bytes, not {remote.size}"
    sha256, crc = hashlib.sha256(), 0
    git = hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            sha256.update(block)
            if remote.git_sha1:
                git.update(block)
            if remote.crc32 is not None:
                crc = zlib.crc32(block, crc)
    if remote.sha256 and sha256.hexdigest() != remote.sha256.lower():
        return f"sha256 {sha256.hexdigest()[:12]}..., not {remote.sha256[:12]}..."
    if remote.git_sha1 and git.hexdigest() != remote.git_sha1:
        return f"git checksum {git.hexdigest()[:12]}..., not {remote.git_sha1[:12]}..."
    if remote.crc32 is not None and crc != remote.crc32:
        return f"CRC {crc:08x}, not {remote.crc32:08x}"
    return ""


def _inflate(source: Path, target: Path, size: int) -> None:
    """Unpack a raw deflate stream, no further than one byte beyond ``size``.

    Raises:
        zlib.error: damaged.
    """
    unpacker, left = zlib.decompressobj(-zlib.MAX_WBITS), size + 1
    with source.open("rb") as packed, target.open("wb") as file:
        while left > 0 and not unpacker.eof and (block := packed.read(BLOCK)):
            while block and left > 0:
                plain = unpacker.decompress(block, min(left, 4 * BLOCK))
                left -= file.write(plain)
                block = unpacker.unconsumed_tail


# ---- the whole of it ------------------------------------------------------------------------------------------------


def silent(name: str, done: int, total: int) -> None:
    """A :data:`Progress` that shows nothing."""


def fetch(remote: RemoteFile, target: Path, progress: Progress = silent, force: bool = False) -> bool:
    """Bring ``remote`` to ``target``.

    Args:
        remote: what to fetch.
        target: the file; its folder is made.
        progress: told about what arrives.
        force: replace a file that is there with other content.

    Returns:
        False where the file was there already.

    Raises:
        DownloadError: out of reach, refused, or not what was announced (nothing of it stays); or another file is at
            ``target``.
        OutputError: the folder cannot be written, or another process is fetching the same file.
    """
    if target.is_file():
        found = difference(target, remote)
        if not found:
            return False
        if not force:
            raise DownloadError(
                f"{target} is there, but not as published ({found})",
                f"sound {remote.name}",
                "add --force to replace it, or move it away",
            )
    part = target.with_name(f".{target.name}.{remote.identity}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with _alone(part):
            _receive(remote, part, progress)
            _put_in_place(remote, part, target)
    except Timeout as error:
        raise OutputError(f"another process is fetching {target}", "one at a time", "wait for it to end") from error
    except OSError as error:
        raise OutputError(
            f"{target} cannot be written ({error.strerror or error})", "a writable folder with free space"
        ) from error
    return True


@contextlib.contextmanager
def _alone(part: Path) -> Iterator[None]:
    """Keep other processes from writing ``part``; Timeout where one does."""
    lock = f"{part}.lock"
    with FileLock(lock, timeout=0):
        try:
            yield
        finally:
            with contextlib.suppress(OSError):
                os.unlink(lock)


def _put_in_place(remote: RemoteFile, part: Path, target: Path) -> None:
    """Check what has arrived and give it its name; what is wrong is removed."""
    ready = part
    try:
        if remote.packed_size is not None:
            ready = part.with_suffix(".plain")
            _inflate(part, ready, remote.size)
        found = difference(ready, remote)
    except zlib.error as error:
        found = str(error)
    if not found:
        os.replace(ready, target)
    for left in {part, ready}:
        left.unlink(missing_ok=True)
    if found:
        raise DownloadError(
            f"{remote.name} arrived damaged or altered ({found}) and was removed",
            f"what {remote.url} announces",
            "run the command again, or choose another source",
        )
