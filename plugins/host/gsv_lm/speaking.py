"""Rows of the host's decoder to semantic tokens by the language model, or the reason why not. Knows no host class.

Shapes: T_ph phones, T_sem semantic tokens.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from AR.backend import TOKEN_RATE, SamplingParams, T2SRequest
from AR.checked import CheckedT2S, decode_checked, why_collapsed
from AR.engine import LocalEngine
from AR.errors import LMUnavailable

from .language_model import Asked, untouched_generators
from .settings import Wish
from .state import Plugin

MINUTE = 60 * TOKEN_RATE


@dataclass(frozen=True)
class Row:
    """One utterance as the host gives it: phones [T_ph] of prompt and target, prompt tokens [T_sem] or None."""

    phones: Tensor
    prompt: Tensor | None


@dataclass(frozen=True)
class Speaker:
    """Who speaks a call: the loaded language model, what was wished, and the host's generator devices."""

    plugin: Plugin
    model: Any
    wish: Wish
    device: torch.device

    def request(self, row: Row) -> T2SRequest:
        """With the words that the phones stand for."""
        phones = row.phones.detach().to("cpu", torch.int64)
        prompt = None if row.prompt is None or row.prompt.numel() == 0 else row.prompt.detach().to("cpu", torch.int64)
        spoken = self.plugin.words.find(tuple(phones.tolist()), 0 if prompt is None else int(prompt.numel()))
        return T2SRequest(phones, None, prompt, spoken.text, spoken.prompt_text, spoken.prompt_phones)

    def speak(self, rows: Sequence[Row], values: Mapping[str, Any]) -> tuple[list[list[int] | None], Exception | None]:
        """Tokens of every row; None for those that the AR model has to speak, and why the first of them."""
        with untouched_generators(self.device):
            requests = [self.request(row) for row in rows]
            results = decode_checked(self.model, requests, sampling_of(values))
        found: list[list[int] | None] = []
        error: Exception | None = None
        for request, result in zip(requests, results, strict=True):
            why = why_collapsed(request, result)
            found.append(None if why else result.tokens.tolist()[: longest(values)])
            error = error or (self._unusable(why) if why else None)
        return found, error

    def stream(self, row: Row, values: Mapping[str, Any]) -> Iterator[list[int]]:
        """New tokens as they come.

        Raises:
            Exception: the model fails, or what it says is unusable; what came before is said.
        """
        with untouched_generators(self.device):
            request, sampling = self.request(row), sampling_of(values)
        left = longest(values)
        with LocalEngine(self.model, 1) as engine:
            # no second try: what was given out is heard
            parts = CheckedT2S(engine, retries=0).stream(request, sampling)
            for part in parts:
                if part.collapsed:
                    raise self._unusable(part.collapsed)
                tokens = part.tokens.tolist()[:left]
                left -= len(tokens)
                yield tokens
                if left <= 0:
                    return

    def _unusable(self, why: str) -> LMUnavailable:
        text = f"{self.wish.model_name} gave unusable speech tokens ({why}); try another seed or more training"
        return LMUnavailable("degenerate_output", text)


def longest(values: Mapping[str, Any]) -> int:
    """Tokens that the host wants at most; its own bound, a minute, is above that of :func:`default_max_tokens`."""
    most = int(values["early_stop_num"])
    return most if most > 0 else MINUTE


def sampling_of(values: Mapping[str, Any]) -> SamplingParams:
    """From the arguments that the host's decoder takes; the seed follows from the host's own generator.

    The host's generator is not moved on by it: call it where that is put back.
    """
    return SamplingParams(
        top_k=int(values["top_k"]),
        top_p=float(values["top_p"]),
        temperature=float(values["temperature"]),
        repetition_penalty=float(values["repetition_penalty"]),
        seed=int(torch.randint(0, 2**31, (1,))),
    )


def find_speaker(plugin: Plugin, config: Any, device: torch.device, symbols: str) -> Callable[[Wish], Speaker]:
    """A function from a wish to who speaks it; it raises the reason where nobody can."""

    def speaker(wish: Wish) -> Speaker:
        codebook = plugin.voice.codebook()
        asked = Asked(wish.model_name, plugin.home, str(device), codebook, symbols, wish.precision)
        with plugin.variables_as_at_start():
            return Speaker(plugin, plugin.holder.get(asked), wish, device)

    return speaker
