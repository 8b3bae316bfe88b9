"""What a tab shows of its jobs: which ones there are, how far they are, the newest log lines, and a stop button.

The runner knows the jobs, the page asks it every second or so: a page that is reloaded, or opened twice, shows them.
"""

from __future__ import annotations

import html
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gradio as gr

from errors import RequestError
from pages.context import PageContext
from pages.jobs import JobRunner, JobState, JobView

LOOK_SECONDS = 1.5
SHOWN_JOBS = 6
SHOWN_LINES = 40
MARKS = {
    JobState.QUEUED: "⏳",
    JobState.RUNNING: "▶️",
    JobState.DONE: "✅",
    JobState.FAILED: "❌",
    JobState.STOPPED: "⏹️",
}
Seen = tuple[Any, ...]


@dataclass(frozen=True)
class JobPanel:
    """The widgets of a panel.

    Attributes:
        timer: ticks while the page is open.
    """

    overview: gr.Markdown
    bars: gr.HTML
    log: gr.Textbox
    stop: gr.Button
    timer: gr.Timer


def runner_of(context: PageContext) -> JobRunner:
    """The page's runner.

    Raises:
        RequestError: this page starts no jobs.
    """
    if context.new_runner is None:
        raise RequestError("this page starts no jobs", "the main page", "start webui.py")
    return context.new_runner()


def build_job_panel(context: PageContext, runner: JobRunner, kinds: tuple[str, ...], name: str) -> JobPanel:
    """Adds the panel for jobs of ``kinds`` to the container that is open; ``name`` is part of its widgets' ids."""
    overview = gr.Markdown(context.t("jobs.none"), elem_id=f"{name}-jobs")
    bars = gr.HTML(elem_id=f"{name}-bars")
    with gr.Accordion(context.t("jobs.log"), open=False):
        log = gr.Textbox(show_label=False, lines=12, max_lines=12, interactive=False, elem_id=f"{name}-log")
    stop = gr.Button(context.t("jobs.stop"), variant="stop", elem_id=f"{name}-stop")
    timer = gr.Timer(LOOK_SECONDS)
    seen = gr.State(())

    def look(before: Seen) -> list[Any]:
        return panel_values(context.say, runner.views(*kinds), before)

    timer.tick(
        context.guard(look),
        seen,
        [seen, overview, bars, log],
        show_progress="hidden",
        api_visibility="private",
        concurrency_limit=None,
    )

    def stop_all() -> None:
        stop_jobs(context.say, runner, kinds)

    stop.click(context.guard(stop_all), None, None, api_visibility="private", concurrency_limit=None)
    return JobPanel(overview, bars, log, stop, timer)


def stop_jobs(say: Callable[..., str], runner: JobRunner, kinds: tuple[str, ...]) -> None:
    """Stop every job of ``kinds`` that waits or runs; what waits goes first, so that nothing new begins."""
    live = [view for view in runner.views(*kinds) if not view.state.is_over]
    for view in sorted(live, key=lambda view: view.state is JobState.RUNNING):
        runner.stop(view.id)
    gr.Info(say("jobs.stopping") if live else say("jobs.none"))


def current(views: list[JobView]) -> JobView | None:
    """The job that is shown in full: the one that runs, else the newest that has begun."""
    running = [view for view in views if view.state is JobState.RUNNING]
    begun = [view for view in views if view.seconds > 0]
    return next(iter([*running, *begun, *views]), None)


def panel_values(say: Callable[..., str], views: list[JobView], before: Seen) -> list[Any]:
    """What is seen now (to be passed in the next time), and the overview, bars and log; only what changed."""
    shown = current(views)
    now = (_overview(say, views), _bars(shown), "\n".join(shown.lines[-SHOWN_LINES:]) if shown else "")
    if not before:
        return [now, *now]
    return [now, *(new if new != old else gr.skip() for new, old in zip(now, before, strict=True))]


def _overview(say: Callable[..., str], views: list[JobView]) -> str:
    """A line for each of the newest jobs, in the order in which they were asked for."""
    if not views:
        return say("jobs.none")
    return "\n\n".join(_line(say, view) for view in reversed(views[:SHOWN_JOBS]))


def _line(say: Callable[..., str], view: JobView) -> str:
    said = say(f"jobs.{view.state.value}", seconds=round(view.seconds))
    reason = f": {html.escape(view.error)}" if view.error else ""
    return f"{MARKS[view.state]} {html.escape(view.spec.title)} – {said}{reason}"


def _bars(view: JobView | None) -> str:
    if view is None:
        return ""
    rows = (
        f"<div>{html.escape(bar.title)} {html.escape(bar.done)}/{html.escape(bar.total)} "
        f"<progress style='width:60%' max='1' value='{bar.fraction:.3f}'></progress> "
        f"<small>{html.escape(bar.detail)}</small></div>"
        for bar in view.bars
    )
    return "".join(rows)
