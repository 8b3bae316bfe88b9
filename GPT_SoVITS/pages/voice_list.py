"""The list of voices of the data set and training tabs: choose one or type a new name; new voices appear in it."""

from __future__ import annotations

from typing import Any

import gradio as gr

from pages.context import PageContext
from pages.voice_folder import voice_names

LOOK_SECONDS = 4.0


def build_voice_list(context: PageContext, label: str, info: str | None, elem_id: str) -> gr.Dropdown:
    """Adds the list to the container that is open; it looks for new voices while the page is open."""
    voices = gr.Dropdown([], label=label, info=info, allow_custom_value=True, elem_id=elem_id)
    seen = gr.State([])  # a callable here would become an entry of the page's API

    def look(before: list[str]) -> list[Any]:
        now = voice_names(context)
        return [gr.skip(), gr.skip()] if now == before else [now, gr.Dropdown(now)]

    gr.Timer(LOOK_SECONDS).tick(
        context.guard(look),
        seen,
        [seen, voices],
        show_progress="hidden",
        api_visibility="private",
        concurrency_limit=None,
    )
    return voices
