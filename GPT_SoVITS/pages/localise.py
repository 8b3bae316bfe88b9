"""ASGI middleware that puts a visitor's language into the page's documents: marks become texts, see ``tools.i18n``."""

from __future__ import annotations

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tools.i18n.translator import put_texts, wished_language

DOCUMENTS = ("/", "/config", "/gradio_api/info", "/gradio_api/openapi.json")
"""Where the page's widgets are described."""


class Localise:
    """Rewrites the answers to :data:`DOCUMENTS`; everything else passes untouched.

    Args:
        app: what answers.
        language: the page's language, or "auto" for the visitor's choice, else what the browser asks for.
    """

    def __init__(self, app: ASGIApp, language: str = "auto") -> None:
        self.app, self.language = app, language

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or (scope["path"].rstrip("/") or "/") not in DOCUMENTS:
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        wish = wished_language(cookie_parser(headers.get("cookie", "")), headers.get("accept-language", ""))
        await self.app(scope, receive, _Rewriter(send, wish if self.language == "auto" else self.language))


class _Rewriter:
    """Collects a document, puts the texts in, and sends it on with its new length."""

    def __init__(self, send: Send, language: str) -> None:
        self.send, self.language = send, language
        self.start: Message = {}
        self.body = b""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.start = message
            return
        self.body += message.get("body", b"")
        if message.get("more_body"):
            return
        body = put_texts(self.body.decode("utf-8"), self.language).encode("utf-8")
        headers = MutableHeaders(raw=list(self.start["headers"]))
        headers["content-length"] = str(len(body))
        headers.append("vary", "Accept-Language, Cookie")
        await self.send({**self.start, "headers": headers.raw})
        await self.send({"type": "http.response.body", "body": body})
