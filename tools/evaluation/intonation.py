"""Intonation of speech beside a recording of the same text: log-F0 over voiced frames, from WORLD (``pyworld``).

``spread`` is the standard deviation of log-F0 in semitones: flat speech has little of it. ``correlation`` is Pearson's,
over frames that are voiced in both. Both leave out how high a voice is, so any speaker's recording will do.

Which frames belong together: re-synthesis keeps the timing of the recording, so its frames are taken as they stand.
Speech from text has timing of its own: there the recording is warped on it by DTW over 12 MFCCs without the energy,
each brought to mean 0 and variance 1, Euclidean distance, frames of 10 ms.

Shapes: T samples, N frames of 10 ms.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from errors import MissingDependencyError

RATE = 16000
FRAME_SECONDS = 0.01
LOWEST, HIGHEST = 60.0, 600.0
FEWEST_FRAMES = 20
"""Fewer voiced frames than that (0.2 s) say nothing."""
OCTAVE = math.log(2.0)
SEMITONES = 12.0 / OCTAVE
Track = NDArray[np.float64]


@dataclass(frozen=True)
class Intonation:
    """Of one sentence.

    Attributes:
        spread: of the speech, in semitones; None with too few voiced frames.
        recorded_spread: of the recording; None without one.
        correlation: of both; None without a recording or with too few frames in common.
    """

    spread: float | None = None
    recorded_spread: float | None = None
    correlation: float | None = None


class IntonationJudge:
    """Measures intonation.

    Raises:
        MissingDependencyError: pyworld or librosa is not installed.
    """

    name = "dio, stonemask, 10 ms; DTW over 12 MFCCs"

    def __init__(self) -> None:
        try:
            import librosa
            import pyworld
        except ImportError as error:
            fix = 'pip install -e ".[eval]"'
            raise MissingDependencyError(f"{error.name} is not installed", "the judge of intonation", fix) from error
        self._world: Any = pyworld
        self._librosa: Any = librosa

    def log_f0(self, samples: np.ndarray) -> Track:
        """Natural log of F0 [N] of audio [T] at 16 kHz; NaN where unvoiced or more than an octave off the median."""
        audio = np.ascontiguousarray(samples, dtype=np.float64)
        f0, times = self._world.dio(audio, RATE, f0_floor=LOWEST, f0_ceil=HIGHEST, frame_period=1000.0 * FRAME_SECONDS)
        f0 = self._world.stonemask(audio, f0, times, RATE)
        track = np.log(f0, out=np.full(len(f0), np.nan), where=f0 > 0)
        if np.isfinite(track).any():
            track[np.abs(track - np.nanmedian(track)) > OCTAVE] = np.nan
        return np.asarray(track)

    def compare(self, spoken: np.ndarray, recorded: np.ndarray | None, same_timing: bool) -> Intonation:
        """Measure speech [T] beside a recording [T'] of the same text, both at 16 kHz.

        Args:
            spoken: the speech.
            recorded: the recording, or None.
            same_timing: both have the same timing, so nothing is warped.
        """
        if len(spoken) < RATE // 10:
            return Intonation()
        track = self.log_f0(spoken)
        if recorded is None or len(recorded) < RATE // 10:
            return Intonation(spread(track))
        other = self.log_f0(recorded)
        if same_timing:
            length = min(len(track), len(other))
            pairs = track[:length], other[:length]
        else:
            ours, theirs = self._path(spoken, recorded)
            pairs = track[np.minimum(ours, len(track) - 1)], other[np.minimum(theirs, len(other) - 1)]
        return Intonation(spread(track), spread(other), correlation(*pairs))

    def _path(self, spoken: np.ndarray, recorded: np.ndarray) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Frames of both that belong together, each frame of ``spoken`` once: numbers [N] in each."""
        _, path = self._librosa.sequence.dtw(self._features(spoken), self._features(recorded), metric="euclidean")
        ours, first = np.unique(path[::-1, 0], return_index=True)
        return ours, path[::-1, 1][first]

    def _features(self, samples: np.ndarray) -> NDArray[np.float64]:
        """[12, N], mean 0 and variance 1 in each row."""
        audio = np.asarray(samples, dtype=np.float32)
        hop = int(RATE * FRAME_SECONDS)
        found = self._librosa.feature.mfcc(y=audio, sr=RATE, n_mfcc=13, n_fft=512, hop_length=hop)[1:]
        spread_of = found.std(axis=1, keepdims=True)
        return np.asarray((found - found.mean(axis=1, keepdims=True)) / np.maximum(spread_of, 1e-5), dtype=np.float64)


def spread(track: Track) -> float | None:
    """Standard deviation of log-F0 [N] over voiced frames, in semitones; None with too few of them."""
    voiced = track[np.isfinite(track)]
    return float(voiced.std() * SEMITONES) if len(voiced) >= FEWEST_FRAMES else None


def correlation(first: Track, second: Track) -> float | None:
    """Pearson's correlation of two tracks [N] over frames voiced in both; None with too few, or with no movement."""
    both = np.isfinite(first) & np.isfinite(second)
    if both.sum() < FEWEST_FRAMES or not first[both].std() > 1e-9 or not second[both].std() > 1e-9:
        return None
    return float(np.corrcoef(first[both], second[both])[0, 1])
