"""Cut long recordings at their pauses into pieces for training.

python tools/slice_audio.py interview.mp3 more_recordings/ --output logs/my_voice/sliced
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

from prepare_datasets.cli import run_command
from tools.recordings.files import find_recordings, process_recordings, require_distinct
from tools.recordings.slicing import SliceSettings, slice_recording

HELP = {
    "threshold": "dB of full scale below which it is quiet",
    "min_length": "milliseconds before a piece may end",
    "min_interval": "milliseconds of quiet that are worth a cut",
    "hop_size": "milliseconds between two looks at the level",
    "max_sil_kept": "milliseconds of quiet kept at each end of a piece",
    "max_length": "milliseconds after which a piece is cut even without a pause; 0: never",
    "peak": "loudness: peak that the pieces are brought to ...",
    "share": "... and how much of the mix is (0..1)",
}


def slice_all(inputs: Sequence[Path], output: Path, settings: SliceSettings) -> str:
    """Cut every recording; returns a summary line.

    Raises:
        AudioError: nothing to cut.
    """
    recordings = find_recordings(inputs)
    require_distinct(recordings)
    pieces: list[Path] = []
    report = process_recordings(
        "slice", inputs, recordings, lambda path: pieces.extend(slice_recording(path, output, settings))
    )
    return f"{report.summary()}; {len(pieces)} pieces in {output}"


def main(argv: Sequence[str] | None = None) -> int:
    """Command line; 0 when cut, 2 for an error that the user can mend."""
    parser = argparse.ArgumentParser(description="Cut long recordings at their pauses.")
    parser.add_argument("input", nargs="+", type=Path, help="audio files, or folders of them")
    parser.add_argument("--output", type=Path, required=True, help="folder for the pieces, 32 kHz wav")
    for field in fields(SliceSettings):
        parser.add_argument(
            f"--{field.name}",
            type=type(field.default),
            default=field.default,
            help=f"{HELP[field.name]} (default: {field.default:g})",
        )
    args = parser.parse_args(argv)

    def work() -> list[str]:
        settings = SliceSettings(**{field.name: getattr(args, field.name) for field in fields(SliceSettings)})
        return [slice_all(args.input, args.output, settings)]

    return run_command(work)


if __name__ == "__main__":
    sys.exit(main())
