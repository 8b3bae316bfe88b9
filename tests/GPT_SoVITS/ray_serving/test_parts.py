"""What serving with replicas is made of, without Ray: requests read, answers as messages, settings."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi", reason='the extra "api" is not installed')
pytest.importorskip("prometheus_client")

from errors import ConfigError  # noqa: E402
from http_api.app import create_app  # noqa: E402
from http_api.engines import TTSFactory  # noqa: E402
from http_api.service import Service  # noqa: E402
from http_api.settings import ApiSettings  # noqa: E402
from ray_serving.messages import answer, plain_scope  # noqa: E402
from ray_serving.settings import RaySettings, read_ray_settings  # noqa: E402
from ray_serving.wanted import wanted_weights  # noqa: E402
from TTS_infer_pack.TTS import TTS, TTS_Config  # noqa: E402
from TTS_infer_pack.voice_library import VoiceLibrary  # noqa: E402


def scope_of(path: str, method: str = "POST", query: str = "") -> dict[str, Any]:
    headers = [(b"host", b"127.0.0.1:9880"), (b"content-type", b"application/json")]
    scope = {"type": "http", "method": method, "path": path, "raw_path": path.encode(), "query_string": query.encode()}
    more = {"headers": headers, "scheme": "http", "root_path": "", "http_version": "1.1", "client": ("127.0.0.1", 5)}
    return plain_scope(scope | more | {"app": object(), "state": {}})


async def all_of(app: Any, scope: dict[str, Any], body: bytes) -> list[Any]:
    return [message async for message in answer(app, scope, body)]


def test_the_whole_application_answers_in_messages(tiny_pack: Path, tmp_path: Path) -> None:
    tts = TTS(TTS_Config({"pack": str(tiny_pack)}, device="cpu"))
    service = Service(ApiSettings(voices=tmp_path), TTSFactory(tts=tts))
    app = create_app(service)
    body = json.dumps({"text": "Hello there. It is so.", "text_lang": "en", "seed": 1, "streaming_mode": 1})
    first, *rest = asyncio.run(all_of(app, scope_of("/tts"), body.encode()))
    assert first["status"] == 200 and dict(first["headers"])[b"content-type"] == b"audio/wav"
    assert len(rest) > 2 and rest[0]["body"][:4] == b"RIFF" and not rest[-1]["more_body"]
    first, last = asyncio.run(all_of(app, scope_of("/tts"), b"{}"))
    assert first["status"] == 400 and b"text" in last["body"]
    service.close()


def test_a_client_that_goes_away_ends_the_application() -> None:
    seen: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        assert (await receive())["body"] == b"hello"
        await send({"type": "http.response.start", "status": 200, "headers": []})
        seen.append((await receive())["type"])

    async def run() -> None:
        messages = answer(app, scope_of("/"), b"hello")
        assert (await anext(messages))["status"] == 200
        await messages.aclose()

    asyncio.run(run())
    assert seen == ["http.disconnect"]


def test_an_application_that_does_not_listen_is_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    cancelled: list[bool] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        try:
            while True:
                await send({"type": "http.response.body", "body": b"x", "more_body": True})
        except asyncio.CancelledError:
            cancelled.append(True)
            raise

    async def run() -> None:
        messages = answer(app, scope_of("/"), b"")
        for _ in range(20):
            await anext(messages)
        await messages.aclose()

    asyncio.run(run())
    assert cancelled == [True]


def test_what_an_application_raises_comes_after_what_it_sent() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise RuntimeError("a bug")

    async def run() -> list[Any]:
        messages, found = answer(app, scope_of("/"), b""), []
        with pytest.raises(RuntimeError, match="a bug"):
            async for message in messages:
                found.append(message)
        return found

    assert len(asyncio.run(run())) == 1


@pytest.fixture
def library(tmp_path: Path, clip: Path) -> VoiceLibrary:
    """Alice speaks with the settings' weights, Bob with some of his own."""
    for name in ("Alice", "Bob"):
        folder = tmp_path / "voices" / name
        folder.mkdir(parents=True)
        (folder / "reference.wav").write_bytes(clip.read_bytes())
        content: dict[str, Any] = {"reference": "reference.wav", "text": "What I say.", "lang": "en", "aliases": ["b2"]}
        if name == "Bob":
            (folder / "mine.ckpt").write_bytes(b"x")
            content |= {"gpt": "mine.ckpt", "aliases": ["bobby"]}
        (folder / "voice.json").write_text(json.dumps(content))
    return VoiceLibrary(tmp_path / "voices", (tmp_path / "voices",))


def test_requests_are_told_apart_by_weights_alone(library: VoiceLibrary) -> None:
    def wanted(query: str = "", body: Any = None, kind: str = "application/json") -> str:
        sent = body if isinstance(body, bytes) else json.dumps(body).encode() if body is not None else b""
        return wanted_weights(query, kind, sent, library)

    bob = wanted(body={"voice": "Bob", "text": "Hi."})
    assert bob.endswith("mine.ckpt|")
    assert bob == wanted("voice=bobby&text=hi") == wanted("cha_name=bob") == wanted(body={"speaker": "BOB"})
    assert bob == wanted(body={"ref_audio_path": "./x/Bob.wav"})
    assert bob == wanted(body=b"voice=Bob&text=hi", kind="application/x-www-form-urlencoded")
    for body in ({"voice": "Alice"}, {"voice": "nobody"}, {"text": "Hi."}, [1], b"\xff{", {"voice": 3}, b"[" * 100_000):
        assert wanted(body=body) == ""


def test_settings(tmp_path: Path) -> None:
    settings, weights = read_ray_settings(["--replicas", "2", "--max-replicas", "8", "--gpus", "0.33", "-p", "9001"])
    assert (settings.least, settings.most, settings.gpus, settings.api.port) == (2, 8, 0.33, 9001)
    assert not any(weights) and read_ray_settings(["--gpt", "a.ckpt"])[1].gpt == "a.ckpt"
    assert read_ray_settings(["--replicas", "3"])[0].most == 3
    wrong: list[Callable[[], Any]] = [
        lambda: RaySettings(ApiSettings(), least=0),
        lambda: RaySettings(ApiSettings(), gpus=1.5),
        lambda: RaySettings(ApiSettings(), ongoing=0),
        lambda: read_ray_settings(["-a", "0.0.0.0"]),
    ]
    for make in wrong:
        with pytest.raises(ConfigError):
            make()
