"""The voice conversion tab: a recording goes in, the same words in another voice come out. Widgets and wires only."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import gradio as gr
import numpy as np

from audio_io import to_int16
from errors import GSVError, RequestError
from pages.context import PageContext
from pages.guard import MAX_TEXT, check_text, plain, visitor
from pages.uploads import usable_upload
from text.language_names import mode_of
from tools.i18n.error_texts import told_part
from tools.recordings.hearing import Recogniser, find_recogniser
from TTS_infer_pack.conversion_request import ConversionRequest, read_recording
from TTS_infer_pack.request import drawn_seed
from TTS_infer_pack.voice_library import DEFAULT_VOICE, VoiceLibrary, project_voices

LOOK_SECONDS = 5.0
Outputs = tuple[Any, Any]
"""What the player and the progress line show next."""


def build_conversion_tab(context: PageContext) -> None:
    """Adds the tab's widgets to the container that is open and wires them."""
    t, hear, library = context.t, find_recogniser(), project_voices()
    gr.Markdown(t("conversion.help"))
    with gr.Row():
        with gr.Column():
            recording = gr.Audio(
                label=t("conversion.recording"),
                type="filepath",
                sources=["upload", "microphone"],
                buttons=["download"],
                elem_id="conversion-recording",
            )
            heard = "conversion.text_info" if hear is not None else "conversion.text_info_unheard"
            text = gr.Textbox(
                label=t("conversion.text"), info=t(heard), lines=3, max_length=MAX_TEXT, elem_id="conversion-text"
            )
            language = _languages(context, "conversion.language")
        with gr.Column():
            voice = gr.Dropdown(
                [(t("conversion.default_voice"), DEFAULT_VOICE)],
                value=DEFAULT_VOICE,
                label=t("conversion.voice"),
                allow_custom_value=True,
                elem_id="conversion-voice",
            )
            clip = gr.Audio(
                label=t("conversion.clip"),
                type="filepath",
                sources=["upload", "microphone"],
                buttons=["download"],
                elem_id="conversion-clip",
            )
            with gr.Accordion(t("conversion.more"), open=False):
                prompt = gr.Textbox(label=t("conversion.prompt_text"), lines=2, max_length=MAX_TEXT)
                prompt_language = _languages(context, "inference.prompt_language")
                seed = gr.Number(-1, precision=0, label=t("inference.seed"))
    with gr.Row():
        start = gr.Button(t("conversion.start"), variant="primary", elem_id="convert")
        stop = gr.Button(t("inference.stop"), variant="stop", elem_id="conversion-stop")
    speech = gr.Audio(
        label=t("conversion.speech"),
        format="wav",
        interactive=False,
        buttons=["download"],
        elem_id="conversion-speech",
    )
    progress = gr.Textbox(label=t("inference.progress"), interactive=False, elem_id="conversion-progress")

    def convert(
        recording: str | None,
        text: str,
        text_language: str,
        voice: str,
        ref_wav_path: str | None,
        prompt_text: str,
        prompt_language: str,
        seed: float,
    ) -> Iterator[Outputs]:
        wanted = _wanted(context, library, voice, ref_wav_path, prompt_text, prompt_language)
        request = _request(context, recording, text, text_language, seed, wanted)
        yield from convert_recording(context, request, hear)

    running = start.click(
        context.guard(convert),
        [recording, text, language, voice, clip, prompt, prompt_language, seed],
        [speech, progress],
        api_name="convert",
        concurrency_limit=1,
        show_progress_on=progress,
    )

    def end() -> str:
        context.stops.stop(visitor())
        return context.say("inference.stopped")

    stop.click(context.guard(end), None, progress, cancels=[running], queue=False, api_visibility="private")

    def look() -> Any:
        others = [(one.name, one.name) for one in library.voices()]
        return gr.Dropdown([(context.say("conversion.default_voice"), DEFAULT_VOICE), *others])

    voice.focus(context.guard(look), None, voice, api_visibility="private", show_progress="hidden")


def _languages(context: PageContext, label: str) -> gr.Dropdown:
    from text.language import MODES

    choices = [(context.t(f"languages.{mode}"), mode) for mode in MODES]
    return gr.Dropdown(choices, value="auto", label=context.t(label), allow_custom_value=True)


def _wanted(
    context: PageContext, library: VoiceLibrary, voice: str, clip: str | None, words: str, language: str
) -> dict[str, Any]:
    """The clip of the wanted voice, by the names of a request; a clip that was uploaded comes before a name.

    Raises:
        GSVError: no such voice, or one that the loaded weights do not speak.
    """
    if clip:
        words = check_text(words or "", context.say)
        return {
            "ref_audio_path": usable_upload(clip, context.say),
            "prompt_text": words,
            "prompt_lang": mode_of(language or "auto"),
        }
    if not voice or voice == DEFAULT_VOICE:
        return {}
    named = library.get(voice)
    if named.sovits is not None:
        raise RequestError(context.say("conversion.own_weights", name=named.name))
    values = named.request_values()
    return {name: values[name] for name in ("ref_audio_path", "prompt_text", "prompt_lang") if name in values}


def _request(
    context: PageContext, recording: str | None, text: str, language: str, seed: float, wanted: dict[str, Any]
) -> ConversionRequest:
    """What is converted.

    Raises:
        GSVError: no recording, or a value that cannot be used.
    """
    if not recording:
        raise RequestError(context.say("conversion.no_recording"))
    return ConversionRequest(
        read_recording(usable_upload(recording, context.say)),
        check_text(text or "", context.say),
        mode_of(language or "auto"),
        seed=drawn_seed(-1 if seed is None else int(seed)),
        **wanted,
    )


def convert_recording(context: PageContext, request: ConversionRequest, hear: Recogniser | None) -> Iterator[Outputs]:
    """Yields how far it is, and at the end the sound. Closing it ends the work.

    Raises:
        GSVError: for every error that a visitor can cause; its sentence stays in the progress line.
    """
    try:
        yield from _converted(context, request, hear)
    except Exception as error:
        yield gr.skip(), str(error) if isinstance(error, GSVError) else ""
        raise


def _converted(context: PageContext, request: ConversionRequest, hear: Recogniser | None) -> Iterator[Outputs]:
    say, begun = context.say, time.perf_counter()
    yield None, say("inference.starting")
    speaker: Any = context.voice.load()
    parts, rate, warnings, seconds = [], 0, [], 0.0
    with context.stops.running(visitor()) as stopped:
        for chunk in speaker.convert(request, stopped, None, hear):
            parts.append(chunk.samples)
            rate, seconds = chunk.sample_rate, seconds + len(chunk.samples) / chunk.sample_rate
            warnings += [chunk.warning] if chunk.warning else []
            whole = f"{request.recording.seconds:.1f}"
            yield gr.skip(), say("conversion.progress", seconds=f"{seconds:.1f}", whole=whole)
        if stopped() or not parts:
            yield gr.skip(), say("inference.stopped")
            return
    if warnings:
        gr.Warning(plain("\n".join(told_part(say, text) for text in warnings)), title=say("inference.incomplete_title"))
    took = f"{time.perf_counter() - begun:.1f}"
    done = say("conversion.done", seconds=f"{seconds:.1f}", took=took, seed=request.seed)
    yield (rate, to_int16(np.concatenate(parts))), done
