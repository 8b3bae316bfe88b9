"""Take steady noise out of recordings. Needs ``pip install -e ".[denoise]"``.

python tools/denoise.py logs/my_voice/sliced --output logs/my_voice/denoised
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from prepare_datasets.cli import run_command
from tools.recordings.denoising import denoise_recording, load_denoiser
from tools.recordings.files import find_recordings, process_recordings, require_distinct


def denoise_all(inputs: Sequence[Path], output: Path, strength: float) -> str:
    """Clean every recording; returns a summary line.

    Raises:
        GSVError: nothing to clean, or no package to clean with.
    """
    recordings = find_recordings(inputs)
    require_distinct(recordings)
    denoise = load_denoiser(strength)
    report = process_recordings("denoise", inputs, recordings, lambda path: denoise_recording(path, output, denoise))
    return f"{report.summary()} in {output}"


def main(argv: Sequence[str] | None = None) -> int:
    """Command line; 0 when cleaned, 2 for an error that the user can mend."""
    parser = argparse.ArgumentParser(description="Take steady noise out of recordings.")
    parser.add_argument("input", nargs="+", type=Path, help="audio files, or folders of them")
    parser.add_argument("--output", type=Path, required=True, help="folder for the cleaned copies")
    parser.add_argument("--strength", type=float, default=0.9, help="how much of the noise goes, 0..1 (default: 0.9)")
    args = parser.parse_args(argv)
    return run_command(lambda: [denoise_all(args.input, args.output, args.strength)])


if __name__ == "__main__":
    sys.exit(main())
