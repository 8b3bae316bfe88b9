"""The two pages, put together from tabs: the inference page, and the main page with the rest beside it."""

from __future__ import annotations

from collections.abc import Callable

import gradio as gr

from pages.context import PageContext
from pages.conversion_tab import build_conversion_tab
from pages.dataset_tab import build_dataset_tab
from pages.inference_tab import build_inference_tab
from pages.look import build_head
from pages.training_tab import build_training_tab

Build = Callable[[PageContext], None]

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
    tabs: list[tuple[str, Build]] = [
        ("inference", build_inference_tab),
        ("conversion", build_conversion_tab),
        ("dataset", build_dataset_tab),
        ("training", build_training_tab),
    ]
    with _blocks() as page:
        _head(context)
        with gr.Tabs():
            for name, build in tabs:
                with gr.Tab(context.t(f"{name}.tab"), elem_id=f"tab-{name}"):
                    build(context)
    return page.queue(max_size=QUEUE_LENGTH)


def _blocks() -> gr.Blocks:
    return gr.Blocks(title=TITLE, analytics_enabled=False, delete_cache=CACHE_SECONDS)


def _head(context: PageContext) -> None:
    build_head(context, TITLE)
