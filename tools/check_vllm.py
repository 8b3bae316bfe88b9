"""Does vLLM speak our tokens? Exports stages, serves them over HTTP on this machine, and compares. ``make test-vllm``.

    python tools/check_vllm.py                          # makes the environment first: 3.5 GB, some minutes, once
    python tools/check_vllm.py --stages gsv-tiny --rows 16 --draws 500 --no-kill

For each stage: greedy rows token by token beside our loop, all under way at once; draws at temperature 1 against our
probabilities; tokens a second at several numbers of rows beside our engine. At the end the server is killed while a
sentence is being heard. Prints tables, and a last line of JSON; the exit code is 1 where something is not as it should.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from AR.errors import T2SError
from AR.models.qwen3_t2s_model import Qwen3T2SModel
from config import PACK_DIR, REPO_ROOT
from errors import GSVError
from tools.export_lm import export
from tools.vllm_stage import checks, environment, server, stages
from TTS_infer_pack.request import PIECES, SynthesisRequest

TABLE = REPO_ROOT / "tests" / "data" / "eval_en.tsv"
LEAST_P = 0.001
LONG_TEXT = "The train left the station at half past seven, and it did not stop before it had come to the sea."


def texts(count: int) -> list[str]:
    """Sentences of the project's table."""
    lines = TABLE.read_text(encoding="utf-8").splitlines()[1:]
    return [lines[place % len(lines)].split("\t")[2] for place in range(count)]


def check_stage(model: Qwen3T2SModel, address: str, args: argparse.Namespace) -> dict[str, Any]:
    """All comparisons of one stage that is being served."""
    engine = checks.remote(model, address)
    requests = checks.requests_of(model, texts(args.rows))
    greedy = checks.compare_greedy(model, engine, requests)
    drawn = [checks.compare_draws(model, engine, request, args.draws) for request in requests[:2]] if args.draws else []
    rates = {}
    for rows in args.throughput:
        asked = [requests[place % len(requests)] for place in range(rows)]
        ours = checks.throughput(checks.own_engine(model, rows), asked, args.tokens)
        rates[str(rows)] = {"ours": round(ours), "vllm": round(checks.throughput(engine, asked, args.tokens))}
    return {
        "same": greedy.same,
        "rows": greedy.rows,
        "parted": greedy.parted,
        "draws": [vars(one) for one in drawn],
        "tokens_a_second": rates,
    }


def check_kill(served: server.Served) -> dict[str, Any]:
    """A server that is killed while a sentence is heard: when sound goes on, and what later requests wait."""
    from TTS_infer_pack.TTS import TTS, TTS_Config

    tts = TTS(TTS_Config(pack=str(PACK_DIR), use_qwen3=True, qwen3_model_name=served.address))
    list(tts.stream(SynthesisRequest("Hello there.", "en")))  # tables and the like are made once
    speech = tts.stream(SynthesisRequest(LONG_TEXT, "en", seed=1, streaming_mode=PIECES))
    heard = next(speech)
    played = time.monotonic() + len(heard.samples) / heard.sample_rate  # when a player has nothing left
    served.kill()
    killed = time.monotonic()
    again = next((chunk for chunk in speech if chunk.again), None)
    resumed = time.monotonic()
    list(speech)
    begun = time.monotonic()
    later = tts.stream(SynthesisRequest("Hello there.", "en", seed=1, streaming_mode=PIECES))
    next(later)
    wait = time.monotonic() - begun
    later.close()
    return {
        "heard_before": round(len(heard.samples) / heard.sample_rate, 2),
        "began_again": again is not None,
        "seconds_to_sound": round(resumed - killed, 2),
        "silence_heard": round(max(0.0, resumed - played), 2),
        "reasons": sorted({fall.reason for fall in speech.fallbacks}),
        "later_first_sound": round(wait, 2),
    }


def report(stage: str, found: dict[str, Any]) -> bool:
    """Print what was found; True where all is as it should be."""
    print(f"{stage}: {found['same']} of {found['rows']} greedy rows are the same, parted {list(found['parted'])}")
    for one in found["draws"]:
        print(f"  {one['draws']} draws: p {one['p_value']:.3f}, distance {one['distance']} (own {one['expected']})")
    for rows, rates in found["tokens_a_second"].items():
        print(f"  {rows:>3} rows: ours {rates['ours']} tokens a second, vLLM over HTTP {rates['vllm']}")
    return found["same"] == found["rows"] and all(one["p_value"] > LEAST_P for one in found["draws"])


def run(args: argparse.Namespace) -> int:
    """All stages; the exit code."""
    torch.set_num_threads(args.threads)
    python = environment.make(args.env)
    found: dict[str, Any] = {}
    good = True
    with tempfile.TemporaryDirectory(prefix="gsv-vllm-") as folder:
        for place, stage in enumerate(args.stages or stages.defaults()):
            model = stages.load(stage)
            target = Path(folder) / stage
            export(model, target)
            log = Path(folder) / f"{stage}.log"
            with server.serving(python, target, stage, log, args.threads) as served:
                found[stage] = check_stage(model, served.address, args)
                good &= report(stage, found[stage])
                if args.kill and place == 0:
                    found["kill"] = killed = check_kill(served)
                    print(f"killed in mid stream: {killed}")
                    good &= bool(killed["began_again"]) and killed["reasons"] == ["engine_unreachable"]
    print(json.dumps({"check": "vllm", "threads": args.threads, "good": good, **found}))
    return 0 if good else 1


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--env", type=Path, default=environment.default_folder(), help="environment with vLLM")
    parser.add_argument("--stages", nargs="+", help="stages by name or folder, or random-llama, random-plain")
    parser.add_argument("--rows", type=int, default=64, help="greedy rows that are compared")
    parser.add_argument("--draws", type=int, default=2000, help="draws at temperature 1, for each of two requests")
    parser.add_argument("--throughput", type=int, nargs="*", default=[1, 4, 16, 64], help="numbers of rows")
    parser.add_argument("--tokens", type=int, default=100, help="tokens of a row when speed is measured")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads of each side")
    parser.add_argument("--no-kill", dest="kill", action="store_false", help="leave the server alone")
    args = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        return run(args)
    except (GSVError, T2SError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
