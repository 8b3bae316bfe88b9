"""The training tab: the prepared data of a voice, three trainings on top of what is on disk, their losses, stop."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr

from errors import RequestError
from pages import dataset_jobs
from pages.context import PageContext
from pages.job_panel import build_job_panel, current, runner_of
from pages.jobs import JobRunner, JobState
from pages.loss_curves import LossCurves
from pages.training_bases import PRESETS, Base, bases, devices, free_gib
from pages.training_jobs import LIMITS, STAGES, TRAIN_KIND, TrainingWish, check, training_job
from pages.voice_folder import model_name, voice_folder
from pages.voice_list import build_voice_list

KINDS = (dataset_jobs.PREPARE_KIND, TRAIN_KIND)
DEFAULTS = {"epochs": 8, "batch_size": 8, "minutes": 0, "save_every": 4}
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
    _loss_plot(context, runner)
    _wire(context, runner, source, wish, (prepare, start))


def _source_widgets(context: PageContext) -> dict[str, Any]:
    t = context.t
    return {
        "voice": build_voice_list(context, t("training.voice"), None, "training-voice"),
        "list_file": gr.Textbox(label=t("training.list_file"), info=t("training.list_file_info")),
        "base": gr.Dropdown([], label=t("training.base"), info=t("training.base_info"), elem_id="training-base"),
        "device": gr.Dropdown(["cpu"], value="cpu", label=t("training.device"), elem_id="training-device"),
    }  # fmt: skip


def _training_widgets(context: PageContext) -> dict[str, Any]:
    t = context.t
    stages = [(t(f"training.stage_{stage}"), stage) for stage in STAGES]
    widgets: dict[str, Any] = {
        "stage": gr.Radio(stages, value=STAGES[0], label=t("training.stage"), elem_id="training-stage"),
        "name": gr.Textbox(label=t("training.name"), info=t("training.name_info"), elem_id="training-name"),
    }  # fmt: skip
    with gr.Group() as language_model:
        widgets["preset"] = gr.Dropdown([(preset.backbone, name) for name, preset in PRESETS.items()],
                                        value=next(iter(PRESETS)), label=t("training.preset"),
                                        elem_id="training-preset")  # fmt: skip
        widgets["backbone"] = gr.Textbox(label=t("training.backbone"), info=t("training.backbone_info"))
    with gr.Row():
        for name, value in DEFAULTS.items():
            low, high = LIMITS[name]
            widgets[name] = gr.Number(value, label=t(f"training.{name}"), minimum=low, maximum=high,
                                      precision=None if name == "minutes" else 0,
                                      elem_id=f"training-{name.replace('_', '-')}")  # fmt: skip
    widgets["stage"].change(lambda stage: gr.Group(visible=stage == "lm"), widgets["stage"], language_model,
                            api_visibility="private", queue=False)  # fmt: skip
    return widgets


def _loss_plot(context: PageContext, runner: JobRunner) -> None:
    plot = gr.LinePlot(x="step", y="value", color="curve", label=context.t("training.losses"), height=280,
                       elem_id="training-losses")  # fmt: skip
    curves, seen = LossCurves(), gr.State(())

    def look(before: tuple[Any, ...]) -> list[Any]:
        return loss_values(runner, curves, before)

    gr.Timer(CURVE_SECONDS).tick(context.guard(look), seen, [seen, plot], show_progress="hidden",
                                 api_visibility="private", concurrency_limit=None)  # fmt: skip


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


def _wire(context: PageContext, runner: JobRunner, source: dict[str, Any], wish: dict[str, Any],
          buttons: tuple[gr.Button, gr.Button]) -> None:  # fmt: skip
    """Buttons, and the lists that depend on this computer."""
    fields = list(wish)

    def prepare(*values: Any) -> None:
        start_preparation(context, runner, dict(zip(source, values, strict=True)))

    def start(*values: Any) -> None:
        given = dict(zip([*source, *fields], values, strict=True))
        start_training(context, runner, given)

    quiet: dict[str, Any] = {"api_visibility": "private"}
    buttons[0].click(context.guard(prepare), list(source.values()), None, **quiet)
    buttons[1].click(context.guard(start), [*source.values(), *wish.values()], None, **quiet)
    gr.on(None, context.guard(lambda: opened(context)), None, [source["base"], source["device"], wish["preset"]],
          show_progress="hidden", **quiet)  # fmt: skip
    source["device"].input(context.guard(lambda device: preset_list(context, _device(context, device))),
                           source["device"], wish["preset"], **quiet)  # fmt: skip


def opened(context: PageContext) -> tuple[Any, Any, Any]:
    """What there is on this computer: bases, devices, and the presets with their memory."""
    names, places = [base.name for base in bases()], devices()
    return (gr.Dropdown(names, value=names[0] if names else None), gr.Dropdown(places, value=places[0]),
            preset_list(context, places[0]))


def preset_list(context: PageContext, device: str) -> Any:
    """The language model presets, each with the memory that it takes on ``device``, and whether that is free."""
    free = free_gib(device)
    choices = []
    for name, preset in PRESETS.items():
        needed = preset.gib(device)
        fits = "unknown" if free is None else "fits" if needed <= free else "too_big"
        choices.append((context.say(f"training.preset_{fits}", name=preset.backbone, needed=f"{needed:.1f}",
                                    free=f"{free or 0:.1f}"), name))  # fmt: skip
    return gr.Dropdown(choices)


def chosen_base(context: PageContext, name: str) -> Base:
    """The base that a visitor chose.

    Raises:
        RequestError: there is none of that name.
    """
    found = {base.name: base for base in bases()}
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
        stage=given["stage"], name=(given["name"] or "").strip() or voice.name, epochs=given["epochs"],
        batch_size=given["batch_size"], minutes=given["minutes"], save_every=given["save_every"],
        device=_device(context, given["device"]), preset=given["preset"] or "",
        backbone=model_name(context, backbone) if backbone else "",
    )  # fmt: skip
    check(context, wish)
    preparing = [view.id for view in runner.views(dataset_jobs.PREPARE_KIND)
                 if view.spec.facts["voice"] == voice.name and not view.state.is_over]  # fmt: skip
    if not preparing and not voice.is_prepared:
        raise RequestError(context.say("training.not_prepared", voice=voice.name))
    base = chosen_base(context, given["base"])
    title = context.say("training.train_job", stage=context.say(f"training.stage_{wish.stage}"), name=wish.name)
    job = runner.submit(training_job(context, wish, voice, base, title, next(iter(preparing), "")))
    gr.Info(context.say("training.started"))
    return job
