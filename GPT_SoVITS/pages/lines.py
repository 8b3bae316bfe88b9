"""Many lines to files: each line of the text is spoken for itself, and all of them come as one archive."""

from __future__ import annotations

import html
import io
import secrets
import zipfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from typing import Any

import gradio as gr

from errors import GSVError, RequestError
from pages.context import PageContext
from pages.controls import Controls
from pages.guard import sentence, visitor
from pages.history import title_of
from pages.live import wav_bytes
from pages.speaking import Recording, chunks_of

MAX_LINES = 200


def speak_lines(context: PageContext, *values: Any) -> Iterator[tuple[Any, Any]]:
    """Yields (progress line, HTML with the link to the archive). A stop ends it; what is whole until then is kept.

    Raises:
        GSVError: no line, too many, or one that cannot be spoken.
    """
    controls = Controls(*values)
    lines = [line.strip() for line in (controls.text or "").splitlines() if line.strip()]
    if not lines:
        raise RequestError(context.say("lines.none"))
    if len(lines) > MAX_LINES:
        raise RequestError(context.say("lines.too_many", count=len(lines), limit=MAX_LINES))
    seed, archive, done, lost = controls.chosen_seed(), io.BytesIO(), 0, list[str]()
    with context.stops.running(visitor()) as stopped, zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as files:
        for number, line in enumerate(lines, 1):
            yield context.say("lines.progress", number=number, count=len(lines)), gr.skip()
            try:
                recording = _spoken(context, replace(controls, text=line), seed, stopped)
            except GSVError as error:
                lost.append(f"{number}: {sentence(context.say, error)}")
                continue
            if stopped():
                break
            name = f"{number:03d} {title_of(controls.voice_name(), line)}.wav"
            files.writestr(name, wav_bytes(recording.rate, recording.samples))
            done += 1
        if lost:
            files.writestr("errors.txt", "\n".join(lost) + "\n")
    said = context.say("lines.done", done=done, count=len(lines), lost=len(lost))
    if not done:
        yield said, ""
        return
    key = f"{secrets.token_urlsafe(18)}.zip"
    context.live.keep(key, archive.getvalue())
    title = html.escape(title_of(controls.voice_name(), lines[0]))
    yield said, f'<a href="speech/{key}" download="{title}.zip">{html.escape(title)}.zip</a>'


def _spoken(context: PageContext, controls: Controls, seed: int, stopped: Any) -> Recording:
    """One line.

    Raises:
        GSVError: it cannot be spoken.
    """
    from TTS_infer_pack.request import SynthesisRequest  # late: torch

    recording = Recording(None)
    request = SynthesisRequest.from_dict(controls.request(seed, context.say))
    with closing(chunks_of(context.voice.load(), request, stopped, recording.fell)) as chunks:
        for chunk in chunks:
            recording.add(chunk)
    if not recording.pieces and not stopped():
        raise RequestError(context.say("inference.nothing"))
    return recording
