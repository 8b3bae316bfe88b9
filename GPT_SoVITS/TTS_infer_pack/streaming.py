"""A segment as pieces of sound while its tokens still come: where the pieces are cut, and how they are joined.

Every piece is spoken from all tokens known so far, together with a stretch beyond its end. That stretch is spoken again
with the next piece, when more is known, and the two are crossfaded: nothing is left out, nothing is heard twice, and
the pieces of a segment are as long as the whole.

Knows a :class:`~TTS_infer_pack.acoustic.SegmentRenderer`; knows nothing of text, requests or what makes tokens.

Shapes: T_sem semantic tokens (25 Hz), T samples.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from TTS_infer_pack.acoustic import SegmentRenderer
from TTS_infer_pack.batching import PiecePlan

Samples = NDArray[np.float32]


class SegmentStream:
    """Turns the tokens of one segment into pieces.

    Args:
        renderer: speaks them.
        plan: how they are cut.
    """

    def __init__(self, renderer: SegmentRenderer, plan: PiecePlan) -> None:
        self._renderer, self._plan = renderer, plan
        self._codes: list[Tensor] = []
        self._known = self._done = 0
        self._tail: Samples = np.zeros(0, dtype=np.float32)

    @property
    def done(self) -> int:
        """Tokens whose sound has been given away."""
        return self._done

    @property
    def codes(self) -> Tensor:
        """All tokens known so far [T_sem]."""
        return torch.cat(self._codes)

    def add(self, tokens: Tensor) -> None:
        """Take over new tokens [n]."""
        self._codes.append(tokens)
        self._known += tokens.numel()

    @torch.inference_mode()
    def next_piece(self) -> Samples | None:
        """The next piece [T], or None until more tokens are known."""
        plan, start = self._plan, self._done
        if self._known < start + plan.needed:
            return None
        begin, stop = self._renderer.frames(start), self._renderer.frames(start + plan.length + plan.overlap)
        wave = self._render(start + plan.needed, begin, stop)
        cut = start + (self._quietest(wave, start) if plan.quiet else plan.length)
        place = (self._renderer.frames(cut) - begin) * self._renderer.hop
        end = (self._renderer.frames(cut + plan.overlap) - begin) * self._renderer.hop
        piece, self._tail, self._done = self._joined(wave)[:place], wave[place:end], cut
        return piece

    @torch.inference_mode()
    def last_piece(self) -> Samples:
        """What is left [T], once no more tokens come."""
        total = self._renderer.total(self._known) if self._known else 0
        begin = min(self._renderer.frames(self._done), total)
        wave = self._joined(self._render(self._known, begin, total)) if total > begin else self._tail[:0]
        self._done = self._known
        return wave

    def break_off(self) -> Samples:
        """The end [T] of a segment that is given up: what would have been crossfaded, faded out."""
        return self._tail * np.linspace(1, 0, len(self._tail), dtype=np.float32)

    def _render(self, tokens: int, begin: int, stop: int) -> Samples:
        wave = self._renderer.render(self.codes[:tokens], begin, stop)
        return wave.float().cpu().numpy()

    def _joined(self, wave: Samples) -> Samples:
        """``wave``, its beginning crossfaded with the end of the piece before."""
        size = min(len(self._tail), len(wave))
        if not size:
            return wave
        rise = np.arange(1, size + 1, dtype=np.float32) / (size + 1)
        return np.concatenate((self._tail[:size] * (1 - rise) + wave[:size] * rise, wave[size:]))

    def _quietest(self, wave: Samples, start: int) -> int:
        """Tokens from ``start`` to the quietest place for a crossfade, in the second half of a piece."""
        plan, renderer = self._plan, self._renderer
        begin = renderer.frames(start)
        best = plan.length, float("inf")
        for tokens in range(plan.length, plan.length // 2, -1):
            last = start + tokens
            place, end = ((renderer.frames(at) - begin) * renderer.hop for at in (last, last + max(1, plan.overlap)))
            part = wave[place:end]
            level = float(np.square(part).mean()) if part.size else float("inf")
            if level < best[1]:
                best = tokens, level
        return best[0]
