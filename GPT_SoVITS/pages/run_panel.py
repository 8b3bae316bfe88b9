"""The runs of a voice on the training tab: which there are, how far each is, going on, beginning anew, removing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gradio as gr

from errors import RequestError
from pages.context import PageContext
from pages.jobs import JobRunner
from pages.run_position import position_of
from pages.runs import Run, data_fingerprint, find_run, remove, runs_of
from pages.training_start import is_live
from pages.training_wish import LIMITS
from pages.voice_folder import NAME, VoiceFolder, voice_folder

NEW = ""
"""Key of a run that is not there yet."""
SWITCHES = ("grad_ckpt", "if_dpo")
FIXED = ("base", "stage", "name", "preset", "backbone", "lora_rank")
"""What a run cannot change any more."""
FORM = ("base", "device", "stage", "name", "preset", "backbone", *LIMITS, *SWITCHES)
"""Fields that a run fills."""


@dataclass(frozen=True)
class RunPanel:
    """The widgets: which run, what is said of it, and its buttons. ``asked`` is what a second press confirms."""

    run: gr.Dropdown
    note: gr.Markdown
    start: gr.Button
    go_on: gr.Button
    anew: gr.Button
    remove: gr.Button
    asked: gr.State

    def widgets(self) -> list[Any]:
        return [self.run, self.note, self.start, self.go_on, self.anew, self.remove, self.asked]


def build_run_list(context: PageContext) -> gr.Dropdown:
    """Adds the list of runs to the container that is open."""
    t = context.t
    return gr.Dropdown([(t("runs.new"), NEW)], value=NEW, label=t("runs.run"), elem_id="training-run")


def build_run_panel(context: PageContext, run: gr.Dropdown) -> RunPanel:
    """Adds what is said of the run and its buttons to the container that is open."""
    t = context.t
    note = gr.Markdown(visible=False, elem_id="training-note")
    with gr.Row():
        start = gr.Button(t("training.start"), variant="primary", elem_id="training-start")
        go_on = gr.Button(t("runs.go_on"), variant="primary", visible=False, elem_id="training-go-on")
        anew = gr.Button(t("runs.anew"), visible=False, elem_id="training-anew")
        gone = gr.Button(t("runs.remove"), variant="stop", visible=False, elem_id="training-remove")
    return RunPanel(run, note, start, go_on, anew, gone, gr.State(""))


def choices_of(context: PageContext, runner: JobRunner, voice: VoiceFolder | None) -> list[tuple[str, str]]:
    """A new run, then those of the voice, the newest first."""
    found = runs_of(voice) if voice is not None else []
    assert voice is not None or not found
    return [
        (context.say("runs.new"), NEW),
        *((label_of(context, run, voice is not None and is_live(runner, voice, run.key)), run.key) for run in found),
    ]


def label_of(context: PageContext, run: Run, live: bool) -> str:
    """A run as its line in the list."""
    position, state = position_of(run), "live" if live else run.ended or "waiting"
    return context.say(
        "runs.label",
        name=run.wish.name,
        stage=context.say(f"training.stage_{run.wish.stage}"),
        done=position.epochs if position else 0,
        epochs=run.wish.epochs,
        state=context.say(f"runs.state_{state}"),
    )


def named_voice(context: PageContext, name: str | None) -> VoiceFolder | None:
    """The voice of that name; None while none is chosen."""
    return voice_folder(context, name or "") if NAME.fullmatch((name or "").strip()) else None


def panel_of(
    context: PageContext, runner: JobRunner, name: str | None, key: str | None, question: str = "", asked: str = ""
) -> list[Any]:
    """Values of all widgets of the panel for a voice and one of its runs.

    Args:
        context: the page's.
        runner: the page's.
        name: the voice.
        key: of the run; one that is gone is as none.
        question: what has to be answered before the run goes on.
        asked: what the next press confirms.
    """
    voice = named_voice(context, name)
    choices = choices_of(context, runner, voice)
    key = key if any(key == known for _, known in choices) else NEW
    if voice is None or not key:
        return [
            gr.Dropdown(choices, value=NEW),
            gr.Markdown(question, visible=bool(question)),
            gr.Button(context.say("training.start"), visible=True),
            *[gr.Button(visible=False)] * 3,
            asked,
        ]
    run = find_run(context, voice, key)
    live, position = is_live(runner, voice, key), position_of(run)
    starts = context.say("runs.go_on_from", epoch=position.epochs + 1) if position else context.say("training.start")
    return [
        gr.Dropdown(choices, value=key),
        gr.Markdown(f"⚠️ {question}" if question else note_of(context, voice, run, live), visible=True),
        gr.Button(starts, visible=not live and not (question and asked == "go_on")),
        gr.Button(visible=not live and bool(question) and asked == "go_on"),
        gr.Button(visible=not live and position is not None),
        gr.Button(visible=not live),
        asked,
    ]


def note_of(context: PageContext, voice: VoiceFolder, run: Run, live: bool) -> str:
    """How far a run is, what on, and where its log lies."""
    position = position_of(run)
    if live:
        said = context.say("runs.note_live")
    elif position is None:
        said = context.say("runs.note_new", epochs=run.wish.epochs)
    else:
        said = context.say("runs.note", done=position.epochs, epochs=run.wish.epochs, step=position.step)
    if run.data and run.data != data_fingerprint(voice, run.wish.stage):
        said += " " + context.say("runs.other_data")
    return f"{said} {context.say('runs.note_log', folder=f'`{run.voice}/runs/{run.key}/`')}"


def form_of(context: PageContext, voice: VoiceFolder | None, key: str | None) -> dict[str, Any]:
    """Updates of the ``FORM`` for a run: its settings, those that it cannot change any more not to be typed in.

    For a new run everything stays as it is, and may be changed.
    """
    if voice is None or not key:
        return {name: gr.update(interactive=True, **({"value": ""} if name == "name" else {})) for name in FORM}
    run = find_run(context, voice, key)
    values = {name: getattr(run.wish, name) for name in FORM if name != "base"} | {"base": run.base}
    return {name: gr.update(value=value, interactive=name not in FIXED) for name, value in values.items()}


def remove_run(context: PageContext, runner: JobRunner, voice: VoiceFolder, key: str) -> str:
    """Delete a run that neither waits nor runs; returns what is said about it.

    Raises:
        RequestError: it is gone, or its training is under way.
    """
    run = find_run(context, voice, key)
    if is_live(runner, voice, key):
        raise RequestError(context.say("runs.already", name=run.wish.name))
    remove(run)
    return context.say("runs.removed", name=run.wish.name)
