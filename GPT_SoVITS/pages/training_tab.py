"""The training tab: the prepared data of a voice, runs on top of published weights or the pack, losses, stop.

What a training of a version needs and which settings it has is asked of the version table and ``training_wish``; what
the buttons do is in ``training_start`` and ``run_panel``.
"""

from __future__ import annotations

from typing import Any

import gradio as gr

from module.versions import VERSIONS, VersionSpec
from pages import dataset_jobs
from pages.context import PageContext
from pages.job_panel import build_job_panel, runner_of
from pages.jobs import JobRunner
from pages.loss_plot import build_loss_plot
from pages.run_panel import (
    FORM,
    NEW,
    SWITCHES,
    RunPanel,
    build_run_list,
    build_run_panel,
    choices_of,
    form_of,
    named_voice,
    panel_of,
    remove_run,
)
from pages.teaching_group import TeachingForm, build_teaching_group
from pages.training_bases import PRESETS, Base, bases, devices, free_gib
from pages.training_jobs import TRAIN_KIND
from pages.training_start import How, absent_text, known_device, start_preparation, start_training
from pages.training_wish import LIMITS, STAGES, settings_that_count
from pages.voice_folder import voice_folder
from pages.voice_list import LOOK_SECONDS, build_voice_list
from published import training_command

KINDS = (dataset_jobs.PREPARE_KIND, TRAIN_KIND)
DEFAULTS = {"epochs": 8, "batch_size": 8, "minutes": 0, "save_every": 4, "lora_rank": 32}
CHANGING = ("preset", "backbone", "save_every", "lora_rank", *SWITCHES)
"""Settings that only some trainings have."""
QUIET: dict[str, Any] = {"api_visibility": "private"}
UNSEEN: dict[str, Any] = QUIET | {"show_progress": "hidden"}


def build_training_tab(context: PageContext) -> TeachingForm:
    """Adds the tab's widgets to the container that is open and wires them; gives what other tabs may open."""
    runner = runner_of(context)
    gr.Markdown(context.t("training.help"))
    with gr.Row():
        with gr.Column():
            source = _source_widgets(context)
            prepare = gr.Button(context.t("training.prepare"), elem_id="training-prepare")
        with gr.Column():
            run = build_run_list(context)
            wish = _training_widgets(context)
            panel = build_run_panel(context, run)
    build_job_panel(context, runner, KINDS, "training")
    teaching = build_teaching_group(context, runner)
    build_loss_plot(context, runner, source["voice"], run)
    _wire(context, runner, source, wish, prepare)
    _wire_runs(context, runner, source | wish, panel)
    return teaching


def _source_widgets(context: PageContext) -> dict[str, Any]:
    t = context.t
    return {
        "voice": build_voice_list(context, t("training.voice"), None, "training-voice"),
        "list_file": gr.Textbox(label=t("training.list_file"), info=t("training.list_file_info")),
        "base": gr.Dropdown([], label=t("training.base"), info=t("training.base_info"), elem_id="training-base"),
        "note": gr.Markdown(visible=False, elem_id="training-base-note"),
        "device": gr.Dropdown(["cpu"], value="cpu", label=t("training.device"), elem_id="training-device"),
    }


def _training_widgets(context: PageContext) -> dict[str, Any]:
    t = context.t
    stages = [(t(f"training.stage_{stage}"), stage) for stage in STAGES]
    widgets: dict[str, Any] = {
        "stage": gr.Radio(stages, value=STAGES[0], label=t("training.stage"), elem_id="training-stage"),
        "name": gr.Textbox(label=t("training.name"), info=t("training.name_info"), elem_id="training-name"),
    }
    at_first = settings_that_count(STAGES[0], None)
    widgets["preset"] = gr.Dropdown(
        [(preset.backbone, name) for name, preset in PRESETS.items()],
        value=next(iter(PRESETS)),
        label=t("training.preset"),
        elem_id="training-preset",
    )
    widgets["backbone"] = gr.Textbox(label=t("training.backbone"), info=t("training.backbone_info"))
    with gr.Row():
        for name, value in DEFAULTS.items():
            low, high = LIMITS[name]
            widgets[name] = gr.Number(
                value,
                label=t(f"training.{name}"),
                minimum=low,
                maximum=high,
                precision=None if name == "minutes" else 0,
                visible=name in at_first,
                elem_id=_id(name),
            )
    for name in SWITCHES:
        widgets[name] = gr.Checkbox(
            label=t(f"training.{name}"), info=t(f"training.{name}_info"), visible=name in at_first, elem_id=_id(name)
        )
    return widgets


def _id(name: str) -> str:
    return f"training-{name.replace('_', '-')}"


def _wire(
    context: PageContext, runner: JobRunner, source: dict[str, Any], wish: dict[str, Any], prepare: gr.Button
) -> None:
    """The first button, and the lists that depend on this computer."""
    given = {name: widget for name, widget in source.items() if name != "note"}

    def begin(*values: Any) -> None:
        start_preparation(context, runner, dict(zip(given, values, strict=True)))

    def show(stage: str, base: str | None) -> list[Any]:
        return shown(context, stage, base)

    prepare.click(context.guard(begin), list(given.values()), None, **QUIET)
    gr.on(
        [wish["stage"].change, source["base"].change],
        context.guard(show),
        [wish["stage"], source["base"]],
        [source["note"], *(wish[name] for name in CHANGING)],
        **UNSEEN,
    )
    gr.on(
        None,
        context.guard(lambda: opened(context)),
        None,
        [source["base"], source["device"], wish["preset"]],
        **UNSEEN,
    )
    source["device"].input(
        context.guard(lambda device: preset_list(context, known_device(context, device))),
        source["device"],
        wish["preset"],
        **QUIET,
    )


def _wire_runs(context: PageContext, runner: JobRunner, fields: dict[str, Any], panel: RunPanel) -> None:
    """The list of runs and its buttons."""
    given = {name: widget for name, widget in fields.items() if name != "note"}
    form, voice = [fields[name] for name in FORM], fields["voice"]
    shown_after = [*panel.widgets(), *form]

    def values_of(name: str | None, key: str | None, **more: str) -> list[Any]:
        updates = form_of(context, named_voice(context, name), key)
        return [*panel_of(context, runner, name, key, **more), *(updates[field] for field in FORM)]

    def start(how: How) -> Any:
        def handler(key: str, *values: Any) -> list[Any]:
            wishes = dict(zip(given, values, strict=True)) | {"run": key}
            begun = start_training(context, runner, wishes, how)
            if begun.question:
                known = panel_of(context, runner, wishes["voice"], key, begun.question, "go_on")
                return [*known, *[gr.skip()] * len(FORM)]
            gr.Info(context.say("training.started"))
            return values_of(wishes["voice"], begun.key)

        return handler

    def twice(name: str, key: str, asked: str, what: str) -> list[Any] | None:
        """The question that a first press of a button asks; None at the second."""
        if asked == what:
            return None
        said = context.say(f"runs.ask_{what}")
        return [*panel_of(context, runner, name, key, said, what), *[gr.skip()] * len(FORM)]

    def anew(asked: str, key: str, *values: Any) -> list[Any]:
        question = twice(dict(zip(given, values, strict=True))["voice"], key, asked, "anew")
        return question or start("anew")(key, *values)

    def gone(asked: str, name: str, key: str) -> list[Any]:
        question = twice(name, key, asked, "remove")
        if question is None:
            gr.Info(remove_run(context, runner, voice_folder(context, name), key))
        return question or values_of(name, NEW)

    inputs = [panel.run, *given.values()]
    panel.start.click(context.guard(start("ask")), inputs, shown_after, **UNSEEN)
    panel.go_on.click(context.guard(start("go_on")), inputs, shown_after, **UNSEEN)
    panel.anew.click(context.guard(anew), [panel.asked, *inputs], shown_after, **UNSEEN)
    panel.remove.click(context.guard(gone), [panel.asked, voice, panel.run], shown_after, **UNSEEN)
    panel.run.input(context.guard(values_of), [voice, panel.run], shown_after, **UNSEEN)
    voice.change(context.guard(lambda name: values_of(name, NEW)), voice, shown_after, **UNSEEN)
    _watch_runs(context, runner, voice, panel)


def _watch_runs(context: PageContext, runner: JobRunner, voice: gr.Dropdown, panel: RunPanel) -> None:
    """While the page is open, what is said of the runs follows them; a question stays until it is answered."""
    seen = gr.State([])

    def look(before: list[Any], name: str | None, key: str | None, asked: str) -> list[Any]:
        now = [name, key, choices_of(context, runner, named_voice(context, name))]
        if now == before or asked:
            return [gr.skip()] * (1 + len(panel.widgets()))
        return [now, *panel_of(context, runner, name, key)]

    gr.Timer(LOOK_SECONDS).tick(
        context.guard(look),
        [seen, voice, panel.run, panel.asked],
        [seen, *panel.widgets()],
        concurrency_limit=None,
        **UNSEEN,
    )


def opened(context: PageContext) -> tuple[Any, Any, Any]:
    """What there is on this computer: bases, devices, and the presets with their memory."""
    names, places = [base.name for base in bases()], devices()
    absent = [(context.say("training.base_absent", name=name), name) for name in VERSIONS if name not in names]
    return (
        gr.Dropdown([*((name, name) for name in names), *absent], value=names[0] if names else None),
        gr.Dropdown(places, value=places[0]),
        preset_list(context, places[0]),
    )


def shown(context: PageContext, stage: str, base_name: str | None) -> list[Any]:
    """The note about the chosen weights, then each of the ``CHANGING`` settings, seen only where it means something."""
    base = next((base for base in bases() if base.name == base_name), None)
    spec = base.spec if base else VERSIONS.get(base_name or "")
    counting = settings_that_count(stage, spec)
    text = base_note(context, stage, base, spec)
    return [gr.Markdown(text, visible=bool(text)), *(gr.update(visible=name in counting) for name in CHANGING)]


def base_note(context: PageContext, stage: str, base: Base | None, spec: VersionSpec | None) -> str:
    """What is missing of the chosen weights, with the command that fetches it; empty where nothing is."""
    if base is None:
        return absent_text(context, spec.name) if spec else ""
    if stage == "s2" and base.lacks_discriminators:
        return context.say("training.no_discriminators", name=base.name, command=training_command(base.version))
    return ""


def preset_list(context: PageContext, device: str) -> Any:
    """The language model presets, each with the memory that it takes on ``device``, and whether that is free."""
    free = free_gib(device)
    choices = []
    for name, preset in PRESETS.items():
        needed = preset.gib(device)
        fits = "unknown" if free is None else "fits" if needed <= free else "too_big"
        choices.append(
            (
                context.say(
                    f"training.preset_{fits}", name=preset.backbone, needed=f"{needed:.1f}", free=f"{free or 0:.1f}"
                ),
                name,
            )
        )
    return gr.Dropdown(choices)
