"""A WebSocket into which text is written as a chat model writes it, and out of which speech comes sentence by sentence.

Messages in:  {"type": "session.config", voice, response_format, ...}, {"type": "input.text", "text"},
              {"type": "input.done"}, {"type": "input.cancel"}, {"type": "session.close"}
Messages out: {"type": "audio.start", "sentence_index", "sentence_text", "format", "sample_rate"}, binary audio,
              {"type": "audio.words", "sentence_index", "segment", "words"} where the session asks for subtitles,
              {"type": "audio.done", "sentence_index", "t2s"}, {"type": "audio.cancelled"}, {"type": "session.done"},
              {"type": "error", "error": {...}}

All binary messages up to ``session.done`` are one stream of the format, not a file a sentence. Words have the seconds
of that stream and the characters of all text since the last ``input.done`` or ``input.cancel``.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from fastapi import APIRouter
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from errors import GSVError, LimitError, RequestError
from http_api.admission import QueueFullError
from http_api.answers import body_of, message_of, status_of
from http_api.dialects.openai import openai_call
from http_api.incoming import json_object
from http_api.responses import fall_of
from http_api.sentences import Sentence, SentenceBuffer
from http_api.service import Service
from http_api.speaking import Speech, StreamEncoder
from TTS_infer_pack.request import MAX_TEXT
from TTS_infer_pack.subtitles import SpeechClock, as_rows
from TTS_infer_pack.word_times import SpokenWord

logger = logging.getLogger(__name__)

IDLE_SECONDS = 300.0
DEFAULT_FORMAT = "pcm"
MOST_TURNS = 8
"""Ends of the input whose sentences may wait to be said; text for more is refused."""


def build_websocket(service: Service) -> APIRouter:
    """The route."""
    router = APIRouter()

    @router.websocket("/v1/audio/speech/stream")
    async def stream(socket: WebSocket) -> None:
        """One session."""
        await socket.accept()
        with suppress(WebSocketDisconnect):
            await Session(service, socket).run()

    return router


@dataclass
class Turn:
    """What is said between two ends of the input: one stream of sound.

    Attributes:
        encoder: goes on from sentence to sentence.
        sentences: to say; None ends the turn.
        seconds: of sound in the sentences before the one that is spoken.
    """

    encoder: StreamEncoder
    sentences: asyncio.Queue[Sentence | None] = field(default_factory=asyncio.Queue)
    seconds: float = 0.0


class Session:
    """One connection: reads messages, and speaks in a task beside it."""

    def __init__(self, service: Service, socket: WebSocket) -> None:
        self._service, self._socket = service, socket
        self._values: dict[str, Any] = {"response_format": DEFAULT_FORMAT}
        self._buffer = SentenceBuffer()
        self._turn: Turn | None = None
        self._speakers: list[asyncio.Task[None]] = []
        self._speech: Speech | None = None
        self._characters = 0

    async def run(self) -> None:
        """Until the client closes or goes away."""
        try:
            while True:
                text = await asyncio.wait_for(self._socket.receive_text(), IDLE_SECONDS)
                try:
                    if not await self._handle(json_object(text)):
                        break
                except GSVError as error:
                    await self._tell_error(error)
        except asyncio.TimeoutError:
            await self._socket.close(1001)
        except KeyError:  # a binary message: starlette finds no text in it
            await self._socket.close(1003)
        finally:
            await self._cancel()

    async def _handle(self, message: Mapping[str, Any]) -> bool:
        """Do what a message says; False for the last one."""
        kind = message.get("type")
        if kind == "session.config":
            self._configure(message)
        elif kind == "input.text":
            self._add_text(message.get("text"))
        elif kind == "input.done":
            await self._finish()
        elif kind == "input.cancel":
            await self._cancel()
            await self._socket.send_json({"type": "audio.cancelled"})
        elif kind == "session.close":
            await self._finish()
            await asyncio.gather(*self._speakers, return_exceptions=True)
            await self._socket.close()
            return False
        else:
            raise RequestError(f"message type {str(kind)[:32]!r} is not known", "session.config, input.text, ...")
        return True

    def _configure(self, message: Mapping[str, Any]) -> None:
        """Values of the sentences to come; they are checked now, with a word in the text's place."""
        values = {"response_format": DEFAULT_FORMAT} | {k: v for k, v in message.items() if k != "type"}
        openai_call(self._service, values | {"input": "word"}, as_events=True)
        self._values = values

    def _add_text(self, text: Any) -> None:
        if not isinstance(text, str):
            raise RequestError("text is missing", "a piece of text")
        self._speakers = [speaker for speaker in self._speakers if not speaker.done()]
        if self._turn is None and len(self._speakers) >= MOST_TURNS:
            what = f"{MOST_TURNS} texts wait to be said"
            raise QueueFullError(what, "fewer at a time", "wait for session.done, or send input.cancel")
        self._characters += len(text)
        if self._characters > MAX_TEXT:
            raise LimitError(f"the input has {self._characters} characters", f"at most {MAX_TEXT}", "send input.done")
        for sentence in self._buffer.feed(text):
            self._say(sentence)

    def _say(self, sentence: Sentence) -> None:
        if self._turn is None:
            call = openai_call(self._service, self._values | {"input": sentence.text}, as_events=True)
            self._turn = Turn(StreamEncoder(call.media_type, call.rate, whole=False))
            self._speakers.append(asyncio.create_task(self._speak(self._turn, tuple(self._speakers))))
        self._turn.sentences.put_nowait(sentence)

    async def _finish(self) -> None:
        """Let what is left be said; the end of the turn is told when all of it was sent."""
        for sentence in self._buffer.rest():
            self._say(sentence)
        self._buffer.clear()
        turn, self._turn = self._turn, None
        self._characters = 0
        if turn is not None:
            turn.sentences.put_nowait(None)
        else:
            await self._socket.send_json({"type": "session.done"})

    async def _cancel(self) -> None:
        """Be silent at once, and forget what was to be said."""
        self._buffer.clear()
        self._characters, self._turn = 0, None
        speakers, self._speakers = self._speakers, []
        if self._speech is not None:
            self._speech.cancel()
        for speaker in speakers:
            speaker.cancel()
        await asyncio.gather(*speakers, return_exceptions=True)

    # -- in the speaking task ----------------------------------------------------------------------------------------

    async def _speak(self, turn: Turn, before: tuple[asyncio.Task[None], ...]) -> None:
        await asyncio.gather(*before, return_exceptions=True)  # one turn after the other
        index = 0
        while (sentence := await turn.sentences.get()) is not None:
            try:
                await self._speak_sentence(turn, index, sentence)
            except Exception as error:  # noqa: BLE001 - every kind is told; the sentences behind it are spoken
                if self._is_gone(error):
                    return
                if status_of(error) == 500:
                    logger.exception("a sentence failed", exc_info=error)
                await self._tell_error(error, sentence_index=index)
            index += 1
        if rest := turn.encoder.finish():
            await self._socket.send_bytes(rest)
        await self._socket.send_json({"type": "session.done"})

    def _is_gone(self, error: Exception) -> bool:
        states = (self._socket.client_state, self._socket.application_state)
        return isinstance(error, WebSocketDisconnect) or any(state is not WebSocketState.CONNECTED for state in states)

    async def _speak_sentence(self, turn: Turn, index: int, sentence: Sentence) -> None:
        call = openai_call(self._service, self._values | {"input": sentence.text}, as_events=True)
        call = replace(call, dialect="websocket")
        self._speech = speech = await self._service.start(call, turn.encoder)
        started, clock = False, SpeechClock(turn.seconds)
        try:
            async for part in speech.parts():
                if not started:
                    started = True
                    start = {"sentence_index": index, "sentence_text": sentence.text, "format": call.media_type}
                    await self._socket.send_json({"type": "audio.start", **start, "sample_rate": turn.encoder.rate})
                if part.data:
                    await self._socket.send_bytes(part.data)
                if call.request.subtitles and part.chunk is not None:
                    await self._tell_words(index, sentence, part.chunk.index, clock.add(part.chunk))
        finally:
            speech.cancel()
            turn.seconds += speech.facts.seconds
        done = {"sentence_index": index, "seconds": round(speech.facts.seconds, 3), "t2s": speech.facts.spoke}
        falls = [fall_of(fall) for fall in speech.facts.falls]
        more = {"falls": falls, "warnings": speech.facts.warnings}
        await self._socket.send_json({"type": "audio.done", **done, **more})

    async def _tell_words(self, index: int, sentence: Sentence, segment: int, words: Sequence[SpokenWord]) -> None:
        if words:
            rows = as_rows([word.moved(sentence.at) for word in words])
            told = {"sentence_index": index, "segment": segment, "words": rows}
            await self._socket.send_json({"type": "audio.words", **told})

    async def _tell_error(self, error: Exception, **more: Any) -> None:
        content = body_of("/v1", status_of(error), message_of(error))
        await self._socket.send_json({"type": "error", **content, **more})
