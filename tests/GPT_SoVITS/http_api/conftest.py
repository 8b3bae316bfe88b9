"""A real server on a real socket over the tiny random pack, and three voices with names."""

from __future__ import annotations

import io
import json
import threading
import time
import wave
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import soundfile

pytest.importorskip("fastapi", reason='the extra "api" is not installed')
pytest.importorskip("uvicorn")
av = pytest.importorskip("av")
httpx = pytest.importorskip("httpx")
pytest.importorskip("prometheus_client")

import uvicorn  # noqa: E402

from http_api.app import create_app  # noqa: E402
from http_api.engines import Engine, TTSFactory, Weights  # noqa: E402
from http_api.server import open_listener, uvicorn_config  # noqa: E402
from http_api.service import Service  # noqa: E402
from http_api.settings import ApiSettings, Limits  # noqa: E402
from TTS_infer_pack.TTS import TTS, TTS_Config  # noqa: E402

RATE = 16000
NAMES = ("Alice", "Bob", "Carol", "Dora", "Emil", "Fred", "Gina", "Hugo")


@dataclass
class Server:
    """A running server: its address, its service, and a client that knows the key."""

    url: str
    service: Service
    commands: list[str]
    client: Any = field(repr=False, default=None)
    root: Path = Path()

    def wait_idle(self, seconds: float = 10.0) -> None:
        """Until nobody speaks."""
        deadline = time.monotonic() + seconds
        while self.service.gate.running:
            assert time.monotonic() < deadline, "a request still speaks"
            time.sleep(0.005)


class Sound:
    """A decoded answer."""

    def __init__(self, data: bytes) -> None:
        with av.open(io.BytesIO(data)) as container:
            stream = container.streams.audio[0]
            self.container, self.codec = container.format.name, stream.codec_context.name
            self.rate, self.channels = stream.rate, stream.codec_context.channels
            frames = [frame.to_ndarray() for frame in container.decode(stream)]
        self.samples = sum(frame.shape[-1] // (1 if frame.shape[0] > 1 else self.channels) for frame in frames)

    @property
    def seconds(self) -> float:
        return self.samples / self.rate


def pack_factory(pack: Path, voices: Path | None = None) -> Callable[[Weights], Engine]:
    """Engines over the tiny pack."""
    return TTSFactory(voices=voices, tts=TTS(TTS_Config({"pack": str(pack)}, device="cpu")))


def make_voices(root: Path, tone: Callable[..., Path], count: int = 3) -> Path:
    """Voices Alice, Bob and Carol, each of another pitch."""
    for number, name in enumerate(NAMES[:count]):
        hz = 110 + 50 * number
        folder = root / name
        folder.mkdir(parents=True)
        tone(folder / "reference.wav", 4.0, hz=float(hz))
        content = {"reference": "reference.wav", "text": "A voice that is quite like this.", "lang": "en"}
        (folder / "voice.json").write_text(json.dumps(content), encoding="utf-8")
    return root


@contextmanager
def serving(settings: ApiSettings, factory: Callable[[Weights], Engine]) -> Iterator[Server]:
    commands: list[str] = []
    service = Service(settings, factory, commands.append)
    listener = open_listener(settings)
    server = uvicorn.Server(uvicorn_config(create_app(service), settings))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    headers = {"Authorization": f"Bearer {settings.key}"} if settings.key else {}
    with httpx.Client(base_url=url, headers=headers, timeout=60, trust_env=False) as client:
        deadline = time.monotonic() + 30
        while client.get("/ready").status_code != 200:
            assert time.monotonic() < deadline, service.health.load_error
            time.sleep(0.02)
        yield Server(url, service, commands, client)
    server.should_exit = True
    thread.join(10)


@pytest.fixture(scope="session")
def tone() -> Callable[..., Path]:
    """Writes a voice-like recording."""

    def write(path: Path, seconds: float, hz: float = 150.0, rate: int = RATE) -> Path:
        t = np.arange(int(seconds * rate)) / rate
        noise = np.random.default_rng(int(hz)).normal(0, 0.02, t.size)
        level = (np.sin(2 * np.pi * 1.5 * t) > -0.5) * 0.3
        soundfile.write(str(path), (np.sign(np.sin(2 * np.pi * hz * t)) * 0.5 + noise) * level, rate)
        return path

    return write


@pytest.fixture(scope="module")
def voices(tmp_path_factory: pytest.TempPathFactory, tone: Callable[..., Path]) -> Path:
    return make_voices(tmp_path_factory.mktemp("api") / "voices", tone)


@pytest.fixture(scope="module")
def server(tiny_pack: Path, voices: Path) -> Iterator[Server]:
    """A server without a key, for tests that leave it as it was."""
    settings = ApiSettings(port=0, voices=voices, limits=Limits(running=3, queue=40))
    with serving(settings, pack_factory(tiny_pack)) as running:
        yield running


@pytest.fixture
def serve(tiny_pack: Path, tmp_path: Path, tone: Callable[..., Path]) -> Iterator[Callable[..., Server]]:
    """``serve(key=..., limits=...)``: a server of its own, with voices in ``tmp_path / "voices"``."""
    open_ones = []

    def start(factory: Callable[[Weights], Engine] | None = None, **values: Any) -> Server:
        root = tmp_path / "voices"
        if not root.exists():
            make_voices(root, tone)
        settings = replace(ApiSettings(port=0, voices=root), **values)
        running = serving(settings, factory or pack_factory(tiny_pack, root))
        open_ones.append(running)
        return running.__enter__()

    yield start
    for one in reversed(open_ones):
        one.__exit__(None, None, None)


@pytest.fixture(scope="session")
def sound() -> type[Sound]:
    return Sound


def read_wav(data: bytes) -> tuple[int, np.ndarray]:
    """Rate and int16 samples of a wav file, its header read strictly."""
    with wave.open(io.BytesIO(data)) as file:
        assert (file.getnchannels(), file.getsampwidth()) == (1, 2)
        return file.getframerate(), np.frombuffer(file.readframes(2**30), dtype="<i2")


@pytest.fixture(scope="session")
def wav() -> Callable[[bytes], tuple[int, np.ndarray]]:
    return read_wav


@pytest.fixture(scope="session")
def harness() -> Any:
    """What starts servers, for tests that need another one."""
    return SimpleNamespace(serving=serving, make_voices=make_voices, pack_factory=pack_factory)
