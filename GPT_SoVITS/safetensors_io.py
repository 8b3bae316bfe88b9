"""Checkpoints as safetensors files and back: the same tensors bit for bit, everything else as JSON in the metadata.

A checkpoint is a mapping with one table of tensors in it (``weight`` of a model file, ``generator`` of a vocoder, or
the mapping itself) and plain values beside it. Knows the two containers, nothing about networks or versions.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from checkpoint_io import HEADER_MARKS, PathLike, read_checkpoint
from errors import CheckpointError, OutputError

SUFFIX = ".safetensors"
FORMAT = "gpt-sovits-1"
"""Metadata ``format`` of files written here; files of others hold tensors only and are read as a plain table."""


class Packed(NamedTuple):
    """A checkpoint and the two bytes that stood in the place of ``PK`` in its torch file, empty for none."""

    content: dict[str, Any]
    header: bytes


def read_packed(path: PathLike) -> Packed:
    """Read a checkpoint of either container.

    Raises:
        CheckpointError: missing, damaged, unsafe, or no checkpoint.
    """
    if Path(path).suffix == SUFFIX:
        return read_safetensors(path)
    content = read_checkpoint(path, "a model checkpoint")
    if not isinstance(content, Mapping):
        raise CheckpointError(f"{path} is a bare {type(content).__name__}", "a model checkpoint")
    with Path(path).open("rb") as file:
        mark = file.read(2)
    return Packed(dict(content), mark if mark in HEADER_MARKS else b"")


def read_safetensors(path: PathLike) -> Packed:
    """Read a safetensors file, of this project or any other.

    Raises:
        CheckpointError: missing or damaged.
    """
    try:
        with safe_open(str(path), framework="pt") as file:
            metadata = file.metadata() or {}
            table = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - it is no mapping
        if metadata.get("format") != FORMAT:
            return Packed(table, b"")
        table = {name: table[name] for name in json.loads(metadata["order"])}
        content = json.loads(metadata["values"])
        place = metadata["table"]
        header = metadata["header"].encode("ascii")
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        reason = " ".join(str(error).split())[:160]
        raise CheckpointError(
            f"{path} cannot be read ({reason})", "a whole safetensors file", "fetch or convert it again"
        ) from error
    if header and header not in HEADER_MARKS:
        raise CheckpointError(f"{path} names an unknown header {header!r}", "a file that was converted here")
    return Packed({**content, place: table} if place else table, header)


def read_safetensors_header(path: PathLike) -> bytes:
    """The header of a file that :func:`read_safetensors` has accepted, without reading its tensors."""
    with safe_open(str(path), framework="pt") as file:
        return str((file.metadata() or {}).get("header", "")).encode("ascii", "replace")


def write_safetensors(path: PathLike, packed: Packed) -> None:
    """Write a checkpoint as safetensors, whole or not at all.

    Raises:
        CheckpointError: it holds no table of tensors, or values that are no plain data (a training state).
        OutputError: the file cannot be written.
    """
    place, table = tensor_table(packed.content)
    # The table's key stays, without its tensors: so the order of the keys comes back.
    rest = {key: None if key == place else value for key, value in packed.content.items()} if place else {}
    try:
        values = json.dumps(rest)
    except (TypeError, ValueError) as error:
        raise CheckpointError(
            f"beside its weights the checkpoint holds what JSON cannot keep ({error})",
            "an exported model, not a training state",
            "export the model first",
        ) from error
    metadata = {
        "format": FORMAT,
        "table": place,
        "values": values,
        "order": json.dumps(list(table)),
        "header": packed.header.decode("ascii"),
    }
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # A copy of each tensor: the container refuses views into one memory.
        save_file(
            {name: value.detach().cpu().clone(memory_format=torch.contiguous_format) for name, value in table.items()},
            str(temporary),
            metadata,
        )
        os.replace(temporary, path)
    except (OSError, SafetensorError) as error:
        raise OutputError(f"{path} cannot be written ({error})", "a writable folder with free space") from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


def tensor_table(content: Mapping[str, Any]) -> tuple[str, dict[str, Tensor]]:
    """The one table of tensors in a checkpoint, with its key ("" where the checkpoint is the table).

    Raises:
        CheckpointError: there is none, or more than one.
    """
    if content and all(isinstance(value, Tensor) for value in content.values()):
        return "", dict(content)
    places = [
        key
        for key, value in content.items()
        if isinstance(value, Mapping) and value and all(isinstance(item, Tensor) for item in value.values())
    ]
    if len(places) != 1:
        kinds = ", ".join(map(str, list(content)[:5]))
        raise CheckpointError(
            f"a checkpoint with {len(places)} tables of tensors (keys: {kinds})",
            "one, as in an exported model",
            "export the model first",
        )
    return places[0], dict(content[places[0]])


def same_bits(first: Tensor, second: Tensor) -> bool:
    """True for tensors of one kind, shape and content, NaN included."""
    if first.dtype != second.dtype or first.shape != second.shape:
        return False
    return torch.equal(first.contiguous().flatten().view(torch.uint8), second.contiguous().flatten().view(torch.uint8))
