"""The host's inference pages: a checkbox and a list at their end, added when the page's ``Blocks`` context closes.

Works with gradio 4.44 and 6: only arguments that both have.
"""

from __future__ import annotations

import functools
import logging
import os
import sys
from types import ModuleType
from typing import Any

from .language_model import stage_names
from .state import Plugin

logger = logging.getLogger(__name__)

PAGES = ("inference_webui.py", "inference_webui_fast.py")
CHECKBOX_LABEL = "使用Qwen3增强文本理解 (Use Qwen3 for enhanced text understanding)"
LIST_LABEL = "语言模型 (Language model)"
PUBLISHED = (
    "Qwen/Qwen2-0.5B",
    "Qwen/Qwen2-1.5B",
    "Qwen/Qwen2-7B",
    "Qwen/Qwen3-0.6B",
    "Qwen/Qwen3-1.7B",
    "Qwen/Qwen3-4B",
    "Qwen/Qwen3-8B",
)
"""Backbones that are offered without a stage of theirs on disk: the AR model speaks and says what is missing."""


def patch(plugin: Plugin, module: ModuleType) -> None:
    """Wrap the end of ``gradio.Blocks``."""
    blocks: Any = module.Blocks
    own = blocks.__exit__

    @functools.wraps(own)
    def leave(self: Any, *args: Any, **kwargs: Any) -> Any:
        caller = sys._getframe(1).f_globals.get("__file__") or ""
        if os.path.basename(caller) in PAGES and not (args and args[0]):
            try:
                add_group(plugin, sys.modules["gradio"])
            except Exception as error:  # noqa: BLE001 - the page has to open
                logger.warning("page: the checkbox cannot be added (%s: %s)", type(error).__name__, error)
        return own(self, *args, **kwargs)

    blocks.__exit__ = leave


def model_choices(plugin: Plugin, chosen: str) -> list[str]:
    """Names for the list: trained stages first, then published backbones; the chosen one is among them."""
    names = [*stage_names(plugin.home), *PUBLISHED]
    return names if chosen in names else [chosen, *names]


def add_group(plugin: Plugin, gradio: Any) -> None:
    """Add checkbox and list to the page that is open."""
    wish = plugin.wish()
    stages = stage_names(plugin.home)
    chosen = wish.model_name if wish.on or not stages else stages[0]
    with gradio.Group():
        checkbox = gradio.Checkbox(label=CHECKBOX_LABEL, value=wish.on, interactive=True)
        name = gradio.Dropdown(
            choices=model_choices(plugin, chosen),
            value=chosen,
            label=LIST_LABEL,
            allow_custom_value=True,
            interactive=True,
            visible=wish.on,
        )

    def choose(on: bool, model_name: str) -> Any:
        choose_stage(plugin, on, model_name)
        choices = model_choices(plugin, model_name)
        return gradio.update(visible=on, choices=choices, value=model_name)

    checkbox.change(choose, [checkbox, name], [name])
    name.input(lambda on, model_name: choose_stage(plugin, on, model_name), [checkbox, name], [])


def choose_stage(plugin: Plugin, on: bool, model_name: str) -> None:
    """The page's choice, from the next sentence on; what was loaded goes when it is turned off."""
    plugin.page.update({"use_qwen3": bool(on), "qwen3_model_name": str(model_name or "").strip() or "none"})
    if not on:
        plugin.holder.release()
