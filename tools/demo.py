"""``make demo``: speak a few sentences with the voice of this checkout, and say how long that took.

    python tools/demo.py [--output demo] [--seed 1] [--lm gsv-tiny]

The AR model speaks them, and the language model after it where there is one. Japanese is spoken where its frontend is
installed (``pip install -e '.[ja]'``) and the voice was trained for it.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from audio_io import to_int16, write_audio
from config import REPO_ROOT
from errors import GSVError
from inference_cli import prepare_process
from TTS_infer_pack.language_model import language_model_names
from TTS_infer_pack.request import SynthesisRequest
from TTS_infer_pack.TTS import TTS

ENGLISH = (
    "Hello there. This voice was made by a program, and you are the first to hear it today.",
    "The old clock in the kitchen stopped at ten past four, and nobody had the heart to wind it again.",
    "If the weather holds on Saturday, we will take the small boat across the lake and have lunch on the island.",
)
JAPANESE = "今日はいい天気ですから、海まで歩いて行きましょう。"


class Row(NamedTuple):
    """One spoken sentence: who made its tokens, the file, seconds of speech and of work."""

    speaker: str
    path: Path
    spoken: float
    took: float


def sentences(tts: TTS) -> list[tuple[str, str]]:
    """What is spoken: (language, text)."""
    found = [("en", text) for text in ENGLISH]
    if "ja" in tts.voice.recommended.languages and importlib.util.find_spec("pyopenjtalk"):
        found.append(("ja", JAPANESE))
    return found


def run(folder: Path, seed: int, lm: str | None = None) -> list[Row]:
    """Speak :func:`sentences` into ``folder``: with the AR model, then with language model ``lm`` (None: it alone).

    Raises:
        GSVError: no voice, or a folder that cannot be written.
    """
    tts = TTS()
    rows = []
    for speaker, kind in (("AR", "ar"), (lm, "qwen3")):
        if speaker is None:
            continue
        tts.set_t2s(kind, lm)
        for number, (language, text) in enumerate(sentences(tts), start=1):
            begin = time.perf_counter()
            speech = tts.synthesize(SynthesisRequest(text=text, text_lang=language, seed=seed))
            took = time.perf_counter() - begin
            path = folder / (f"demo_{number}.wav" if kind == "ar" else f"demo_lm_{number}.wav")
            write_audio(path, to_int16(speech.samples), speech.rate)
            fallen = tts.last_fallback
            rows.append(Row(f"AR ({fallen.reason})" if fallen else speaker, path, speech.seconds, took))
    return rows


def table(rows: Sequence[Row]) -> str:
    """The result for people: one line a file."""
    lines = [f"{'duration':>9} {'time':>8} {'real-time factor':>17}  {'tokens by':<12} file"]
    lines += [
        f"{row.spoken:7.2f} s {row.took:6.2f} s {row.took / row.spoken:17.2f}  {row.speaker:<12} {row.path}"
        for row in rows
    ]
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the demo; returns the exit code."""
    parser = argparse.ArgumentParser(description="Speak a few sentences into wav files.")
    parser.add_argument("--output", type=Path, default=REPO_ROOT / "demo", help="folder (default: demo)")
    parser.add_argument("--seed", type=int, default=1, help="another seed, another reading")
    parser.add_argument("--lm", help="language model that speaks too (default: the first one there is, or none)")
    args = parser.parse_args(argv)
    prepare_process(verbose=False)
    try:
        lm = args.lm or next(iter(language_model_names()), None)
        print(table(run(args.output, args.seed, lm)))
    except GSVError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
