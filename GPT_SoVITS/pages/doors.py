"""In front of the page: who may ask, what for, how often and how much. Plain ASGI, so that streams pass through.

A browser sends what any web page tells it to, to this computer as well. So the page answers under names of its own only
(a name that a stranger points here is another one), refuses what other pages send, and has no more doors than it
needs: paths of gradio's that are not in :data:`OPEN` are not there.
"""

from __future__ import annotations

import logging
import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

import anyio
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from config import is_loopback
from pages.browser_key import key_of, new_cookie
from pages.context import PageSettings
from pages.login_delays import LoginDelays
from pages.scratch import Scratch
from web_names import LOOPBACK_NAMES, host_name, is_address, is_foreign

logger = logging.getLogger(__name__)

SHARE_DOMAIN = ".gradio.live"
API = "/gradio_api/"
LOGIN, UPLOAD = "/login", f"{API}upload"
MAX_BODY = 16 * 2**20
"""Bytes of a request that is no upload: a page full of table rows fits."""
READING = ("GET", "HEAD", "OPTIONS")
OPEN_PAGES = frozenset(
    {"/", "/config", LOGIN, "/logout", "/theme.css", "/favicon.ico", "/manifest.json", "/robots.txt", "/pwa_icon"}
)
OPEN_FOLDERS = ("/assets/", "/static/", "/svelte/", "/pwa_icon/", "/speech/")
OPEN_CALLS = frozenset(
    {
        "app_id",
        "cancel",
        "info",
        "login_check",
        "openapi.json",
        "queue/data",
        "queue/join",
        "reset",
        "startup-events",
        "theme.css",
        "upload",
        "upload_progress",
    }
)
OPEN_CALL_FOLDERS = ("call/", "run/", "file/", "file=", "heartbeat/", "stream/")
HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "content-security-policy": "frame-ancestors 'self'",
    "x-frame-options": "SAMEORIGIN",
}
"""Of every answer: no guessed types, no address told to other sites, no frame around the page on another site."""


@dataclass(frozen=True)
class Refusal:
    """Why a request gets no answer.

    Attributes:
        status: of HTTP.
        why: one line, with what to do about it.
        wait: seconds after which another try makes sense, 0 where none does.
    """

    status: int
    why: str
    wait: int = 0

    def response(self) -> JSONResponse:
        """As gradio words its own refusals, so that its page shows the line."""
        return JSONResponse({"detail": self.why}, self.status, {"retry-after": str(self.wait)} if self.wait else None)


@dataclass(frozen=True)
class Names:
    """By which names the page is reached.

    Attributes:
        names: in lower case, IPv6 addresses in brackets.
        addresses: any IP address will do: the page listens on more than this computer's own.
        domain: any name below it will do; empty: none.
    """

    names: frozenset[str] = frozenset(LOOPBACK_NAMES)
    addresses: bool = False
    domain: str = ""

    @classmethod
    def of(cls, settings: PageSettings) -> Names:
        """Those of this computer, of the address that is listened on, of ``--name``, and of a public link."""
        own = {*LOOPBACK_NAMES, *(name.lower() for name in settings.names)}
        alone = is_loopback(settings.host)
        if not alone:
            own |= {settings.host.lower(), socket.gethostname().lower()}
        return cls(frozenset(own), not alone, SHARE_DOMAIN if settings.share else "")

    def known(self, name: str) -> bool:
        """True where the page is known under ``name``."""
        return (
            name in self.names
            or (self.addresses and is_address(name))
            or bool(self.domain and name.endswith(self.domain))
        )


def is_open(path: str) -> bool:
    """True for a path that the page or its API needs."""
    path = path.rstrip("/") or "/"
    if path.startswith(API):
        call = path.removeprefix(API)
        if call.startswith("file=") and "://" in call:  # gradio would send the visitor on to any site
            return False
        return call in OPEN_CALLS or call.startswith(OPEN_CALL_FOLDERS)
    return path in OPEN_PAGES or f"{path}/".startswith(OPEN_FOLDERS)


class Doors:
    """Middleware in front of the page.

    Args:
        app: what comes behind it.
        settings: of the page.
        scratch: the folder of uploads and speeches.
        delays: after wrong logins.
    """

    def __init__(
        self, app: ASGIApp, settings: PageSettings, scratch: Scratch, delays: LoginDelays | None = None
    ) -> None:
        self._app, self._scratch = app, scratch
        self._names, self._delays = Names.of(settings), delays or LoginDelays()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse, or pass on; every answer gets :data:`HEADERS`, and who opens the page a key of their own."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":  # the page has no WebSocket
            await receive()
            await send({"type": "websocket.close", "code": 1008})
            return
        send = _with_headers(send, _key_for(scope))
        refusal = self.refusal(scope) or await self._too_much(scope)
        if refusal is None and scope["path"].rstrip("/") == LOGIN and scope["method"] == "POST":
            await self._login(scope, receive, send)
        elif refusal is None:
            await self._app(scope, receive, send)
        else:
            logger.warning("refused %s %s: %s", scope["method"], scope["path"], refusal.why)
            await refusal.response()(scope, receive, send)

    def refusal(self, scope: Scope) -> Refusal | None:
        """Why a request is not answered: its host, its origin, or a path that is not open."""
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if not self._names.known(host_name(host)):
            return Refusal(400, "this page is not known under that name: start it with --name NAME")
        origin = headers.get("origin")
        if origin is not None and is_foreign(origin, host) and not self._is_named(origin):
            return Refusal(403, "pages of another origin may ask nothing here")
        path = scope["path"]
        reads = scope["method"] in READING
        from_elsewhere = headers.get("sec-fetch-site") in ("cross-site", "same-site")
        if from_elsewhere and origin is None and not (reads and path == "/"):  # a link to the page is welcome
            return Refusal(403, "pages of another origin may ask nothing here")
        return None if is_open(path) else Refusal(404, "there is nothing here")

    def _is_named(self, origin: str) -> bool:
        """True for the page's own origin behind a proxy that changes its name: one that ``--name`` gives."""
        name = host_name(urlsplit(origin).netloc)
        return name not in LOOPBACK_NAMES and not is_address(name) and self._names.known(name)

    async def _too_much(self, scope: Scope) -> Refusal | None:
        """Why a body is not read; also the moment at which the folder of uploads is tidied."""
        if scope["method"] in READING:
            if self._scratch.is_due:
                await anyio.to_thread.run_sync(self._scratch.tidy)
            return None
        announced = Headers(scope=scope).get("content-length", "")
        if not announced.isdecimal():
            return Refusal(411, "the length of the body is not announced: send Content-Length")
        size = int(announced)
        if scope["path"].rstrip("/") != UPLOAD:
            return Refusal(413, f"the body is too large: at most {MAX_BODY} bytes") if size > MAX_BODY else None
        if not await anyio.to_thread.run_sync(self._scratch.admits, size):
            return Refusal(507, "there is no room for more files: try again in some minutes")
        return None

    async def _login(self, scope: Scope, receive: Receive, send: Send) -> None:
        """A try to log in: counted as wrong until it turns out to be right, so that tries at once count too."""
        address = (scope.get("client") or ("",))[0]
        wait = self._delays.begin(address)
        if wait:
            line = f"too many wrong logins: try again in {wait} s"
            await Refusal(429, line, wait).response()(scope, receive, send)
            return

        async def watch(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] < 400:
                self._delays.right(address)
            await send(message)

        await self._app(scope, receive, watch)


def _key_for(scope: Scope) -> str:
    """The cookie for a browser that opens the page and has none; "" for other requests."""
    if scope["method"] != "GET" or scope["path"] != "/":
        return ""
    known = key_of(cookie_parser(Headers(scope=scope).get("cookie", "")))
    return "" if known else new_cookie(secure=scope["scheme"] == "https")


def _with_headers(send: Send, cookie: str = "") -> Send:
    async def add(message: Message) -> None:
        if message["type"] == "http.response.start":
            message.setdefault("headers", [])
            headers = MutableHeaders(scope=message)
            headers.update(HEADERS)
            if cookie and message["status"] < 400:
                headers.append("set-cookie", cookie)
        await send(message)

    return add
