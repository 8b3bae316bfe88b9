"""Long recordings cut at their pauses into pieces of a few seconds.

A pause is a stretch whose level stays below a threshold. Recordings are read twice and in blocks, so their length is
not limited by memory.

Shapes: T samples, F hops of ``hop_size`` milliseconds.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from audio_io import Samples, check_file, resample, to_int16, write_audio
from errors import AudioError, ConfigError
from prepare_datasets.list_file import UNSAFE

OUTPUT_RATE = 32000
"""Hz; what the data set stages work at."""
QUIETEST = -120.0
"""dB of full scale that digital silence counts as."""
BLOCK_HOPS = 2000

Levels = NDArray[np.float32]
Piece = tuple[int, int]
"""First hop, and the hop after the last."""


@dataclass(frozen=True)
class SliceSettings:
    """Where to cut; the first five are those of the public slicer.

    Attributes:
        threshold: dB of full scale below which it is quiet.
        min_length: milliseconds before a piece may end.
        min_interval: milliseconds of quiet that are worth a cut.
        hop_size: milliseconds between two looks at the level.
        max_sil_kept: milliseconds of quiet that a piece keeps at each end.
        max_length: milliseconds after which a piece is cut even without a pause, at its quietest place; 0: never.
        peak, share: loudness: each piece is mixed, ``share`` (0..1) of it brought to the peak ``peak``.

    Raises:
        ConfigError: a value that cannot be.
    """

    threshold: float = -34.0
    min_length: int = 4000
    min_interval: int = 300
    hop_size: int = 10
    max_sil_kept: int = 500
    max_length: int = 20_000
    peak: float = 0.9
    share: float = 0.25

    def __post_init__(self) -> None:
        limits = {
            "threshold": (-100, 0),
            "min_length": (100, 600_000),
            "min_interval": (10, 60_000),
            "hop_size": (1, 1000),
            "max_sil_kept": (0, 60_000),
            "max_length": (0, 600_000),
            "peak": (0.05, 1),
            "share": (0, 1),
        }
        for field in fields(self):
            value, (low, high) = getattr(self, field.name), limits[field.name]
            if not low <= value <= high:
                raise ConfigError(
                    f"{field.name}={value} cannot be used", f"a number from {low} to {high}", f"change {field.name}"
                )
        if self.hop_size > self.min_interval:
            raise ConfigError(
                f"hop_size {self.hop_size} is longer than min_interval {self.min_interval}", "a shorter hop_size"
            )
        if 0 < self.max_length < self.min_length:
            raise ConfigError(
                f"max_length {self.max_length} is shorter than min_length {self.min_length}", "0 or a longer max_length"
            )

    def hops(self, milliseconds: int) -> int:
        """A length in hops."""
        return round(milliseconds / self.hop_size)


def quiet_runs(levels: Levels, threshold: float) -> list[Piece]:
    """Stretches of ``levels`` [F] below ``threshold``."""
    edges = np.diff(np.concatenate([[False], levels < threshold, [False]]).astype(np.int8))
    return list(zip(np.flatnonzero(edges == 1).tolist(), np.flatnonzero(edges == -1).tolist(), strict=True))


def find_pieces(levels: Levels, settings: SliceSettings) -> list[Piece]:
    """Where the pieces of a recording lie; empty where all of it is quiet.

    Args:
        levels: dB of full scale per hop, [F].
        settings: thresholds and lengths.
    """
    total, kept = len(levels), settings.hops(settings.max_sil_kept)
    runs = quiet_runs(levels, settings.threshold)
    if not total or runs == [(0, total)]:
        return []
    start, end = 0, total
    if runs and runs[0][0] == 0:
        start = max(0, runs.pop(0)[1] - kept)
    if runs and runs[-1][1] == total:
        end = min(total, runs.pop()[0] + kept)
    pieces = []
    for first, last in runs:
        if last - first >= settings.hops(settings.min_interval) and last - start >= settings.hops(settings.min_length):
            middle = (first + last) // 2
            pieces.append((start, min(first + kept, middle)))
            start = max(last - kept, middle)
    pieces.append((start, end))
    return [short for piece in pieces for short in _shortened(piece, levels, settings)]


def _shortened(piece: Piece, levels: Levels, settings: SliceSettings) -> Iterator[Piece]:
    """``piece`` in parts of at most ``max_length``, cut at the quietest hop of the later half."""
    longest = settings.hops(settings.max_length)
    start, end = piece
    while longest and end - start > longest:
        half = start + longest // 2
        cut = half + int(np.argmin(levels[half : start + longest]))
        yield start, cut
        start = cut
    yield start, end


@contextmanager
def _opened(path: Path) -> Iterator[soundfile.SoundFile]:
    try:
        with soundfile.SoundFile(str(check_file(path))) as stream:
            yield stream
    except (soundfile.SoundFileError, RuntimeError) as error:
        raise AudioError(
            f"{path} is not a readable audio file", "wav, flac, ogg or mp3", "convert it to wav"
        ) from error


def read_levels(path: Path, hop_size: int) -> Levels:
    """Level of a recording in dB of full scale per hop of ``hop_size`` milliseconds, [F].

    Raises:
        AudioError: missing or not readable.
    """
    levels = []
    with _opened(path) as stream:
        hop = max(1, round(stream.samplerate * hop_size / 1000))
        for block in stream.blocks(hop * BLOCK_HOPS, dtype="float32", always_2d=True):
            mono = block.mean(axis=1)  # [T]
            power = np.add.reduceat(np.square(mono, dtype=np.float64), np.arange(0, len(mono), hop))
            counts = np.minimum(hop, len(mono) - np.arange(0, len(mono), hop))
            levels.append(10 * np.log10(np.maximum(power / counts, 10 ** (QUIETEST / 10))))
    return np.concatenate(levels).astype(np.float32) if levels else np.zeros(0, np.float32)


def normalise(samples: Samples, peak: float, share: float) -> Samples:
    """``samples`` [T] mixed with themselves at the peak ``peak``; never above 1."""
    top = float(np.abs(samples).max()) if samples.size else 0.0
    if top == 0.0:
        return samples
    return samples * (share * peak / top + (1 - share) / max(1.0, top))


def piece_pattern(path: Path) -> tuple[str, re.Pattern[str]]:
    """(safe stem of a recording, pattern of the names of its pieces)."""
    stem = UNSAFE.sub("_", path.stem)
    return stem, re.compile(rf"{re.escape(stem)}_\d{{10}}_\d{{10}}\.wav")


def slice_recording(path: Path, folder: Path, settings: SliceSettings) -> list[Path]:
    """Write the pieces of one recording as 32 kHz wav files ``<name>_<first sample>_<last sample>.wav``.

    Pieces of the same recording from an earlier run are replaced.

    Raises:
        AudioError: the recording is missing, not readable, or quiet from end to end.
        OutputError: ``folder`` cannot be written.
    """
    pieces = find_pieces(read_levels(path, settings.hop_size), settings)
    if not pieces:
        raise AudioError(
            f"{path} is quieter than {settings.threshold:g} dB from end to end",
            "a recording of a voice",
            "lower threshold, or record louder",
        )
    stem, pattern = piece_pattern(path)
    old = {file for file in folder.glob("*.wav") if pattern.fullmatch(file.name)} if folder.is_dir() else set()
    written = []
    with _opened(path) as stream:
        rate = stream.samplerate
        hop = max(1, round(rate * settings.hop_size / 1000))
        for first, last in pieces:
            stream.seek(first * hop)
            samples = stream.read((last - first) * hop, dtype="float32", always_2d=True).mean(axis=1)  # [T]
            samples = normalise(resample(samples, rate, OUTPUT_RATE), settings.peak, settings.share)
            ends = (round(hops * hop * OUTPUT_RATE / rate) for hops in (first, last))
            target = folder / f"{stem}_{'_'.join(f'{sample:010d}' for sample in ends)}.wav"
            write_audio(target, to_int16(samples), OUTPUT_RATE)
            written.append(target)
    for file in old - set(written):
        file.unlink(missing_ok=True)
    return written
