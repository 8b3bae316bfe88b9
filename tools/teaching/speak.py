"""Stage 4, distillation, with a recogniser that listens: of several takes of a text the one with fewest errors is kept.

    python tools/teaching/speak.py --texts texts.txt --exp my_distilled --takes 3 --listen base

The options of GPT_SoVITS/prepare_datasets/4-distill.py, and two more. A text whose best take still has errors in more
than half of its words is dropped.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence

from prepare_datasets.distill_stage import build_parser, run_stage
from tools.recordings.transcription import ENGINES
from tools.teaching.listening import judge_for


def main(argv: Sequence[str] | None = None) -> int:
    """Run the stage; 0 when it ended well, 2 after an error of the user's."""
    parser = build_parser()
    parser.add_argument("--listen", default="base", help="model of the recogniser: size, folder or hub id")
    parser.add_argument("--engine", default=next(iter(ENGINES)), help="what listens (default: faster-whisper)")
    args = parser.parse_args(argv)
    logging.getLogger("faster_whisper").setLevel(logging.WARNING)  # else a line for every take

    return run_stage(args, lambda tts: judge_for(tts, args.listen, args.language, args.engine))


if __name__ == "__main__":
    sys.exit(main())
