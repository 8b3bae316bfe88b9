"""The handler of the speak button: from the tab's inputs to sound, a picture of it, and a line that says who spoke."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

import gradio as gr
import numpy as np
from numpy.typing import NDArray

from audio_io import to_int16
from errors import GSVError, TextError
from pages.context import PageContext
from pages.controls import Controls
from pages.guard import plain, visitor
from pages.live import LiveSpeech, player
from pages.spectrogram import picture
from pages.voice import Speaker, asked_for, who_speaks

Outputs = tuple[Any, Any, Any, Any]
"""What the speech player, the progress line, the picture and the live player show next."""


@dataclass
class Recording:
    """What was spoken so far.

    Attributes:
        rate: Hz, 0 before the first piece.
        pieces: int16 [T] each.
        starts: first sample of each sentence.
        model_name: the language model that was asked for, if one was.
        fallback: why the AR model spoke for it, if it did.
    """

    live: LiveSpeech | None
    model_name: str | None = None
    rate: int = 0
    pieces: list[NDArray[np.int16]] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)
    fallback: Any = None
    warnings: list[str] = field(default_factory=list)
    _length: int = 0
    _sentence: int = -1
    _first: int = 0

    def fell(self, fallback: Any) -> None:
        """The AR model stepped in."""
        self.fallback = fallback

    def add(self, chunk: Any) -> None:
        """Append an ``AudioChunk``: one with another index begins a sentence, one that comes ``again`` begins it anew.

        The live player has been heard; there, what went wrong stays.
        """
        samples = to_int16(chunk.samples)
        if getattr(chunk, "warning", ""):
            self.warnings.append(chunk.warning)
        if chunk.index != self._sentence:
            self._sentence, self._first = chunk.index, len(self.pieces)
            self.starts.append(self._length)
        elif getattr(chunk, "again", False):
            del self.pieces[self._first :]
            self._length = self.starts[-1]
        self.rate, self._length = chunk.sample_rate, self._length + len(samples)
        self.pieces.append(samples)
        if self.live is not None:
            self.live.add(self.rate, samples)

    @property
    def seconds(self) -> float:
        return self._length / self.rate if self.rate else 0.0


def speak(context: PageContext, *values: Any) -> Iterator[Outputs]:
    """Yields how far it is, and at the end the sound. Closing it ends the work, and the visitor's stop does so at once.

    Args:
        context: the page's.
        values: the fields of :class:`pages.controls.Controls`, in their order.

    Raises:
        GSVError: for every error that a visitor can cause; its sentence stays in the progress line.
    """
    try:
        yield from _spoken(context, Controls(*values))
    except Exception as error:
        yield gr.skip(), str(error) if isinstance(error, GSVError) else "", gr.skip(), ""
        raise


def _spoken(context: PageContext, controls: Controls) -> Iterator[Outputs]:
    from TTS_infer_pack.request import SynthesisRequest  # late: the page is there before the pipeline is loaded

    start, say, voice = time.perf_counter(), context.say, context.voice
    seed = controls.chosen_seed()
    request = SynthesisRequest.from_dict(controls.request(seed, say))
    if voice.speaker is None:
        yield gr.skip(), say(f"voice.{voice.state.stage}", detail=voice.state.detail), gr.skip(), gr.skip()
    speaker = voice.load()
    live = context.live.open() if controls.streaming_mode else None
    recording = Recording(live, asked_for(speaker.configs))
    try:
        with (
            context.stops.running(visitor()) as stopped,
            closing(_chunks(speaker, request, stopped, recording.fell)) as chunks,
        ):
            yield None, say("inference.starting"), None, player(live) if live else ""
            for chunk in chunks:
                recording.add(chunk)
                progress = say("inference.speaking", number=chunk.index + 1, seconds=f"{recording.seconds:.1f}")
                yield gr.skip(), progress, gr.skip(), gr.skip()
            if stopped():
                yield gr.skip(), say("inference.stopped"), gr.skip(), ""
                return
    finally:
        if live is not None:
            live.finish()
    yield _result(context, recording, seed, time.perf_counter() - start)


def _result(context: PageContext, recording: Recording, seed: int, took: float) -> Outputs:
    """The whole sound, the summary, the picture."""
    if not recording.pieces:
        raise TextError(context.say("inference.nothing"))
    if recording.fallback is not None:
        gr.Warning(plain(recording.fallback.message), title=context.say("voice.fell_title"))
    if recording.warnings:
        gr.Warning(plain("\n".join(recording.warnings)), title=context.say("inference.incomplete_title"))
    samples = np.concatenate(recording.pieces)
    who = who_speaks(recording.model_name, recording.fallback, context.say)
    summary = context.say("inference.done", seconds=f"{recording.seconds:.1f}", took=f"{took:.1f}", seed=seed, who=who)
    return (recording.rate, samples), summary, picture(samples, recording.rate, recording.starts), gr.skip()


def _chunks(
    speaker: Speaker, request: Any, should_stop: Callable[[], bool], on_fall: Callable[[Any], None]
) -> Generator[Any, None, None]:
    """The speaker's chunks as a generator, whose ``close`` reaches the speaker's own."""
    yield from speaker.stream(request, should_stop, on_fall)
