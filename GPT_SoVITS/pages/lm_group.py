"""The language model's part of the inference tab: a checkbox, a list that appears with it, and what follows from both.

The stage is the voice's: a change is for all visitors, and from the next sentence on.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import gradio as gr

from errors import GSVError, RequestError
from pages.context import PageContext
from pages.guard import plain, sentence
from pages.lm_models import PACK_MODEL, PARAMETERS, can_speak, choices
from pages.teaching_group import TeachingForm
from pages.voice import Speaker, fall_text
from TTS_infer_pack.model_names import is_remote

LM_LABEL = "使用Qwen3增强文本理解 (Use Qwen3 for enhanced text understanding)"
"""The same in every language of the page: users and guides know it by these words."""
HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")
PLAIN_NAME = re.compile(r"[A-Za-z0-9][\w.-]*")


@dataclass(frozen=True)
class LMGroup:
    """The widgets: ``on`` (checkbox), ``name`` (list with free text), ``teach`` (button, only on pages that train)."""

    on: gr.Checkbox
    name: gr.Dropdown
    teach: gr.Button

    def widgets(self) -> list[gr.components.Component]:
        """What shows the settings."""
        return [self.on, self.name]


def build_lm_group(context: PageContext, status: gr.Markdown) -> LMGroup:
    """Adds the group to the container that is open; a change is reported in ``status``."""
    names = [PACK_MODEL, *PARAMETERS]
    on = gr.Checkbox(False, label=LM_LABEL, elem_id="lm-on")
    name = gr.Dropdown(
        names,
        value=PACK_MODEL,
        label=context.t("lm.name"),
        info=context.t("lm.name_info"),
        allow_custom_value=True,
        visible=False,
        elem_id="lm-name",
    )
    group = LMGroup(on, name, gr.Button(context.t("lm.teach"), size="sm", visible=False, elem_id="lm-teach"))

    def switch_stage(use_qwen3: bool, model_name: str) -> tuple[Any, Any, str]:
        return change_stage(context, use_qwen3, model_name)

    def choose_model(use_qwen3: bool, model_name: str) -> tuple[Any, Any, Any]:
        return change_model(context, use_qwen3, model_name)

    shared: dict[str, Any] = {"concurrency_limit": 1, "concurrency_id": "weights", "trigger_mode": "always_last"}
    shown = [*group.widgets(), status]
    on.input(context.guard(switch_stage), group.widgets(), shown, api_name="set_t2s", **shared)
    # its progress must not cover the checkbox: leaving the list by a click on it would lose that click
    name.input(
        context.guard(choose_model),
        group.widgets(),
        shown,
        show_progress_on=[name, status],
        api_visibility="private",
        **shared,
    )
    return group


def wire_teaching(context: PageContext, group: LMGroup, tabs: gr.Tabs, training: str, form: TeachingForm) -> None:
    """Offer to teach a chosen model that cannot speak yet: the button opens the form, filled in.

    Args:
        context: the page's.
        group: shows the button while such a model is chosen.
        tabs: of the page.
        training: id of the tab with the form.
        form: what opens.
    """

    def offered(on: bool, name: str) -> Any:
        return gr.Button(visible=bool(on and name) and not is_remote(name) and not can_speak(name))

    def open_form(name: str) -> tuple[Any, Any, str]:
        return gr.Tabs(selected=training), gr.Accordion(open=True), name

    quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
    gr.on([group.on.change, group.name.change], context.guard(offered), group.widgets(), group.teach, **quiet)
    group.teach.click(context.guard(open_form), group.name, [tabs, form.group, form.backbone], **quiet)


def change_stage(context: PageContext, use_qwen3: bool, model_name: str) -> tuple[Any, Any, str]:
    """Change who speaks; gives (checkbox, list, status line), all as things are then.

    What cannot be is a gr.Warning, and the page goes on: with the AR model, or with what was before.
    """
    speaker = context.voice.load()
    try:
        if use_qwen3:
            # engines' addresses come from the settings alone: no visitor makes this server ask others
            known = model_name == speaker.configs.qwen3_model_name
            speaker.set_t2s("qwen3", model_name if known else checked_name(context, model_name))
        else:
            speaker.set_t2s("ar")
        if speaker.last_fallback is not None:
            gr.Warning(plain(fall_text(speaker.last_fallback, context.say)), title=context.say("voice.fell_title"))
    except GSVError as error:
        gr.Warning(plain(sentence(context.say, error)), title=context.say("page.error_title"))
        if speaker.configs.use_qwen3 != use_qwen3 or getattr(speaker.configs, "qwen3_strict", False):
            speaker.set_t2s("ar")
    on, name = stage_values(context, speaker)
    return on, name, context.voice.status(context.say)


def change_model(context: PageContext, use_qwen3: bool, model_name: str) -> tuple[Any, Any, Any]:
    """As :func:`change_stage`, for the list: it reports a choice whenever it is left, also without one.

    The checkbox is touched only where the choice changed it, so that a click on it meanwhile is not undone.
    """
    settings = context.voice.load().configs
    if settings.use_qwen3 == use_qwen3 and settings.qwen3_model_name == str(model_name or "").strip():
        return gr.skip(), gr.skip(), gr.skip()
    on, name, status = change_stage(context, use_qwen3, model_name)
    return gr.skip() if on == use_qwen3 else on, name, status


def stage_values(context: PageContext, speaker: Speaker) -> tuple[Any, Any]:
    """The checkbox and the list as the settings are now."""
    settings = speaker.configs
    named = settings.use_qwen3 or is_remote(settings.qwen3_model_name)
    chosen = settings.qwen3_model_name if named else PACK_MODEL
    listed = choices(str(settings.device), settings.qwen3_precision, chosen, context.say)
    return bool(settings.use_qwen3), gr.Dropdown(listed, value=chosen, visible=bool(settings.use_qwen3))


def checked_name(context: PageContext, text: str) -> str:
    """A model name as it may be passed on: a plain name, a hub id, or a folder that a visitor may name.

    Raises:
        RequestError: none of these, or a folder outside the allowed ones.
    """
    name = str(text or "").strip()
    if PLAIN_NAME.fullmatch(name) or (HUB_ID.fullmatch(name) and ".." not in name):
        return name
    if not name or len(name) > 4096:
        raise RequestError(context.say("lm.no_name"))
    return str(context.path(name))
