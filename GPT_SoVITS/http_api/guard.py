"""What every request passes first: its host, its origin, its key, and how large it is. Plain ASGI: streams pass.

A page that a browser shows may send requests to this computer even though it cannot read the answers; so a request
that says it comes from another origin than the named ones is refused whatever it asks. Without a key the server
answers under names of this computer only, or a page could reach it by a name that its owner points here.
"""

from __future__ import annotations

import hmac

import anyio
from starlette.datastructures import Headers, QueryParams
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from errors import LimitError
from http_api.admission import SlowBodyError
from http_api.answers import NotAllowedError, error_response
from http_api.service import Service
from http_api.settings import ApiSettings
from web_names import LOOPBACK_NAMES, host_name, is_foreign

OPEN_PATHS = ("/health", "/ready", "/v1/health")
UPLOAD_PATHS = ("/v1/audio/voices", "/audio/voices", "/v1/audio/conversions", "/audio/conversions")
STATE_PATHS = ("/control", "/set_gpt_weights", "/set_sovits_weights", "/set_refer_audio", "/change_refer", "/set_model")
FORBIDDEN = 1008
"""Close code of a WebSocket that breaks a rule."""


class Guard:
    """Middleware in front of all routes; also counts the answers.

    Args:
        app: what comes behind it.
        service: its settings and metrics.
    """

    def __init__(self, app: ASGIApp, service: Service) -> None:
        self._app, self._service = app, service
        self._settings: ApiSettings = service.settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse, or pass on with a body that is counted."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        try:
            check(scope, self._settings)
        except NotAllowedError as error:
            await self._refuse(error, scope, receive, send)
            return
        if scope["type"] == "websocket":
            await self._app(scope, receive, send)
        else:
            await self._app(scope, self._limited(scope, receive), self._counted(scope, send))

    async def _refuse(self, error: NotAllowedError, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await receive()  # the connect message
            await send({"type": "websocket.close", "code": FORBIDDEN})
            return
        await error_response(scope["path"], error)(scope, receive, self._counted(scope, send))

    def _limited(self, scope: Scope, receive: Receive) -> Receive:
        """``receive`` that gives up on bodies that are too large or do not come."""
        limits = self._settings.limits
        limit = limits.upload_bytes if scope["path"].startswith(UPLOAD_PATHS) else limits.body_bytes
        announced = Headers(scope=scope).get("content-length", "")
        seen = 0
        reading = True

        async def next_message() -> Message:
            nonlocal seen, reading
            if not reading:
                return await receive()
            if announced.isdecimal() and int(announced) > limit:
                raise LimitError(f"the body has {announced} bytes", f"at most {limit}")
            try:
                with anyio.fail_after(limits.body_seconds):
                    message = await receive()
            except TimeoutError as error:
                raise SlowBodyError("the body does not come", "all of it") from error
            seen += len(message.get("body", b""))
            if seen > limit:
                raise LimitError("the body is too large", f"at most {limit} bytes")
            reading = bool(message.get("more_body", False))
            return message

        return next_message

    def _counted(self, scope: Scope, send: Send) -> Send:
        async def count(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._service.metrics.requests.labels(dialect_of(scope["path"]), str(message["status"])).inc()
            await send(message)

        return count


def check(scope: Scope, settings: ApiSettings) -> None:
    """Refuse what comes from the wrong place or without the key.

    Raises:
        NotAllowedError: with the status of the refusal.
    """
    headers = Headers(scope=scope)
    host = headers.get("host", "")
    if settings.key is None and host_name(host) not in (*LOOPBACK_NAMES, *settings.hosts):
        raise NotAllowedError(400, "this server is not known under that name", "localhost", "start it with --host NAME")
    origin = headers.get("origin")
    if origin is not None and is_foreign(origin, host, settings.origins):
        raise NotAllowedError(
            403, "pages of that origin may not ask", "a named origin", "start the server with --origin URL"
        )
    if scope["path"] in STATE_PATHS and headers.get("sec-fetch-site") == "cross-site" and origin is None:
        raise NotAllowedError(403, "another page may not change anything here")
    is_preflight = scope.get("method") == "OPTIONS" and origin is not None
    if settings.key is not None and scope["path"] not in OPEN_PATHS and not is_preflight:
        if not _same(settings.key, _shown_key(scope, headers)):
            raise NotAllowedError(401, "the API key is missing or wrong", "Authorization: Bearer KEY")


def has_key(scope: Scope, settings: ApiSettings) -> bool:
    """True where the whole of a server's state may be told: there is no key, or the client shows it."""
    return settings.key is None or _same(settings.key, _shown_key(scope, Headers(scope=scope)))


def _shown_key(scope: Scope, headers: Headers) -> str:
    """The key of the Authorization header; of the query where a client can send no header (GET, WebSocket)."""
    kind, _, shown = headers.get("authorization", "").partition(" ")
    if kind.lower() == "bearer":
        return shown.strip()
    if scope["type"] == "websocket" or scope.get("method") == "GET":
        return QueryParams(scope.get("query_string", b"")).get("api_key", "")
    return ""


def _same(key: str, shown: str) -> bool:
    """Compared in a time that does not tell how much of it is right."""
    return hmac.compare_digest(key.encode("utf-8"), shown.encode("utf-8", "surrogateescape"))


def dialect_of(path: str) -> str:
    """A path as one of a few words, for metrics."""
    first = path.strip("/").partition("/")[0]
    if path.startswith(("/v1", "/audio")):
        return "openai"
    known = {"": "legacy", "tts": "public", "speakers": "tavern", "character_list": "gsvi", "metrics": "status"}
    return known.get(first, "status" if first in ("health", "ready") else "control" if path in STATE_PATHS else "other")
