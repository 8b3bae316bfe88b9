"""Sound for all requests of a voice, beside the decoding of tokens.

First comes who would be the first to hear nothing (earliest deadline first): a request's first piece is due when the
request came, a later one when a player has played what it has. On a CPU a piece is made in one go by a thread for each
core that torch leaves over: more of them at once would only make each other late. On an accelerator pieces of several
requests that are of one length share a call of the generator. Knows latents and waveforms; knows nothing of tokens or
requests.

Shapes: B pieces, C latent channels, T_spec latent frames (50 Hz), T samples.
"""

from __future__ import annotations

import heapq
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import torch
from torch import Tensor

MOST_TOGETHER = 8

Generate = Callable[..., Any]
"""(latents [B, C, T_spec], styles [B, S, 1]) -> waveforms [B, 1, T]."""


def _usable_cores() -> int:
    """Cores that this process may use; where the system does not tell, all there are."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Turns:
    """Lets ``places`` threads work at a time; among those that wait, the one whose work is due first comes next."""

    def __init__(self, places: int) -> None:
        self._free = places
        self._waiting: list[tuple[float, int]] = []
        self._numbers = count()
        self._changed = threading.Condition()

    @contextmanager
    def take(self, due: float) -> Iterator[None]:
        """Wait for a place, and have it until the end of the block. Who is due at the same time comes in order."""
        with self._changed:
            own = due, next(self._numbers)
            heapq.heappush(self._waiting, own)
            try:
                self._changed.wait_for(lambda: self._free and self._waiting[0] == own)
            except BaseException:  # Ctrl-C: whoever comes after must not wait for this one
                self._waiting.remove(own)
                heapq.heapify(self._waiting)
                self._changed.notify_all()
                raise
            heapq.heappop(self._waiting)
            self._free -= 1
            self._changed.notify_all()  # another place may be free for who is the first now
        try:
            yield
        finally:
            with self._changed:
                self._free += 1
                self._changed.notify_all()


@dataclass(eq=False)
class _Piece:
    """A latent that waits for its sound."""

    latent: Tensor
    style: Tensor
    due: float
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
        on_cpu = device.type == "cpu"
        self._generate = generate
        self._together = together or (1 if on_cpu else MOST_TOGETHER)
        self._stream = torch.cuda.Stream(device) if device.type == "cuda" else None
        self._waiting: list[_Piece] = []
        self._queue, self._turn = threading.Lock(), threading.Lock()
        self._places = Turns(max(1, _usable_cores() // torch.get_num_threads())) if on_cpu else None

    @contextmanager
    def turn(self, due: float) -> Iterator[None]:
        """Around all that makes a piece, latent and sound: on a CPU waits for its turn, elsewhere for nothing.

        ``due`` is when the piece is needed, in seconds of :func:`time.monotonic`.
        """
        if self._places is None:
            yield
        else:
            with self._places.take(due):
                yield

    @torch.inference_mode()
    def sound(self, latent: Tensor, style: Tensor, due: float = 0.0) -> Tensor:
        """Waveform [T] of a latent [1, C, T_spec] in a style [1, S, 1]; waits for its turn.

        ``due`` is when it is needed, in seconds of :func:`time.monotonic`: the earliest of those that wait comes first.
        """
        if self._together == 1:
            return self._call(latent, style)[0, 0]
        piece = _Piece(latent, style, due)
        with self._queue:
            self._waiting.append(piece)
        while not piece.done.is_set():
            with self._turn:  # the piece that is due first comes first, whoever has the turn
                if not piece.done.is_set():
                    self._next_call()
        if piece.error is not None:
            raise piece.error
        assert piece.wave is not None
        return piece.wave

    def _next_call(self) -> None:
        with self._queue:
            waiting = sorted(self._waiting, key=lambda piece: piece.due)
            fitting = [p for p in waiting if p.latent.shape == waiting[0].latent.shape][: self._together]
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
