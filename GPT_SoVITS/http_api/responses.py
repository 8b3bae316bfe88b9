"""Speech as an HTTP answer: whole, streamed, or as server-sent events; the work ends when the client goes away.

Headers are sent with the first audio, so that whatever goes wrong before it has its own status. They say who spoke
(``X-T2S``: ar, qwen3, or qwen3+ar where some segments fell back), and why (``X-T2S-Fallback``, ``-Message``).
"""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import time
from collections.abc import Awaitable
from typing import Any
from urllib.parse import quote

import anyio
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from http_api.admission import DeadlineError
from http_api.answers import body_of, error_response, message_of, status_of
from http_api.calls import SpeechCall
from http_api.encoders import MEDIA_TYPES
from http_api.paths import without_paths
from http_api.service import Service
from http_api.speaking import Facts, Part, Speech
from TTS_infer_pack.request import SEGMENTS
from TTS_infer_pack.subtitles import SpeechClock, as_rows, as_srt, as_vtt
from TTS_infer_pack.word_times import SpokenWord

logger = logging.getLogger(__name__)

Headers = dict[str, str]
EXPOSED = (
    "X-Warning",
    "X-Sample-Rate",
    "X-Voice",
    "X-Seed",
    "X-T2S",
    "X-T2S-Model",
    "X-T2S-Fallback",
    "X-T2S-Fallback-Message",
)
"""Headers that a page of another origin may read."""
QUOTED = " ,.;:()'/-_="
"""Marks that stay as they are in the message of a header; all else that is no letter is percent-encoded."""


class Playback:
    """Whether a player that begins with the first audio would have run dry."""

    def __init__(self) -> None:
        self._begun: float | None = None
        self._seconds = 0.0
        self.ran_dry = False

    def add(self, seconds: float) -> None:
        """Some more seconds of speech are on their way now."""
        now = time.monotonic()
        if self._begun is None:
            self._begun = now
        elif now - self._begun > self._seconds:
            self.ran_dry = True
        self._seconds += seconds


class SpeechResponse(Response):
    """The answer to a call: audio, whole or as it comes.

    Args:
        service: speaks it.
        call: what is asked.
    """

    def __init__(self, service: Service, call: SpeechCall) -> None:
        super().__init__()
        self._service, self._call = service, call
        self._begun = time.monotonic()
        self._speech: Speech | None = None
        self._started = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer; a client that goes away ends the work at once."""
        answer = asyncio.ensure_future(self._answer(scope, send))
        gone = asyncio.ensure_future(_gone(receive))
        try:
            await asyncio.wait({answer, gone}, return_when=asyncio.FIRST_COMPLETED)
            if answer.done():
                answer.result()
        finally:
            if self._speech is not None and not answer.done():
                self._speech.cancel()
            for task in (answer, gone):
                task.cancel()
            await asyncio.gather(answer, gone, return_exceptions=True)

    async def _answer(self, scope: Scope, send: Send) -> None:
        seconds = self._service.settings.limits.request_seconds
        try:
            try:
                with anyio.fail_after(seconds):
                    await self._speak(send)
            except TimeoutError as error:
                raise DeadlineError(f"the request took more than {seconds:g} s", "", "send a shorter text") from error
        except Exception as error:  # noqa: BLE001 - every kind has its answer
            if self._speech is not None:
                self._speech.cancel()
            if status_of(error) == 500:
                logger.exception("a request failed", exc_info=error)
            if not self._started:
                await error_response(scope["path"], error)(scope, _nothing, send)
            else:
                await self._broken_off(error, send)

    async def _speak(self, send: Send) -> None:
        self._speech = speech = await self._service.start(self._call)
        if self._call.whole:
            await self._send_whole(speech, send)
            return
        playback, metrics = Playback(), self._service.metrics
        async for part in speech.parts():
            frame = self._frame(part)
            if frame or self._started:
                await self._send_start(speech.facts, send)
                await self._send_body(frame, send)
            if part.chunk is not None:
                self._note_first()
                playback.add(part.seconds)
        await self._send_body(self._end(speech.facts), send, more=False)
        metrics.streams.inc()
        metrics.underruns.inc(int(playback.ran_dry))

    async def _send_whole(self, speech: Speech, send: Send) -> None:
        body = b"".join([part.data async for part in speech.parts()])
        self._note_first()
        await self._send_start(speech.facts, send, {"Content-Length": str(len(body))})
        await self._send_body(body, send, more=False)

    def _note_first(self) -> None:
        if self._begun:
            self._service.metrics.first_audio.observe(time.monotonic() - self._begun)
            self._begun = 0.0

    # -- the wire ----------------------------------------------------------------------------------------------------

    async def _send_start(self, facts: Facts, send: Send, more: Headers | None = None) -> None:
        if self._started:
            return
        self._started = True
        headers = {"Content-Type": self._content_type(), **headers_of(self._call, facts), **(more or {})}
        await self._sent(
            send({"type": "http.response.start", "status": 200, "headers": [_encoded(*h) for h in headers.items()]})
        )

    async def _send_body(self, data: bytes, send: Send, more: bool = True) -> None:
        if data or not more:
            await self._sent(send({"type": "http.response.body", "body": data, "more_body": more}))

    async def _sent(self, sending: Awaitable[None]) -> None:
        """Wait until the client took it, as long as the limits allow."""
        try:
            with anyio.fail_after(self._service.settings.limits.send_seconds):
                await sending
        except TimeoutError as error:
            raise DeadlineError("the client does not read") from error

    # -- what an answer of another form changes ----------------------------------------------------------------------

    def _content_type(self) -> str:
        return MEDIA_TYPES[self._call.media_type].content_type

    def _frame(self, part: Part) -> bytes:
        return part.data

    def _end(self, facts: Facts) -> bytes:
        return b""

    async def _broken_off(self, error: Exception, send: Send) -> None:
        """Nothing more comes: the server closes the connection, so that nobody takes the part for the whole."""
        logger.warning("an answer was broken off: %s", error)


class EventsResponse(SpeechResponse):
    """The same as server-sent events of OpenAI's kind: base64 audio, who spoke, what went wrong on the way, and words
    with their times after the sound of each segment, where the request asks for subtitles.
    """

    def __init__(self, service: Service, call: SpeechCall) -> None:
        if call.whole:
            call = call.in_mode(SEGMENTS)
        super().__init__(service, call)
        self._sent_falls = 0
        self._clock = SpeechClock()

    def _content_type(self) -> str:
        return "text/event-stream"

    def _frame(self, part: Part) -> bytes:
        falls = self._speech.facts.falls[self._sent_falls :] if self._speech else []
        self._sent_falls += len(falls)
        events = [event("speech.fallback", **fall_of(fall)) for fall in falls]
        if part.data:
            events.append(event("speech.audio.delta", audio=base64.b64encode(part.data).decode("ascii")))
        timed = self._call.request.subtitles and part.chunk is not None
        if timed and (words := self._clock.add(part.chunk)):
            events.append(event("speech.words", segment=part.chunk.index, words=as_rows(words)))
        return b"".join(events)

    def _end(self, facts: Facts) -> bytes:
        words = len(self._call.request.text.split())
        usage = {"input_tokens": words, "output_tokens": facts.tokens, "total_tokens": words + facts.tokens}
        return event(
            "speech.audio.done",
            usage=usage,
            t2s=facts.spoke,
            model=facts.model,
            seconds=round(facts.seconds, 3),
            sample_rate=facts.rate,
            seed=self._call.request.seed,
            warnings=facts.warnings,
        )

    async def _broken_off(self, error: Exception, send: Send) -> None:
        content = body_of("/v1", status_of(error), message_of(error))
        with anyio.move_on_after(1):
            await self._send_body(event("error", **content), send, more=False)


class SubtitledResponse(SpeechResponse):
    """The whole speech and its subtitles as one JSON object."""

    def _content_type(self) -> str:
        return "application/json"

    async def _send_whole(self, speech: Speech, send: Send) -> None:
        clock, words, sound = SpeechClock(), list[SpokenWord](), list[bytes]()
        async for part in speech.parts():
            sound.append(part.data)
            if part.chunk is not None:
                words += clock.add(part.chunk)
        self._note_first()
        body = self._body(b"".join(sound), words, speech.facts)
        await self._send_start(speech.facts, send, {"Content-Length": str(len(body))})
        await self._send_body(body, send, more=False)

    def _body(self, sound: bytes, words: list[SpokenWord], facts: Facts) -> bytes:
        text = self._call.request.text
        content = {
            "audio": base64.b64encode(sound).decode("ascii"),
            "media_type": self._call.media_type,
            "sample_rate": facts.rate,
            "seconds": round(facts.seconds, 3),
            "text": text,
            "words": as_rows(words),
            "srt": as_srt(words, text),
            "vtt": as_vtt(words, text),
        }
        return json.dumps(content, ensure_ascii=False).encode()


def answer_to(service: Service, call: SpeechCall, as_events: bool = False) -> SpeechResponse:
    """The form of answer that a call asks for: audio; with subtitles JSON, and events where it streams."""
    if as_events or (call.request.subtitles and not call.whole):
        return EventsResponse(service, call)
    return (SubtitledResponse if call.request.subtitles else SpeechResponse)(service, call)


def event(kind: str, **values: Any) -> bytes:
    """One server-sent event whose data is JSON with its ``type``."""
    return f"data: {json.dumps({'type': kind, **values}, ensure_ascii=False)}\n\n".encode()


def fall_of(fall: Any) -> dict[str, str]:
    """Why the AR model stepped in, for JSON."""
    return {"reason": fall.reason, "message": without_paths(fall.message), "model": fall.model_name}


def headers_of(call: SpeechCall, facts: Facts) -> Headers:
    """Who spoke, in whose voice, from which seed, and why the language model did not."""
    headers = {
        "X-Sample-Rate": str(facts.rate),
        "X-Voice": quote(call.voice),
        "X-Seed": str(call.request.seed),
        "X-T2S": facts.spoke,
        "Cache-Control": "no-store",
    }
    if facts.model:
        headers["X-T2S-Model"] = quote(facts.model, safe="/:@ ")
    if facts.warnings:
        headers["X-Warning"] = quote(facts.warnings[-1], safe=QUOTED)
    if facts.falls:
        headers["X-T2S-Fallback"] = facts.falls[-1].reason
        headers["X-T2S-Fallback-Message"] = quote(without_paths(facts.falls[-1].message), safe=QUOTED)
    return headers


def _encoded(name: str, value: str) -> tuple[bytes, bytes]:
    return name.lower().encode("ascii"), value.encode("latin-1", "replace")


async def _gone(receive: Receive) -> None:
    """Returns when the client has gone away."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def _nothing() -> Any:
    return {"type": "http.disconnect"}
