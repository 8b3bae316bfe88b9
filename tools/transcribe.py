"""Write down what is said in recordings, as a list for training. Needs ``pip install -e ".[asr]"``, or
``".[sensevoice]"`` for SenseVoice, which hears Chinese and Cantonese better.

    python tools/transcribe.py logs/my_voice/sliced --list logs/my_voice/my_voice.list --speaker anna --language en
    python tools/transcribe.py clips --list a.list --speaker a --language yue --engine sense-voice --model models/sv

Rows that the list has already are kept as they are, so that the same command adds to a corrected list.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from prepare_datasets.cli import progress_bar, run_command
from prepare_datasets.options import default_device
from tools.recordings.files import find_recordings
from tools.recordings.transcription import AUTO, ENGINES, load_transcriber, transcribe_to_list


def main(argv: Sequence[str] | None = None) -> int:
    """Command line; 0 when written, 2 for an error that the user can mend."""
    parser = argparse.ArgumentParser(description="Write down what is said in recordings, as a list for training.")
    parser.add_argument("input", nargs="+", type=Path, help="audio files of one utterance each, or folders of them")
    parser.add_argument("--list", type=Path, required=True, help="list to write or add to")
    parser.add_argument("--speaker", required=True, help="name of the voice")
    parser.add_argument("--language", default=AUTO, help="zh, ja, en, ko, yue or auto (default: auto)")
    parser.add_argument(
        "--engine", default=next(iter(ENGINES)), help=f"what listens: {', '.join(ENGINES)} (default: faster-whisper)"
    )
    parser.add_argument("--model", default="base", help="its model: size, folder or hub id (default: base)")
    parser.add_argument("--device", help="cpu or cuda (default: cuda where there is one)")
    args = parser.parse_args(argv)

    def work() -> list[str]:
        recordings = find_recordings(args.input)
        transcriber = load_transcriber(args.engine, args.model, args.device or default_device())
        with progress_bar("transcribe") as progress:
            report = transcribe_to_list(recordings, args.list, args.speaker, args.language, transcriber, progress)
        return [f"{report.summary()} in {args.list}"]

    return run_command(work)


if __name__ == "__main__":
    sys.exit(main())
