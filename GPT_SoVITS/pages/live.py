"""Speech that is heard while it is made: a wav file that grows, served to the page's own player.

A browser plays a wav of unknown length as it comes, so nothing is encoded and no player is written. The name of a
stream is a secret that only the visitor's page is told.
"""

from __future__ import annotations

import asyncio
import secrets
import struct
import threading
from collections import OrderedDict
from collections.abc import AsyncIterator

import numpy as np
from numpy.typing import NDArray
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

KEPT = 16
"""Streams that are kept; the oldest one goes for a new one."""
POLL_SECONDS = 0.03
UNKNOWN_LENGTH = 0xFFFFFFFF
ROUTE = "/speech/{name}"


class LiveSpeech:
    """One growing recording; written by a handler's thread, read by the server's."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.parts: list[bytes] = []
        self.finished = False

    def add(self, rate: int, samples: NDArray[np.int16]) -> None:
        """Append ``samples`` [T] at ``rate`` Hz; the first call decides the rate."""
        if not self.parts:
            self.parts.append(wav_header(rate))
        self.parts.append(samples.astype("<i2").tobytes())

    def finish(self) -> None:
        """No more will come; listeners are let go."""
        self.finished = True

    async def read(self) -> AsyncIterator[bytes]:
        """All there is, and what is added, until the end."""
        place = 0
        while not (self.finished and place >= len(self.parts)):
            if place < len(self.parts):
                yield self.parts[place]
                place += 1
            else:
                await asyncio.sleep(POLL_SECONDS)


def wav_header(rate: int) -> bytes:
    """Header of a mono 16-bit wav whose length is not known."""
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, rate, rate * 2, 2, 16)
    length = struct.pack("<I", UNKNOWN_LENGTH)
    return b"RIFF" + length + b"WAVE" + form + b"data" + length


class LiveStore:
    """The recordings that are being made, by name. Safe for several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._streams: OrderedDict[str, LiveSpeech] = OrderedDict()

    def open(self) -> LiveSpeech:
        """A new, empty recording under a name that cannot be guessed."""
        speech = LiveSpeech(secrets.token_urlsafe(18))
        with self._lock:
            self._streams[speech.name] = speech
            while len(self._streams) > KEPT:
                self._streams.popitem(last=False)[1].finish()
        return speech

    async def answer(self, request: Request) -> Response:
        """The server's answer to a browser that wants to hear a recording."""
        speech = self._streams.get(request.path_params["name"])
        if speech is None:
            return PlainTextResponse("this speech is gone: speak again", status_code=404)
        return StreamingResponse(speech.read(), media_type="audio/wav", headers={"Cache-Control": "no-store"})

    def route(self) -> Route:
        """Where the server offers the recordings."""
        return Route(ROUTE, self.answer, methods=["GET"])


def player(speech: LiveSpeech) -> str:
    """HTML of the element that plays ``speech`` as it grows."""
    return f'<audio class="live-speech" controls autoplay src="speech/{speech.name}" style="width:100%"></audio>'
