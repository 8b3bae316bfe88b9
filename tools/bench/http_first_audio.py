"""First audio and cancel times over HTTP beside the engine's own, in one process and one run.

    python tools/bench/http_first_audio.py                   # 1, 4 and 16 streams, the checkout's voice pack
    python tools/bench/http_first_audio.py --streams 1,8 --rounds 4

Each stream asks for raw pieces (``streaming_mode`` 3) of one sentence, another seed each; all of a round begin at once.
``engine``: threads that draw from ``TTS.stream``. ``http``: clients on the loopback address, measured at the client. A
stream runs dry where a player that begins with its first audio would have had to wait. Cancels are measured by the
server: from the client's going to the freed place. Prints a markdown table, and a last line of JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import uvicorn

from http_api.app import create_app
from http_api.engines import TTSFactory
from http_api.server import open_listener, uvicorn_config
from http_api.service import Service
from http_api.settings import ApiSettings, Limits
from TTS_infer_pack.TTS import TTS, SynthesisRequest, TTS_Config

TEXT = "Late that night Mother came up and kissed all three children as they lay asleep."
MODE = 3
BYTES_A_SAMPLE = 2


@dataclass(frozen=True)
class Row:
    """One way with so many streams; seconds."""

    way: str
    streams: int
    p50: float
    p95: float
    dry: float


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which ``share`` of them lie."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def heard(arrivals: Sequence[tuple[float, float]]) -> tuple[float, bool]:
    """Seconds to the first audio, and whether a player ran dry, from (time, seconds of speech) of each piece."""
    first, buffered = arrivals[0][0], 0.0
    dry = False
    for at, seconds in arrivals:
        dry = dry or (buffered > 0 and at - first > buffered)
        buffered += seconds
    return first, dry


def from_engine(tts: TTS, seed: int) -> tuple[float, bool]:
    """One stream by the engine itself."""
    start, arrivals = time.perf_counter(), []
    for chunk in tts.stream(SynthesisRequest(TEXT, "en", seed=seed, streaming_mode=MODE)):
        arrivals.append((time.perf_counter() - start, len(chunk.samples) / chunk.sample_rate))
    return heard(arrivals)


async def from_http(client: httpx.AsyncClient, seed: int) -> tuple[float, bool]:
    """One stream as a client hears it."""
    start, arrivals = time.perf_counter(), []
    body = {"text": TEXT, "text_lang": "en", "seed": seed, "streaming_mode": MODE, "media_type": "raw"}
    async with client.stream("POST", "/tts", json=body) as answer:
        rate = int(answer.headers["x-sample-rate"])
        async for data in answer.aiter_raw():
            arrivals.append((time.perf_counter() - start, len(data) / BYTES_A_SAMPLE / rate))
    return heard(arrivals)


async def http_round(url: str, seeds: Sequence[int]) -> list[tuple[float, bool]]:
    """All at once."""
    limits = httpx.Limits(max_connections=len(seeds))
    async with httpx.AsyncClient(base_url=url, timeout=600, limits=limits, trust_env=False) as client:
        await client.get("/health")
        return list(await asyncio.gather(*(from_http(client, seed) for seed in seeds)))


def engine_round(tts: TTS, seeds: Sequence[int]) -> list[tuple[float, bool]]:
    """All at once, a thread each."""
    with ThreadPoolExecutor(len(seeds)) as threads:
        return list(threads.map(lambda seed: from_engine(tts, seed), seeds))


async def cancel_some(url: str, count: int) -> None:
    """Clients that go away while they are spoken to."""
    async with httpx.AsyncClient(base_url=url, timeout=600, trust_env=False) as client:
        for number in range(count):
            body = {"text": TEXT * 20, "text_lang": "en", "seed": number, "streaming_mode": number % 4}
            with_time = client.post("/tts", json=body)
            try:
                await asyncio.wait_for(with_time, 0.3 + 0.05 * (number % 5))
            except asyncio.TimeoutError:
                continue


@contextmanager
def serving(tts: TTS, streams: int) -> Iterator[tuple[str, Service, list[float]]]:
    """A server over ``tts``: its address, and the seconds that each cancel took."""
    with TemporaryDirectory() as folder:
        settings = ApiSettings(port=0, voices=Path(folder), limits=Limits(running=streams, queue=64))
        service = Service(settings, TTSFactory(tts=tts))
        cancels: list[float] = []
        service.on_cancel = cancels.append
        listener = open_listener(settings)
        server = uvicorn.Server(uvicorn_config(create_app(service), settings))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", service, cancels
        server.should_exit = True
        thread.join(10)


def measured(way: str, streams: int, rounds: int, ask: Callable[[Sequence[int]], list[tuple[float, bool]]]) -> Row:
    """A row of the table."""
    found = [one for number in range(rounds) for one in ask(range(number * streams, (number + 1) * streams))]
    firsts = [first for first, _ in found]
    return Row(
        way, streams, percentile(firsts, 0.5), percentile(firsts, 0.95), sum(dry for _, dry in found) / len(found)
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--streams", default="1,4,16", help="numbers of streams at once")
    parser.add_argument("--rounds", type=int, default=3, help="how often each is measured")
    parser.add_argument("--cancels", type=int, default=40, help="clients that go away")
    parser.add_argument("--device", default="auto")
    options = parser.parse_args(argv)
    counts = [int(one) for one in options.streams.split(",")]
    tts = TTS(TTS_Config(device=options.device))
    from_engine(tts, 0)  # the first speech of a process is slower
    rows: list[Row] = []
    with serving(tts, max(counts)) as (url, service, cancels):
        asyncio.run(http_round(url, [0]))
        for streams in counts:
            rows.append(measured("engine", streams, options.rounds, lambda seeds: engine_round(tts, seeds)))
            rows.append(measured("http", streams, options.rounds, lambda seeds: asyncio.run(http_round(url, seeds))))
        asyncio.run(cancel_some(url, options.cancels))
        while service.gate.running:
            time.sleep(0.01)
    report(rows, cancels, tts)
    return 0


def report(rows: Sequence[Row], cancels: Sequence[float], tts: Any) -> None:
    """The table, and the same as JSON."""
    print("| way | streams | first audio p50, ms | p95, ms | ran dry |\n| --- | --- | --- | --- | --- |")
    for row in rows:
        print(f"| {row.way} | {row.streams} | {row.p50 * 1000:.0f} | {row.p95 * 1000:.0f} | {row.dry:.0%} |")
    freed: dict[str, float] = {"count": len(cancels)}
    if cancels:
        freed |= {"p50": percentile(cancels, 0.5), "p95": percentile(cancels, 0.95)}
        print(f"\ncancel to freed place: p50 {freed['p50'] * 1000:.0f} ms, p95 {freed['p95'] * 1000:.0f} ms")
    print(json.dumps({"rows": [asdict(row) for row in rows], "cancel": freed, "device": tts.configs.device}))


if __name__ == "__main__":
    raise SystemExit(main())
