"""Replicas on a real Ray Serve over the tiny random pack: streams, clients that go away, a replica that is killed, new
weights. Skipped without the extra "ray"; starting it takes a minute, so all tests share one."""

from __future__ import annotations

import base64
import json
import os
import shutil
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import yaml

pytest.importorskip("ray.serve", reason='the extra "ray" is not installed')
httpx = pytest.importorskip("httpx")

from http_api.engines import Weights  # noqa: E402
from http_api.settings import ApiSettings  # noqa: E402
from ray_serving import cli  # noqa: E402
from ray_serving.settings import RaySettings  # noqa: E402
from tests.GPT_SoVITS.conftest import make_s1, tone  # noqa: E402

pytestmark = pytest.mark.slow
TEXT = "Hello there, it is so. And so it goes on, and on it goes. One more sentence, and another one."
SLOW_MACHINE = {
    "RAY_SERVE_PROXY_READY_CHECK_TIMEOUT_S": "120",
    "RAY_SERVE_PROXY_HEALTH_CHECK_TIMEOUT_S": "60",
    "RAY_USAGE_STATS_ENABLED": "0",
    "OMP_NUM_THREADS": "1",
}


@dataclass
class Cluster:
    """Two replicas, and how to ask them."""

    settings: RaySettings
    client: Any
    folder: Path

    def processes(self) -> set[int]:
        """Ids of the replicas that answer."""
        from ray import serve

        handle = serve.get_deployment_handle("speech", cli.APPLICATION)
        return {handle.process.remote().result(timeout_s=60) for _ in range(12)}

    def sound(self, voice: str, seed: int = 1) -> bytes:
        """The whole speech of a voice."""
        body = {"text": TEXT, "text_lang": "en", "voice": voice, "seed": seed, "media_type": "raw"}
        answer = self.client.post("/tts", json=body)
        assert answer.status_code == 200, answer.text
        return bytes(answer.content)

    def pieces(self, voice: str, seed: int = 1) -> bytes:
        """Sound that came in pieces, without events.

        Raises:
            httpx.TransportError: it broke off.
        """
        body = {"text": TEXT, "text_lang": "en", "voice": voice, "seed": seed, "media_type": "raw", "streaming_mode": 2}
        with self.client.stream("POST", "/tts", json=body) as answer:
            assert answer.status_code == 200, answer.read()
            return b"".join(answer.iter_raw())

    def events(self, voice: str, seed: int = 1) -> tuple[bytes, list[dict[str, Any]]]:
        """Sound that came as events, and the other events."""
        body = {"input": TEXT, "voice": voice, "seed": seed, "response_format": "pcm", "sample_rate": 16000}
        sound, others = b"", []
        with self.client.stream("POST", "/v1/audio/speech", json=body | {"stream_format": "sse"}) as answer:
            assert answer.status_code == 200, answer.read()
            for line in answer.iter_lines():
                if line.startswith("data: "):
                    content = json.loads(line[6:])
                    if "audio" in content:
                        sound += base64.b64decode(content["audio"])
                    else:
                        others.append(content)
        return sound, others


@pytest.fixture(scope="module")
def cluster(tiny_pack: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    folder = tmp_path_factory.mktemp("ray")
    patch = pytest.MonkeyPatch()
    for name, value in SLOW_MACHINE.items():
        patch.setenv(name, value)
    for name, hz in (("Alice", 110.0), ("Bob", 190.0)):
        (folder / "voices" / name).mkdir(parents=True)
        tone(folder / "voices" / name / "reference.wav", 4.0, hz=hz)
        content = {"reference": "reference.wav", "text": "A voice that is quite like this.", "lang": "en"}
        (folder / "voices" / name / "voice.json").write_text(json.dumps(content))
    make_s1(folder / "voices" / "Bob" / "mine.ckpt")
    shutil.copyfile(tiny_pack / "s1.ckpt", folder / "voices" / "other.ckpt")
    config = folder / "tts.yaml"
    config.write_text(yaml.safe_dump({"custom": {"pack": str(tiny_pack), "device": "cpu"}}))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    api = ApiSettings(port=port, config=str(config), voices=folder / "voices")
    settings = RaySettings(api, least=2, most=2, cpus=0.5)
    cli.deploy(settings)
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=120, trust_env=False) as client:
        yield Cluster(settings, client, folder)
    cli.stop()
    patch.undo()


def together(count: int, work: Callable[[int], Any], seconds: float = 240.0) -> list[Any]:
    """Results of so many threads; those that hang fail the test."""
    results: list[Any] = [None] * count

    def run(number: int) -> None:
        try:
            results[number] = work(number)
        except Exception as error:  # noqa: BLE001 - judged by the test
            results[number] = error

    threads = [threading.Thread(target=run, args=(number,), daemon=True) for number in range(count)]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + seconds
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    assert not any(thread.is_alive() for thread in threads), "a request hangs"
    return results


def test_two_replicas_speak_alike(cluster: Cluster) -> None:
    assert len(cluster.processes()) == 2
    assert cluster.client.get("/ready").status_code == 200
    spoken = together(6, lambda number: cluster.sound("Alice" if number % 2 else "Bob"))
    assert len(set(spoken[0::2])) == len(set(spoken[1::2])) == 1 and spoken[0] != spoken[1]
    sound, others = cluster.events("Alice")
    assert sound and others[-1]["type"] == "speech.audio.done"


def test_what_the_front_refuses(cluster: Cluster) -> None:
    assert cluster.client.post("/set_gpt_weights", json={"weights_path": "x"}).status_code == 409
    assert cluster.client.get("/health", headers={"host": "evil.example"}).status_code == 400
    assert cluster.client.post("/tts", json={"text": "", "text_lang": "en"}).status_code == 400


def test_a_client_that_goes_away_ends_the_work(cluster: Cluster) -> None:
    body = {"text": TEXT * 12, "text_lang": "en", "voice": "Alice", "streaming_mode": 2}
    with cluster.client.stream("POST", "/tts", json=body) as answer:
        next(answer.iter_raw())
    deadline = time.monotonic() + 10
    while True:
        running = {cluster.client.get("/health").json()["running"] for _ in range(8)}
        if running == {0}:
            return
        assert time.monotonic() < deadline, "a replica speaks on for nobody"
        time.sleep(0.2)


def test_a_replica_killed_under_load(cluster: Cluster) -> None:
    whole = {name: cluster.events(name)[0] for name in ("Alice", "Bob")}
    plain = {name: cluster.pieces(name) for name in ("Alice", "Bob")}
    victim = min(cluster.processes())

    def work(number: int) -> tuple[str, bytes, list[dict[str, Any]]]:
        if number == 16:
            time.sleep(1.0)
            os.kill(victim, signal.SIGKILL)
            return "", b"", []
        name = "Bob" if number % 2 else "Alice"
        if number < 4:
            return name, cluster.pieces(name), [{"type": "plain"}]
        return name, *cluster.events(name)

    results = together(17, work)[:16]
    ended, broken = 0, 0
    for number, result in enumerate(results):
        if isinstance(result, httpx.TransportError):
            assert number < 4, "plain sound breaks off in a way that the client sees"
            broken += 1
            continue
        name, sound, others = result
        if number < 4:
            assert sound == plain[name], "what ends as if it were whole is whole"
            ended += 1
            continue
        kinds = [event["type"] for event in others]
        assert whole[name].startswith(sound[: len(sound) // 2 * 2]), "a wrong voice"
        if kinds[-1] == "error":
            broken += 1
        else:
            assert kinds[-1] == "speech.audio.done" and sound == whole[name]
            ended += 1
    assert ended + broken == 16 and ended >= 8
    print(f"16 streams, one of two replicas killed: {ended} whole, {broken} ended with an error event")
    assert cluster.sound("Alice"), "the other one goes on, and a new one comes"
    deadline = time.monotonic() + 120
    while len(cluster.processes()) < 2:
        assert time.monotonic() < deadline
        time.sleep(1)


def test_weights_change_while_it_speaks(cluster: Cluster) -> None:
    before, processes = cluster.sound("default"), cluster.processes()
    make_s1(cluster.folder / "voices" / "other.ckpt")
    changed = threading.Event()

    def work(number: int) -> list[bytes]:
        if number == 0:
            cli.deploy(replace(cluster.settings), Weights(gpt="other.ckpt"))
            changed.set()
            return []
        spoken = []
        while not changed.is_set():
            spoken.append(cluster.sound("default"))
        return spoken

    _, *spoken = together(3, work)
    after = cluster.sound("default")
    assert after != before and all(cluster.sound("default") == after for _ in range(4))
    assert all(one in (before, after) for row in spoken for one in row), "no request failed or got a mixture"
    assert cluster.processes() == processes, "no replica was started anew"
