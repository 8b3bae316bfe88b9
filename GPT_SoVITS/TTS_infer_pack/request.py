"""What is asked and what comes back: ``SynthesisRequest`` and ``AudioChunk``, and the dict form that users know.

Requests are checked when they are built. Knows names and ranges; knows nothing about models.
"""

from __future__ import annotations

import math
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from config import parse_bool
from errors import ConfigError, LimitError, RequestError, TextError
from text.language import MODES
from TTS_infer_pack.batching import PiecePlan

if TYPE_CHECKING:
    from AR.fallback import FallbackInfo
    from TTS_infer_pack.word_times import SpokenWord

MAX_SEED = 2**63 - 1
DRAWN_SEEDS = 2**31
"""Seeds below this are drawn, so that people can type them again."""
MAX_TEXT = 20_000
"""Characters of a text to speak; the limits hold for page, command line and HTTP alike."""
MAX_PROMPT_TEXT = 2_000
MAX_PATH = 4_096
MAX_AUX_REFERENCES = 16
LENGTH_LIMITS = {"text": MAX_TEXT, "prompt_text": MAX_PROMPT_TEXT, "ref_audio_path": MAX_PATH}
PUBLIC_SAMPLING: dict[str, Any] = {
    "top_k": 15,
    "top_p": 1.0,
    "temperature": 1.0,
    "repetition_penalty": 1.35,
    "text_split_method": "cut5",
    "speed_factor": 1.0,
}
"""Values of the public pipeline, used where neither the request nor the pack names one."""

RANGES: dict[str, tuple[type, float, float]] = {
    "top_k": (int, 0, 1025),
    "top_p": (float, 0, 1),
    "temperature": (float, 0, 10),
    "repetition_penalty": (float, 0.1, 10),
    "speed_factor": (float, 0.25, 4),
    "fragment_interval": (float, 0, 60),
    "batch_size": (int, 1, 256),
    "batch_threshold": (float, 0, 1),
    "seed": (int, -1, MAX_SEED),
    "streaming_mode": (int, 0, 3),
    "sample_steps": (int, 1, 1000),
    "cfg_rate": (float, 0, 10),
    "overlap_length": (int, 0, 1000),
    "min_chunk_length": (int, 2, 10000),
}
"""Kind and inclusive range of every number."""
SWITCHES = ("split_bucket", "parallel_infer", "return_fragment", "super_sampling", "resynthesis", "subtitles")
TEXTS = ("text", "text_lang", "ref_audio_path", "prompt_text", "prompt_lang", "text_split_method")
NAMES = ("t2s", "qwen3_model_name")
STAGES = ("ar", "qwen3")
"""Text-to-semantic stages: the AR model, or a language model with the AR model behind it."""
IGNORED_KEYS = frozenset({"media_type", "no_prompt_text"})
"""Keys of API calls that concern the answer's form, not the speech."""
LENGTH_SWITCH = "fixed_length_chunk"
"""Key of the public pipeline that is a part of ``streaming_mode`` here."""

WHOLE, SEGMENTS, PIECES, FAST_PIECES = range(4)
"""Values of ``streaming_mode``."""
LOOK_AHEAD = {PIECES: 8, FAST_PIECES: 2}
"""Tokens that must be known beyond a piece and its overlap. With 2 the sound is already close to the whole's; with 8 it
also knows most of the next word."""


def drawn_seed(seed: int) -> int:
    """``seed``, or a random one where it is negative."""
    return seed if seed >= 0 else secrets.randbelow(DRAWN_SEEDS)


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
        resynthesis: another speed is spoken by the synthesiser; False: the finished wave is compressed or stretched.
        fragment_interval: pause after each segment, in seconds.
        seed: same seed, same speech; -1 draws one.
        return_fragment: deliver each segment when it is ready, as ``streaming_mode`` 1.
        streaming_mode: 0 the whole speech at once, 1 segment by segment, 2 piece by piece while the tokens of a segment
            still come, 3 the same with the shortest wait.
        overlap_length: tokens that are spoken with both of two neighbouring pieces and crossfaded.
        min_chunk_length: tokens of a piece.
        sample_steps: steps of the flow-matching network, for versions that have one; None: as many as the version's
            row says.
        cfg_rate: guidance of that network towards the reference, for versions that are spoken with it (v5dev, v5turbo);
            0 for none, None: the version's own.
        super_sampling: raise the rate of the speech, for versions that something can raise.
        subtitles: find out when each word is spoken: :attr:`AudioChunk.words`.
        t2s: which stage speaks the semantic tokens, "ar" or "qwen3"; None: the one that the settings wish.
        qwen3_model_name: which language model, where one speaks; None: the one in the settings.

    Raises:
        RequestError: a value of the wrong kind or out of range.
        LimitError: a text or a list of references that is too long.
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
    resynthesis: bool = True
    fragment_interval: float = 0.3
    seed: int = -1
    return_fragment: bool = False
    streaming_mode: int = 0
    sample_steps: int | None = None
    cfg_rate: float | None = None
    super_sampling: bool = False
    overlap_length: int = 2
    min_chunk_length: int = 16
    t2s: str | None = None
    qwen3_model_name: str | None = None
    subtitles: bool = False

    def __post_init__(self) -> None:
        for name, (kind, low, high) in RANGES.items():
            _set(self, name, checked_number(name, getattr(self, name), kind, low, high))
        for name in SWITCHES:
            _set(self, name, _switch(name, getattr(self, name)))
        for name in (*TEXTS, *NAMES):
            value = getattr(self, name)
            if isinstance(value, os.PathLike):
                value = str(value)
                _set(self, name, value)
            if value is not None and not isinstance(value, str):
                raise RequestError(f"{name} is {type(value).__name__}", "text")
        _set(self, "text_lang", self.text_lang.strip().lower())
        _set(self, "prompt_lang", self.prompt_lang.strip().lower())
        _set(self, "aux_ref_audio_paths", tuple(str(path) for path in self.aux_ref_audio_paths or ()))
        self._check_limits()
        self._check_meaning()

    def _check_limits(self) -> None:
        for name, limit in LENGTH_LIMITS.items():
            if len(getattr(self, name)) > limit:
                raise LimitError(
                    f"{name} has {len(getattr(self, name))} characters",
                    f"at most {limit}",
                    "send it in several requests",
                )
        if len(self.aux_ref_audio_paths) > MAX_AUX_REFERENCES:
            raise LimitError(
                f"aux_ref_audio_paths names {len(self.aux_ref_audio_paths)} recordings", f"at most {MAX_AUX_REFERENCES}"
            )

    def _check_meaning(self) -> None:
        if not any(character.isalnum() for character in self.text):
            what = "the text holds only punctuation" if self.text.strip() else "the text is empty"
            raise TextError(what, "words to speak", "give a text with words")
        for name in ("text_lang", "prompt_lang"):
            mode = getattr(self, name)
            if mode and mode not in MODES:
                raise RequestError(f"unknown language {mode!r} in {name}", "one of " + ", ".join(MODES), f"set {name}")
        for name in NAMES:
            _set(self, name, (getattr(self, name) or "").strip() or None)
        if self.t2s is not None and self.t2s not in STAGES:
            raise RequestError(f"there is no text-to-semantic stage {self.t2s!r}", " or ".join(STAGES), "set t2s")
        if not self.text_lang:
            raise RequestError("text_lang is missing", "a language mode such as en, zh, ja or auto", "set text_lang")
        if self.prompt_text.strip() and self.ref_audio_path and not self.prompt_lang:
            raise RequestError("prompt_lang is missing", "the language of prompt_text", "set prompt_lang")

    @property
    def streams(self) -> bool:
        """True where speech is wanted before all of it is ready."""
        return self.return_fragment or self.streaming_mode > WHOLE

    @property
    def pieces(self) -> PiecePlan | None:
        """How segments are cut into pieces; None where they are delivered whole."""
        if self.streaming_mode not in LOOK_AHEAD:
            return None
        ahead, quiet = LOOK_AHEAD[self.streaming_mode], self.streaming_mode == PIECES
        return PiecePlan(self.min_chunk_length, self.overlap_length, ahead, quiet)

    @classmethod
    def from_dict(cls, inputs: Mapping[str, Any]) -> SynthesisRequest:
        """From the keys of the public HTTP API; None counts as not given.

        ``streaming_mode`` may be true or false: true is 1, as the HTTP API has it, or, together with the key
        ``fixed_length_chunk`` of the public pipeline, 3 or 2.

        Raises:
            RequestError: an unknown key, or a value that cannot be used.
            TextError: no text.
        """
        known = {field.name for field in fields(cls)}
        unknown = sorted(set(inputs) - known - IGNORED_KEYS - {LENGTH_SWITCH})
        if unknown:
            raise RequestError(f"unknown request key {', '.join(unknown)}", "only " + ", ".join(sorted(known)))
        given = {name: value for name, value in inputs.items() if name in known and value is not None}
        if isinstance(given.get("streaming_mode"), bool):
            given["streaming_mode"] = _mode(given["streaming_mode"], inputs.get(LENGTH_SWITCH))
        if isinstance(given.get("aux_ref_audio_paths"), str):
            given["aux_ref_audio_paths"] = (given["aux_ref_audio_paths"],)
        given.setdefault("text", "")
        given.setdefault("text_lang", "")
        return cls(**given)


def _mode(streams: bool, fixed_length: Any) -> int:
    if not streams:
        return WHOLE
    if fixed_length is None:
        return SEGMENTS
    return FAST_PIECES if _switch(LENGTH_SWITCH, fixed_length) else PIECES


def _set(request: SynthesisRequest, name: str, value: Any) -> None:
    object.__setattr__(request, name, value)  # frozen for everyone else


def checked_number(name: str, value: Any, kind: type, low: float, high: float) -> Any:
    """``value`` as a ``kind`` within [low, high]; None stays None.

    Raises:
        RequestError: anything else.
    """
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
        finish_reason: "eos", "length" (cut off) or "stopped"; empty before the last piece of a segment.
        again: True where the segment begins anew, because what was heard of it had gone wrong: whoever keeps the speech
            drops its earlier pieces.
        fallback: why the AR model has spoken for the language model in this request so far, the last reason of several;
            None where it has not.
        warning: what the listener has to know of the segment, such as that words seem to be missing; in its last piece.
        words: of the whole segment, with seconds from its beginning; in its last piece, where the request asks for
            subtitles. :class:`~TTS_infer_pack.subtitles.SpeechClock` tells their times in the whole speech.
    """

    samples: NDArray[np.float32]
    sample_rate: int
    index: int
    text: str
    tokens: int
    finish_reason: str
    again: bool = False
    fallback: FallbackInfo | None = None
    warning: str = ""
    words: tuple[SpokenWord, ...] = ()
