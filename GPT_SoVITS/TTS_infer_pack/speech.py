"""The speech of one request while it is made, and what happened to it. Knows nothing about models, text or settings."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from AR.fallback import FallbackInfo, OnFall
from TTS_infer_pack.request import AudioChunk


class Falls:
    """Why the AR model has spoken for the language model in one request. Nobody else's falls get in.

    Args:
        listeners: called with every fall.
    """

    def __init__(self, *listeners: OnFall | None) -> None:
        self._listeners = [listener for listener in listeners if listener is not None]
        self.all: list[FallbackInfo] = []

    def __call__(self, info: FallbackInfo) -> None:
        """Note a fall."""
        self.all.append(info)
        for listener in self._listeners:
            listener(info)


class Speech(Iterator[AudioChunk]):
    """What ``TTS.stream`` gives: the audio chunks of one request, in the order of the text.

    Closing it ends the work and frees what it holds.

    Args:
        chunks: makes them.
        falls: of the same request.
    """

    def __init__(self, chunks: Iterator[AudioChunk], falls: Falls) -> None:
        self._chunks, self._falls = chunks, falls

    @property
    def fallback(self) -> FallbackInfo | None:
        """Why the AR model has spoken in this request so far, the last reason of several; None where it has not."""
        return self._falls.all[-1] if self._falls.all else None

    @property
    def fallbacks(self) -> list[FallbackInfo]:
        """All falls of this request so far."""
        return list(self._falls.all)

    def __next__(self) -> AudioChunk:
        chunk = next(self._chunks)
        return chunk if self.fallback is None else replace(chunk, fallback=self.fallback)

    def close(self) -> None:
        """End the work."""
        close = getattr(self._chunks, "close", None)  # an iterator that is no generator may have none
        if close is not None:
            close()
