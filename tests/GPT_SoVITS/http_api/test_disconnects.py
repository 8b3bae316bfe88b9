"""Clients that go away: their work ends at once, whoever waits gets the place, and no other request is disturbed."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest

from http_api.settings import Limits

LONG = {"text": "Hello there my friend. " * 300, "text_lang": "en", "seed": 1}
SHORT = {"text": "Hello there.", "text_lang": "en", "seed": 1}
FREED_SECONDS = 0.2


def begin(server: Any, path: str, body: dict[str, Any], wait_for: bytes = b"") -> socket.socket:
    """A request whose answer is read as far as ``wait_for``."""
    address = urlsplit(server.url)
    line = socket.create_connection((address.hostname, address.port), timeout=30)
    data = json.dumps(body).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: {address.netloc}\r\nContent-Length: {len(data)}\r\n\r\n"
    line.sendall(head.encode() + data)
    seen = b""
    while wait_for not in seen:
        seen += line.recv(65536)
    return line


def until(condition: Callable[[], bool], seconds: float = 10.0) -> float:
    """Seconds until it holds."""
    start = time.monotonic()
    while not condition():
        assert time.monotonic() - start < seconds
        time.sleep(0.002)
    return time.monotonic() - start


@pytest.mark.parametrize(
    ("path", "body", "wait_for"),
    [
        ("/tts", LONG | {"streaming_mode": 1}, b"RIFF"),
        ("/tts", LONG | {"streaming_mode": 3}, b"RIFF"),
        ("/tts", LONG, b""),
        (
            "/v1/audio/speech",
            {"input": "Hello there my friend. " * 150, "voice": "bob", "stream_format": "sse"},
            b"data: ",
        ),
    ],
    ids=["segments", "pieces", "whole", "events"],
)
def test_the_place_is_free_within_a_fifth_of_a_second(
    server: Any, path: str, body: dict[str, Any], wait_for: bytes
) -> None:
    gate = server.service.gate
    waits = []
    for _ in range(5):
        line = begin(server, path, body, wait_for)
        until(lambda: gate.running == 1)
        time.sleep(0.03)
        line.close()
        waits.append(until(lambda: gate.running == 0))
    assert sorted(waits)[-2] < FREED_SECONDS, waits


def test_who_waits_in_the_queue_and_goes_leaves_it(serve: Callable[..., Any]) -> None:
    running = serve(limits=Limits(running=1, queue=2))
    gate = running.service.gate
    speaking = begin(running, "/tts", LONG | {"streaming_mode": 1}, b"RIFF")
    waiting = [begin(running, "/tts", SHORT) for _ in range(2)]
    until(lambda: gate.waiting == 2)
    assert running.client.post("/tts", json=SHORT).status_code == 429
    for line in waiting:
        line.close()
    until(lambda: gate.waiting == 0)
    speaking.close()
    until(lambda: gate.running == 0)
    assert running.client.post("/tts", json=SHORT).status_code == 200
    metrics = running.client.get("/metrics").text
    assert "gsv_cancelled_total 1.0" in metrics and 'status="429"} 1.0' in metrics


def test_waiting_too_long_is_503(serve: Callable[..., Any]) -> None:
    running = serve(limits=Limits(running=1, queue=2, queue_seconds=0.1))
    line = begin(running, "/tts", LONG | {"streaming_mode": 1}, b"RIFF")
    answer = running.client.post("/tts", json=SHORT)
    assert answer.status_code == 503 and int(answer.headers["retry-after"]) >= 1
    line.close()
    running.wait_idle()
