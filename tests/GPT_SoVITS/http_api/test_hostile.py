"""Requests of people who mean harm, or whose program is broken: each has its status, and the server speaks on."""

from __future__ import annotations

import gzip
import io
import json
import os
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest
import soundfile

from http_api.paths import find_file, without_paths
from http_api.settings import ApiSettings, Limits

KEY = "a-key-of-this-test"
ASK = {"text": "Hello there.", "text_lang": "en", "seed": 1}
SPEECH = {"input": "Hello there.", "voice": "alice"}
JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def guarded(
    tiny_pack: Path, tmp_path_factory: pytest.TempPathFactory, tone: Callable[..., Path], harness: Any
) -> Iterator[Any]:
    """A server with a key and small limits, beside secrets that nobody may reach."""

    root = tmp_path_factory.mktemp("hostile")
    harness.make_voices(root / "voices", tone)
    tone(root / "secret.wav", 4.0)
    (root / "voices" / "Alice" / "link.wav").symlink_to(root / "secret.wav")
    (root / "voices" / "Linked").symlink_to(root)
    limits = Limits(running=2, queue=4, body_bytes=200_000, upload_bytes=2_000_000, body_seconds=1.0)
    settings = ApiSettings(port=0, key=KEY, voices=root / "voices", limits=limits)
    with harness.serving(settings, harness.pack_factory(tiny_pack)) as one:
        one.root = root
        yield one


def post(server: Any, path: str, body: Any = None, **more: Any) -> Any:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return server.client.post(path, content=content, **{"headers": JSON, **more})


def deep(levels: int) -> bytes:
    return b'{"text":' + b"[" * levels + b"]" * levels + b"}"


def bomb() -> bytes:
    """Flac: ten minutes of nothing in a few kilobytes."""
    data = io.BytesIO()
    soundfile.write(data, np.zeros(600 * 48000, dtype=np.int16), 48000, format="FLAC")
    return data.getvalue()


REFUSED: dict[str, tuple[int | tuple[int, ...], Callable[[Any], Any]]] = {
    "no body": (400, lambda s: post(s, "/tts", b"")),
    "not json": (400, lambda s: post(s, "/tts", b"{text: hello")),
    "not utf-8": (400, lambda s: post(s, "/tts", b'{"text": "\xff\xfe"}')),
    "a list": (400, lambda s: post(s, "/tts", [1, 2])),
    "a number": (400, lambda s: post(s, "/tts", 3)),
    "nested without end": (400, lambda s: post(s, "/tts", deep(50_000))),
    "a number of 9000 digits": (400, lambda s: post(s, "/tts", b'{"seed": ' + b"9" * 9000 + b"}")),
    "not a number": (400, lambda s: post(s, "/tts", b'{"text":"a","text_lang":"en","top_p": NaN}')),
    "infinity": (400, lambda s: post(s, "/tts", b'{"text":"a","text_lang":"en","temperature": Infinity}')),
    "text is a number": (400, lambda s: post(s, "/tts", ASK | {"text": 5})),
    "text is an object": (400, lambda s: post(s, "/tts", ASK | {"text": {"a": 1}})),
    "language is a list": (400, lambda s: post(s, "/tts", ASK | {"text_lang": ["en"]})),
    "top_k is text": (400, lambda s: post(s, "/tts", ASK | {"top_k": "many"})),
    "top_k is huge": (400, lambda s: post(s, "/tts", ASK | {"top_k": 10**30})),
    "batch_size is huge": (400, lambda s: post(s, "/tts", ASK | {"batch_size": 10**9})),
    "half a character": (400, lambda s: post(s, "/tts", b'{"text":"\\ud800 hello","text_lang":"en"}')),
    "only marks": (400, lambda s: post(s, "/tts", ASK | {"text": "...!!!"})),
    "a long text": (413, lambda s: post(s, "/tts", ASK | {"text": "word " * 5000})),
    "a long input": (413, lambda s: post(s, "/v1/audio/speech", SPEECH | {"input": "word " * 1000})),
    "a large body": (413, lambda s: post(s, "/tts", b" " * 300_000)),
    "a large body in chunks": (413, lambda s: s.client.post("/tts", content=(b" " * 50_000 for _ in range(9)))),
    "many references": (413, lambda s: post(s, "/tts", ASK | {"aux_ref_audio_paths": ["alice"] * 100})),
    "another's file": (400, lambda s: post(s, "/tts", ASK | {"ref_audio_path": "/etc/passwd"})),
    "another's sound": (400, lambda s: post(s, "/tts", ASK | {"ref_audio_path": str(s.root / "secret.wav")})),
    "climbing": (400, lambda s: post(s, "/tts", ASK | {"ref_audio_path": "voices/../../secret.wav"})),
    "climbing, encoded": (400, lambda s: s.client.get("/tts", params=ASK | {"ref_audio_path": "%2e%2e/secret.wav"})),
    "climbing, windows": (400, lambda s: post(s, "/tts", ASK | {"ref_audio_path": "..\\..\\secret.wav"})),
    "a link out": (400, lambda s: post(s, "/tts", ASK | {"ref_audio_path": "voices/Alice/link.wav"})),
    "a link as voice": (400, lambda s: post(s, "/v1/audio/speech", SPEECH | {"voice": "Linked"})),
    "NUL": (400, lambda s: post(s, "/tts", ASK | {"ref_audio_path": "alice\0.wav"})),
    "a path of 5000": (400, lambda s: post(s, "/tts", ASK | {"ref_audio_path": "a" * 5000})),
    "a voice that climbs": (400, lambda s: post(s, "/v1/audio/speech", SPEECH | {"voice": "../Alice"})),
    "weights of another": (400, lambda s: post(s, "/set_gpt_weights", {"weights_path": "/tmp/evil.ckpt"})),
    "a pickle as weights": (400, lambda s: post(s, "/set_sovits_weights", {"weights_path": "voices/alice/x.pth"})),
    "no key": (401, lambda s: s.client.post("/tts", json=ASK, headers={"Authorization": ""})),
    "a wrong key": (401, lambda s: s.client.post("/tts", json=ASK, headers={"Authorization": "Bearer nonsense"})),
    "a key with more": (401, lambda s: s.client.get("/metrics", headers={"Authorization": f"Bearer {KEY}x"})),
    "a key in the query of a POST": (
        401,
        lambda s: s.client.post("/tts", params={"api_key": KEY}, json=ASK, headers={"Authorization": ""}),
    ),
    "another origin": (403, lambda s: post(s, "/tts", ASK, headers=JSON | {"Origin": "https://evil.example"})),
    "no origin": (403, lambda s: post(s, "/tts", ASK, headers=JSON | {"Origin": "null"})),
    "exit by GET": (405, lambda s: s.client.get("/control", params={"command": "exit"})),
    "an unknown command": (400, lambda s: post(s, "/control", {"command": "rm -rf"})),
    "a wrong method": (405, lambda s: s.client.put("/tts", json=ASK)),
    "an upload that is no sound": (422, lambda s: upload(s, "Evil", b"MZ" * 5000)),
    "an upload that unfolds": (422, lambda s: upload(s, "Evil", bomb())),
    "an upload that is large": (413, lambda s: upload(s, "Evil", b"RIFF" * 1_000_000)),
    "an upload without a file": (400, lambda s: s.client.post("/v1/audio/voices", data={"name": "Evil"})),
    "an upload with a path as name": (400, lambda s: upload(s, "../../evil", b"RIFF")),
    "an upload as another's": (400, lambda s: upload(s, "default", b"RIFF")),
    "a zipped body": (400, lambda s: post(s, "/tts", gzip.compress(json.dumps(ASK).encode()))),
    "delete by a path": ((400, 404), lambda s: s.client.delete("/v1/audio/voices/..%2F..%2Fsecret")),
    "delete all": ((400, 404, 405), lambda s: s.client.delete("/v1/audio/voices/.")),
}


def upload(server: Any, name: str, clip: bytes) -> Any:
    return server.client.post("/v1/audio/voices", data={"name": name}, files={"audio_sample": ("a.wav", clip)})


def test_there_are_forty() -> None:
    assert len(REFUSED) >= 40


@pytest.mark.parametrize("what", REFUSED)
def test_refused(guarded: Any, what: str) -> None:
    status, send = REFUSED[what]
    answer = send(guarded)
    assert answer.headers["content-type"] == "application/json", answer.headers
    assert answer.status_code in (status if isinstance(status, tuple) else (status,)), answer.text
    for secret in ("Traceback", str(guarded.root), "site-packages", os.path.expanduser("~") + "/", KEY):
        assert secret not in answer.text
    assert guarded.client.get("/health").json()["status"] == "ok"


def test_speaks_on_after_all_that(guarded: Any) -> None:
    answer = guarded.client.post("/tts", json=ASK)
    assert answer.status_code == 200 and len(answer.content) > 10_000
    assert (guarded.root / "secret.wav").exists() and len(list((guarded.root / "voices").iterdir())) == 4


def test_header_injection_stays_a_value(guarded: Any) -> None:
    answer = guarded.client.post("/tts", json=ASK | {"text": "Hello\r\nX-Evil: 1", "voice": "alice"})
    assert answer.status_code == 200 and "x-evil" not in answer.headers
    bad = guarded.client.post("/v1/audio/speech", json=SPEECH | {"voice": "a\r\nX-Evil: 1"})
    assert bad.status_code == 400 and "x-evil" not in bad.headers


def test_health_tells_strangers_nothing(guarded: Any) -> None:
    answer = guarded.client.get("/health", headers={"Authorization": ""})
    assert answer.json() == {"status": "ok"}
    assert "t2s" in guarded.client.get("/health").json()


def test_a_query_key_is_enough_where_no_header_can_be_sent(guarded: Any) -> None:
    with_key = guarded.client.get("/tts", params=ASK | {"api_key": KEY}, headers={"Authorization": ""})
    assert with_key.status_code == 200


def test_a_body_that_does_not_come(guarded: Any) -> None:
    address = urlsplit(guarded.url)
    with socket.create_connection((address.hostname, address.port), timeout=10) as line:
        head = f"POST /tts HTTP/1.1\r\nHost: {address.netloc}\r\nAuthorization: Bearer {KEY}\r\n"
        line.sendall(head.encode() + b"Content-Length: 100\r\n\r\n" + b'{"text"')
        assert b" 408 " in line.recv(4096).split(b"\r\n")[0]


def test_rubbish_on_the_wire(guarded: Any) -> None:
    address = urlsplit(guarded.url)
    for rubbish in (b"\x16\x03\x01\x02\x00", b"GET /tts HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 200_000 + b"\r\n\r\n"):
        with socket.create_connection((address.hostname, address.port), timeout=10) as line:
            line.sendall(rubbish)
            with suppress(OSError):  # closed by the server already
                line.shutdown(socket.SHUT_WR)
                assert b" 200 " not in line.recv(4096)
    assert guarded.client.get("/health").status_code == 200


@pytest.mark.parametrize("count", [60, pytest.param(1000, marks=pytest.mark.slow)])
def test_many_at_once(guarded: Any, count: int) -> None:
    """Those that fit are spoken, all others are told when to come again."""
    import httpx

    limits = httpx.Limits(max_connections=100)
    with httpx.Client(base_url=guarded.url, headers=dict(guarded.client.headers), limits=limits, timeout=60) as client:
        with ThreadPoolExecutor(100) as threads:
            ask = ASK | {"text": "Hello there my friend. " * 4}
            answers = list(threads.map(lambda _: client.post("/tts", json=ask), range(count)))
    statuses = [answer.status_code for answer in answers]
    assert set(statuses) == {200, 429} and statuses.count(200) >= 6
    assert all(int(answer.headers["retry-after"]) >= 1 for answer in answers if answer.status_code == 429)
    bodies = {answer.content for answer in answers if answer.status_code == 200}
    assert len(bodies) == 1
    guarded.wait_idle()


def test_a_client_that_does_not_read(serve: Callable[..., Any]) -> None:
    """The place is free again, although the answer was never taken."""
    running = serve(limits=Limits(running=1, queue=4, send_seconds=0.5, pending_bytes=2**20))
    address = urlsplit(running.url)
    ask = {"text": "Hello there my friend. " * 800, "text_lang": "en", "streaming_mode": 1, "sample_rate": 192000}
    body = json.dumps(ask).encode()
    with socket.socket() as line:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        line.connect((address.hostname, address.port))
        head = f"POST /tts HTTP/1.1\r\nHost: {address.netloc}\r\nContent-Length: {len(body)}\r\n\r\n"
        line.sendall(head.encode() + body)
        time.sleep(0.3)
        running.wait_idle(30)
        assert running.client.post("/tts", json=ASK).status_code == 200


def test_too_long_is_504(serve: Callable[..., Any]) -> None:
    running = serve(limits=Limits(request_seconds=0.05))
    answer = running.client.post("/tts", json=ASK | {"text": "Hello there my friend. " * 100})
    assert answer.status_code == 504 and "took more than" in answer.json()["message"]
    running.wait_idle()


def test_a_server_without_a_key_answers_under_its_own_names_only(server: Any) -> None:
    assert server.client.get("/health", headers={"Host": "evil.example"}).status_code == 400
    assert server.client.get("/health", headers={"Host": "localhost:80"}).status_code == 200


# -- paths alone ------------------------------------------------------------------------------------------------------


def test_paths_are_found_without_case_and_never_outside(tmp_path: Path) -> None:
    root = tmp_path / "Allowed"
    (root / "Sub").mkdir(parents=True)
    (root / "Sub" / "Clip.WAV").touch()
    (tmp_path / "out.wav").touch()
    (root / "hole").symlink_to(tmp_path)

    def find(text: str) -> Path | None:
        return find_file(text, [root], (".wav",))

    expected = (root / "Sub" / "Clip.WAV").resolve()
    for text in ("sub/clip.wav", "SUB\\CLIP.wav", str(expected).lower(), f'"{expected}"', "./Sub/Clip.WAV"):
        assert find(text) == expected, text
    for text in ("../out.wav", str(tmp_path / "out.wav"), "hole/out.wav", "Sub/../../out.wav", "Sub", "none.wav"):
        assert find(text) is None, text


def test_messages_lose_their_paths() -> None:
    cleaned = without_paths("audio file /root/x/y.wav and '/home/me/voices/a.wav' and C:\\Users\\me\\b.wav are bad")
    assert "/home" not in cleaned and "Users" not in cleaned and "a.wav" in cleaned and "b.wav" in cleaned
    assert without_paths("a ratio of 3/4 and http://host/x stay") == "a ratio of 3/4 and http://host/x stay"


def test_no_client_names_an_engine(server: Any) -> None:
    """Addresses of engines come from settings alone; a client cannot make the server ask others."""
    body = {"text": "Hello there.", "text_lang": "en", "t2s": "qwen3", "qwen3_model_name": "http://127.0.0.1:1/x"}
    answer = server.client.post("/tts", json=body)
    assert answer.status_code == 400 and "no language model" in answer.json()["message"]
    openai = {"model": "http://127.0.0.1:1/x", "input": "Hello there.", "response_format": "wav"}
    answer = server.client.post("/v1/audio/speech", json=openai)
    assert answer.status_code == 200 and answer.headers["x-t2s"] == "ar", "a name that is none is passed over"
