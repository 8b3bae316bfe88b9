"""What a tab shows of its jobs: which ones there are, how far they are, the newest log lines, and how to stop one.

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
from pages.guard import plain, readable
from pages.jobs import JobRunner, JobState, JobView
from tools.i18n import Message
from tools.i18n.error_texts import told_line

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
REMARK = "ℹ️"
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
    which: gr.Dropdown
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
    with gr.Row(equal_height=True):
        which = gr.Dropdown([], label=context.t("jobs.which"), visible=False, scale=4, elem_id=f"{name}-job")
        stop = gr.Button(context.t("jobs.stop"), variant="stop", visible=False, scale=1, elem_id=f"{name}-stop")
    timer = gr.Timer(LOOK_SECONDS)
    seen = gr.State(())

    def look(before: Seen, chosen: str | None) -> list[Any]:
        return panel_values(context.say, runner.views(*kinds), before, chosen)

    timer.tick(
        context.guard(look),
        [seen, which],
        [seen, overview, bars, log, which, stop],
        show_progress="hidden",
        api_visibility="private",
        concurrency_limit=None,
    )

    def stop_it(chosen: str | None) -> None:
        stop_job(context.say, runner, kinds, chosen)

    stop.click(context.guard(stop_it), which, None, api_visibility="private", concurrency_limit=None)
    return JobPanel(overview, bars, log, which, stop, timer)


def stop_job(say: Callable[..., str], runner: JobRunner, kinds: tuple[str, ...], chosen: str | None) -> None:
    """Stop the job of ``kinds`` that was chosen, or the present one where none was; others go on."""
    live = _live(runner.views(*kinds))
    if not live:
        gr.Info(say("jobs.none"))
        return
    view = next((view for view in live if view.id == chosen), None) or current(live)
    assert view is not None
    runner.stop(view.id)
    gr.Info(plain(say("jobs.stopping", title=told(say, view.spec.title))))


def told(say: Callable[..., str], title: Message | str) -> str:
    """A job's title in the looker's language."""
    return title.told(say) if isinstance(title, Message) else title


def _live(views: list[JobView]) -> list[JobView]:
    return [view for view in views if not view.state.is_over]


def current(views: list[JobView]) -> JobView | None:
    """The job that is shown in full: the one that runs, else the newest that has begun."""
    running = [view for view in views if view.state is JobState.RUNNING]
    begun = [view for view in views if view.seconds > 0]
    return next(iter([*running, *begun, *views]), None)


def panel_values(say: Callable[..., str], views: list[JobView], before: Seen, chosen: str | None = None) -> list[Any]:
    """What is seen now (to be passed in the next time), and overview, bars, log, list and button; only what changed."""
    shown, live = current(views), _live(views)
    now = (
        _overview(say, views),
        _bars(shown),
        "\n".join(shown.lines[-SHOWN_LINES:]) if shown else "",
        tuple((told(say, view.spec.title), view.id) for view in reversed(live)),
    )
    present = current(live)
    value = chosen if any(view.id == chosen for view in live) else present.id if present else None
    which = gr.Dropdown(list(now[3]), value=value, visible=len(live) > 1)
    values = [*now[:3], which, gr.Button(visible=bool(live))]
    if not before:
        return [now, *values]
    changed = [new != old for new, old in zip(now, before, strict=True)]
    changed.append(changed[-1])  # the button goes with the list
    return [now, *(value if new else gr.skip() for value, new in zip(values, changed, strict=True))]


def _overview(say: Callable[..., str], views: list[JobView]) -> str:
    """A line for each of the newest jobs, in the order in which they were asked for."""
    if not views:
        return say("jobs.none")
    return "\n\n".join(_line(say, view) for view in reversed(views[:SHOWN_JOBS]))


def _line(say: Callable[..., str], view: JobView) -> str:
    title = html.escape(told(say, view.spec.title))
    if view.remark is not None:
        return f"{REMARK} {title} – {html.escape(view.remark.told(say))}"
    said = say(f"jobs.{view.state.value}", seconds=round(view.seconds))
    if view.blocked_by:
        said = say("jobs.blocked", title=html.escape(told(say, view.blocked_by)))
    reason = f": {html.escape(readable(told_line(say, view.error)))}" if view.error else ""
    return f"{MARKS[view.state]} {title} – {said}{reason}"


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
