"""ASGI middleware that puts a visitor's language into the page's documents: marks become texts, see ``tools.i18n``."""

from __future__ import annotations

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tools.i18n.translator import language_of, put_texts

DOCUMENTS = ("/", "/config", "/gradio_api/info", "/gradio_api/openapi.json")
"""Where the page's widgets are described."""


class Localise:
    """Rewrites the answers to :data:`DOCUMENTS`; everything else passes untouched.

    Args:
        app: what answers.
        language: the page's language, or "auto" for what the request's Accept-Language says.
    """

    def __init__(self, app: ASGIApp, language: str = "auto") -> None:
        self.app, self.language = app, language

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or (scope["path"].rstrip("/") or "/") not in DOCUMENTS:
            await self.app(scope, receive, send)
            return
        wish = Headers(scope=scope).get("accept-language", "")
        await self.app(scope, receive, _Rewriter(send, language_of(wish) if self.language == "auto" else self.language))


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
        headers.append("vary", "Accept-Language")
        await self.send({**self.start, "headers": headers.raw})
        await self.send({"type": "http.response.body", "body": body})
