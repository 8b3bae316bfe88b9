"""OpenAI's dialect by OpenAI's own package, events, and the language model by name."""

from __future__ import annotations

import base64
import io
import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

openai = pytest.importorskip("openai")

FORMATS = {
    "mp3": ("mp3", 24000),
    "opus": ("ogg", 48000),
    "aac": ("aac", 24000),
    "flac": ("flac", 24000),
    "wav": ("wav", 24000),
}
TEXT = "Hello there, my good friend."


@pytest.fixture(scope="module")
def client(server: Any) -> Any:
    return openai.OpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=0)


@pytest.mark.parametrize("kind", FORMATS)
def test_every_format(client: Any, sound: Any, kind: str, tmp_path: Path) -> None:
    answer = client.audio.speech.create(model="tts-1", voice="alice", input=TEXT, response_format=kind)
    answer.write_to_file(tmp_path / f"speech.{kind}")
    heard = sound((tmp_path / f"speech.{kind}").read_bytes())
    assert (heard.container, heard.rate) == FORMATS[kind] and 0.5 < heard.seconds < 20


def test_streaming_pcm_and_speed(client: Any) -> None:
    lengths = []
    for speed in (1.0, 2.0):
        ask = {"model": "tts-1", "voice": {"id": "bob"}, "input": TEXT, "response_format": "pcm", "speed": speed}
        with client.audio.speech.with_streaming_response.create(**ask, extra_body={"seed": 5}) as answer:
            lengths.append(sum(len(piece) for piece in answer.iter_bytes()))
    assert lengths[1] < 0.8 * lengths[0] and lengths[0] % 2 == 0


def test_events(server: Any) -> None:
    body = {
        "model": "tts-1",
        "voice": "alice",
        "input": TEXT,
        "stream_format": "sse",
        "response_format": "pcm",
        "seed": 7,
    }
    with server.client.stream("POST", "/v1/audio/speech", json=body) as answer:
        assert answer.headers["content-type"] == "text/event-stream"
        events = [json.loads(line[6:]) for line in answer.iter_lines() if line.startswith("data: ")]
    kinds = [one["type"] for one in events]
    assert set(kinds[:-1]) == {"speech.audio.delta"} and kinds[-1] == "speech.audio.done" and len(kinds) > 2
    audio = b"".join(base64.b64decode(one["audio"]) for one in events[:-1])
    plain = {name: value for name, value in body.items() if name != "stream_format"}
    assert audio == server.client.post("/v1/audio/speech", json=plain).content
    done = events[-1]
    assert done["usage"]["total_tokens"] > done["usage"]["input_tokens"] > 0
    assert done["t2s"] == "ar" and abs(done["seconds"] - len(audio) / 48000) < 0.01


def test_errors_are_openais(client: Any) -> None:
    for change in ({"voice": "nobody"}, {"response_format": "avi"}, {"speed": 9}, {"input": "   "}):
        ask = {"model": "tts-1", "voice": "alice", "input": TEXT} | change
        with pytest.raises(openai.BadRequestError) as caught:
            client.audio.speech.create(**ask)
        assert caught.value.body["type"] == "invalid_request_error"
    with pytest.raises(openai.APIStatusError) as caught:
        client.audio.speech.create(model="tts-1", voice="alice", input="word " * 1000)
    assert caught.value.status_code == 413


def test_models(client: Any) -> None:
    names = {one.id for one in client.models.list()}
    assert {"tts-1", "gpt-4o-mini-tts", "ar"} <= names


def falls_counted(server: Any, reason: str) -> dict[str, Any]:
    """What /health says of the stages once it has counted ``reason``: just after the answer's last byte has gone."""
    deadline = time.monotonic() + 10
    while True:
        state = server.client.get("/health").json()["t2s"]
        if reason in state["falls"] or time.monotonic() > deadline:
            return state
        time.sleep(0.05)


def test_a_language_model_by_name_that_does_not_fit_falls_back_and_says_why(server: Any) -> None:
    """The pack's language model speaks another token alphabet than these weights."""
    if "gsv-tiny" not in server.service.language_models():
        pytest.skip("the pack's language model is not in this checkout")
    body = {"model": "gsv-tiny", "voice": "alice", "input": TEXT}
    answer = server.client.post("/v1/audio/speech", json=body)
    assert answer.status_code == 200 and answer.headers["x-t2s"] == "ar"
    assert answer.headers["x-t2s-fallback"] == "codebook_mismatch" and answer.headers["x-t2s-model"] == "gsv-tiny"
    assert "/work" not in answer.headers["x-t2s-fallback-message"]
    state = falls_counted(server, "codebook_mismatch")
    assert state["falls"]["codebook_mismatch"] >= 1 and state["last_fallback"]["model"] == "gsv-tiny"
    with server.client.stream("POST", "/v1/audio/speech", json=body | {"stream_format": "sse"}) as events:
        lines = [json.loads(line[6:]) for line in events.iter_lines() if line]
    assert lines[0]["type"] == "speech.fallback" and lines[0]["reason"] == "codebook_mismatch"
    assert lines[-1]["t2s"] == "ar"
    ar = server.client.post("/v1/audio/speech", json=body | {"model": "tts-1"})
    assert "x-t2s-fallback" not in ar.headers, "a request's choice is its own"


def test_an_unknown_language_model_is_refused(server: Any) -> None:
    for name in ("/etc/passwd", "../../secret", "Qwen/Qwen2-0.5B-that-would-be-downloaded"):
        answer = server.client.post(
            "/tts", json={"text": TEXT, "text_lang": "en", "t2s": "qwen3", "qwen3_model_name": name}
        )
        assert answer.status_code == 400 and "etc" not in answer.text


# -- voices -----------------------------------------------------------------------------------------------------------


def upload(running: Any, name: str, clip: bytes, **fields: str) -> Any:
    return running.client.post(
        "/v1/audio/voices", data={"name": name, **fields}, files={"audio_sample": ("a.wav", io.BytesIO(clip))}
    )


def test_a_voice_is_uploaded_spoken_listed_and_deleted(
    serve: Callable[..., Any], tone: Callable[..., Path], tmp_path: Path
) -> None:
    running = serve()
    clip = tone(tmp_path / "new.wav", 4.0, hz=333.0).read_bytes()
    made = upload(running, "Zoë", clip, text="A voice that is quite like this.", language="en")
    assert made.status_code == 201 and made.json()["voice"]["id"] == "Zoë"
    assert upload(running, "zoë", clip).status_code == 400, "names differ in more than case"
    answers = [
        running.client.post(
            "/v1/audio/speech", json={"input": TEXT, "voice": name, "seed": 1, "response_format": "wav"}
        )
        for name in ("Zoë", "zoë", "alice")
    ]
    assert answers[0].content == answers[1].content != answers[2].content
    again = serve()  # another server over the same folder
    names = [one["name"] for one in again.client.get("/v1/audio/voices").json()["voices"]]
    assert "Zoë" in names
    assert (
        again.client.post(
            "/v1/audio/speech", json={"input": TEXT, "voice": "Zoë", "seed": 1, "response_format": "wav"}
        ).content
        == answers[0].content
    )
    assert running.client.delete("/v1/audio/voices/ZOË").json() == {"id": "Zoë", "deleted": True}
    assert running.client.delete("/v1/audio/voices/Zoë").status_code == 400
    assert np.all([one["name"] != "Zoë" for one in running.client.get("/v1/audio/voices").json()["voices"]])


def test_voices_with_weights_of_their_own_are_in_memory_together(
    serve: Callable[..., Any], tiny_pack: Path, tone: Callable[..., Path], tmp_path: Path
) -> None:
    """Two voices made by hand, one with its own GPT file and defaults; what one loads changes nothing for the other."""
    running = serve()
    ask = {"input": TEXT, "response_format": "pcm", "seed": 1}
    before = running.client.post("/v1/audio/speech", json=ask | {"voice": "alice"})
    folder = tmp_path / "voices" / "Heavy"
    folder.mkdir()
    tone(folder / "clip.wav", 4.0, hz=111.0)
    (folder / "clip.txt").write_text("A voice that is quite like this.", encoding="utf-8")
    shutil.copy(tiny_pack / "s1.ckpt", folder / "own.ckpt")
    content = {"gpt": "own.ckpt", "lang": "en", "defaults": {"speed_factor": 2.0}, "aliases": ["nova"]}
    (folder / "voice.json").write_text(json.dumps(content), encoding="utf-8")
    heavy = running.client.post("/v1/audio/speech", json=ask | {"voice": "nova"})
    assert heavy.status_code == 200 and heavy.headers["x-voice"] == "Heavy", heavy.text
    slow = running.client.post("/v1/audio/speech", json=ask | {"voice": "heavy", "speed": 1.0})
    assert len(heavy.content) < 0.8 * len(slow.content)
    assert running.client.get("/health").json()["loaded_voices"] == 2
    assert running.client.post("/v1/audio/speech", json=ask | {"voice": "alice"}).content == before.content
    assert (folder / "clip.wav.prepared.safetensors").is_file()
    assert running.client.post("/v1/audio/speech", json=ask | {"voice": "ash"}).headers["x-voice"] == "default"
