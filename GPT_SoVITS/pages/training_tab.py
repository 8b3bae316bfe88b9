"""The training tab: the prepared data of a voice, trainings on top of published weights or the pack, losses, stop.

What a training of a version needs and which settings it has is asked of the version table and ``training_jobs``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr

from errors import RequestError
from module.versions import VERSIONS, VersionSpec
from pages import dataset_jobs
from pages.context import PageContext
from pages.job_panel import build_job_panel, current, runner_of
from pages.jobs import JobRunner, JobState
from pages.loss_curves import LossCurves
from pages.teaching_group import build_teaching_group
from pages.training_bases import PRESETS, Base, bases, devices, free_gib
from pages.training_jobs import (
    LIMITS,
    STAGES,
    TRAIN_KIND,
    TrainingWish,
    check,
    settings_that_count,
    training_job,
)
from pages.voice_folder import VoiceFolder, model_name, voice_folder
from pages.voice_list import build_voice_list
from published import training_command

KINDS = (dataset_jobs.PREPARE_KIND, TRAIN_KIND)
DEFAULTS = {"epochs": 8, "batch_size": 8, "minutes": 0, "save_every": 4, "lora_rank": 32}
SWITCHES = ("grad_ckpt", "if_dpo")
CHANGING = ("preset", "backbone", "save_every", "lora_rank", *SWITCHES)
"""Settings that only some trainings have."""
CURVE_SECONDS = 4.0


def build_training_tab(context: PageContext) -> None:
    """Adds the tab's widgets to the container that is open and wires them."""
    runner = runner_of(context)
    gr.Markdown(context.t("training.help"))
    with gr.Row():
        with gr.Column():
            source = _source_widgets(context)
            prepare = gr.Button(context.t("training.prepare"), elem_id="training-prepare")
        with gr.Column():
            wish = _training_widgets(context)
            start = gr.Button(context.t("training.start"), variant="primary", elem_id="training-start")
    build_job_panel(context, runner, KINDS, "training")
    build_teaching_group(context, runner)
    _loss_plot(context, runner)
    _wire(context, runner, source, wish, (prepare, start))


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


def _loss_plot(context: PageContext, runner: JobRunner) -> None:
    plot = gr.LinePlot(
        x="step", y="value", color="curve", label=context.t("training.losses"), height=280, elem_id="training-losses"
    )
    curves, seen = LossCurves(), gr.State(())

    def look(before: tuple[Any, ...]) -> list[Any]:
        return loss_values(runner, curves, before)

    gr.Timer(CURVE_SECONDS).tick(
        context.guard(look),
        seen,
        [seen, plot],
        show_progress="hidden",
        api_visibility="private",
        concurrency_limit=None,
    )


def loss_values(runner: JobRunner, curves: LossCurves, before: tuple[Any, ...]) -> list[Any]:
    """What is seen now (to be passed in the next time), and the curves of the present training where they changed."""
    view = current([view for view in runner.views(TRAIN_KIND) if view.state is not JobState.QUEUED])
    if view is None or (before and before[0] == view.id and before[1] and view.state.is_over):
        return [gr.skip(), gr.skip()]
    points = curves.read(Path(view.spec.facts["output"]))
    now = (view.id, view.state.is_over, len(points), points[-1].step if points else 0)
    if now == before:
        return [gr.skip(), gr.skip()]
    return [now, table_of(points)]


def table_of(points: list[Any]) -> Any:
    """Points as gr.LinePlot takes them."""
    import pandas as pd  # comes with gradio

    return pd.DataFrame(points, columns=["step", "value", "curve"])


def _wire(
    context: PageContext,
    runner: JobRunner,
    source: dict[str, Any],
    wish: dict[str, Any],
    buttons: tuple[gr.Button, gr.Button],
) -> None:
    """Buttons, and the lists that depend on this computer."""
    note, given = source["note"], {name: widget for name, widget in source.items() if name != "note"}

    def prepare(*values: Any) -> None:
        start_preparation(context, runner, dict(zip(given, values, strict=True)))

    def start(*values: Any) -> None:
        start_training(context, runner, dict(zip([*given, *wish], values, strict=True)))

    def show(stage: str, base: str | None) -> list[Any]:
        return shown(context, stage, base)

    quiet: dict[str, Any] = {"api_visibility": "private"}
    buttons[0].click(context.guard(prepare), list(given.values()), None, **quiet)
    buttons[1].click(context.guard(start), [*given.values(), *wish.values()], None, **quiet)
    gr.on(
        [wish["stage"].change, source["base"].change],
        context.guard(show),
        [wish["stage"], source["base"]],
        [note, *(wish[name] for name in CHANGING)],
        show_progress="hidden",
        **quiet,
    )
    gr.on(
        None,
        context.guard(lambda: opened(context)),
        None,
        [source["base"], source["device"], wish["preset"]],
        show_progress="hidden",
        **quiet,
    )
    source["device"].input(
        context.guard(lambda device: preset_list(context, _device(context, device))),
        source["device"],
        wish["preset"],
        **quiet,
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


def absent_text(context: PageContext, version: str) -> str:
    """That published weights are not on disk, and the command that fetches them."""
    return context.say("training.fetch_base", name=version, command=training_command(version))


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


def chosen_base(context: PageContext, name: str) -> Base:
    """The base that a visitor chose.

    Raises:
        RequestError: there is none of that name, or it is not on disk.
    """
    found = {base.name: base for base in bases()}
    if name in VERSIONS and name not in found:
        raise RequestError(absent_text(context, name))
    if name not in found:
        raise RequestError(context.say("training.no_base"))
    return found[name]


def _device(context: PageContext, name: str) -> str:
    if name not in devices():
        raise RequestError(context.say("training.no_device", name=name))
    return name


def start_preparation(context: PageContext, runner: JobRunner, given: dict[str, Any]) -> str:
    """Queue the stages of the data set; returns the job's id.

    Raises:
        GSVError: a voice, list or base that cannot be used.
    """
    voice = voice_folder(context, given["voice"])
    typed = (given["list_file"] or "").strip()
    list_path = context.path(typed) if typed else voice.list_path
    if not list_path.is_file():
        raise RequestError(context.say("training.no_list", path=list_path))
    base, device = chosen_base(context, given["base"]), _device(context, given["device"])
    title = context.say("training.prepare_job", voice=voice.name)
    return runner.submit(dataset_jobs.prepare_job(title, voice, list_path, base, device))


def start_training(context: PageContext, runner: JobRunner, given: dict[str, Any]) -> str:
    """Queue a training, or the next part of one that was stopped; returns the job's id.

    Raises:
        GSVError: something in ``given`` cannot be used.
    """
    voice = voice_folder(context, given["voice"])
    backbone = (given["backbone"] or "").strip()
    wish = TrainingWish(
        stage=given["stage"],
        name=(given["name"] or "").strip() or voice.name,
        epochs=given["epochs"],
        batch_size=given["batch_size"],
        minutes=given["minutes"],
        save_every=given["save_every"],
        device=_device(context, given["device"]),
        preset=given["preset"] or "",
        backbone=model_name(context, backbone) if backbone else "",
        lora_rank=given["lora_rank"],
        grad_ckpt=bool(given["grad_ckpt"]),
        if_dpo=bool(given["if_dpo"]),
    )
    base = chosen_base(context, given["base"])
    check(context, wish, base.spec)
    preparing = [
        view.id
        for view in runner.views(dataset_jobs.PREPARE_KIND)
        if view.spec.facts["voice"] == voice.name and not view.state.is_over
    ]
    if not preparing:
        check_data(context, voice, wish.stage, base.spec)
    title = context.say("training.train_job", stage=context.say(f"training.stage_{wish.stage}"), name=wish.name)
    job = runner.submit(training_job(context, wish, voice, base, title, next(iter(preparing), "")))
    gr.Info(context.say("training.started"))
    return job


def check_data(context: PageContext, voice: VoiceFolder, stage: str, spec: VersionSpec) -> None:
    """Refuse to train without the files of the stages that the version needs.

    Raises:
        RequestError: which button makes them.
    """
    if not voice.is_prepared:
        raise RequestError(context.say("training.not_prepared", voice=voice.name))
    if stage == "s2" and spec.needs_speaker_embedding and not voice.has_speaker_vectors:
        raise RequestError(context.say("training.no_speaker_vectors", voice=voice.name, version=spec.name))
