"""The curves of the run that is chosen, or of the training that runs, while they grow."""

from __future__ import annotations

import html
from collections.abc import Callable
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
COLOURS = {
    "loss": "#2563eb",
    "total": "#2563eb",
    "held-out": "#dc2626",
    "preference": "#059669",
    "mel": "#d97706",
    "kl": "#7c3aed",
}
"""Curves and their colours."""
Seen = tuple[Any, ...]


def build_loss_plot(context: PageContext, runner: JobRunner, voice: gr.Dropdown, run: gr.Dropdown) -> None:
    """Adds the plot to the container that is open. It is shown once there is a first point."""
    t = context.t
    legend = gr.HTML(visible=False, elem_id="training-legend")  # the plot's own is cut off below
    plot = gr.LinePlot(
        x="step",
        y="value",
        color="curve",
        x_title=t("training.axis_step"),
        y_title=t("training.axis_loss"),
        color_title=" ",
        colors_in_legend=[],
        label=t("training.losses"),
        height=320,
        visible=False,
        elem_id="training-losses",
    )
    curves, seen = LossCurves(), gr.State(())

    def look(before: Seen, name: str | None, key: str | None) -> list[Any]:
        changed = loss_values(context.settings.exp_root, runner, curves, before, (name or "", key or ""))
        if changed is None:
            return [gr.skip()] * 3
        now, points = changed
        return [now, *plot_of(context.say, points)]

    gr.Timer(CURVE_SECONDS).tick(
        context.guard(look),
        [seen, voice, run],
        [seen, legend, plot],
        show_progress="hidden",
        api_visibility="private",
        concurrency_limit=None,
    )


def loss_values(
    exp_root: Path, runner: JobRunner, curves: LossCurves, before: Seen, chosen: tuple[str, str] = ("", "")
) -> tuple[Seen, list[Point]] | None:
    """What is seen now (to be passed in the next time) and its points; None where nothing has changed.

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
        return None
    return now, points


def plot_of(say: Callable[..., str], points: list[Point]) -> list[Any]:
    """Legend and plot. Without points both are hidden: an empty table would make the axes lists of words for good."""
    if not points:
        return [gr.HTML(visible=False), gr.LinePlot(visible=False)]
    names = {
        curve: say(f"training.curve_{curve.replace('-', '_')}") for curve in dict.fromkeys(p.curve for p in points)
    }
    dots = "".join(
        f'<span style="margin-right:1.5em"><span style="color:{COLOURS[curve]}">●</span> {html.escape(name)}</span>'
        for curve, name in names.items()
    )
    colours = {name: COLOURS[curve] for curve, name in names.items()}
    plot = gr.LinePlot(table_of([p._replace(curve=names[p.curve]) for p in points]), color_map=colours, visible=True)
    return [gr.HTML(dots, visible=True), plot]


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
