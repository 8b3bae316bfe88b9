"""Speech that is heard while it is made: a wav file that grows, served to the page's own player, and kept as a file.

A browser plays a wav of unknown length as it comes, so nothing is encoded. The name of a speech is a secret that only
the visitor's page is told. Files are kept until there are too many, the oldest going first.
"""

from __future__ import annotations

import asyncio
import html
import io
import secrets
import struct
import threading
import wave
from collections import OrderedDict
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

KEPT = 16
"""Streams that are kept; the oldest one goes for a new one."""
KEPT_FILES = 300
KEPT_BYTES = 500 * 2**20
"""What is kept of finished speech, subtitles and archives."""
MEDIA_TYPES = {
    ".wav": "audio/wav",
    ".srt": "application/x-subrip; charset=utf-8",
    ".vtt": "text/vtt; charset=utf-8",
    ".zip": "application/zip",
}
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
    """Recordings that are being made, and files of finished ones, by name. Safe for several threads.

    Args:
        folder: for the files; None: nothing is kept.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._streams: OrderedDict[str, LiveSpeech] = OrderedDict()
        self._files: OrderedDict[str, Path] = OrderedDict()

    def open(self) -> LiveSpeech:
        """A new, empty recording under a name that cannot be guessed."""
        speech = LiveSpeech(secrets.token_urlsafe(18))
        with self._lock:
            self._streams[speech.name] = speech
            while len(self._streams) > KEPT:
                self._streams.popitem(last=False)[1].finish()
        return speech

    def keep(self, name: str, content: bytes) -> None:
        """Keep a file under ``name``, such as a speech's name and a suffix.

        Raises:
            OSError: it cannot be written.
        """
        if self._folder is None:
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / name
        path.write_bytes(content)
        with self._lock:
            self._files[name] = path
            sizes = {key: kept.stat().st_size for key, kept in self._files.items() if kept.is_file()}
            total = sum(sizes.values())
            while len(self._files) > 1 and (len(self._files) > KEPT_FILES or total > KEPT_BYTES):
                key, oldest = self._files.popitem(last=False)
                total -= sizes.get(key, 0)
                oldest.unlink(missing_ok=True)

    def has(self, name: str) -> bool:
        """Whether the file that was kept under ``name`` is still there: it may have been too old, or one too many."""
        with self._lock:
            path = self._files.get(name)
        return path is not None and path.is_file()

    async def answer(self, request: Request) -> Response:
        """The server's answer to a browser that wants to hear a recording, or to have a file of it."""
        name = request.path_params["name"]
        path = self._files.get(name) or self._files.get(f"{name}.wav")
        if path is not None and path.is_file():
            kind = MEDIA_TYPES[path.suffix]
            return FileResponse(path, media_type=kind, headers={"Cache-Control": "private, max-age=3600"})
        speech = self._streams.get(name)
        if speech is None:
            return PlainTextResponse("this speech is gone: speak again", status_code=404)
        return StreamingResponse(speech.read(), media_type="audio/wav", headers={"Cache-Control": "no-store"})

    def route(self) -> Route:
        """Where the server offers the recordings."""
        return Route(ROUTE, self.answer, methods=["GET"])


def wav_bytes(rate: int, samples: NDArray[np.int16]) -> bytes:
    """A whole wav file of ``samples`` [T]."""
    target = io.BytesIO()
    with wave.open(target, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(samples.astype("<i2").tobytes())
    return target.getvalue()


def player(name: str = "", autoplay: bool = True) -> str:
    """HTML of the page's one player, with the speech of that name in it. What has grown is played again as a file."""
    source = f' src="speech/{html.escape(name)}"' if name else ""
    again = "this.onended=null;this.autoplay=false;this.src=this.src.split('?')[0]+'?whole'"
    start = f' autoplay onended="{again}"' if name and autoplay else ""
    return f'<audio class="live-speech" controls{start}{source} style="width:100%"></audio>'
