"""Convert a model checkpoint to safetensors and back, bit for bit.

    python tools/convert_checkpoint.py SoVITS_weights_v2/me_e8.pth me.safetensors
    python tools/convert_checkpoint.py me.safetensors me_e8.pth

The output's name decides the direction. SoVITS, GPT, discriminator, vocoder and speaker network files are understood,
two-byte headers and half precision are kept, and the result is read back and compared before the command succeeds.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from checkpoint_io import write_atomic
from errors import CheckpointError, GSVError, OutputError
from safetensors_io import SUFFIX, Packed, read_packed, same_bits, tensor_table, write_safetensors

TORCH_SUFFIXES = (".pth", ".ckpt", ".pt")


def convert(source: Path, target: Path, force: bool = False) -> dict[str, int]:
    """Convert ``source`` into ``target``; the number of tensors by kind.

    Raises:
        CheckpointError: ``source`` is no checkpoint that can be converted.
        OutputError: ``target`` exists (without ``force``), has an unknown ending, or cannot be written.
    """
    if target.suffix not in (SUFFIX, *TORCH_SUFFIXES):
        raise OutputError(f"{target} ends in {target.suffix or 'nothing'}", ", ".join((SUFFIX, *TORCH_SUFFIXES)))
    if target.exists() and not force:
        raise OutputError(f"{target} exists", "a new file", "name another file, or add --force")
    packed = read_packed(source)
    place, table = tensor_table(packed.content)
    if target.suffix == SUFFIX:
        write_safetensors(target, packed)
    else:
        write_atomic(target, packed.content, packed.header or None)
    _check(target, packed, place)
    return dict(Counter(str(tensor.dtype).removeprefix("torch.") for tensor in table.values()))


def _check(target: Path, packed: Packed, place: str) -> None:
    """Read ``target`` back and compare it with what was to be written."""
    again = read_packed(target)
    before = packed.content[place] if place else packed.content
    after = again.content[place] if place else again.content
    whole = list(before) == list(after) and again.header == packed.header
    whole = whole and (not place or _values(packed.content, place) == _values(again.content, place))
    if not whole or not all(same_bits(value, after[name]) for name, value in before.items()):
        raise CheckpointError(f"{target} does not hold what was written", "a faithful copy", "convert again")


def _values(content: dict[str, Any], place: str) -> str:
    """What stands beside the table of tensors, as text; lists and tuples look the same, which they are to readers."""
    return repr(_lists({key: value for key, value in content.items() if key != place}))


def _lists(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _lists(item) for key, item in value.items()}
    return [_lists(item) for item in value] if isinstance(value, list | tuple) else value


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    parser = argparse.ArgumentParser(description="Convert a model checkpoint to safetensors and back, bit for bit.")
    parser.add_argument("source", type=Path, help="checkpoint to read (.pth, .ckpt, .pt or .safetensors)")
    parser.add_argument("target", type=Path, help="file to write; its ending decides the container")
    parser.add_argument("--force", action="store_true", help="replace an existing target")
    args = parser.parse_args(argv)
    try:
        counts = convert(args.source, args.target, args.force)
    except GSVError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items()))
    print(f"{args.target}: {sum(counts.values())} tensors ({kinds}), compared bit for bit")
    return 0


if __name__ == "__main__":
    sys.exit(main())
