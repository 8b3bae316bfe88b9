"""Take the voice out of recordings with music or other sounds. Needs ``pip install -e ".[separate]"``.

    python tools/separate.py songs/ --output logs/my_voice/separated
    python tools/separate.py a.mp3 --output out --model UVR-MDX-NET-Voc_FT.onnx --model-folder ~/models

Before cutting (tools/slice_audio.py): separation works on whole recordings. A model that is not in the model folder is
fetched by audio-separator.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from prepare_datasets.cli import run_command
from tools.recordings.files import find_recordings, process_recordings, require_distinct
from tools.recordings.separation import MODEL, MODEL_FOLDER, load_separator, separate_recording


def separate_all(inputs: Sequence[Path], output: Path, model: str, folder: Path) -> str:
    """Take the voice out of every recording; returns a summary line.

    Raises:
        GSVError: nothing to work on, or no package or model to work with.
    """
    recordings = find_recordings(inputs)
    require_distinct(recordings)
    separate = load_separator(model, folder)
    report = process_recordings("separate", inputs, recordings, lambda path: separate_recording(path, output, separate))
    return f"{report.summary()} in {output}"


def main(argv: Sequence[str] | None = None) -> int:
    """Command line; 0 when separated, 2 for an error that the user can mend."""
    parser = argparse.ArgumentParser(description="Take the voice out of recordings with music or other sounds.")
    parser.add_argument("input", nargs="+", type=Path, help="audio files, or folders of them")
    parser.add_argument("--output", type=Path, required=True, help="folder for the voices")
    parser.add_argument("--model", default=MODEL, help=f"model file (default: {MODEL})")
    parser.add_argument(
        "--model-folder", type=Path, default=MODEL_FOLDER, help="where models lie (default: %(default)s)"
    )
    args = parser.parse_args(argv)
    return run_command(lambda: [separate_all(args.input, args.output, args.model, args.model_folder)])


if __name__ == "__main__":
    sys.exit(main())
