"""Starts the plugin in a process of the host, once: waits for the host's modules and wraps them."""

from __future__ import annotations

import functools
import inspect
import logging
import os
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from . import frontend, pages, pipeline, training, variants
from .hooks import AfterImport
from .settings import from_environment
from .signatures import CLEAN, CONSTRUCTOR, GRAPH, LOAD, SEGMENT, missing
from .state import Plugin

logger = logging.getLogger(__name__)

RUNNING = "gsv_lm_running"
"""Attribute of the package once it runs; its value is the :class:`Plugin`."""
OVERWRITTEN = ("HF_ENDPOINT",)
"""Environment variables that scripts of the host overwrite."""


def start() -> Plugin:
    """Start, or give what runs already."""
    package: Any = sys.modules[__name__.rpartition(".")[0]]
    if hasattr(package, RUNNING):
        return getattr(package, RUNNING)  # type: ignore[no-any-return]
    here = Path(__file__).resolve().parent
    root = here.parents[1]
    plugin = Plugin(root, from_environment(), {name: os.environ.get(name) for name in OVERWRITTEN})
    setattr(package, RUNNING, plugin)
    if training.wanted(plugin.environment):
        training.run_instead(here, root, plugin.environment)
    watch = AfterImport()
    sys.meta_path.insert(0, watch)
    for name, patch in (
        (CONSTRUCTOR.module, patch_decoder),
        (GRAPH.module, variants.wrap_graph_class),
        (LOAD.module, pipeline.patch),
        (CLEAN.module, frontend.patch_cleaner),
        (SEGMENT.module, frontend.patch_preprocessor),
        ("module.models", patch_synthesisers),
        ("gradio.blocks", pages.patch),
    ):
        watch.add(name, functools.partial(patch, plugin))
    return plugin


def patch_decoder(plugin: Plugin, module: ModuleType) -> None:
    """The one constructor of the host's AR model: what is built to speak gets the wrappers."""
    owner: Any = getattr(module, CONSTRUCTOR.owner)
    own = owner.__init__
    signature = inspect.signature(own)
    if missing(CONSTRUCTOR, list(signature.parameters)):
        logger.warning("speaking: %s has another form; the AR model speaks", CONSTRUCTOR.label)
        return

    @functools.wraps(own)
    def init(self: Any, *args: Any, **kwargs: Any) -> None:
        own(self, *args, **kwargs)
        bound = signature.bind(self, *args, **kwargs)
        bound.apply_defaults()
        if not bound.arguments["is_train"]:
            try:
                strange = variants.attach(plugin, self.model)
            except Exception as error:  # noqa: BLE001 - the host has to speak
                logger.warning("speaking: the AR model is left alone (%s: %s)", type(error).__name__, error)
                return
            if strange:
                logger.warning("speaking: %s have another form; the AR model speaks there", ", ".join(strange))

    owner.__init__ = init


def patch_synthesisers(plugin: Plugin, module: ModuleType) -> None:
    """The host's synthesisers, of which the last one built is the voice."""
    for name in ("SynthesizerTrn", "SynthesizerTrnV3"):
        owner: Any = getattr(module, name, None)
        if owner is not None:
            owner.__init__ = _noting(plugin, owner.__init__)


def _noting(plugin: Plugin, own: Any) -> Any:
    @functools.wraps(own)
    def init(self: Any, *args: Any, **kwargs: Any) -> None:
        own(self, *args, **kwargs)
        plugin.voice.note(self)

    return init
