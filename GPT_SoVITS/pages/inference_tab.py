"""The inference tab: a text and a voice go in, speech comes out. Widgets and wires only.

What is needed each time stands first: text, Speak, progress and the player; beside it the voices. On a narrow screen
the one is above the other.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import fields
from typing import Any

import gradio as gr

from pages.context import PageContext
from pages.controls import CUTS, STREAMING, Controls
from pages.guard import MAX_TEXT, owner
from pages.history import history_html
from pages.inference_models import Shown, wire_models
from pages.lines import speak_lines
from pages.live import player
from pages.lm_group import LMGroup, build_lm_group
from pages.look import RESTORE_TEXT, keep_and_count
from pages.model_lists import build_model_lists
from pages.speaking import Outputs, speak, stop
from pages.uploads import written_down
from pages.voice_cards import build_card_buttons, build_voice_cards, wire_voice_cards
from pages.warnings_of import language_note, reference_note
from text.language import MODES

Widgets = dict[str, Any]

TOGETHER = 2
"""Visitors who are spoken to at the same time; others wait their turn."""
EXAMPLE_ENGLISH = (
    "It was a bright morning, and the children had gone down to the sea. Would you like to hear what they found there?"
)
"""For voices that do not speak the page's language."""
QUIET: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}


def build_inference_tab(context: PageContext) -> LMGroup:
    """Adds the tab's widgets to the container that is open and wires them; gives the language model's part."""
    t = context.t
    with gr.Row():
        with gr.Column(scale=5, min_width=320):
            widgets = _text_widgets(context)
            speech = _speech_widgets(context)
            with gr.Accordion(t("inference.sampling"), open=False):
                widgets |= _sampling_widgets(context)
                widgets |= _version_widgets(context)
            with gr.Accordion(t("lines.title"), open=False):
                batch = _lines_widgets(context)
            with gr.Accordion(t("inference.spectrogram"), open=False):
                speech["picture"] = _picture()
        with gr.Column(scale=4, min_width=320):
            cards = build_voice_cards(context)
            with gr.Group():
                status = gr.Markdown(t("voice.waiting_label"), elem_id="voice-status", padding=True)
                group = build_lm_group(context, status)
            with gr.Accordion(t("inference.reference_title"), open=True):
                widgets |= _reference_widgets(context)
                made = build_card_buttons(context, cards)
            with gr.Accordion(t("models.title"), open=False):
                lists = build_model_lists(context)
    ordered = {field.name: widgets[field.name] for field in fields(Controls)}
    _wire_speech(context, ordered, speech, status)
    _wire_lines(context, ordered, batch)
    _wire_notes(context, widgets)
    wire_voice_cards(context, made, widgets)
    wire_models(context, Shown(lists, group, status, cards), widgets)
    return group


def _text_widgets(context: PageContext) -> Widgets:
    t = context.t
    text = gr.Textbox(
        "",
        label=t("inference.text"),
        placeholder=t("inference.placeholder"),
        lines=5,
        max_lines=14,
        max_length=MAX_TEXT,
        elem_id="text",
    )
    with gr.Row(elem_id="text-foot"):
        example = gr.Button(t("inference.example"), size="sm", scale=0, min_width=90, elem_id="example")
        counter = gr.Markdown(f"0 / {MAX_TEXT}", elem_id="text-counter")
    text.change(None, text, counter, js=keep_and_count(MAX_TEXT), queue=False, api_visibility="private")
    gr.on(None, None, None, text, js=RESTORE_TEXT, queue=False, **QUIET)
    language = _languages(context, "inference.text_language", elem_id="text-language")
    example.click(context.guard(lambda: example_of(context)), None, text, **QUIET)
    note = gr.Markdown(visible=False, elem_id="language-note")
    return {"text": text, "text_language": language, "language_note": note}


def example_of(context: PageContext) -> str:
    """Something to begin with, in a language that the loaded voice speaks."""
    speaker = context.voice.speaker
    text = context.say("inference.example_text")
    if speaker is not None and language_note(context, speaker, "auto", text):
        return EXAMPLE_ENGLISH
    return text


def _speech_widgets(context: PageContext) -> Widgets:
    t = context.t
    with gr.Row():
        speak_button = gr.Button(t("inference.speak"), variant="primary", scale=3, min_width=120, elem_id="speak")
        stop_button = gr.Button(t("inference.stop"), variant="stop", scale=1, min_width=90, elem_id="stop")
    progress = gr.Textbox(
        show_label=False,
        placeholder=t("inference.progress"),
        interactive=False,
        lines=2,
        max_lines=4,
        elem_id="progress",
    )
    live = gr.HTML(player(), elem_id="live")
    with gr.Accordion(t("history.title"), open=True):
        history = gr.HTML(t("history.none"), elem_id="history")
    audio = gr.Audio(format="wav", interactive=False, visible=False, label=t("inference.speech"))  # for API clients
    return {
        "speak": speak_button,
        "stop": stop_button,
        "progress": progress,
        "live": live,
        "history": history,
        "audio": audio,
    }


def _picture() -> gr.Image:
    return gr.Image(
        show_label=False, format="png", interactive=False, elem_id="spectrogram", buttons=["download", "fullscreen"]
    )


def _lines_widgets(context: PageContext) -> Widgets:
    t = context.t
    gr.Markdown(t("lines.help"))
    start = gr.Button(t("lines.start"), elem_id="lines-start")
    return {"start": start, "said": gr.Markdown(elem_id="lines-said"), "link": gr.HTML(elem_id="lines-link")}


def _reference_widgets(context: PageContext) -> Widgets:
    t = context.t
    widgets: Widgets = {
        "ref_wav_path": gr.Audio(
            label=t("inference.reference"),
            type="filepath",
            sources=["upload", "microphone"],
            buttons=["download"],
            elem_id="reference",
        ),
        "reference_note": gr.Markdown(visible=False, elem_id="reference-note"),
        "prompt_text": gr.Textbox(
            "", label=t("inference.prompt_text"), lines=2, max_length=MAX_TEXT, elem_id="prompt-text"
        ),
        "write_down": gr.Button(t("inference.write_down"), size="sm", elem_id="write-down"),
        "prompt_language": _languages(context, "inference.prompt_language"),
        "ref_free": gr.Checkbox(False, label=t("inference.ref_free"), info=t("inference.ref_free_info")),
        "voice": gr.Textbox("", label="voice", visible=False),
    }
    with gr.Accordion(t("inference.inp_refs"), open=False):
        widgets["inp_refs"] = gr.File(
            label=t("inference.inp_refs"), file_count="multiple", file_types=["audio"], type="filepath"
        )
    return widgets


def _languages(context: PageContext, label: str, **layout: Any) -> gr.Dropdown:
    """A list of languages; API clients may also pass the public page's words, hence the free text."""
    choices = [(context.t(f"languages.{mode}"), mode) for mode in MODES]
    return gr.Dropdown(choices, value="auto", label=context.t(label), allow_custom_value=True, **layout)


def _sampling_widgets(context: PageContext) -> Widgets:
    t = context.t
    return {
        "how_to_cut": gr.Dropdown(
            [(t(f"cuts.{cut}"), cut) for cut in CUTS],
            value="cut5",
            label=t("inference.how_to_cut"),
            allow_custom_value=True,
        ),
        "subtitles": gr.Checkbox(
            False, label=t("inference.subtitles"), info=t("inference.subtitles_info"), elem_id="subtitles"
        ),
        "top_k": gr.Slider(1, 100, value=15, step=1, label="top_k"),
        "top_p": gr.Slider(0, 1, value=1, step=0.05, label="top_p"),
        "temperature": gr.Slider(0, 2, value=1, step=0.05, label="temperature"),
        "repetition_penalty": gr.Slider(0.5, 2, value=1.35, step=0.05, label=t("inference.repetition_penalty")),
        "speed": gr.Slider(0.6, 1.65, value=1, step=0.05, label=t("inference.speed")),
        "pause_second": gr.Slider(0, 5, value=0.3, step=0.01, label=t("inference.pause")),
        "batch_size": gr.Slider(1, 64, value=1, step=1, label=t("inference.batch_size")),
        "seed": gr.Number(-1, precision=0, label=t("inference.seed")),
        "keep_random": gr.Checkbox(False, label=t("inference.keep_random")),
        "streaming_mode": gr.Dropdown(
            [(t(f"inference.streaming_{mode}"), mode) for mode in STREAMING],
            value=1,
            label=t("inference.streaming"),
            elem_id="streaming",
        ),
    }


def _version_widgets(context: PageContext) -> Widgets:
    """Shown where the loaded version has them; ``if_freeze`` keeps the place that API clients know."""
    return {
        "sample_steps": gr.Slider(4, 128, value=32, step=1, label=context.t("inference.sample_steps"), visible=False),
        "if_sr": gr.Checkbox(False, label=context.t("inference.if_sr"), visible=False),
        "if_freeze": gr.Checkbox(False, label="if_freeze", visible=False),
        "cfg_rate": gr.Slider(
            0,
            3,
            value=0,
            step=0.1,
            label=context.t("inference.cfg_rate"),
            info=context.t("inference.cfg_rate_info"),
            visible=False,
        ),
    }


def _wire_speech(context: PageContext, ordered: Widgets, speech: Widgets, status: gr.Markdown) -> None:
    """The buttons, what they start, and where it is heard and seen."""
    progress, live, history = speech["progress"], speech["live"], speech["history"]

    def get_tts_wav(*values: Any) -> Iterator[Outputs]:
        yield from speak(context, *values)

    handler = context.guard(get_tts_wav)
    # gradio takes the names of the API's arguments, and which may be left out, from here
    parameters = [inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=None) for name in ordered]
    handler.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    running = speech["speak"].click(
        handler,
        list(ordered.values()),
        [speech["audio"], progress, speech["picture"], live],
        api_name="get_tts_wav",
        concurrency_limit=TOGETHER,
        show_progress="hidden",  # the progress line says it, errors too
    )
    ended = context.guard(lambda: [context.voice.status(context.say), history_of(context)])
    running.then(ended, None, [status, history], **QUIET)
    gr.on(None, context.guard(lambda: history_of(context)), None, history, queue=False, **QUIET)  # after a reload

    def stop_it() -> list[str]:
        return [*stop(context), history_of(context)]

    speech["stop"].click(
        context.guard(stop_it), None, [progress, live, history], cancels=[running], queue=False, **QUIET
    )


def history_of(context: PageContext) -> str:
    """The visitor's last speeches, as far as their files are there."""
    there = [spoken for spoken in context.history.of(owner()) if context.live.has(f"{spoken.name}.wav")]
    return history_html(context.say, there) or context.say("history.none")


def _wire_lines(context: PageContext, ordered: Widgets, batch: Widgets) -> None:
    def run(*values: Any) -> Iterator[tuple[Any, Any]]:
        yield from speak_lines(context, *values)

    batch["start"].click(
        context.guard(run),
        list(ordered.values()),
        [batch["said"], batch["link"]],
        api_visibility="private",
        concurrency_limit=TOGETHER,
    )


def _wire_notes(context: PageContext, widgets: Widgets) -> None:
    """Warnings that stand where their cause is."""

    def of_language(mode: str) -> Any:
        speaker = context.voice.speaker
        note = language_note(context, speaker, mode) if speaker is not None else ""
        return gr.Markdown(f"⚠️ {note}", visible=bool(note))

    def of_reference(path: str | None, words: str) -> Any:
        note = reference_note(context, path, words)
        return gr.Markdown(f"⚠️ {note}", visible=bool(note))

    widgets["write_down"].click(
        context.guard(lambda path: written_down(context, path)),
        widgets["ref_wav_path"],
        [widgets["prompt_text"], widgets["prompt_language"]],
        api_visibility="private",
        concurrency_limit=1,
        show_progress_on=widgets["prompt_text"],
    )
    widgets["text_language"].change(
        context.guard(of_language), widgets["text_language"], widgets["language_note"], **QUIET
    )
    gr.on(
        [widgets["ref_wav_path"].change, widgets["prompt_text"].blur],
        context.guard(of_reference),
        [widgets["ref_wav_path"], widgets["prompt_text"]],
        widgets["reference_note"],
        **QUIET,
    )
