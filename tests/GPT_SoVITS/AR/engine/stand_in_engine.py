"""A completions server of our own on a real socket: says what a test tells it to, and breaks in the way it is told."""

from __future__ import annotations

import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Say = Callable[[dict[str, Any]], list[int]]


@dataclass
class StandIn:
    """What the server does, and what it was asked.

    Attributes:
        names: models that it serves.
        say: from a request's body to the ids that it gives, the end's among them.
        status: of answers to completions.
        location: of a redirect.
        key: what a client has to show; "" for nothing.
        well: whether /health says so.
        die_at: break the connection off, with a reset, before this token; -1: never.
        hang_at: give nothing more from this token on, until ``go_on`` is set; -1: never.
        end: the last event's finish_reason; None: "stop".
        pause: seconds before each token.
        raw: a line that is sent instead of the first event.
        bodies, keys: of all requests for completions.
        asked: paths of all requests.
        lost: requests whose client went away.
    """

    names: list[str] = field(default_factory=lambda: ["one"])
    say: Say = lambda body: []
    status: int = 200
    location: str = ""
    key: str = ""
    well: bool = True
    die_at: int = -1
    hang_at: int = -1
    end: str | None = None
    pause: float = 0.0
    raw: str = ""
    bodies: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    lost: int = 0
    go_on: threading.Event = field(default_factory=threading.Event)
    port: int = 0

    def address(self, name: str = "one") -> str:
        """As a setting has it."""
        return f"http://127.0.0.1:{self.port}/{name}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    stand_in: StandIn

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing on the screen."""

    def _answer(self, status: int, content: bytes = b"{}") -> None:
        self.send_response(status)
        if self.stand_in.location:
            self.send_header("Location", self.stand_in.location)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def do_GET(self) -> None:
        me = self.stand_in
        me.asked.append(self.path)
        if self.path == "/health":
            self._answer(200 if me.well else 503, b"")
        else:
            self._answer(200, json.dumps({"data": [{"id": name} for name in me.names]}).encode())

    def do_POST(self) -> None:
        me = self.stand_in
        me.asked.append(self.path)
        me.keys.append(self.headers.get("Authorization", ""))
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        me.bodies.append(body)
        if me.key and me.keys[-1] != f"Bearer {me.key}":
            return self._answer(401)
        if me.status != 200:
            return self._answer(me.status)
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        try:
            self._stream(me.say(body))
        except OSError:
            me.lost += 1
        return None

    def _stream(self, ids: list[int]) -> None:
        me = self.stand_in
        if me.raw:
            return self._send(me.raw)
        for place, token in enumerate(ids):
            if place == me.die_at:
                # a reset, as the kernel sends for a process that was killed
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.connection.close()
                self.close_connection = True
                return None
            if place == me.hang_at:
                me.go_on.wait(10)
            time.sleep(me.pause)
            last = place == len(ids) - 1
            end = (me.end or "stop") if last else None
            choice = {"index": 0, "text": "", "token_ids": [token], "finish_reason": end}
            self._send("data: " + json.dumps({"choices": [choice]}))
        self._send("data: [DONE]")
        self.wfile.write(b"0\r\n\r\n")
        return None

    def _send(self, line: str) -> None:
        content = f"{line}\n\n".encode()
        self.wfile.write(f"{len(content):x}\r\n".encode() + content + b"\r\n")
        self.wfile.flush()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A connection that breaks is what some tests want."""


@contextmanager
def serving(stand_in: StandIn, port: int = 0) -> Iterator[StandIn]:
    """Serve on the loopback address until the block ends; new connections are refused from then on."""
    handler = type("Handler", (_Handler,), {"stand_in": stand_in})
    server = _Server(("127.0.0.1", port), handler)
    stand_in.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield stand_in
    finally:
        stand_in.go_on.set()
        server.shutdown()
        server.server_close()
