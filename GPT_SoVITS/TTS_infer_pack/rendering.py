"""Sound for all requests of a voice, one network call at a time, in the order they ask: beside the decoding of tokens.

Pieces of several requests that are of one length share a call, on devices where that is faster. Knows latents and
waveforms; knows nothing of tokens or requests.

Shapes: B pieces, C latent channels, T_spec latent frames (50 Hz), T samples.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

MOST_TOGETHER = 8

Generate = Callable[..., Any]
"""(latents [B, C, T_spec], styles [B, S, 1]) -> waveforms [B, 1, T]."""


@dataclass(eq=False)
class _Piece:
    """A latent that waits for its sound."""

    latent: Tensor
    style: Tensor
    wave: Tensor | None = None
    error: BaseException | None = None
    done: threading.Event = field(default_factory=threading.Event)


class Renderer:
    """Runs a generator for any number of threads. There is no thread of its own: whoever waits speaks what is next.

    Args:
        generate: the network.
        device: where it is; on CUDA it has a stream of its own, so that decode steps do not wait for it.
        together: most pieces in a call; None: one on CPU, where more are no faster, else ``MOST_TOGETHER``.
    """

    def __init__(self, generate: Generate, device: torch.device, together: int | None = None) -> None:
        self._generate = generate
        self._together = together or (1 if device.type == "cpu" else MOST_TOGETHER)
        self._stream = torch.cuda.Stream(device) if device.type == "cuda" else None
        self._waiting: list[_Piece] = []
        self._queue, self._turn = threading.Lock(), threading.Lock()

    @torch.inference_mode()
    def sound(self, latent: Tensor, style: Tensor) -> Tensor:
        """Waveform [T] of a latent [1, C, T_spec] in a style [1, S, 1]; waits for its turn."""
        piece = _Piece(latent, style)
        with self._queue:
            self._waiting.append(piece)
        while not piece.done.is_set():
            with self._turn:  # the oldest pieces come first, whoever has the turn
                if not piece.done.is_set():
                    self._next_call()
        if piece.error is not None:
            raise piece.error
        assert piece.wave is not None
        return piece.wave

    def _next_call(self) -> None:
        with self._queue:
            first = self._waiting[0]
            fitting = [p for p in self._waiting if p.latent.shape == first.latent.shape][: self._together]
            self._waiting = [p for p in self._waiting if not any(p is other for other in fitting)]
        try:
            waves = self._call(torch.cat([p.latent for p in fitting]), torch.cat([p.style for p in fitting]))
            for piece, wave in zip(fitting, waves, strict=True):
                piece.wave = wave[0]
        except Exception as error:  # noqa: BLE001 - each that waited gets it
            for piece in fitting:
                piece.error = error
        for piece in fitting:
            piece.done.set()

    def _call(self, latents: Tensor, styles: Tensor) -> Tensor:
        if self._stream is None:
            return self._generate(latents, styles)
        self._stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self._stream):
            waves = self._generate(latents, styles)
        self._stream.synchronize()
        return waves
