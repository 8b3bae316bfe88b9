"""Torch files, read safely and written whole. Knows containers (zip, two-byte headers), nothing about what is inside.

Reading is ``torch.load(weights_only=True)``. Upstream's configuration class ``utils.HParams`` is replaced by a stub
that can only hold values and comes back as a plain dict; any other class or function is refused by name and never run.
Writing goes through a temporary file, so a killed run leaves the previous checkpoint whole.
"""

from __future__ import annotations

import contextlib
import io
import os
import pickle
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from errors import CheckpointError, OutputError
from published import fix_for

PathLike = str | os.PathLike[str]
HEADER_MARKS = frozenset(b"%02d" % number for number in range(9))
"""The two-byte marks that public files carry in the place of ``PK``."""


class _HParams:
    """Stands in for upstream's ``utils.HParams`` while unpickling: holds attributes, runs nothing."""


def _path_text(*parts: str) -> str:
    """Stands in for ``pathlib`` classes in old configurations: the path as text, the file system untouched."""
    return "/".join(str(part) for part in parts)


# Registered once for the process (torch's context manager swaps a global and is not safe between threads).
_STUBS: list[Any] = [(_HParams, name) for name in ("utils.HParams", "GPT_SoVITS.utils.HParams")]
_STUBS += [(_path_text, f"{mod}.{kind}Path") for mod in ("pathlib", "pathlib._local") for kind in ("Posix", "Windows")]
torch.serialization.add_safe_globals(_STUBS)


def to_plain(value: Any) -> Any:
    """``value`` with every configuration stub replaced by a plain dict, recursively."""
    if isinstance(value, _HParams):
        value = vars(value)
    if isinstance(value, Mapping) and not any(isinstance(v, Tensor) for v in value.values()):
        return {k: to_plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(to_plain(v) for v in value)
    return value


def _seems_to_be(head: bytes) -> str:
    """A guess, for the error message, at what a file that is not a torch save is."""
    if head.startswith(b"RIFF") or head[:4] in (b"OggS", b"fLaC") or head[:3] == b"ID3":
        return "an audio file"
    if head.startswith(b"version https://git-lfs"):
        return "a git-lfs pointer, not the weights themselves"
    if head.lstrip()[:1] == b"<":
        return "an HTML or XML page (a failed download?)"
    if len(head) > 8 and head[8:9] == b"{" and int.from_bytes(head[:8], "little") < 1 << 30:
        return "a safetensors file"
    try:
        text = head.decode("utf-8")
    except UnicodeDecodeError as error:
        text = head[: error.start].decode("utf-8") if error.start > len(head) - 4 else ""
    if text and all(ch.isprintable() or ch in "\r\n\t" for ch in text):
        return "a text file"
    return "not a torch checkpoint"


def _check_zip(path: Path, source: io.BytesIO | Path, fix: str) -> None:
    """Refuse a damaged zip container, and one that would unpack to far more than it holds (torch only stores)."""
    try:
        with zipfile.ZipFile(source) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise CheckpointError(f"{path} is truncated or damaged ({error})", "a whole torch checkpoint", fix) from error
    if sum(e.file_size for e in entries) > 2 * path.stat().st_size + (1 << 20):
        raise CheckpointError(f"{path} would unpack to far more than its size (zip bomb)", "stored tensors", fix)
    if not any(e.filename.endswith("data.pkl") for e in entries):
        raise CheckpointError(f"{path} is a zip archive, but not of torch", "a torch checkpoint", fix)


def _open(path: Path, expected: str) -> tuple[io.BytesIO | Path, bytes]:
    """Check the container of ``path`` and give something ``torch.load`` can read, with the file's first two bytes."""
    fix = f"check the path, or fetch or export {expected} again"
    if not path.exists():
        raise CheckpointError(f"{path} does not exist", expected, fix_for(path, fix))
    if path.is_dir():
        raise CheckpointError(f"{path} is a folder", f"{expected} (a file)", fix)
    try:
        with path.open("rb") as file:
            head = file.read(512)
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read ({error.strerror})", expected, fix) from error
    if not head:
        raise CheckpointError(f"{path} is empty", expected, fix)
    mark, is_zip_tail = head[:2], head[2:4] == b"\x03\x04"
    if mark == b"PK" and is_zip_tail:
        _check_zip(path, path, fix)
        return path, mark
    if mark in HEADER_MARKS and is_zip_tail:
        buffer = io.BytesIO(b"PK" + path.read_bytes()[2:])
        _check_zip(path, buffer, fix)
        buffer.seek(0)
        return buffer, mark
    if head[0] == 0x80 and head[1] in (2, 3, 4, 5):  # the pickle container of torch before 1.6
        return path, mark
    raise CheckpointError(f"{path} seems to be {_seems_to_be(head)}", expected, fix)


DAMAGED = (
    RuntimeError,
    EOFError,
    LookupError,
    ValueError,
    TypeError,
    AttributeError,
    AssertionError,
    OSError,
    zipfile.BadZipFile,
)
"""What torch's reader raises on files that are cut short or scrambled."""


def read_checkpoint(path: PathLike, expected: str = "a torch checkpoint", lazy: bool = False) -> Any:
    """Read any torch save without running code from it.

    Args:
        path: the file.
        expected: what the caller wanted, for the error message.
        lazy: map the file instead of reading its tensors, where the container allows it.

    Returns:
        the stored object; configuration classes are plain dicts, tensors lie on the CPU.

    Raises:
        CheckpointError: missing, damaged, not a torch save, or holding anything but tensors and plain values.
    """
    path = Path(path)
    source, mark = _open(path, expected)
    fix = f"fetch or export {expected} again"
    try:
        mapped = lazy and mark == b"PK"  # only a file on disk in the zip container can be mapped
        loaded = torch.load(source, map_location="cpu", weights_only=True, mmap=mapped)
    except pickle.UnpicklingError as error:
        # torch says "GLOBAL os.system" or "call reduce for unrecognized function X": keep the name, drop the advice.
        found = re.search(r"GLOBAL (\S+)", str(error)) or re.search(r"(unrecognized function .*|got <.*)", str(error))
        detail = f"it refers to {found.group(1)!r}" if found else "its pickle is damaged or unsafe"
        raise CheckpointError(
            f"{path} was refused, nothing in it was run: {detail}",
            f"{expected} with tensors and plain values only",
            "use a file from a source you trust",
        ) from error
    except DAMAGED as error:
        reason = (str(error) or type(error).__name__).strip().splitlines()[0][:160]
        raise CheckpointError(f"{path} is truncated or damaged ({reason})", expected, fix) from error
    return to_plain(loaded)


def write_atomic(path: PathLike, content: Any, header: bytes | None = None) -> None:
    """``torch.save`` through a temporary file beside ``path``; ``header`` takes the place of the first two bytes.

    Raises:
        OutputError: the folder or file cannot be written; nothing half-written stays.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("w+b") as file:
            torch.save(content, file)
            if header:
                file.seek(0)
                file.write(header)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except (OSError, RuntimeError) as error:
        raise OutputError(f"{path} cannot be written ({error})", "a writable folder with free space") from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()
