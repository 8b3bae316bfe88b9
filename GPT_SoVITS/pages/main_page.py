"""The two pages, put together from tabs: the inference page, and the main page with the rest beside it."""

from __future__ import annotations

import gradio as gr

from pages.context import PageContext
from pages.conversion_tab import build_conversion_tab
from pages.dataset_tab import build_dataset_tab
from pages.inference_tab import build_inference_tab
from pages.lm_group import wire_teaching
from pages.look import build_head
from pages.training_tab import build_training_tab

TITLE = "GPT-SoVITS"
QUEUE_LENGTH = 64
CACHE_SECONDS = (3600, 86400)
"""How often files made for visitors are looked through, and how old they get."""


def build_inference_page(context: PageContext) -> gr.Blocks:
    """The page of port 9872: inference alone."""
    with _blocks() as page:
        _head(context)
        build_inference_tab(context)
    return page.queue(max_size=QUEUE_LENGTH)


def build_main_page(context: PageContext) -> gr.Blocks:
    """The page of port 9874: inference, voice conversion, data set, training."""
    with _blocks() as page:
        _head(context)
        with gr.Tabs() as tabs:
            with _tab(context, "inference"):
                language_model = build_inference_tab(context)
            with _tab(context, "conversion"):
                build_conversion_tab(context)
            with _tab(context, "dataset"):
                build_dataset_tab(context)
            with _tab(context, "training"):
                teaching = build_training_tab(context)
        wire_teaching(context, language_model, tabs, "training", teaching)
    return page.queue(max_size=QUEUE_LENGTH)


def _tab(context: PageContext, name: str) -> gr.Tab:
    return gr.Tab(context.t(f"{name}.tab"), id=name, elem_id=f"tab-{name}")


def _blocks() -> gr.Blocks:
    return gr.Blocks(title=TITLE, analytics_enabled=False, delete_cache=CACHE_SECONDS)


def _head(context: PageContext) -> None:
    build_head(context, TITLE)
