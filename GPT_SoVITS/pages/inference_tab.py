"""The inference tab: a text and a reference clip go in, speech comes out. Widgets and wires only."""

from __future__ import annotations

import inspect
import time
from collections.abc import Iterator
from dataclasses import fields
from typing import Any, Literal

import gradio as gr

from pages.context import PageContext
from pages.controls import CUTS, PACK_VALUES, STREAMING, Controls
from pages.guard import MAX_TEXT, visitor
from pages.lm_group import LMGroup, build_lm_group, seat
from pages.model_lists import LOOK_SECONDS, ModelLists, build_model_lists, listing, take_weights, updates
from pages.speaking import Outputs, speak
from text.language import MODES

Widgets = dict[str, gr.components.Component]

TOGETHER = 2
"""Visitors who are spoken to at the same time; others wait their turn."""
LOOK_AGAIN_SECONDS = 0.3
COUNTER = f"(text) => [`${{[...(text ?? '')].length}} / {MAX_TEXT}`]"
"""Counts in the browser, so that typing asks the server nothing."""


def build_inference_tab(context: PageContext) -> None:
    """Adds the tab's widgets to the container that is open and wires them."""
    status = gr.Markdown(context.t("voice.waiting_label"), elem_id="voice-status")
    lists = build_model_lists(context)
    with gr.Group():
        group = build_lm_group(context, status)
    with gr.Row():
        with gr.Column():
            widgets = _reference_widgets(context)
        with gr.Column():
            widgets |= _text_widgets(context)
            with gr.Accordion(context.t("inference.sampling"), open=False):
                widgets |= _sampling_widgets(context)
            widgets |= _version_widgets(context)
    _wire_speech(context, widgets, status)
    _wire_models(context, lists, group, status, widgets)


def _reference_widgets(context: PageContext) -> Widgets:
    t = context.t
    gr.Markdown(t("inference.reference_help"))
    return {
        "ref_wav_path": gr.Audio(
            label=t("inference.reference"),
            type="filepath",
            sources=["upload", "microphone"],
            buttons=["download"],
            elem_id="reference",
        ),
        "prompt_text": gr.Textbox(
            label=t("inference.prompt_text"), lines=2, max_length=MAX_TEXT, elem_id="prompt-text"
        ),
        "prompt_language": _languages(context, "inference.prompt_language"),
        "ref_free": gr.Checkbox(False, label=t("inference.ref_free"), info=t("inference.ref_free_info")),
        "inp_refs": gr.File(
            label=t("inference.inp_refs"), file_count="multiple", file_types=["audio"], type="filepath"
        ),
    }


def _text_widgets(context: PageContext) -> Widgets:
    t = context.t
    text = gr.Textbox(label=t("inference.text"), lines=6, max_length=MAX_TEXT, elem_id="text")
    counter = gr.Markdown(f"0 / {MAX_TEXT}", elem_id="text-counter")
    text.change(None, text, counter, js=COUNTER, queue=False, api_visibility="private")
    cuts = [(t(f"cuts.{cut}"), cut) for cut in CUTS]
    return {
        "text": text,
        "text_language": _languages(context, "inference.text_language"),
        "how_to_cut": gr.Dropdown(cuts, value="cut5", label=t("inference.how_to_cut"), allow_custom_value=True),
    }


def _languages(context: PageContext, label: str) -> gr.Dropdown:
    """A list of languages; API clients may also pass the public page's words, hence the free text."""
    choices = [(context.t(f"languages.{mode}"), mode) for mode in MODES]
    return gr.Dropdown(choices, value="auto", label=context.t(label), allow_custom_value=True)


def _sampling_widgets(context: PageContext) -> Widgets:
    t = context.t
    return {
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


def _wire_speech(context: PageContext, widgets: Widgets, status: gr.Markdown) -> None:
    """The buttons, what they start, and where it is heard and seen."""
    t = context.t
    with gr.Row():
        speak_button = gr.Button(t("inference.speak"), variant="primary", elem_id="speak")
        stop_button = gr.Button(t("inference.stop"), variant="stop", elem_id="stop")
    live = gr.HTML(elem_id="live")
    audio = gr.Audio(
        label=t("inference.speech"), format="wav", interactive=False, buttons=["download"], elem_id="speech"
    )
    picture = gr.Image(
        label=t("inference.spectrogram"),
        format="png",
        interactive=False,
        elem_id="spectrogram",
        buttons=["download", "fullscreen"],
    )
    progress = gr.Textbox(label=t("inference.progress"), interactive=False, elem_id="progress")
    ordered = {field.name: widgets[field.name] for field in fields(Controls)}

    def get_tts_wav(*values: Any) -> Iterator[Outputs]:
        yield from speak(context, *values)

    handler = context.guard(get_tts_wav)
    # gradio takes the names of the API's arguments from here
    parameters = [inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD) for name in ordered]
    handler.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    running = speak_button.click(
        handler,
        list(ordered.values()),
        [audio, progress, picture, live],
        api_name="get_tts_wav",
        concurrency_limit=TOGETHER,
        show_progress_on=progress,
    )
    running.then(lambda: context.voice.status(context.say), None, status, api_visibility="private")

    def stop() -> tuple[str, str]:
        context.stops.stop(visitor())
        return context.say("inference.stopped"), ""

    stop_button.click(
        context.guard(stop), None, [progress, live], cancels=[running], queue=False, api_visibility="private"
    )


def _wire_models(
    context: PageContext, lists: ModelLists, group: LMGroup, status: gr.Markdown, widgets: Widgets
) -> None:
    """What is loaded and what could be: at the opening of the page, on a choice, on refresh, and now and then."""
    versions = [widgets["sample_steps"], widgets["if_sr"], widgets["cfg_rate"]]
    recommended = [widgets[name] for name in PACK_VALUES.values()]
    seen = gr.State([])
    quiet: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}

    def opened() -> Iterator[list[Any]]:
        yield from open_page(context, len(versions) + len(recommended))

    gr.on(
        None,
        context.guard(opened),
        None,
        [status, *lists.widgets(), *group.widgets(), *versions, *recommended],
        concurrency_limit=None,
        **quiet,
    )

    def look(names: list[str]) -> list[Any]:
        return renewed(context, names)

    gr.Timer(LOOK_SECONDS).tick(context.guard(look), seen, [seen, *lists.widgets(), group.name], **quiet)
    lists.refresh.click(
        context.guard(lambda: renewed(context, None)),
        None,
        [seen, *lists.widgets(), group.name],
        api_name="refresh_weights",
        concurrency_limit=1,
    )
    kinds: tuple[tuple[Literal["gpt", "sovits"], gr.Dropdown], ...] = (("gpt", lists.gpt), ("sovits", lists.sovits))
    for kind, widget in kinds:

        def take(path: str, kind: Literal["gpt", "sovits"] = kind) -> tuple[Any, ...]:
            return (*take_weights(context, path, kind), *_version_updates(context))

        take.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
            [inspect.Parameter("path", inspect.Parameter.POSITIONAL_OR_KEYWORD)]
        )
        widget.input(
            context.guard(take),
            widget,
            [*lists.widgets(), status, *versions],
            api_name=f"set_{kind}_weights",
            concurrency_limit=1,
            concurrency_id="weights",
        )

    def status_text() -> str:
        context.voice.load()
        return context.voice.status(context.say)

    gr.api(context.guard(status_text), api_name="status", concurrency_limit=None)


def open_page(context: PageContext, others: int) -> Iterator[list[Any]]:
    """For a page that was just opened: what is loading, and then everything that depends on the loaded voice.

    Yields the status line, both model lists, the language model's checkbox and list, and ``others`` further values.
    """
    voice = context.voice
    voice.load_in_background()
    said = ""
    while voice.speaker is None and voice.state.stage != "failed":
        if said != (now := voice.status(context.say)):
            said = now
            yield [now, *updates(context), *[gr.skip()] * (2 + others)]
        time.sleep(LOOK_AGAIN_SECONDS)
    speaker = voice.speaker
    if speaker is None:
        yield [voice.status(context.say), *updates(context), *[gr.skip()] * (2 + others)]
        return
    sampling = [speaker.configs.sampling.get(name, gr.skip()) for name in PACK_VALUES]
    yield [voice.status(context.say), *updates(context), *seat(context, speaker), *_version_updates(context), *sampling]


def _version_updates(context: PageContext) -> tuple[Any, Any, Any]:
    """Show sample steps, super-resolution and guidance where the loaded version has them, at the version's values."""
    from module.versions import VERSIONS  # late: it comes with torch

    speaker = context.voice.speaker
    spec = VERSIONS.get(speaker.configs.version) if speaker else None
    mel = spec.mel if spec else None
    if mel is None:
        return gr.update(visible=False), gr.update(visible=False), gr.update(visible=False)
    guidance = mel.flow.guidance
    return (
        gr.update(visible=True, value=mel.flow.steps),
        gr.update(visible=mel.sampling_rate < 32000),
        gr.update(visible=guidance is not None, value=guidance or 0),
    )


def renewed(context: PageContext, known: list[str] | None) -> list[Any]:
    """The listing of all weights and the three lists; only the listing where it is the one that is known.

    Args:
        context: the page's.
        known: the listing that the page shows, None to show it in any case.
    """
    now = listing(context)
    speaker = context.voice.speaker
    if now == known or speaker is None:
        return [gr.skip()] * 4
    return [now, *updates(context), seat(context, speaker)[1]]
