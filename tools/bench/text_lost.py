"""How much of a text is lost when it is spoken: texts of several sentences and long sentences, AR and language model.

    python -m tools.bench.text_lost --texts 24 --seeds 1 2 --stages ar gsv-tiny --methods cut4 cut5

Speaks English texts of tests/data/spoken_en.txt with the voice that is loaded by default, lets Whisper base write them
down (extra "eval"), and counts the speeches in which less than 70 % of the words are heard. Prints a table, then one
JSON line. "warned" counts the lost speeches that came with a warning to the listener; "short" those for which the judge
wrote down less than 70 % as many words as the text has: there words are missing, in the others they are misheard.

With ``--results FILE`` each speech is a line of JSON there, written as soon as it is heard, and what is there is not
spoken again: a stopped run goes on, and the table is made of all that the file holds for this run. Texts are in the
inner loop, seeds in the outer one, so that a part of a run is a fair choice of the whole.

``--at-once N`` speaks N of them at a time, which share the steps of the engine: the tokens of each are the same, the
run is shorter.
"""

from __future__ import annotations

import argparse
import json
import logging
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from difflib import SequenceMatcher
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

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


class Task(NamedTuple):
    """What is to be spoken: the key of a line of results."""

    stage: str
    method: str
    kind: str
    seed: int
    text: str


@dataclass(frozen=True)
class Spoken:
    """One speech: what was asked, how much of it was heard, and whether the listener was warned.

    Attributes:
        heard: share of the text's words that the judge wrote down, in order.
        words: words that it wrote down at all, as a share of the text's number of words.
        warned: the listener got a warning.
        judged: what the judge wrote down.
    """

    stage: str
    method: str
    kind: str
    seed: int
    text: str
    heard: float
    words: float
    warned: bool
    judged: str

    @property
    def task(self) -> Task:
        """What was asked."""
        return Task(self.stage, self.method, self.kind, self.seed, self.text)


def read_texts(path: Path, count: int) -> list[tuple[str, str]]:
    """(kind, text) of ``kind<TAB>text`` lines: an even choice of at most ``count``, from all kinds alike."""
    rows = [line.split("\t", 1) for line in path.read_text(encoding="utf-8").split("\n") if "\t" in line]
    return [(kind, text) for kind, text in rows[:: max(1, -(-len(rows) // count))]]


def words_of(text: str) -> list[str]:
    """Its English words, in small letters."""
    return re.findall(r"[a-z']+", text.lower())


def share_heard(text: str, heard: str) -> float:
    """Share of the words of ``text`` that are in ``heard``, in order."""
    said, got = words_of(text), words_of(heard)
    blocks = SequenceMatcher(None, said, got, autojunk=False).get_matching_blocks()
    return sum(block.size for block in blocks) / max(1, len(said))


def tasks_of(
    texts: Sequence[tuple[str, str]], stages: Sequence[str], methods: Sequence[str], seeds: Sequence[int]
) -> list[Task]:
    """All that is to be spoken, in an order of which every beginning is a fair choice."""
    return [
        Task(stage, method, kind, seed, text)
        for seed, (kind, text), stage, method in product(seeds, texts, stages, methods)
    ]


def speak(tts: TTS, task: Task) -> tuple[np.ndarray, bool]:
    """Float32 or int16 samples [T] of ``task`` at the judge's rate, and whether the listener was warned."""
    stage: dict[str, Any] = {"t2s": "ar"}
    if task.stage != "ar":
        stage = {"t2s": "qwen3", "qwen3_model_name": task.stage}
    method = None if task.method == "pack" else task.method
    request = SynthesisRequest(task.text, "en", seed=task.seed, text_split_method=method, **stage)
    chunks = list(tts.stream(request))
    samples = np.concatenate([chunk.samples for chunk in chunks])
    return resample(samples, chunks[0].sample_rate, JUDGE_RATE), any(chunk.warning for chunk in chunks)


def speeches(tts: TTS, tasks: Sequence[Task], at_once: int = 1) -> Iterator[Spoken]:
    """Speak everything, ``at_once`` of them at a time, and listen to it, in order."""
    judge = WhisperJudge(threads=1)
    with ThreadPoolExecutor(at_once) as pool:
        # in blocks: a pool that is given all tasks at once would keep the sound of those that nobody has heard yet
        for first in range(0, len(tasks), 4 * at_once):
            block = tasks[first : first + 4 * at_once]
            for task, (samples, warned) in zip(block, pool.map(partial(speak, tts), block), strict=True):
                judged = judge.transcribe(samples, "en")
                words = len(words_of(judged)) / max(1, len(words_of(task.text)))
                spoken = Spoken(*task, share_heard(task.text, judged), words, warned, judged)
                logger.info("%s %s %s seed %d: %.0f %% of %r", *task[:4], 100 * spoken.heard, task.text[:50])
                yield spoken


def read_results(path: Path | None) -> dict[Task, Spoken]:
    """What a file of results holds, by what was asked; a line that a stopped run left unfinished is passed over."""
    if path is None or not path.is_file():
        return {}
    found = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            spoken = Spoken(**json.loads(line))
        except (ValueError, TypeError):
            logger.warning("%s: a line cannot be read", path)
            continue
        found[spoken.task] = spoken
    return found


def speak_what_lacks(
    tasks: Sequence[Task], path: Path | None, make: Callable[[], TTS], at_once: int = 1
) -> list[Spoken]:
    """The results of ``tasks``, those of the file among them; new ones are appended to it one by one.

    Args:
        tasks: what is asked.
        path: file of results; None: nothing is kept.
        make: loads the voice; only called where something is left to speak.
        at_once: speeches that are spoken at a time.
    """
    found = read_results(path)
    left = [task for task in tasks if task not in found]
    for spoken in speeches(make(), left, at_once) if left else ():
        found[spoken.task] = spoken
        if path is not None:
            with path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(asdict(spoken)) + "\n")
    return [found[task] for task in tasks if task in found]


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
                "short": sum(r.words < HEARD for r in lost),
                "warned": sum(r.warned for r in lost),
                "false_alarms": sum(r.warned for r in chosen if r.heard >= HEARD),
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
    parser.add_argument("--results", type=Path, help="file of JSON lines: kept there, and gone on with")
    parser.add_argument("--at-once", type=int, default=1, metavar="N", help="speeches at a time")
    parser.add_argument("--report", action="store_true", help="only the table of what --results holds")
    args = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    logging.getLogger("faster_whisper").setLevel(logging.WARNING)
    tasks = tasks_of(read_texts(args.file, args.texts), args.stages, args.methods, args.seeds)
    if args.report:
        kept = read_results(args.results)
        tasks = [task for task in tasks if task in kept]
    rows = summary(speak_what_lacks(tasks, args.results, lambda: TTS(TTS_Config()), args.at_once))
    for row in rows:
        print("  ".join(f"{name} {value}" for name, value in row.items()))
    print(json.dumps({"texts": args.texts, "seeds": args.seeds, "rows": rows}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
