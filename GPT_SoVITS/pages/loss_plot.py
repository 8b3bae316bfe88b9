"""The curves of the run that is chosen, or of the training that runs, while they grow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr

from pages.context import PageContext
from pages.job_panel import current
from pages.jobs import JobRunner, JobState
from pages.loss_curves import LossCurves, Point
from pages.runs import FOLDER
from pages.training_jobs import TRAIN_KIND
from pages.voice_folder import NAME

CURVE_SECONDS = 3.0
COLOURS = {"loss": "#2563eb", "held-out": "#dc2626", "preference": "#059669", "total": "#2563eb", "mel": "#d97706"}
COLOURS |= {"kl": "#7c3aed"}
Seen = tuple[Any, ...]


def build_loss_plot(context: PageContext, runner: JobRunner, voice: gr.Dropdown, run: gr.Dropdown) -> None:
    """Adds the plot to the container that is open. It is shown once there is a first point."""
    t = context.t
    plot = gr.LinePlot(
        x="step",
        y="value",
        color="curve",
        x_title=t("training.axis_step"),
        y_title=t("training.axis_loss"),
        color_title=t("training.axis_curve"),
        color_map=COLOURS,
        label=t("training.losses"),
        height=320,
        visible=False,
        elem_id="training-losses",
    )
    curves, seen = LossCurves(), gr.State(())

    def look(before: Seen, name: str | None, key: str | None) -> list[Any]:
        return loss_values(context.settings.exp_root, runner, curves, before, (name or "", key or ""))

    gr.Timer(CURVE_SECONDS).tick(
        context.guard(look),
        [seen, voice, run],
        [seen, plot],
        show_progress="hidden",
        api_visibility="private",
        concurrency_limit=None,
    )


def loss_values(
    exp_root: Path, runner: JobRunner, curves: LossCurves, before: Seen, chosen: tuple[str, str] = ("", "")
) -> list[Any]:
    """What is seen now (to be passed in the next time), and the curves where they changed.

    Args:
        exp_root: folder of the voices.
        runner: the page's.
        curves: reader of the trainings' files.
        before: what was seen the last time.
        chosen: voice and run; without a run the present training is shown.
    """
    folder = shown_folder(exp_root, runner, chosen)
    points = curves.read(folder) if folder is not None else []
    now = (str(folder), len(points), points[-1].step if points else 0)
    if now == before or (not points and not (before and before[1])):
        return [gr.skip(), gr.skip()]
    if not points:  # an empty table would make the axes lists of words for good
        return [now, gr.LinePlot(visible=False)]
    return [now, gr.LinePlot(table_of(points), visible=True)]


def shown_folder(exp_root: Path, runner: JobRunner, chosen: tuple[str, str]) -> Path | None:
    """Folder of the run whose curves are shown, None where there is none."""
    voice, key = chosen
    if key and NAME.fullmatch(voice) and Path(key).name == key and key != "..":
        return exp_root / voice / FOLDER / key
    view = current([view for view in runner.views(TRAIN_KIND) if view.state is not JobState.QUEUED])
    return Path(view.spec.facts["output"]) if view is not None else None


def table_of(points: list[Point]) -> Any:
    """Points as gr.LinePlot takes them."""
    import pandas as pd  # comes with gradio

    return pd.DataFrame(points, columns=["step", "value", "curve"])
