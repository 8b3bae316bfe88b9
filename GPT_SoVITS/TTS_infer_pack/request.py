"""What is asked and what comes back: ``SynthesisRequest`` and ``AudioChunk``, and the dict form that users know.

Requests are checked when they are built. Knows names and ranges; knows nothing about models.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from config import parse_bool
from errors import ConfigError, RequestError, TextError
from text.language import MODES

MAX_SEED = 2**63 - 1
PUBLIC_SAMPLING: dict[str, Any] = {"top_k": 15, "top_p": 1.0, "temperature": 1.0, "repetition_penalty": 1.35,
                                   "text_split_method": "cut5", "speed_factor": 1.0}
"""Values of the public pipeline, used where neither the request nor the pack names one."""

RANGES: dict[str, tuple[type, float, float]] = {
    "top_k": (int, 0, 1025), "top_p": (float, 0, 1), "temperature": (float, 0, 10),
    "repetition_penalty": (float, 0.1, 10), "speed_factor": (float, 0.25, 4), "fragment_interval": (float, 0, 60),
    "batch_size": (int, 1, 256), "batch_threshold": (float, 0, 1), "seed": (int, -1, MAX_SEED),
    "streaming_mode": (int, 0, 3), "sample_steps": (int, 1, 1000), "overlap_length": (int, 0, 1000),
    "min_chunk_length": (int, 1, 10000),
}  # fmt: skip
"""Kind and inclusive range of every number."""
SWITCHES = ("split_bucket", "parallel_infer", "return_fragment", "super_sampling")
TEXTS = ("text", "text_lang", "ref_audio_path", "prompt_text", "prompt_lang", "text_split_method")
IGNORED_KEYS = frozenset({"media_type", "no_prompt_text", "fixed_length_chunk"})
"""Keys of API calls that concern the answer's form, not the speech."""


@dataclass(frozen=True)
class SynthesisRequest:
    """One text to speak.

    Attributes:
        text, text_lang: what to say, and its language mode.
        ref_audio_path: clip that gives voice and manner; empty for the pack's own.
        aux_ref_audio_paths: further clips whose timbre is mixed in.
        prompt_text, prompt_lang: the words of the reference clip; no words means reference-free speech.
        text_split_method: cut0 to cut5. None here and in the sampling values: the pack's, else the public default.
        top_k, top_p, temperature, repetition_penalty: sampling of semantic tokens.
        batch_size, batch_threshold, split_bucket, parallel_infer: how segments are decoded together.
        speed_factor: above 1 speaks faster.
        fragment_interval: pause after each segment, in seconds.
        seed: same seed, same speech; -1 draws one.
        return_fragment: deliver each segment when it is ready; also set by ``streaming_mode`` above 0.
        sample_steps, super_sampling, overlap_length, min_chunk_length: checked, used by other model versions.

    Raises:
        RequestError: a value of the wrong kind or out of range.
        TextError: no text.
    """

    text: str
    text_lang: str
    ref_audio_path: str = ""
    aux_ref_audio_paths: tuple[str, ...] = ()
    prompt_text: str = ""
    prompt_lang: str = ""
    text_split_method: str | None = None
    top_k: int | None = None
    top_p: float | None = None
    temperature: float | None = None
    repetition_penalty: float | None = None
    batch_size: int = 1
    batch_threshold: float = 0.75
    split_bucket: bool = True
    parallel_infer: bool = True
    speed_factor: float | None = None
    fragment_interval: float = 0.3
    seed: int = -1
    return_fragment: bool = False
    streaming_mode: int = 0
    sample_steps: int = 32
    super_sampling: bool = False
    overlap_length: int = 2
    min_chunk_length: int = 16

    def __post_init__(self) -> None:
        for name, (kind, low, high) in RANGES.items():
            _set(self, name, _number(name, getattr(self, name), kind, low, high))
        for name in SWITCHES:
            _set(self, name, _switch(name, getattr(self, name)))
        for name in TEXTS:
            value = getattr(self, name)
            if isinstance(value, os.PathLike):
                value = str(value)
                _set(self, name, value)
            if value is not None and not isinstance(value, str):
                raise RequestError(f"{name} is {type(value).__name__}", "text")
        _set(self, "text_lang", self.text_lang.strip().lower())
        _set(self, "prompt_lang", self.prompt_lang.strip().lower())
        _set(self, "aux_ref_audio_paths", tuple(str(path) for path in self.aux_ref_audio_paths or ()))
        self._check_meaning()

    def _check_meaning(self) -> None:
        if not any(character.isalnum() for character in self.text):
            what = "the text holds only punctuation" if self.text.strip() else "the text is empty"
            raise TextError(what, "words to speak", "give a text with words")
        for name in ("text_lang", "prompt_lang"):
            mode = getattr(self, name)
            if mode and mode not in MODES:
                raise RequestError(f"unknown language {mode!r} in {name}", "one of " + ", ".join(MODES), f"set {name}")
        if not self.text_lang:
            raise RequestError("text_lang is missing", "a language mode such as en, zh, ja or auto", "set text_lang")
        if self.prompt_text.strip() and self.ref_audio_path and not self.prompt_lang:
            raise RequestError("prompt_lang is missing", "the language of prompt_text", "set prompt_lang")

    @property
    def streams(self) -> bool:
        """True where each segment is wanted as soon as it is ready."""
        return self.return_fragment or self.streaming_mode > 0

    @classmethod
    def from_dict(cls, inputs: Mapping[str, Any]) -> SynthesisRequest:
        """From the keys of the public HTTP API; None counts as not given, ``streaming_mode`` may be true or false.

        Raises:
            RequestError: an unknown key, or a value that cannot be used.
            TextError: no text.
        """
        known = {field.name for field in fields(cls)}
        unknown = sorted(set(inputs) - known - IGNORED_KEYS)
        if unknown:
            raise RequestError(f"unknown request key {', '.join(unknown)}", "only " + ", ".join(sorted(known)))
        given = {name: value for name, value in inputs.items() if name in known and value is not None}
        if isinstance(given.get("streaming_mode"), bool):
            given["streaming_mode"] = int(given["streaming_mode"])
        if isinstance(given.get("aux_ref_audio_paths"), str):
            given["aux_ref_audio_paths"] = (given["aux_ref_audio_paths"],)
        given.setdefault("text", "")
        given.setdefault("text_lang", "")
        return cls(**given)


def _set(request: SynthesisRequest, name: str, value: Any) -> None:
    object.__setattr__(request, name, value)  # frozen for everyone else


def _number(name: str, value: Any, kind: type, low: float, high: float) -> Any:
    if value is None:
        return None
    usable = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if not usable or not low <= value <= high or (kind is int and value != int(value)):
        what = "a whole number" if kind is int else "a number"
        raise RequestError(f"{name}={value!r} cannot be used", f"{what} from {low:g} to {high:g}")
    return kind(value)


def _switch(name: str, value: Any) -> bool:
    try:
        return parse_bool(name, value)
    except ConfigError as error:
        raise RequestError(error.what, error.expected) from error


@dataclass(frozen=True)
class AudioChunk:
    """A piece of speech; the pieces of a request, joined, are the whole.

    Attributes:
        samples: float32 [T] in -1..1, with the pause that follows the segment.
        sample_rate: Hz.
        index: number of the segment in the text, from 0.
        text: the segment as it is read.
        tokens: semantic tokens spoken (25 a second at speed 1).
        finish_reason: "eos", "length" (cut off) or "stopped".
    """

    samples: NDArray[np.float32]
    sample_rate: int
    index: int
    text: str
    tokens: int
    finish_reason: str
