"""Faster or slower speech from a finished wave, its pitch unchanged: WSOLA (Verhelst and Roelands 1993).

Short frames are taken from the input ``speed`` times as fast as they are laid down, each shifted a little so that it
goes on where the one before would have. Works on a stream; the whole is its join. Knows samples alone.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]

HOP_SECONDS = 0.02
"""Half a frame: what is laid down at a time."""
SEEK_SECONDS = 0.01
"""A frame may be taken that much earlier or later: a whole pitch period, down to 50 Hz."""


class TimeStretch:
    """Args:
    speed: above 1 is faster; 1 gives back what comes in.
    rate: Hz.
    """

    def __init__(self, speed: float, rate: int) -> None:
        self._speed, self._hop, self._seek = speed, int(HOP_SECONDS * rate), int(SEEK_SECONDS * rate)
        self._input: Samples = np.zeros(0, dtype=np.float32)
        self._offset = 0  # place of _input[0] in all that came
        self._frames = 0
        self._after: Samples = np.zeros(0, dtype=np.float32)  # what would follow the last frame
        self._rise = (0.5 - 0.5 * np.cos(np.pi * (np.arange(self._hop) + 0.5) / self._hop)).astype(np.float32)

    def push(self, samples: Samples) -> Samples:
        """Take over samples [T]; returns what is certain by now."""
        if self._speed == 1:
            return samples
        self._input = np.concatenate((self._input, samples))
        out = []
        while self._place() + self._seek + 2 * self._hop <= self._offset + len(self._input):
            out.append(self._next())
        return np.concatenate(out) if out else samples[:0]

    def flush(self) -> Samples:
        """The rest; all output together has round(T / speed) samples."""
        if self._speed == 1:
            return self._input
        total = round((self._offset + len(self._input)) / self._speed)
        emitted = self._frames * self._hop
        frames = -(-(total - emitted) // self._hop)
        silence = int((frames + 2) * self._hop * max(1.0, self._speed)) + 2 * self._seek
        rest = self.push(np.zeros(silence, dtype=np.float32))
        return rest[: max(0, total - emitted)]

    def _place(self) -> int:
        """Where the next frame is, before it is shifted."""
        return int(self._frames * self._hop * self._speed)

    def _next(self) -> Samples:
        """Samples [hop]: the end of the last frame, crossfaded with the beginning of the next."""
        place, hop = self._place(), self._hop
        if self._frames:
            place = self._best(place)
        frame = self._input[place - self._offset :][: 2 * hop]
        out = self._after * (1 - self._rise) + frame[:hop] * self._rise if self._frames else frame[:hop].copy()
        self._after = frame[hop:].copy()
        self._frames += 1
        used = max(0, min(self._place() - self._seek, self._offset + len(self._input)) - self._offset)
        self._input, self._offset = self._input[used:], self._offset + used
        return out

    def _best(self, place: int) -> int:
        """The start near ``place`` whose frame is most like what would follow the last one."""
        first = max(self._offset, place - self._seek)
        near = self._input[first - self._offset : place + self._seek + self._hop - self._offset]
        likeness = np.correlate(near, self._after, "valid")
        energy = np.concatenate(([0.0], np.cumsum(np.square(near, dtype=np.float64))))
        energy = energy[self._hop :] - energy[: -self._hop]
        return first + int(np.argmax(likeness / np.sqrt(np.maximum(energy, 1e-9))))


def stretched(samples: Samples, speed: float, rate: int) -> Samples:
    """Samples [T] at ``rate`` Hz, ``speed`` times as fast: [round(T / speed)]."""
    stretch = TimeStretch(speed, rate)
    return np.concatenate((stretch.push(samples), stretch.flush()))
