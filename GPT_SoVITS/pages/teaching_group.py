"""The part of the training tab that teaches a language model the loaded kind of voice, without recordings: one button.

What it takes in memory and time is told in the log before anything starts.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from errors import RequestError
from pages.context import PageContext
from pages.job_panel import build_job_panel
from pages.jobs import JobRunner
from pages.lm_models import PARAMETERS
from pages.teaching_jobs import LIMITS, TEACH_KIND, TeachingWish, check, teaching_job, text_languages
from pages.training_bases import devices
from pages.voice_folder import model_name
from pages.weights import gpt_choices, sovits_choices
from tools.i18n import Message

DEFAULTS = {"hours": 20.0, "epochs": 8, "minutes": 0, "takes": 1}
BACKBONE = "Qwen/Qwen3-0.6B"
FILES = ("gpt", "sovits")
LISTS = ("texts", "references")
QUIET: dict[str, Any] = {"api_visibility": "private"}


@dataclass(frozen=True)
class TeachingForm:
    """What another part of the page may open and fill in: the ``group``, and the ``backbone`` that is to be taught."""

    group: gr.Accordion
    backbone: gr.Dropdown


def build_teaching_group(context: PageContext, runner: JobRunner) -> TeachingForm:
    """Adds the group to the container that is open and wires it."""
    t = context.t
    with gr.Accordion(t("teaching.title"), open=False, elem_id="teaching") as group:
        gr.Markdown(t("teaching.help"))
        fields = _fields(context)
        with gr.Row():
            tell = gr.Button(t("teaching.tell"), elem_id="teaching-tell")
            start = gr.Button(t("teaching.start"), variant="primary", elem_id="teaching-start")
        build_job_panel(context, runner, (TEACH_KIND,), "teaching")
    names = list(fields)

    def teach(*values: Any) -> None:
        start_teaching(context, runner, dict(zip(names, values, strict=True)))

    def plan(*values: Any) -> None:
        start_teaching(context, runner, dict(zip(names, values, strict=True)), plan_only=True)

    start.click(context.guard(teach), list(fields.values()), None, **QUIET)
    tell.click(context.guard(plan), list(fields.values()), None, **QUIET)
    lists = [fields[name] for name in (*FILES, "device")]
    gr.on(None, context.guard(lambda: opened(context)), None, lists, show_progress="hidden", **QUIET)
    return TeachingForm(group, fields["backbone"])


def _fields(context: PageContext) -> dict[str, Any]:
    t = context.t
    fields: dict[str, Any] = {}
    with gr.Row():
        for name in FILES:
            fields[name] = gr.Dropdown([], label=t(f"models.{name}"), allow_custom_value=True, elem_id=_id(name))
        fields["backbone"] = gr.Dropdown(
            list(PARAMETERS),
            value=BACKBONE,
            label=t("teaching.backbone"),
            allow_custom_value=True,
            elem_id=_id("backbone"),
        )
        fields["name"] = gr.Textbox(label=t("training.name"), info=t("teaching.name_info"), elem_id=_id("name"))
    with gr.Row():
        languages = [(t(f"languages.{name}"), name) for name in text_languages()]
        fields["language"] = gr.Dropdown(languages, value="en", label=t("teaching.language"), elem_id=_id("language"))
        fields["device"] = gr.Dropdown(["cpu"], value="cpu", label=t("training.device"), elem_id=_id("device"))
        for name, value in DEFAULTS.items():
            low, high = LIMITS[name]
            whole = 0 if isinstance(value, int) else None
            fields[name] = gr.Number(
                value, label=t(f"teaching.{name}"), minimum=low, maximum=high, precision=whole, elem_id=_id(name)
            )
    with gr.Row():
        for name in LISTS:
            info = t(f"teaching.{name}_info")
            fields[name] = gr.Textbox(label=t(f"teaching.{name}"), info=info, elem_id=_id(name))
    return fields


def _id(name: str) -> str:
    return f"teaching-{name}"


def opened(context: PageContext) -> tuple[Any, Any, Any]:
    """What there is on this computer: GPT and SoVITS weights, devices."""
    found = gpt_choices(context.weights, None), sovits_choices(context.weights, None)
    places = devices()
    gpt, sovits = (gr.Dropdown(choices, value=choices[0][1] if choices else None) for choices in found)
    return gpt, sovits, gr.Dropdown(places, value=places[0])


def start_teaching(context: PageContext, runner: JobRunner, given: dict[str, Any], plan_only: bool = False) -> str:
    """Queue a teaching, or what goes on with one that was stopped; returns the job's id.

    Args:
        context: the page's.
        runner: the page's.
        given: values of the group's fields by name.
        plan_only: only tell what it will take.

    Raises:
        RequestError: something in ``given`` cannot be used.
    """
    gpt, sovits = (context.path(given[name] or "") for name in FILES)
    texts, references = (_optional_path(context, given[name]) for name in LISTS)
    if given["device"] not in devices():
        raise RequestError(context.say("training.no_device", name=given["device"]))
    backbone = model_name(context, given["backbone"] or "")
    wish = TeachingWish(
        gpt=gpt,
        sovits=sovits,
        backbone=backbone,
        name=(given["name"] or "").strip() or f"{sovits.stem}-{Path(backbone).name}".lower(),
        language=given["language"] or "",
        device=given["device"],
        **{name: given[name] for name in DEFAULTS},
        texts=texts,
        references=references,
        plan_only=plan_only,
    )
    check(context, wish)
    key = "teaching.plan_job" if plan_only else "teaching.teach_job"
    job = runner.submit(teaching_job(wish, Message(key, {"name": wish.name})))
    gr.Info(context.say("training.started"))
    return job


def _optional_path(context: PageContext, typed: str | None) -> Path | None:
    typed = (typed or "").strip()
    return context.path(typed) if typed else None
