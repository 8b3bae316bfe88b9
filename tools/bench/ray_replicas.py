"""Short streams through Ray Serve with one replica and with two, on this machine.

    python tools/bench/ray_replicas.py                      # the voice pack, 16 streams, one and two replicas
    python tools/bench/ray_replicas.py --replicas 1 2 4 --streams 32 --rounds 3

Every visitor is a thread that asks for one sentence in pieces over HTTP (``streaming_mode`` 3) and reads as fast as it
comes. Measured are the wait for the first audio and seconds of audio made in a second. Needs the extras "api" and "ray"
and httpx. Prints a table, and a last line of JSON.
"""

from __future__ import annotations

import argparse
import json
import sys
import threading
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import httpx

from http_api.settings import ApiSettings, Limits
from ray_serving import cli
from ray_serving.settings import RaySettings
from tools.bench.serving import TEXTS

BYTES_A_SECOND = 2 * 24000
"""Of what is asked for: 16 bit at 24 kHz."""


class Visit(NamedTuple):
    """Seconds to the first audio, seconds of audio in all."""

    first_audio: float
    audio: float


def visit(url: str, number: int) -> Visit:
    """Ask for one sentence."""
    body = {"text": TEXTS[number % len(TEXTS)], "text_lang": "en", "seed": number, "streaming_mode": 3}
    body |= {"media_type": "raw", "sample_rate": 24000}
    begun, first, size = time.perf_counter(), 0.0, 0
    with httpx.stream("POST", f"{url}/tts", json=body, timeout=300, trust_env=False) as answer:
        answer.raise_for_status()
        for data in answer.iter_raw():
            first = first or time.perf_counter() - begun
            size += len(data)
    return Visit(first, size / BYTES_A_SECOND)


def measure(url: str, streams: int, rounds: int) -> dict[str, float]:
    """Figures of so many visitors at once, of all rounds together."""
    visits: list[Visit] = []
    begun = time.perf_counter()
    for _ in range(rounds):
        threads = [threading.Thread(target=lambda n=n: visits.append(visit(url, n))) for n in range(streams)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    seconds = time.perf_counter() - begun
    if len(visits) != streams * rounds:
        raise RuntimeError(f"{streams * rounds - len(visits)} visitors were not served")
    waits = sorted(one.first_audio for one in visits)
    return {
        "first_audio_p50": round(waits[len(waits) // 2], 2),
        "first_audio_p95": round(waits[int(0.95 * (len(waits) - 1))], 2),
        "throughput": round(sum(one.audio for one in visits) / seconds, 2),
    }


def wait_for(replicas: int) -> None:
    """Until so many replicas are ready."""
    _, serve = cli.import_serve()
    while True:
        states = serve.status().applications[cli.APPLICATION].deployments["speech"].replica_states
        if {str(getattr(name, "value", name)): count for name, count in states.items()} == {"RUNNING": replicas}:
            return
        time.sleep(0.5)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--replicas", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--streams", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--cpus", type=float, default=1.0, help="of a replica: its threads")
    parser.add_argument("--port", type=int, default=9889)
    parser.add_argument("-c", "--tts_config", help="settings file of the voice")
    args = parser.parse_args(argv)
    limits = Limits(running=args.streams, queue=4 * args.streams)
    api = ApiSettings(port=args.port, config=args.tts_config, limits=limits)
    found: dict[str, Any] = {}
    for count in args.replicas:
        cli.deploy(RaySettings(api, count, count, args.cpus, ongoing=args.streams))
        wait_for(count)
        url = f"http://{api.host}:{api.port}"
        measure(url, 2 * count, 1)  # references, tables and the like are made once
        found[str(count)] = figures = measure(url, args.streams, args.rounds)
        print(f"{count} replicas, {args.streams} streams: {figures}")
    cli.stop()
    print(json.dumps({"bench": "ray_replicas", "streams": args.streams, "replicas": found}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
