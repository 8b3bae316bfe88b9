"""Many visitors at once: streams of one voice that share its steps, beside one decode loop a request as it was before.

    python tools/bench/serving.py                              # gsv-tiny of the voice pack, 1, 4, 8 and 16 streams
    python tools/bench/serving.py --stage ar --streams 1 16
    python tools/bench/serving.py --baseline ../older          # the code of another checkout beside it

Every visitor is a thread that asks for one text in pieces (``streaming_mode`` 3) and listens in real time: it plays
what it has from the first piece on. Measured are the wait for the first audio, the share of visitors whose buffer runs
dry, and seconds of audio made in a second. The baseline speaks the same texts, each request with an engine of its own,
which is a thread and a batch of one; or with the code of another checkout. Prints a table, and a last line of JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TEXTS = (
    "The train left the station at half past seven and did not stop before the sea.",
    "Nobody had told the children that the old bridge was closed for the winter.",
    "He opened the letter, read it twice, and put it back into the drawer.",
    "In the morning the fields were white, and the road was hard to see.",
)


@dataclass(frozen=True)
class Visit:
    """One visitor: when audio came, in seconds since it was asked for, and how many seconds it was each time."""

    arrivals: tuple[tuple[float, float], ...]

    @property
    def first_audio(self) -> float:
        """Seconds until something could be heard."""
        return self.arrivals[0][0]

    @property
    def runs_dry(self) -> bool:
        """Whether a player that started with the first piece had to wait for a later one."""
        playing_until = self.arrivals[0][0]
        for at, seconds in self.arrivals:
            if at > playing_until:
                return True
            playing_until += seconds
        return False

    @property
    def audio(self) -> float:
        """Seconds of audio in all."""
        return sum(seconds for _, seconds in self.arrivals)


def visit(tts: Any, number: int) -> Visit:
    """Ask for one text and note when its pieces come."""
    from TTS_infer_pack.TTS import SynthesisRequest

    text = TEXTS[number % len(TEXTS)]
    begin = time.perf_counter()
    arrivals = []
    for chunk in tts.stream(SynthesisRequest(text, "en", seed=number, streaming_mode=3)):
        arrivals.append((time.perf_counter() - begin, len(chunk.samples) / chunk.sample_rate))
    return Visit(tuple(arrivals))


def visit_together(tts: Any, count: int) -> tuple[list[Visit], float]:
    """So many visitors at once; returns them, and the seconds until all were served."""
    visits: list[Visit] = []
    threads = [threading.Thread(target=lambda n=n: visits.append(visit(tts, n))) for n in range(count)]
    begin = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return visits, time.perf_counter() - begin


def figures(visits: Sequence[Visit], seconds: float) -> dict[str, float]:
    """What is reported of visitors that were served together."""
    waits = sorted(one.first_audio for one in visits)
    return {
        "first_audio_p50": round(waits[(len(waits) - 1) // 2], 3),
        "first_audio_p95": round(waits[min(len(waits) - 1, int(0.95 * len(waits)))], 3),
        "underrun": round(sum(one.runs_dry for one in visits) / len(visits), 4),
        "throughput": round(sum(one.audio for one in visits) / seconds, 3),
    }


def load(stage: str, alone: bool) -> Any:
    """The pack's voice, with the stage that is asked for; ``alone``: each request gets an engine of its own."""
    import torch

    from config import PACK_DIR
    from TTS_infer_pack.TTS import TTS, TTS_Config

    settings: dict[str, Any] = {} if stage == "ar" else {"use_qwen3": True, "qwen3_model_name": stage}
    device = "cuda" if torch.cuda.is_available() else "cpu"
    tts: Any = TTS(TTS_Config(pack=str(PACK_DIR), device=device, **settings))
    if alone:
        from AR.checked import local_engine

        def engine(wish: Any, models: Any, *values: Any, **named: Any) -> Any:
            return local_engine(tts._lms.latest if wish.name else models.t2s)

        tts._lms.engine = engine
    return tts


def measure(stage: str, counts: Sequence[int], rounds: int, alone: bool) -> dict[str, dict[str, float]]:
    """Figures for each number of visitors, of all rounds together."""
    tts = load(stage, alone)
    visit(tts, 0)  # references, tables and the like are made once
    found = {}
    for count in counts:
        visits: list[Visit] = []
        seconds = 0.0
        for _ in range(rounds):
            more, took = visit_together(tts, count)
            visits, seconds = visits + more, seconds + took
        found[str(count)] = figures(visits, seconds)
    return found


def child(checkout: Path | None, args: argparse.Namespace) -> dict[str, dict[str, float]]:
    """:func:`measure` in a process of its own: this checkout with an engine a request, or another checkout's code."""
    root = checkout or Path(__file__).resolve().parents[2]
    roots = os.pathsep.join([str(root), str(root / "GPT_SoVITS")])
    command = [sys.executable, __file__, "--child", "other" if checkout else "alone", "--stage", args.stage]
    command += ["--rounds", str(args.rounds), "--streams", *map(str, args.streams)]
    done = subprocess.run(
        command, env=os.environ | {"PYTHONPATH": roots}, stdout=subprocess.PIPE, text=True, check=True
    )
    return json.loads(done.stdout.strip().rpartition("\n")[2])  # type: ignore[no-any-return]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--streams", type=int, nargs="+", default=[1, 4, 8, 16])
    parser.add_argument("--stage", default="gsv-tiny", help="a language model's name, or ar")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--baseline", type=Path, help="root of a checkout to compare with")
    parser.add_argument("--child", choices=("alone", "other"), help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    if args.child:
        print(json.dumps(measure(args.stage, args.streams, args.rounds, args.child == "alone")))
        return 0
    now = measure(args.stage, args.streams, args.rounds, alone=False)
    before = child(args.baseline.resolve() if args.baseline else None, args)
    print(f"{'streams':>7} {'first p50':>10} {'p95':>7} {'underrun':>9} {'audio s/s':>10} {'baseline':>9} {'p95':>7}")
    for count, row in now.items():
        row["baseline_throughput"] = before[count]["throughput"]
        row["baseline_first_audio_p95"] = before[count]["first_audio_p95"]
        print(
            f"{count:>7} {row['first_audio_p50']:>9.2f}s {row['first_audio_p95']:>6.2f}s {row['underrun']:>9.1%} "
            f"{row['throughput']:>10.2f} {row['baseline_throughput']:>9.2f} {row['baseline_first_audio_p95']:>6.2f}s"
        )
    print(json.dumps({"streams": now, "stage": args.stage}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
