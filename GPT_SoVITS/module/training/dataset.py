"""Clips as tensors: audio kept in memory as int16, features as half precision, spectrograms made on demand.

Knows how one clip is read, cut and measured and how a batch is padded; does not know which clips are usable
(``clips.py``) nor in which order they come (``sampler.py``).

Shapes: B batch, T_spec frames (50 Hz), T_ph phonemes, L samples.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from pickle import UnpicklingError

import numpy as np
import soundfile
import soxr
import torch
from torch import Tensor
from torch.nn import functional as F
from torch.utils.data import Dataset

from errors import DatasetError
from module.mel_processing import spectrogram_torch
from module.training.clips import ClipInfo, ScanResult
from module.training.settings import DataSettings

logger = logging.getLogger(__name__)

INT16_SCALE = 32768.0
# HuBERT gives 49 frames for one second where the spectrogram has 50; more than this means another recording.
MAX_FRAME_DIFFERENCE = 3


@dataclass
class Example:
    """One clip or a cut of it.

    ssl [ssl_dim, T_spec], spec [bins, T_spec], wav [T_spec * hop], phones [T_ph], alignment [T_spec]: the phone spoken
    in each frame, -1 where it is not known.
    """

    ssl: Tensor
    spec: Tensor
    wav: Tensor
    phones: Tensor
    alignment: Tensor


@dataclass
class Batch:
    """Padded examples, longest first.

    ssl [B, ssl_dim, T], spec [B, bins, T], wav [B, 1, L], text [B, T_ph], alignment [B, T] (-1: not known).
    """

    ssl: Tensor
    spec: Tensor
    spec_lengths: Tensor
    wav: Tensor
    text: Tensor
    text_lengths: Tensor
    alignment: Tensor

    def to(self, device: torch.device) -> Batch:
        """The same batch on ``device``."""
        return Batch(**{f.name: getattr(self, f.name).to(device, non_blocking=True) for f in fields(self)})


def read_audio(path: Path, sampling_rate: int) -> np.ndarray:
    """Mono int16 samples at ``sampling_rate``; several channels are averaged.

    Raises:
        DatasetError: the file cannot be decoded.
    """
    try:
        samples, rate = soundfile.read(str(path), dtype="float32", always_2d=True)
    except (RuntimeError, OSError) as error:
        raise DatasetError(f"cannot read {path}: {error}", "a WAV file", "run 2-get-hubert-wav32k again") from error
    mono = samples.mean(axis=1)
    if rate != sampling_rate:
        mono = soxr.resample(mono, rate, sampling_rate)
    return np.clip(np.round(mono * INT16_SCALE), -INT16_SCALE, INT16_SCALE - 1).astype(np.int16)


def read_features(path: Path) -> Tensor:
    """HuBERT features of one clip, half precision [ssl_dim, frames] at 50 frames/s.

    Raises:
        DatasetError: the file is not a finite tensor [1, ssl_dim, frames].
    """
    try:
        features = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, UnpicklingError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DatasetError(f"cannot read {path}: {reason}", "a tensor", "run 2-get-hubert-wav32k again") from error
    if not isinstance(features, Tensor) or features.dim() != 3 or features.shape[0] != 1 or not features.numel():
        raise DatasetError(f"{path} holds no features", "[1, ssl_dim, frames]", "run 2-get-hubert-wav32k again")
    if not bool(torch.isfinite(features).all()):
        raise DatasetError(f"{path} holds NaN or infinity", "finite features", "run 2-get-hubert-wav32k again")
    return features[0].half()


def fit_frames(features: Tensor, frames: int) -> Tensor | None:
    """Features cut or, by repeating the last frame, filled to ``frames``; None where they are another recording's."""
    missing = frames - features.shape[-1]
    if abs(missing) > MAX_FRAME_DIFFERENCE:
        return None
    if missing > 0:
        return F.pad(features.float(), (0, missing), mode="replicate").to(features.dtype)
    return features[:, :frames]


class S2Dataset(Dataset[Example]):
    """Clips of one data set. An index is ``(clip, position)``: position 0..1 says where a long clip is cut.

    The clips are read once when the object is made, so that damaged files are counted in ``result`` and left out
    before training starts; what does not fit into ``cache_mb`` is read again at each use.
    """

    def __init__(self, result: ScanResult, data: DataSettings, max_frames: int = 0, cache_mb: int = 4096) -> None:
        self.data, self.max_frames = data, max_frames
        self._room = cache_mb * 2**20
        self._cache: dict[str, tuple[np.ndarray, Tensor]] = {}
        self.clips: list[ClipInfo] = []
        self.frames: list[int] = []
        self.ssl_dim = 0
        for clip in result.clips:
            self._admit(clip, result)
        result.clips = self.clips
        logger.info("%d clips, %.2f h, %d in memory", len(self.clips), self.hours, len(self._cache))

    @property
    def hours(self) -> float:
        """Length of all clips."""
        return sum(clip.seconds for clip in self.clips) / 3600

    def _admit(self, clip: ClipInfo, result: ScanResult) -> None:
        """Take one clip in, or count why not."""
        try:
            parts = self._read(clip)
        except DatasetError as error:
            logger.debug("%s", error)
            result.skip("damaged features or audio", clip.name)
            return
        if parts is None:
            result.skip("features and audio of different lengths", clip.name)
            return
        wav, ssl = parts
        if self.ssl_dim not in (0, ssl.shape[0]):
            result.skip(f"features with {ssl.shape[0]} channels instead of {self.ssl_dim}", clip.name)
            return
        self.ssl_dim = ssl.shape[0]
        self.clips.append(clip)
        self.frames.append(ssl.shape[1])
        size = wav.nbytes + ssl.numel() * ssl.element_size()
        if size <= self._room:
            self._room -= size
            self._cache[clip.name] = parts

    def _read(self, clip: ClipInfo) -> tuple[np.ndarray, Tensor] | None:
        """Samples of whole frames and features of as many frames; None where the lengths contradict each other."""
        wav = read_audio(clip.audio, self.data.sampling_rate)
        frames = len(wav) // self.data.hop_length
        ssl = fit_frames(read_features(clip.features), frames)
        return None if ssl is None else (wav[: frames * self.data.hop_length], ssl)

    def __len__(self) -> int:
        return len(self.clips)

    def __getitem__(self, index: tuple[int, float]) -> Example:
        number, position = index
        clip, hop = self.clips[number], self.data.hop_length
        parts = self._cache.get(clip.name) or self._read(clip)
        if parts is None:
            raise DatasetError(f"{clip.name} changed while training", "an unchanged data set", "start again")
        samples, ssl = parts
        start, aligned = 0, frame_alignment(clip.alignment, ssl.shape[1])
        if self.max_frames and ssl.shape[1] > self.max_frames:
            start = round(position * (ssl.shape[1] - self.max_frames))
            aligned = aligned[start : start + self.max_frames]
            ssl = ssl[:, start : start + self.max_frames]
            samples = samples[start * hop : (start + self.max_frames) * hop]
        wav = torch.from_numpy(samples.astype(np.float32) / INT16_SCALE)
        spec = spectrogram_torch(
            wav[None], self.data.filter_length, self.data.sampling_rate, hop, self.data.win_length, center=False
        )[0]
        return Example(ssl.float(), spec, wav, torch.tensor(clip.phones, dtype=torch.long), aligned)


def frame_alignment(indices: Sequence[int], frames: int) -> Tensor:
    """Phone index per token -> per frame [frames]; -1 after the end or where none is known."""
    aligned = torch.tensor(indices, dtype=torch.long).repeat_interleave(2)[:frames]
    return F.pad(aligned, (0, frames - len(aligned)), value=-1)


def collate(examples: Sequence[Example]) -> Batch:
    """Pad to a common length, longest clip first.

    Features and spectrograms are padded to 2 * (floor(max / 2) + 1) frames, because the codes have half the frame
    rate; audio to the longest clip; phones with 0, on the right, with their lengths beside them.
    """
    ordered = sorted(examples, key=lambda example: -example.spec.shape[1])
    longest = 2 * (ordered[0].spec.shape[1] // 2 + 1)
    return Batch(
        ssl=torch.stack([_pad(e.ssl, longest) for e in ordered]),
        spec=torch.stack([_pad(e.spec, longest) for e in ordered]),
        spec_lengths=torch.tensor([e.spec.shape[1] for e in ordered]),
        wav=torch.stack([_pad(e.wav[None], len(ordered[0].wav)) for e in ordered]),
        text=torch.stack([_pad(e.phones, max(len(o.phones) for o in ordered)) for e in ordered]),
        text_lengths=torch.tensor([len(e.phones) for e in ordered]),
        alignment=torch.stack([F.pad(e.alignment, (0, longest - len(e.alignment)), value=-1) for e in ordered]),
    )


def _pad(tensor: Tensor, length: int) -> Tensor:
    """Zeros on the right of the last dimension up to ``length``."""
    return F.pad(tensor, (0, length - tensor.shape[-1]))
