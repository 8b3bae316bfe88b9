"""A stand-in for the hubs: speaks the listing and file API of the Hugging Face hub and of ModelScope on loopback.

Files are sent through a redirect to a second host name, as the real hubs do; what is asked is written down; and it can
break off, corrupt, refuse, or ignore ranges on demand.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

REVISION = "0123456789abcdef0123456789abcdef01234567"
SMALL = 1000
"""Files up to this size are announced as git blobs, larger ones as LFS objects with sha256."""


@dataclass
class Asked:
    """A request as it came."""

    host: str
    path: str
    span: str | None
    token: str | None


@dataclass
class StandInHub:
    """Repositories by "owner/name", each a dict of path -> content.

    Attributes:
        breaks: bytes after which the next answers break off, one entry an answer.
        altered: paths whose content arrives with its last byte changed.
        no_ranges: answer every request with the whole file.
        gated: repositories that want a token.
        down: status sent for everything, 0 for none.
    """

    repos: dict[str, dict[str, bytes]]
    breaks: list[int] = field(default_factory=list)
    altered: set[str] = field(default_factory=set)
    no_ranges: bool = False
    gated: set[str] = field(default_factory=set)
    down: int = 0
    asked: list[Asked] = field(default_factory=list)
    port: int = 0

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def spans(self) -> list[str | None]:
        """The ranges asked of the file host."""
        return [each.span for each in self.asked if each.host.startswith("localhost")]

    def hf_listing(self, repo: str) -> dict[str, Any]:
        rows = []
        for path, content in self.repos[repo].items():
            git = hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()
            row: dict[str, Any] = {"rfilename": path, "size": len(content), "blobId": git}
            if len(content) > SMALL:
                row["lfs"] = {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content), "pointerSize": 130}
            rows.append(row)
        return {"id": repo, "sha": REVISION, "siblings": rows}

    def modelscope_listing(self, repo: str) -> dict[str, Any]:
        files: list[dict[str, Any]] = [{"Path": "some", "Type": "tree", "Size": 0}]
        files += [
            {"Path": path, "Type": "blob", "Size": len(content), "Sha256": hashlib.sha256(content).hexdigest()}
            for path, content in self.repos[repo].items()
        ]
        return {"Code": 200, "Success": True, "Data": {"Files": files}}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: StandInHub

    def do_GET(self) -> None:  # noqa: N802
        url = urlsplit(self.path)
        path = unquote(url.path)
        token = self.headers.get("Authorization")
        self.hub.asked.append(Asked(self.headers["Host"], path, self.headers.get("Range"), token))
        if self.hub.down:
            return self._send(self.hub.down, b"")
        if listed := re.fullmatch(r"/api/models/([^/]+/[^/]+)/revision/main", path):
            assert parse_qs(url.query) == {"blobs": ["true"]}
            return self._listing(listed[1], token, self.hub.hf_listing)
        if listed := re.fullmatch(r"/api/v1/models/([^/]+/[^/]+)/repo/files", path):
            assert parse_qs(url.query) == {"Revision": ["master"], "Recursive": ["True"]}
            return self._listing(listed[1], token, self.hub.modelscope_listing)
        if asked := re.fullmatch(rf"/([^/]+/[^/]+)/resolve/{REVISION}/(.+)", path) or re.fullmatch(
            r"/models/([^/]+/[^/]+)/resolve/master/(.+)", path
        ):
            return self._redirect(asked[1], token, f"http://localhost:{self.hub.port}/file{self.path}", asked[2])
        if asked := re.fullmatch(r"/file(?:/models)?/([^/]+/[^/]+)/resolve/[^/]+/(.+)", path):
            return self._file(asked[1], asked[2])
        return self._send(404, b"")

    def _listing(self, repo: str, token: str | None, make: Any) -> None:
        if repo not in self.hub.repos or (repo in self.hub.gated and token != "Bearer secret"):
            return self._send(401, b"")
        return self._send(200, json.dumps(make(repo)).encode())

    def _redirect(self, repo: str, token: str | None, to: str, path: str) -> None:
        known = path in self.hub.repos.get(repo, {}) and (repo not in self.hub.gated or token == "Bearer secret")
        return self._send(302, b"", {"Location": to}) if known else self._send(404, b"")

    def _file(self, repo: str, path: str) -> None:
        content = self.hub.repos[repo][path]
        if path in self.hub.altered:
            content = content[:-1] + bytes([content[-1] ^ 1])
        span = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range") or "")
        headers = {}
        if span and not self.hub.no_ranges:
            begin, end = int(span[1]), int(span[2]) + 1
            headers["Content-Range"] = f"bytes {begin}-{end - 1}/{len(content)}"
            content = content[begin:end]
        self._send(206 if headers else 200, content, headers, self.hub.breaks.pop(0) if self.hub.breaks else None)

    def _send(
        self, status: int, content: bytes, headers: dict[str, str] | None = None, stop: int | None = None
    ) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[:stop])
        if stop is not None:
            self.close_connection = True

    def log_message(self, *args: Any) -> None:
        pass


@contextmanager
def serve(hub: StandInHub) -> Iterator[StandInHub]:
    """Serve ``hub`` on a free port of the loopback interface."""
    handler = type("Handler", (_Handler,), {"hub": hub})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        hub.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield hub
        finally:
            server.shutdown()
            thread.join()
