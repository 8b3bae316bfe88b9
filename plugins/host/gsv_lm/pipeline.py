"""The host's ``TTS_Config`` and ``TTS``: settings as attributes and YAML keys, and whose decoder is whose."""

from __future__ import annotations

import functools
import inspect
import logging
import weakref
from collections.abc import Mapping
from types import ModuleType
from typing import Any

from .settings import DEFAULTS, read_all
from .signatures import CONFIG, CONFIG_WRITE, LOAD, Place, missing
from .state import Plugin
from .variants import OWNER

logger = logging.getLogger(__name__)

GIVEN = "_gsv_lm_given"
"""Attribute of a ``TTS_Config``: what its settings were when it was made, and which its YAML or dict had."""


def patch(plugin: Plugin, module: ModuleType) -> None:
    """Wrap what ``TTS_infer_pack.TTS`` holds."""
    config, tts = getattr(module, CONFIG.owner, None), getattr(module, LOAD.owner, None)
    if _fits(CONFIG, config) and _fits(CONFIG_WRITE, config):
        _wrap_config(plugin, config)
    if _fits(LOAD, tts):
        _wrap_load(tts)


def _fits(place: Place, owner: Any) -> bool:
    own = getattr(owner, place.name, None)
    if own is not None and not missing(place, list(inspect.signature(own).parameters)):
        return True
    logger.warning("%s: %s has another form in this host and is left as it is", place.part, place.label)
    return False


def given_settings(argument: Any, section: Any) -> dict[str, Any]:
    """Settings that a YAML's section or a dict names; those of a flat dict win."""
    found: dict[str, Any] = {}
    for values in (section, argument):
        if isinstance(values, Mapping):
            found.update(read_all(values, "settings"))
    return found


def _wrap_config(plugin: Plugin, config: Any) -> None:
    own_init, own_update = config.__init__, config.update_configs
    signature = inspect.signature(own_init)

    @functools.wraps(own_init)
    def init(self: Any, *args: Any, **kwargs: Any) -> None:
        argument = signature.bind(self, *args, **kwargs).arguments.get("configs")
        own_init(self, *args, **kwargs)
        given = given_settings(argument, getattr(self, "configs", None))
        values = {**DEFAULTS, **plugin.environment, **given}
        for name, value in values.items():
            setattr(self, name, value)
        setattr(self, GIVEN, (set(given), values))

    @functools.wraps(own_update)
    def update(self: Any, *args: Any, **kwargs: Any) -> Any:
        content = own_update(self, *args, **kwargs)
        names, first = getattr(self, GIVEN, (set(), None))
        if first is not None and isinstance(content, dict):
            now = {name: getattr(self, name, first[name]) for name in DEFAULTS}
            # what came from the environment is not made permanent in somebody's YAML
            content.update({name: now[name] for name in DEFAULTS if name in names or now[name] != first[name]})
        return content

    config.__init__, config.update_configs = init, update


def _wrap_load(tts: Any) -> None:
    own = tts.init_t2s_weights
    tts.last_fallback = None

    @functools.wraps(own)
    def load(self: Any, *args: Any, **kwargs: Any) -> Any:
        result = own(self, *args, **kwargs)
        decoder = getattr(getattr(self, "t2s_model", None), "model", None)
        if decoder is not None:
            object.__setattr__(decoder, OWNER, weakref.ref(self))
        return result

    tts.init_t2s_weights = load
