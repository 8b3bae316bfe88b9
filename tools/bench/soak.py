"""Resident memory of one process over many different speeches, with the checkout's pack.

    python tools/bench/soak.py                              # 700 speeches
    python tools/bench/soak.py --speeches 100 --texts FILE  # sentences of your own, a line each
    ONEDNN_PRIMITIVE_CACHE_CAPACITY=1024 python tools/bench/soak.py --keep-freed   # as it was before both were bounded

Texts are sentences drawn from a list of words, 3 to 14 words each, no two alike. Prints a table, then one line of JSON:
the megabytes after each 50 speeches, and the growth of the last reading over that after 200 in percent. Linux alone.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import time
from collections.abc import Iterator
from pathlib import Path

MIB = 2**20
EVERY, SETTLED = 50, 200
WORDS = (
    "the old house near river was full of light when she came home and a small dog ran over green grass to meet her "
    "he asked why nobody had told them about it before winter there is always time for one more cup tea said my friend "
    "with good smile on his face we walk along this road every morning until sun stands high above those quiet hills"
).split()


def sentences(count: int, seed: int = 3) -> Iterator[str]:
    """``count`` different sentences."""
    draw, seen = random.Random(seed), set[str]()
    while len(seen) < count:
        text = " ".join(draw.choice(WORDS) for _ in range(draw.randint(3, 14))).capitalize() + "."
        if text not in seen:
            seen.add(text)
            yield text


def resident() -> float:
    """Megabytes that the process holds."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / MIB


def main() -> int:
    """Speak, and print what it takes."""
    parser = argparse.ArgumentParser(description="Resident memory over many different speeches.")
    parser.add_argument("--speeches", type=int, default=700)
    parser.add_argument("--texts", type=Path, help="sentences to speak, a line each (default: drawn from a word list)")
    parser.add_argument("--keep-freed", action="store_true", help="do not give freed memory back")
    arguments = parser.parse_args()
    from TTS_infer_pack.memory import RequestMemory
    from TTS_infer_pack.TTS import TTS, SynthesisRequest, TTS_Config

    tts = TTS(TTS_Config(device="cpu"))
    if arguments.keep_freed:
        tts._memory = RequestMemory(tidy=lambda: None)
    texts = (
        arguments.texts.read_text(encoding="utf-8").splitlines()[: arguments.speeches]
        if arguments.texts
        else list(sentences(arguments.speeches))
    )
    begun, read = time.process_time(), {0: round(resident(), 1)}
    sys.stdout.write(f"| speeches | MiB | seconds of processor |\n| --- | --- | --- |\n| 0 | {read[0]} | 0 |\n")
    for number, text in enumerate(texts, 1):
        tts.synthesize(SynthesisRequest(text=text, text_lang="en", seed=number))
        if number % EVERY == 0:
            read[number] = round(resident(), 1)
            sys.stdout.write(f"| {number} | {read[number]} | {time.process_time() - begun:.0f} |\n")
            sys.stdout.flush()
    settled = read.get(SETTLED, read[0])
    growth = 100 * (read[max(read)] / settled - 1)
    sys.stdout.write(json.dumps({"mib": read, "growth_after_200_percent": round(growth, 2)}) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
