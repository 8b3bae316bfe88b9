"""The host's text frontend: what it makes of a text is noted, so that phones can be read back as words."""

from __future__ import annotations

import functools
import inspect
import logging
import sys
from types import ModuleType
from typing import Any

from .signatures import CLEAN, SEGMENT, missing
from .state import Plugin

logger = logging.getLogger(__name__)

SCRIPTS = ("__main__", "inference_webui", "GPT_SoVITS.inference_webui", "api")
SCRIPT_FUNCTION = "get_phones_and_bert"
NOTED = "gsv_lm_noted"


def patch_cleaner(plugin: Plugin, module: ModuleType) -> None:
    """``text.cleaner.clean_text``: a stretch of one language, phones by name."""
    own = getattr(module, CLEAN.name)
    if missing(CLEAN, list(inspect.signature(own).parameters)):
        logger.warning("words: %s has another form; stages that read words hear phones only", CLEAN.label)
        return
    package = module.__name__.rpartition(".")[0]

    @functools.wraps(own)
    def clean_text(text: Any, language: Any, version: Any = None, *args: Any, **kwargs: Any) -> Any:
        result = own(text, language, version, *args, **kwargs)
        try:
            ids = sys.modules[package].cleaned_text_to_sequence(list(result[0]), version)
            plugin.words.note_piece(tuple(int(i) for i in ids), str(result[2]))
            _patch_scripts(plugin)
        except Exception as error:  # noqa: BLE001 - the words are an extra, the host's result is not
            logger.debug("a text was not noted: %s", error)
        return result

    setattr(module, CLEAN.name, clean_text)


def patch_preprocessor(plugin: Plugin, module: ModuleType) -> None:
    """``TextPreprocessor``: whole segments and the reference's text."""
    owner = getattr(module, SEGMENT.owner)
    own = getattr(owner, SEGMENT.name)
    if missing(SEGMENT, list(inspect.signature(own).parameters)):
        logger.warning("words: %s has another form; texts are pieced together", SEGMENT.label)
        return
    setattr(owner, SEGMENT.name, _noting(plugin, own))


def _patch_scripts(plugin: Plugin) -> None:
    """The same for scripts that have a function of their own for it."""
    for name in SCRIPTS:
        module = sys.modules.get(name)
        own = getattr(module, SCRIPT_FUNCTION, None)
        if own is not None and not hasattr(own, NOTED):
            setattr(module, SCRIPT_FUNCTION, _noting(plugin, own))


def _noting(plugin: Plugin, own: Any) -> Any:
    """``own``, whose results are (phone ids, features, normalised text)."""

    @functools.wraps(own)
    def noting(*args: Any, **kwargs: Any) -> Any:
        result = own(*args, **kwargs)
        if isinstance(result, tuple) and len(result) == 3 and result[0] is not None:
            plugin.words.note_text(tuple(int(i) for i in result[0]), str(result[2]))
        return result

    setattr(noting, NOTED, True)
    return noting
