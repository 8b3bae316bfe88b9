"""Many at once: every body is what the same seed gives alone, in the voice that was asked for; nothing grows."""

from __future__ import annotations

import asyncio
import io
import json
import os
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import numpy as np
import pytest

from http_api.settings import ApiSettings, Limits

httpx = pytest.importorskip("httpx")

WORDS = ("Hello there.", "My good friend.", "Is it you?")
FORMATS = ("wav", "mp3", "flac")


def requests_for(names: tuple[str, ...], seeds: int) -> list[dict[str, Any]]:
    """One of each voice and format, with different words and seeds."""
    return [
        {"voice": name, "media_type": kind, "seed": seed, "text": WORDS[seed % len(WORDS)], "text_lang": "en"}
        for seed in range(seeds)
        for name in names
        for kind in FORMATS
    ]


async def ask(client: Any, body: dict[str, Any], leave_after: float | None) -> tuple[int, bytes | None]:
    """Status and body; None for a client that goes away first."""
    try:
        with anyio.fail_after(leave_after):
            answer = await client.post("/tts", json=body)
            return answer.status_code, answer.content
    except TimeoutError:
        return 0, None


async def ask_all(server: Any, bodies: list[dict[str, Any]], leaving: float, tries: int) -> list[tuple[int, Any]]:
    """All of them at once; some go away early, and who is told to come again does."""
    chance = random.Random(7)
    limits = httpx.Limits(max_connections=len(bodies))
    async with httpx.AsyncClient(base_url=server.url, timeout=600, limits=limits, trust_env=False) as client:

        async def one(body: dict[str, Any]) -> tuple[int, Any]:
            leave_after = chance.uniform(0.01, 1.0) if chance.random() < leaving else None
            status, content = 0, None
            for _ in range(tries):
                status, content = await ask(client, body, leave_after)
                if status != 429:
                    break
                await asyncio.sleep(chance.uniform(0.2, 1.0))
            return status, content

        return list(await asyncio.gather(*(one(body) for body in bodies)))


def alone(server: Any, bodies: list[dict[str, Any]]) -> list[bytes]:
    return [server.client.post("/tts", json=body).content for body in bodies]


def check(bodies: list[dict[str, Any]], answers: list[tuple[int, Any]], expected: list[bytes]) -> Counter[int]:
    """Statuses; every whole answer is the one that belongs to its request."""
    statuses: Counter[int] = Counter()
    for body, (status, content), wanted in zip(bodies, answers, expected, strict=True):
        statuses[status] += 1
        if status == 200:
            assert content == wanted, body
    return statuses


def test_twenty_four_at_once(server: Any) -> None:
    bodies = requests_for(("alice", "bob", "carol"), 3)[:24]
    expected = alone(server, bodies)
    assert len(set(expected)) == len(expected), "every voice, format and seed has a sound of its own"
    statuses = check(bodies, asyncio.run(ask_all(server, bodies, leaving=0.2, tries=1)), expected)
    assert set(statuses) <= {200, 0} and statuses[200] >= 12, statuses
    server.wait_idle()


def closest(samples: np.ndarray, rate: int, references: dict[str, Any], encoder: Any) -> str:
    """The voice whose recording sounds most like these samples."""
    from resemblyzer import preprocess_wav

    vector = encoder.embed_utterance(preprocess_wav(samples.astype(np.float32), source_sr=rate))
    return max(references, key=lambda name: float(vector @ references[name]))


@pytest.mark.slow
def test_two_hundred_with_eight_voices(
    tiny_pack: Path, tmp_path: Path, tone: Callable[..., Path], harness: Any
) -> None:
    names = harness.make_voices(tmp_path / "voices", tone, 8)
    voices = tuple(sorted(path.name for path in names.iterdir()))
    settings = ApiSettings(port=0, voices=names, limits=Limits(running=8, queue=64))
    with harness.serving(settings, harness.pack_factory(tiny_pack, names)) as server:
        bodies = (requests_for(voices, 9))[:200]
        expected = alone(server, bodies)
        statuses = check(bodies, asyncio.run(ask_all(server, bodies, leaving=0.25, tries=1)), expected)
        assert set(statuses) <= {200, 429, 0} and statuses[200] >= 50, statuses
        server.wait_idle()


@pytest.mark.slow
def test_ten_thousand_leave_no_memory_behind(
    tiny_pack: Path, tmp_path: Path, tone: Callable[..., Path], harness: Any
) -> None:
    """16 in flight; resident memory after the last is at most 2 % above that after the first 500.

    With ``-s`` it tells how far it is (log records would be kept by pytest, and count as growth).
    """
    psutil = pytest.importorskip("psutil")
    count = int(os.environ.get("SOAK_REQUESTS", "10000"))
    names = harness.make_voices(tmp_path / "voices", tone, 3)
    settings = ApiSettings(port=0, voices=names, limits=Limits(running=4, queue=64))
    memory: list[int] = []
    with harness.serving(settings, harness.pack_factory(tiny_pack, names)) as server:
        command = [sys.executable, str(Path(__file__).with_name("soak_client.py")), server.url, str(count)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as client:
            for done in client.stdout or ():
                memory.append(psutil.Process().memory_info().rss)
                print(f"{done.strip()} of {count} requests: {memory[-1] / 2**20:.1f} MiB", flush=True)
    assert client.returncode == 0 and len(memory) == -(-count // 500)
    growth = memory[-1] / memory[0] - 1
    print(json.dumps({"requests": count, "after_500": memory[0], "after_all": memory[-1], "growth": round(growth, 4)}))
    assert growth < 0.02


@pytest.mark.slow
def test_no_answer_has_anothers_voice(tmp_path: Path, harness: Any) -> None:
    """The pack's own weights and reference clips: a judge of speakers hears each voice where it was asked for."""
    resemblyzer = pytest.importorskip("resemblyzer")
    soundfile = pytest.importorskip("soundfile")
    from config import PACK_DIR
    from http_api.engines import TTSFactory

    clips = sorted((PACK_DIR / "reference").glob("*.wav"))[:8]
    if len(clips) < 2:
        pytest.skip("the voice pack is not in this checkout")
    names = tmp_path / "voices"
    for clip in clips:
        (names / clip.stem).mkdir(parents=True)
        (names / clip.stem / "clip.wav").write_bytes(clip.read_bytes())
    encoder = resemblyzer.VoiceEncoder("cpu", verbose=False)
    settings = ApiSettings(port=0, voices=names, limits=Limits(running=8, queue=64))
    text = "The old man came up the road that night and kissed the children as they lay asleep."
    with harness.serving(settings, TTSFactory(None, names)) as server:
        bodies = [
            {"voice": clip.stem, "text": text, "text_lang": "en", "seed": seed, "media_type": "wav"}
            for seed in range(3)
            for clip in clips
        ]
        lone = alone(server, bodies[: len(clips)])
        heard: dict[str, Any] = {}
        for body, content in zip(bodies, lone, strict=False):
            samples, rate = soundfile.read(io.BytesIO(content), dtype="float32")
            heard[body["voice"]] = encoder.embed_utterance(resemblyzer.preprocess_wav(samples, source_sr=rate))
        for body, (status, content) in zip(
            bodies, asyncio.run(ask_all(server, bodies, leaving=0.0, tries=1)), strict=True
        ):
            assert status == 200
            samples, rate = soundfile.read(io.BytesIO(content), dtype="float32")
            assert closest(samples, rate, heard, encoder) == body["voice"]
