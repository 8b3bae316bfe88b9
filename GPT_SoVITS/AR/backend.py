"""What is asked of the text-to-semantic stage, and what a network in it is: requests in, logits out.

Knows nothing of sampling (``sampling.py``), of what decodes (``engine/``) or of any particular network.

Shapes: B batch, T_ph phonemes, T_sem semantic tokens (25 Hz), V = 1025 (1024 codes and EOS).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from AR.errors import T2SError
from AR.plausible import TOKEN_RATE, least_tokens
from AR.read_back import ReadBack

EOS = 1024
VOCAB_SIZE = 1025


@dataclass(frozen=True)
class T2SRequest:
    """One utterance to speak.

    Attributes:
        phones: [T_ph] int64, phones of the prompt followed by those of the target.
        bert: [1024, T_ph] text features per phone, or None (same as zeros).
        prompt: [T_sem] int64 semantic tokens of the reference clip, or None (reference-free).
        text: the words to speak, for backends that read words.
        prompt_text: the words of the reference clip, for backends that read words.
        prompt_phones: how many of ``phones`` belong to the prompt; only used for the length bounds.
        segment: number of the segment in its text, added to the seed: equal sentences are not spoken alike.
        pace: usual tokens a phone of what the stage has learned, for the length bounds; 0: not known.
        silent_phones: how many of the target's phones take no time, such as pitch marks; for the lower bound.
        read_back: what the tokens tell of phones; misread speech is tried again. None: not known, or not wanted.
    """

    phones: Tensor
    bert: Tensor | None = None
    prompt: Tensor | None = None
    text: str = ""
    prompt_text: str = ""
    prompt_phones: int = 0
    segment: int = 0
    pace: float = 0.0
    silent_phones: int = 0
    read_back: ReadBack | None = None

    def __post_init__(self) -> None:
        if self.phones.dim() != 1 or self.phones.numel() == 0:
            raise T2SError(f"phones must be a non-empty vector, not of shape {tuple(self.phones.shape)}")
        if self.bert is not None and self.bert.shape[-1] != self.phones.numel():
            raise T2SError(f"bert has {self.bert.shape[-1]} columns for {self.phones.numel()} phones")
        if self.prompt is not None and self.prompt.dim() != 1:
            raise T2SError(f"prompt must be a vector of tokens, not of shape {tuple(self.prompt.shape)}")
        if not 0 <= self.prompt_phones <= self.phones.numel():
            raise T2SError(f"prompt_phones {self.prompt_phones} is outside 0..{self.phones.numel()}")

    @property
    def target(self) -> Tensor:
        """Phones that are to be spoken, without the prompt's."""
        return self.phones[self.prompt_phones :]

    @property
    def prompt_length(self) -> int:
        """Semantic tokens in the prompt."""
        return 0 if self.prompt is None else int(self.prompt.numel())


@dataclass(frozen=True)
class SamplingParams:
    """How tokens are drawn.

    Attributes:
        top_k: keep the k likeliest tokens (0 or less: all). 1 is greedy.
        top_p: keep the tokens whose summed probability stays below this share (1: all).
        temperature: below 1 sharper, above 1 flatter.
        repetition_penalty: divides the positive logits of tokens seen before (prompt included).
        min_tokens: EOS is impossible for this many first tokens.
        max_tokens: at most this many new tokens; None: a plausible bound from the phone count.
        seed: every request draws from its own generator with this seed and its ``segment`` added, so it does not
            depend on what runs beside it; None: a fresh random seed for every request.
        repetition_window: repetition-aware sampling looks back over so many tokens (0: off). A drawn token that makes
            up more than ``repetition_share`` of them is drawn again from all tokens, without top-k and top-p.
        repetition_share: see there.
    """

    top_k: int = 15
    top_p: float = 1.0
    temperature: float = 1.0
    repetition_penalty: float = 1.35
    min_tokens: int = 11
    max_tokens: int | None = None
    seed: int | None = None
    repetition_window: int = 0
    repetition_share: float = 0.1

    def __post_init__(self) -> None:
        if self.top_p <= 0:
            raise T2SError(f"top_p must be above 0, not {self.top_p}")
        if self.temperature < 0:
            raise T2SError(f"temperature must not be negative ({self.temperature})")
        if self.repetition_penalty <= 0:
            raise T2SError(f"repetition_penalty must be above 0, not {self.repetition_penalty}")
        if self.max_tokens is not None and self.max_tokens < 1:
            raise T2SError(f"max_tokens must be at least 1, not {self.max_tokens}")
        if self.repetition_window < 0 or not 0 < self.repetition_share <= 1:
            raise T2SError("repetition_window must not be negative, and repetition_share in 0..1")


class T2SBackend(Protocol):
    """A network that gives logits. What speaks with it is an engine (``AR/engine``); nobody else calls it.

    The state belongs to whoever decodes; weights are never touched, so any number of states may be in use at once.
    Rows 0 to n - 1 of a state are live, each with a length of its own.
    """

    @property
    def name(self) -> str:
        """Short name for logs and messages."""

    @property
    def device(self) -> torch.device:
        """Where logits come out and where tokens are wanted."""

    def allocate(self, rows: int, positions: int) -> Any:
        """A state with ``rows`` free rows of at least so many positions (``AR.models.kv_cache.DecodeState``)."""

    def read(self, state: Any, row: int, request: T2SRequest) -> Iterator[Tensor | None]:
        """Read a request into a free row, in portions: gives None after each, in the end logits [V] (float32) of its
        first new token. The row is live from then on.

        Raises:
            T2SError: a request that the network cannot read.
        """

    def step(self, state: Any, tokens: Tensor) -> Tensor:
        """Append ``tokens`` [n] to the first n rows; returns logits [n, V] (float32) of the next token."""


def read_all(backend: T2SBackend, requests: Sequence[T2SRequest]) -> tuple[Any, Tensor]:
    """Read requests into a state of their own, one a row; returns (state, logits [B, V] of their first new tokens).

    Raises:
        T2SError: no request, or one that the backend cannot read.
    """
    if not requests:
        raise T2SError("no request to decode")
    state, logits = backend.allocate(len(requests), 0), []
    for row, request in enumerate(requests):
        logits += [part for part in backend.read(state, row, request) if part is not None]
    return state, torch.stack(logits)


def default_max_tokens(request: T2SRequest) -> int:
    """Plausible upper bound of new tokens for a request.

    Slow speech has about 4 phones a second (6 tokens a phone), and pauses want a second or two on top. Where the prompt
    tells its own rate, three times that rate is the bound instead if it is lower. Never above a minute.
    """
    target = max(1, request.phones.numel() - request.prompt_phones)
    per_phone = 6.0
    if request.prompt_phones >= 8 and request.prompt_length:
        per_phone = min(per_phone, max(3.0, 3.0 * request.prompt_length / request.prompt_phones))
    return int(min(60 * TOKEN_RATE, per_phone * target + 2 * TOKEN_RATE))


def default_min_tokens(request: T2SRequest) -> int:
    """Plausible lower bound of new tokens for a request; speech below it has left words out."""
    return least_tokens(request.phones.numel() - request.prompt_phones - request.silent_phones, request.pace)
