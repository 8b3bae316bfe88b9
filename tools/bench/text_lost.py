"""How much of a text is lost when it is spoken: texts of several sentences and long sentences, AR and language model.

    python -m tools.bench.text_lost --texts 24 --seeds 1 2 --stages ar gsv-tiny --methods cut4 cut5

Speaks English texts of tests/data/spoken_en.txt with the voice that is loaded by default, lets Whisper base write them
down (extra "eval"), and counts the speeches in which less than 70 % of the words are heard. Prints a table, then one
JSON line. "told" is the share of the lost speeches that came with a warning to the listener.
"""

from __future__ import annotations

import argparse
import json
import logging
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import product
from pathlib import Path

import numpy as np

from audio_io import resample
from config import REPO_ROOT
from tools.evaluation.judges import WhisperJudge
from TTS_infer_pack.request import SynthesisRequest
from TTS_infer_pack.TTS import TTS, TTS_Config

logger = logging.getLogger(__name__)

TEXTS = REPO_ROOT / "tests" / "data" / "spoken_en.txt"
JUDGE_RATE = 16000
HEARD = 0.7
"""Share of the words below which a speech counts as lost."""


@dataclass(frozen=True)
class Spoken:
    """One speech: what was asked, how much of it was heard, and whether the listener was told of a fault."""

    stage: str
    method: str
    kind: str
    seed: int
    text: str
    heard: float
    told: bool


def read_texts(path: Path, count: int) -> list[tuple[str, str]]:
    """(kind, text) of ``kind<TAB>text`` lines: an even choice of at most ``count``, from all kinds alike."""
    rows = [line.split("\t", 1) for line in path.read_text(encoding="utf-8").split("\n") if "\t" in line]
    return [(kind, text) for kind, text in rows[:: max(1, -(-len(rows) // count))]]


def share_heard(text: str, heard: str) -> float:
    """Share of the words of ``text`` that are in ``heard``, in order."""
    said, got = (re.findall(r"[a-z']+", words.lower()) for words in (text, heard))
    blocks = SequenceMatcher(None, said, got, autojunk=False).get_matching_blocks()
    return sum(block.size for block in blocks) / max(1, len(said))


def speeches(
    tts: TTS, texts: Sequence[tuple[str, str]], stages: Sequence[str], methods: Sequence[str], seeds: Sequence[int]
) -> Iterator[Spoken]:
    """Speak everything, and listen to it."""
    judge = WhisperJudge(threads=1)
    for stage in stages:
        tts.set_t2s("ar") if stage == "ar" else tts.set_t2s("qwen3", stage)
        for method, (kind, text), seed in product(methods, texts, seeds):
            chosen = None if method == "pack" else method
            chunks = list(tts.stream(SynthesisRequest(text, "en", seed=seed, text_split_method=chosen)))
            samples = np.concatenate([chunk.samples for chunk in chunks])
            heard = judge.transcribe(resample(samples, chunks[0].sample_rate, JUDGE_RATE), "en")
            told = any(getattr(chunk, "warning", "") for chunk in chunks)
            spoken = Spoken(stage, method, kind, seed, text, share_heard(text, heard), told)
            logger.info("%s %s %s seed %d: %.0f %% of %r", stage, method, kind, seed, 100 * spoken.heard, text[:50])
            yield spoken


def summary(results: Sequence[Spoken]) -> list[dict[str, object]]:
    """One row for each stage, method and kind of text."""
    rows: list[dict[str, object]] = []
    for stage, method, kind in dict.fromkeys((r.stage, r.method, r.kind) for r in results):
        chosen = [r for r in results if (r.stage, r.method, r.kind) == (stage, method, kind)]
        lost = [r for r in chosen if r.heard < HEARD]
        rows.append(
            {
                "stage": stage,
                "method": method,
                "kind": kind,
                "speeches": len(chosen),
                "lost": len(lost),
                "told": sum(r.told for r in lost),
                "false_alarms": sum(r.told for r in chosen if r.heard >= HEARD),
                "words_heard": round(float(np.mean([r.heard for r in chosen])), 3),
            }
        )
    return rows


def main(argv: Sequence[str] | None = None) -> int:
    """Command line entry."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--texts", type=int, default=250, help="how many texts, chosen evenly (default: all 250)")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3, 4, 5])
    parser.add_argument("--stages", nargs="+", default=["ar", "gsv-tiny"], help='"ar" or names of language models')
    parser.add_argument("--methods", nargs="+", default=["pack"], help='cutting methods; "pack": the recommended one')
    parser.add_argument("--file", type=Path, default=TEXTS, help="lines of kind<TAB>text")
    args = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    tts = TTS(TTS_Config())
    rows = summary(list(speeches(tts, read_texts(args.file, args.texts), args.stages, args.methods, args.seeds)))
    for row in rows:
        print("  ".join(f"{name} {value}" for name, value in row.items()))
    print(json.dumps({"texts": args.texts, "seeds": args.seeds, "rows": rows}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
