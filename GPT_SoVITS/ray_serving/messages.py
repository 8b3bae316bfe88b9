"""An ASGI application over messages that can travel between processes: one request in, its answer's messages out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from typing import Any

from starlette.types import ASGIApp, Message

PLAIN = ("type", "http_version", "method", "scheme", "path", "raw_path", "query_string", "root_path", "client")
"""What of a scope travels, beside its headers."""


def plain_scope(scope: Mapping[str, Any]) -> dict[str, Any]:
    """A scope without objects of the server that made it."""
    kept = {name: scope[name] for name in PLAIN if name in scope}
    headers = [(bytes(name), bytes(value)) for name, value in scope["headers"]]
    return kept | {"headers": headers, "asgi": {"version": "3.0"}}


async def answer(app: ASGIApp, scope: Mapping[str, Any], body: bytes) -> AsyncGenerator[Message, None]:
    """Messages of an application's answer, as it sends them.

    Closing it is what a client that goes away is: the application is told, and ended.

    Raises:
        Exception: what the application raised, or one of its own where it ends without an end.
    """
    ready: asyncio.Queue[Message] = asyncio.Queue(maxsize=4)
    gone = asyncio.Event()
    asked = False

    async def receive() -> Message:
        nonlocal asked
        if not asked:
            asked = True
            return {"type": "http.request", "body": body, "more_body": False}
        await gone.wait()
        return {"type": "http.disconnect"}

    async def work() -> None:
        await app(dict(scope), receive, ready.put)

    task = asyncio.ensure_future(work())
    try:
        while not task.done() or not ready.empty():
            following = asyncio.ensure_future(ready.get())
            await asyncio.wait({following, task}, return_when=asyncio.FIRST_COMPLETED)
            if following.done():
                yield following.result()
            else:
                following.cancel()
        await task
    finally:
        gone.set()
        await _ended(task)


async def _ended(task: asyncio.Task[None]) -> None:
    """Give the application a moment to see that the client is gone, then end it."""
    if not task.done():
        await asyncio.wait({task}, timeout=1.0)
        task.cancel()
    await asyncio.gather(task, return_exceptions=True)
