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
from pages.guard import owner, plain, sentence, visitor
from pages.history import Spoken, title_of
from pages.live import LiveSpeech, player, wav_bytes
from pages.spectrogram import picture
from pages.voice import Speaker, asked_for, fall_text, who_speaks
from pages.warnings_of import unmarked, warn
from tools.i18n.error_texts import told_part

STOP_SECONDS = 5.0
"""How long the stop button waits for what was spoken until then."""
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
    words: list[Any] = field(default_factory=list)
    clock: Any = None
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
        if self.clock is not None:
            self.words += self.clock.add(chunk)
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

    @property
    def samples(self) -> NDArray[np.int16]:
        """All of it [T]."""
        return np.concatenate(self.pieces)


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
        yield gr.skip(), sentence(context.say, error) if isinstance(error, GSVError) else "", gr.skip(), player()
        raise


def _spoken(context: PageContext, controls: Controls) -> Iterator[Outputs]:
    from TTS_infer_pack.request import SynthesisRequest  # late: the page is there before the pipeline is loaded

    start, say, voice = time.perf_counter(), context.say, context.voice
    seed = controls.chosen_seed()
    request = SynthesisRequest.from_dict(controls.request(seed, say))
    if voice.speaker is None:
        yield gr.skip(), unmarked(say(f"voice.{voice.state.stage}", detail=voice.state.detail)), gr.skip(), gr.skip()
    speaker = voice.load()
    warn(context, speaker, controls)
    live = context.live.open()
    recording = Recording(live, asked_for(speaker.configs), clock=_clock() if controls.subtitles else None)
    spoken: Spoken | None = None
    try:
        with (
            context.stops.running(visitor()) as stopped,
            closing(chunks_of(speaker, request, stopped, recording.fell)) as chunks,
        ):
            try:
                yield None, say("inference.starting"), None, player(live.name) if controls.streaming_mode else player()
                for chunk in chunks:
                    recording.add(chunk)
                    progress = say("inference.speaking", number=chunk.index + 1, seconds=f"{recording.seconds:.1f}")
                    yield gr.skip(), progress, gr.skip(), gr.skip()
            finally:  # also where the visitor's stop closes this generator: what is there is kept
                if recording.pieces:
                    spoken = _kept(context, controls, recording, seed, stopped())
        if stopped():
            yield _stopped(context, spoken)
            return
    finally:
        live.finish()
    yield _result(context, controls, recording, (seed, time.perf_counter() - start), spoken)


def _clock() -> Any:
    from TTS_infer_pack.subtitles import SpeechClock  # late, as above

    return SpeechClock()


def _kept(context: PageContext, controls: Controls, recording: Recording, seed: int, partial: bool) -> Spoken:
    """Write what was spoken, and note it in the visitor's list."""
    assert recording.live is not None
    name, kinds = recording.live.name, ["wav"]
    context.live.keep(f"{name}.wav", wav_bytes(recording.rate, recording.samples))
    if recording.words:
        from TTS_infer_pack.subtitles import FORMATS

        for kind in ("srt", "vtt"):
            context.live.keep(f"{name}.{kind}", FORMATS[kind](recording.words, controls.text).encode("utf-8"))
            kinds.append(kind)
    who = who_speaks(recording.model_name, recording.fallback, context.say)
    title = title_of(controls.voice_name(), controls.text)
    spoken = Spoken(name, title, controls.text, recording.seconds, seed, who, tuple(kinds), partial, visitor())
    context.history.add(owner(), spoken)
    return spoken


def _stopped(context: PageContext, spoken: Spoken | None) -> Outputs:
    """What is shown after a stop: how much there is, and the player with it, silent."""
    if spoken is None:
        return gr.skip(), context.say("inference.stopped"), gr.skip(), player()
    said = context.say("inference.stopped_after", seconds=f"{spoken.seconds:.1f}")
    return gr.skip(), said, gr.skip(), player(f"{spoken.name}.wav", autoplay=False)


def stop(context: PageContext) -> tuple[str, str]:
    """End the visitor's speech; gives the progress line and the player with what was spoken until then."""
    before = _newest(context)
    context.stops.stop(visitor(), STOP_SECONDS)
    now = _newest(context)
    _, said, _, shown = _stopped(context, now if now != before else None)
    return said, shown


def _newest(context: PageContext) -> Spoken | None:
    """The last speech of the open page; another page of the same visitor may have had a later one."""
    return next((spoken for spoken in context.history.of(owner()) if spoken.page == visitor()), None)


def _result(
    context: PageContext, controls: Controls, recording: Recording, made: tuple[int, float], spoken: Spoken | None
) -> Outputs:
    """The whole sound, the summary, the picture. ``made``: the seed, and the seconds that it took."""
    if spoken is None:
        raise TextError(context.say("inference.nothing"))
    if recording.fallback is not None:
        gr.Warning(plain(fall_text(recording.fallback, context.say)), title=context.say("voice.fell_title"))
    if recording.warnings:
        gr.Warning(
            plain("\n".join(told_part(context.say, text) for text in recording.warnings)),
            title=context.say("inference.incomplete_title"),
        )
    samples, (seed, took) = recording.samples, made
    summary = context.say(
        "inference.done", seconds=f"{recording.seconds:.1f}", took=f"{took:.1f}", seed=seed, who=spoken.who
    )
    shown = gr.skip() if controls.streaming_mode else player(f"{spoken.name}.wav")
    return (recording.rate, samples), summary, picture(samples, recording.rate, recording.starts), shown


def chunks_of(
    speaker: Speaker, request: Any, should_stop: Callable[[], bool], on_fall: Callable[[Any], None]
) -> Generator[Any, None, None]:
    """The speaker's chunks as a generator, whose ``close`` reaches the speaker's own."""
    yield from speaker.stream(request, should_stop, on_fall)
