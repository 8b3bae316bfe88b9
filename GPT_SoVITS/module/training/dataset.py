"""Clips as tensors: audio kept in memory as int16, features as half precision, spectrograms made on demand.

Knows how one clip is read, cut and measured and how a batch is padded; does not know which clips are usable
(``clips.py``) nor in which order they come (``sampler.py``).

Shapes: B batch, T_spec frames (50 Hz), T_ph phonemes, L samples, M mel bands, T_mel frames at the version's own rate,
S channels of the speaker vector.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, NamedTuple

import numpy as np
import soundfile
import soxr
import torch
from torch import Tensor
from torch.nn import functional as F
from torch.utils.data import Dataset

from errors import DatasetError
from module.mel_processing import mel_spectrogram_torch, spectrogram_torch
from module.synthesizer_v3 import norm_mel
from module.training.clips import ClipInfo, ScanResult
from module.training.settings import DataSettings
from module.versions import VERSIONS, MelSpec, VersionSpec

logger = logging.getLogger(__name__)

INT16_SCALE = 32768.0
# HuBERT gives 49 frames for one second where the spectrogram has 50; more than this means another recording.
MAX_FRAME_DIFFERENCE = 3


@dataclass
class Example:
    """One clip or a cut of it.

    ssl [ssl_dim, T_spec], spec [bins, T_spec], wav [T_spec * hop], phones [T_ph], alignment [T_spec]: the phone spoken
    in each frame, -1 where it is not known. For versions that need them, else None: speaker [S], mel [M, T_mel] in the
    scale of the network.
    """

    ssl: Tensor
    spec: Tensor
    wav: Tensor
    phones: Tensor
    alignment: Tensor
    speaker: Tensor | None = None
    mel: Tensor | None = None


@dataclass
class SpokenLatents:
    """What the decoder is given of slices, in the place of all that latents are made of.

    latent [B, C, N]; style [B, gin_channels, 1]; exact [B]: how far each latent is on the way from what speaking would
    give, 0, to the one that the mel head reads as the recording's own mel, 1.
    """

    latent: Tensor
    style: Tensor
    exact: Tensor

    def to(self, device: torch.device, non_blocking: bool = False) -> SpokenLatents:
        """The same on ``device``."""
        return SpokenLatents(*(getattr(self, f.name).to(device, non_blocking=non_blocking) for f in fields(self)))


@dataclass
class Batch:
    """Padded examples, longest first.

    ssl [B, ssl_dim, T], spec [B, bins, T], wav [B, 1, L], text [B, T_ph], alignment [B, T] (-1: not known); for
    versions that need them, else None: speaker [B, S], mel [B, M, T_mel], mel_lengths [B]; tokens [B, T / 2] where they
    are known, ssl is empty then; latents where the decoder alone learns, wav and spec are of the slice then.
    """

    ssl: Tensor
    spec: Tensor
    spec_lengths: Tensor
    wav: Tensor
    text: Tensor
    text_lengths: Tensor
    alignment: Tensor
    speaker: Tensor | None = None
    mel: Tensor | None = None
    mel_lengths: Tensor | None = None
    tokens: Tensor | None = None
    latents: SpokenLatents | None = None

    def to(self, device: torch.device) -> Batch:
        """The same batch on ``device``."""
        parts: dict[str, Any] = {f.name: getattr(self, f.name) for f in fields(self)}
        for name, tensor in parts.items():
            parts[name] = None if tensor is None else tensor.to(device, non_blocking=True)
        return Batch(**parts)


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


def _read_tensor(path: Path, dims: int, what: str, stage: str) -> Tensor:
    """The finite tensor of ``dims`` dimensions, the first of length 1, that a dataset stage wrote; without the first.

    Raises:
        DatasetError: the file cannot be read or holds something else.
    """
    remedy = f"run {stage} again"
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, UnpicklingError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DatasetError(f"cannot read {path}: {reason}", "a tensor", remedy) from error
    if not isinstance(content, Tensor) or content.dim() != dims or content.shape[0] != 1 or not content.numel():
        raise DatasetError(f"{path} holds no {what}", "what the stage writes", remedy)
    if not bool(torch.isfinite(content).all()):
        raise DatasetError(f"{path} holds NaN or infinity", "finite numbers", remedy)
    return content[0]


def read_features(path: Path) -> Tensor:
    """HuBERT features of one clip, half precision [ssl_dim, frames] at 50 frames/s.

    Raises:
        DatasetError: the file is not a finite tensor [1, ssl_dim, frames].
    """
    return _read_tensor(path, 3, "features [1, ssl_dim, frames]", "2-get-hubert-wav32k").half()


def read_speaker(path: Path, channels: int) -> Tensor:
    """Speaker vector of one clip, float32 [channels].

    Raises:
        DatasetError: the file is not a finite tensor [1, channels].
    """
    vector = _read_tensor(path, 2, f"speaker vector [1, {channels}]", "2-get-sv")
    if len(vector) != channels:
        raise DatasetError(f"{path} has {len(vector)} channels", str(channels), "run 2-get-sv again")
    return vector.float()


def training_mel(wav: Tensor, sampling_rate: int, spec: MelSpec) -> Tensor:
    """Waveform [L] -> mel [M, T_mel] at the rate and in the scale of the network."""
    if sampling_rate != spec.sampling_rate:
        wav = torch.from_numpy(np.asarray(soxr.resample(wav.numpy(), sampling_rate, spec.sampling_rate)))
    mel = mel_spectrogram_torch(
        wav[None], spec.n_fft, spec.bands, spec.sampling_rate, spec.hop_length, spec.n_fft, 0, None
    )
    return norm_mel(mel, spec)[0]


class Parts(NamedTuple):
    """What is kept of a clip: int16 samples [frames * hop], features [ssl_dim, frames], speaker vector [S] or None."""

    wav: np.ndarray
    ssl: Tensor
    speaker: Tensor | None

    @property
    def nbytes(self) -> int:
        """Memory that it takes."""
        tensors = [t for t in (self.ssl, self.speaker) if t is not None]
        return self.wav.nbytes + sum(t.numel() * t.element_size() for t in tensors)


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
    before training starts; what does not fit into ``cache_mb`` is read again at each use. ``spec`` is the version that
    is trained: it tells whether speaker vectors and mels belong to an example.
    """

    def __init__(
        self,
        result: ScanResult,
        data: DataSettings,
        max_frames: int = 0,
        cache_mb: int = 4096,
        spec: VersionSpec = VERSIONS["v2"],
    ) -> None:
        self.data, self.max_frames, self.spec = data, max_frames, spec
        self._room = cache_mb * 2**20
        self._cache: dict[str, Parts] = {}
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
            files = "features, audio or speaker vector" if clip.speaker else "features or audio"
            result.skip(f"damaged {files}", clip.name)
            return
        if parts is None:
            result.skip("features and audio of different lengths", clip.name)
            return
        ssl = parts.ssl
        if self.ssl_dim not in (0, ssl.shape[0]):
            result.skip(f"features with {ssl.shape[0]} channels instead of {self.ssl_dim}", clip.name)
            return
        self.ssl_dim = ssl.shape[0]
        self.clips.append(clip)
        self.frames.append(ssl.shape[1])
        if parts.nbytes <= self._room:
            self._room -= parts.nbytes
            self._cache[clip.name] = parts

    def _read(self, clip: ClipInfo) -> Parts | None:
        """Samples of whole frames, features of as many frames; None where the lengths contradict each other."""
        wav = read_audio(clip.audio, self.data.sampling_rate)
        frames = len(wav) // self.data.hop_length
        ssl = fit_frames(read_features(clip.features), frames)
        if ssl is None:
            return None
        speaker = read_speaker(clip.speaker, self.spec.speaker_channels) if clip.speaker is not None else None
        return Parts(wav[: frames * self.data.hop_length], ssl, speaker)

    def __len__(self) -> int:
        return len(self.clips)

    def __getitem__(self, index: tuple[int, float]) -> Example:
        number, position = index
        clip, hop = self.clips[number], self.data.hop_length
        parts = self._cache.get(clip.name) or self._read(clip)
        if parts is None:
            raise DatasetError(f"{clip.name} changed while training", "an unchanged data set", "start again")
        samples, ssl, speaker = parts
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
        mel = training_mel(wav, self.data.sampling_rate, self.spec.mel) if self.spec.mel else None
        return Example(ssl.float(), spec, wav, torch.tensor(clip.phones, dtype=torch.long), aligned, speaker, mel)


def frame_alignment(indices: Sequence[int], frames: int) -> Tensor:
    """Phone index per token -> per frame [frames]; -1 after the end or where none is known."""
    aligned = torch.tensor(indices, dtype=torch.long).repeat_interleave(2)[:frames]
    return F.pad(aligned, (0, frames - len(aligned)), value=-1)


def collate(examples: Sequence[Example]) -> Batch:
    """Pad to a common length, longest clip first.

    Features and spectrograms are padded to 2 * (floor(max / 2) + 1) frames, because the codes have half the frame
    rate; audio and mels to the longest clip; phones with 0, on the right, with their lengths beside them.
    """
    ordered = sorted(examples, key=lambda example: -example.spec.shape[1])
    longest = 2 * (ordered[0].spec.shape[1] // 2 + 1)
    speakers = [e.speaker for e in ordered if e.speaker is not None]
    mels = [e.mel for e in ordered if e.mel is not None]
    return Batch(
        ssl=torch.stack([_pad(e.ssl, longest) for e in ordered]),
        spec=torch.stack([_pad(e.spec, longest) for e in ordered]),
        spec_lengths=torch.tensor([e.spec.shape[1] for e in ordered]),
        wav=torch.stack([_pad(e.wav[None], len(ordered[0].wav)) for e in ordered]),
        text=torch.stack([_pad(e.phones, max(len(o.phones) for o in ordered)) for e in ordered]),
        text_lengths=torch.tensor([len(e.phones) for e in ordered]),
        alignment=torch.stack([F.pad(e.alignment, (0, longest - len(e.alignment)), value=-1) for e in ordered]),
        speaker=torch.stack(speakers) if speakers else None,
        mel=torch.stack([_pad(mel, max(m.shape[1] for m in mels)) for mel in mels]) if mels else None,
        mel_lengths=torch.tensor([mel.shape[1] for mel in mels]) if mels else None,
    )


def _pad(tensor: Tensor, length: int) -> Tensor:
    """Zeros on the right of the last dimension up to ``length``."""
    return F.pad(tensor, (0, length - tensor.shape[-1]))
