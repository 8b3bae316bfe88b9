"""Audio files in and out: float32 mono arrays, any format of libsndfile, resampling by soxr.

Knows files and sample rates; knows nothing about models or what the audio is for.

Shapes: T samples.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from errors import AudioError, OutputError

PathLike = str | os.PathLike[str]
Samples = NDArray[np.float32]

SILENCE_PEAK = 1e-3
"""Below this peak (-60 dB of full scale) a file counts as silent."""
LONGEST_FILE = 600.0
"""Seconds; a longer file is refused before it is read into memory."""
WRITABLE = {".wav": "WAV", ".flac": "FLAC", ".ogg": "OGG", ".mp3": "MP3"}


class Audio(NamedTuple):
    """Mono samples [T] in about -1..1 and their rate in Hz."""

    samples: Samples
    rate: int

    @property
    def seconds(self) -> float:
        return len(self.samples) / self.rate


def check_file(path: PathLike) -> Path:
    """``path``, if a file is there.

    Raises:
        AudioError: nothing, or a folder, is there.
    """
    path = Path(path)
    if not path.exists():
        raise AudioError(f"audio file {path} does not exist", "a wav, flac, ogg or mp3 file", "check the path")
    if path.is_dir():
        raise AudioError(f"{path} is a folder", "an audio file", "choose a file in it")
    return path


def load_audio(path: PathLike) -> Audio:
    """Read an audio file, mixed to mono, at its own rate.

    Raises:
        AudioError: missing, not audio, empty, damaged, silent, or longer than :data:`LONGEST_FILE`.
    """
    path = check_file(path)
    fix = "choose a recording of 3 to 10 s"
    try:
        with soundfile.SoundFile(str(path)) as stream:
            rate = int(stream.samplerate)
            if stream.frames > LONGEST_FILE * rate:
                raise AudioError(f"{path} lasts {stream.frames / rate:.0f} s", f"at most {LONGEST_FILE:.0f} s", fix)
            frames = stream.read(dtype="float32", always_2d=True)  # [T, channels]
    except (soundfile.SoundFileError, RuntimeError, OSError, ValueError) as error:
        raise AudioError(
            f"{path} is not a readable audio file ({_reason(error)})", "wav, flac, ogg or mp3", "convert it to wav"
        ) from error
    samples = np.ascontiguousarray(frames.mean(axis=1), dtype=np.float32)
    if not samples.size:
        raise AudioError(f"{path} holds no audio", "a recording", fix)
    if not np.isfinite(samples).all():
        raise AudioError(f"{path} holds samples that are not numbers", "a sound recording", "export it again")
    if float(np.abs(samples).max()) < SILENCE_PEAK:
        raise AudioError(f"{path} is silent", "a recording of a voice", fix)
    return Audio(samples, rate)


def _reason(error: Exception) -> str:
    """libsndfile's own words, without the path that the message already has."""
    return str(error).rsplit(": ", 1)[-1].strip().rstrip(".") or type(error).__name__


def resample(samples: Samples, rate: int, target: int) -> Samples:
    """``samples`` [T] at ``rate`` Hz brought to ``target`` Hz, about [T * target / rate]."""
    if rate == target:
        return samples
    return np.asarray(soxr.resample(samples, rate, target), dtype=np.float32)


def to_int16(samples: Samples) -> NDArray[np.int16]:
    """Float samples [T] as 16-bit ones; a peak above 1 scales the whole array down instead of clipping it."""
    peak = float(np.abs(samples).max()) if samples.size else 0.0
    return np.round(samples * (32767.0 / max(1.0, peak))).astype(np.int16)


def check_writable(path: PathLike) -> None:
    """Find out before the work whether ``path`` could be written, without leaving a trace.

    Raises:
        OutputError: unknown format, a folder stands there, or the nearest existing folder takes no files.
    """
    path = Path(path)
    if path.suffix.lower() not in WRITABLE:
        known = "a name ending in " + ", ".join(WRITABLE)
        raise OutputError(f"output {path} has no known audio format", known, "choose another output path")
    check_place(path)


def check_place(path: Path) -> None:
    """The same for a file of any kind.

    Raises:
        OutputError: a folder stands there, or the nearest existing folder takes no files.
    """
    fix = "choose another output path"
    if path.is_dir():
        raise OutputError(f"output {path} is a folder", "a file", fix)
    folder = path.absolute().parent
    with contextlib.suppress(OSError):
        while not folder.exists() and folder != folder.parent:
            folder = folder.parent
    if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        raise OutputError(f"output {path} cannot be written: {folder} takes no files", "a writable folder", fix)


def write_audio(path: PathLike, samples: NDArray[np.int16], rate: int) -> None:
    """Write ``samples`` [T] as 16-bit audio; the format follows the suffix. The file appears whole or not at all.

    Raises:
        OutputError: the file cannot be written.
    """
    path = Path(path)
    check_writable(path)
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.tmp{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(str(temporary), samples, rate, format=WRITABLE[path.suffix.lower()])
        os.replace(temporary, path)
    except (soundfile.SoundFileError, RuntimeError, OSError) as error:
        raise OutputError(
            f"{path} cannot be written ({_reason(error)})",
            "a writable folder with free space",
            "choose another output path",
        ) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()
