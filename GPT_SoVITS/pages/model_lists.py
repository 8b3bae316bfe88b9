"""The GPT and SoVITS lists above the inference tab: choose, refresh, and new weights that appear by themselves."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import gradio as gr

from errors import GSVError
from pages.context import PageContext
from pages.guard import plain, sentence
from pages.weights import gpt_choices, sovits_choices

LOOK_SECONDS = 5.0
"""How often the folders are looked at for new weights."""


@dataclass(frozen=True)
class ModelLists:
    """The widgets: two lists and the button that reads the folders again."""

    gpt: gr.Dropdown
    sovits: gr.Dropdown
    refresh: gr.Button

    def widgets(self) -> list[gr.components.Component]:
        return [self.gpt, self.sovits]


def build_model_lists(context: PageContext) -> ModelLists:
    """Adds the lists to the container that is open."""
    with gr.Row():
        gpt = gr.Dropdown([], label=context.t("models.gpt"), scale=4, allow_custom_value=True, elem_id="gpt-weights")
        sovits = gr.Dropdown(
            [], label=context.t("models.sovits"), scale=4, allow_custom_value=True, elem_id="sovits-weights"
        )
        refresh = gr.Button(context.t("models.refresh"), scale=1, min_width=80)
    return ModelLists(gpt, sovits, refresh)


def updates(context: PageContext) -> tuple[Any, Any]:
    """Both lists as the folders are now, with what is loaded chosen."""
    speaker = context.voice.speaker
    gpt, sovits = gpt_choices(context.weights, speaker), sovits_choices(context.weights, speaker)
    if speaker is None:
        return gr.Dropdown(gpt), gr.Dropdown(sovits)
    settings = speaker.configs
    return (
        gr.Dropdown(gpt, value=_full(settings.t2s_weights_path)),
        gr.Dropdown(sovits, value=_full(settings.vits_weights_path)),
    )


def _full(path: str) -> str:
    return str(Path(path).resolve())


def listing(context: PageContext) -> list[str]:
    """All weights on disk by name; two equal listings mean that nothing came or went."""
    found = [name for name, _ in (*gpt_choices(context.weights, None), *sovits_choices(context.weights, None))]
    return found + sorted(path.parent.name for path in context.weights.lm.glob("*/t2s_config.json"))


def take_weights(context: PageContext, path: str, kind: Literal["gpt", "sovits"]) -> tuple[Any, Any, str]:
    """Load other weights; gives both lists, with what is loaded then chosen, and the status line.

    A file that cannot be used is a gr.Warning, and the voice stays as it is.

    Args:
        context: the page's.
        path: of the checkpoint.
        kind: "gpt" or "sovits".
    """
    try:
        context.voice.take_weights(kind, str(context.path(path or "")))
    except GSVError as error:
        gr.Warning(plain(sentence(context.say, error)), title=context.say("page.error_title"))
    return (*updates(context), context.voice.status(context.say))
