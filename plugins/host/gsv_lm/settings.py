"""The settings of the language model in a host: names, how they are read, and who wins.

The page's choice > attribute of the host's ``TTS_Config`` (from its YAML, or set by a script) > environment > default.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

logger = logging.getLogger(__name__)

DEFAULTS: Mapping[str, Any] = {
    "use_qwen3": False,
    "qwen3_model_name": "Qwen/Qwen2-7B",
    "qwen3_enable_training": False,
    "qwen3_enable_inference": True,
    "qwen3_strict": False,
    "qwen3_precision": "auto",
}
PRECISIONS = ("auto", "float32")
WORDS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


def read(name: str, value: Any) -> Any:
    """A setting's value as it is used.

    Raises:
        ValueError: it cannot be that; the message names the setting and what it can be.
    """
    default = DEFAULTS[name]
    if isinstance(default, bool):
        word = str(value).strip().lower()
        if word not in WORDS:
            raise ValueError(f"{name} is {value!r}; it can be {', '.join(WORDS)}")
        return WORDS[word]
    text = str(value).strip()
    if name == "qwen3_precision" and text not in PRECISIONS:
        raise ValueError(f"{name} is {value!r}; it can be {', '.join(PRECISIONS)}")
    if not text:
        raise ValueError(f"{name} is empty")
    return text


def read_all(values: Mapping[str, Any], where: str) -> dict[str, Any]:
    """The settings among ``values``; one that cannot be is logged and left out, as a host has to start."""
    found = {}
    for name in DEFAULTS:
        value = values.get(name)
        if value is None or value == "":
            continue
        try:
            found[name] = read(name, value)
        except ValueError as error:
            logger.warning("%s: %s; it is ignored", where, error)
    return found


def from_environment() -> dict[str, Any]:
    """The settings that environment variables of the same names give."""
    return read_all(os.environ, "environment")


@dataclass(frozen=True)
class Wish:
    """What is wanted of the language model for one call.

    Attributes:
        on: it speaks.
        model_name: which one.
        strict: an error in place of the AR model where it cannot.
        precision: "auto" or "float32".
    """

    on: bool
    model_name: str
    strict: bool
    precision: str


def wish_of(*layers: Mapping[str, Any]) -> Wish:
    """From layers of settings, the strongest first; defaults behind them."""
    values = dict(DEFAULTS)
    for layer in reversed(layers):
        values.update(layer)
    on = bool(values["use_qwen3"] and values["qwen3_enable_inference"])
    return Wish(on, str(values["qwen3_model_name"]), bool(values["qwen3_strict"]), str(values["qwen3_precision"]))
