"""A data set that lies on the device as a whole: batches are cut there, and a GPU never waits for the host.

Samples, semantic tokens and phones of all clips are each one long tensor; a batch is a few gathers out of them and one
spectrogram. Tokens (``6-name2semantic.tsv``) take the place of features, at a hundredth of their size, which needs a
quantiser that is not trained. Clips and cuts are those of the sampler, so a resumed run sees the batches of an
uninterrupted one.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from itertools import accumulate
from typing import Protocol

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from errors import ConfigError, DatasetError
from module.mel_processing import spectrogram_torch
from module.model_config import SEMANTIC_STRIDE
from module.training.clips import ClipInfo, ScanResult, require_clips, scan_clips
from module.training.dataset import INT16_SCALE, MAX_FRAME_DIFFERENCE, Batch, read_audio
from module.training.sampler import LengthBatchSampler
from module.training.settings import S2Settings
from side_tables import TOKEN_TABLE, read_tokens
from text import cleaned_text_to_sequence

logger = logging.getLogger(__name__)

FRAMES_PER_TOKEN = SEMANTIC_STRIDE["25hz"]  # the rate of the tokens in that table
READERS = 8  # audio files decoded at a time


class Ragged:
    """Rows of unequal length, one behind the other in one tensor on the device."""

    def __init__(self, rows: Sequence[np.ndarray], device: torch.device) -> None:
        counts = [len(row) for row in rows]
        self.values = torch.from_numpy(np.concatenate(rows)).to(device)
        self.offsets = torch.tensor([0, *accumulate(counts)][:-1], device=device)
        self.lengths = torch.tensor(counts, device=device)

    def cut(self, rows: Tensor, starts: Tensor, size: int, fill: int = 0) -> Tensor:
        """Values [B, size] of ``rows`` from ``starts`` on; ``fill`` behind the end of a row."""
        place = starts[:, None] + torch.arange(size, device=starts.device)
        index = (self.offsets[rows][:, None] + place).clamp(max=len(self.values) - 1)
        inside = place < self.lengths[rows][:, None]
        return torch.where(inside, self.values[index], fill)


def read_clips(settings: S2Settings) -> tuple[ScanResult, dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Usable clips of ``data.exp_dir``, their int16 samples and their tokens, both of whole tokens, by name.

    Raises:
        ConfigError: the version or the quantiser cannot be trained this way.
        DatasetError: there is no usable clip; the message counts the reasons.
    """
    spec, data = settings.spec, settings.data
    if spec.needs_speaker_embedding or spec.mel or not settings.model.get("freeze_quantizer"):
        raise ConfigError(
            f"train.data_on_device is set for {spec.name}",
            "v1 or v2 with model.freeze_quantizer",
            "set train.data_on_device to false",
        )
    if "ssl_dim" not in settings.model:
        raise ConfigError("train.data_on_device is set and model.ssl_dim is not", "the width of the encoder's features")
    seconds = settings.train.segment_size / data.sampling_rate
    to_ids = partial(cleaned_text_to_sequence, version=settings.version)
    result = scan_clips(settings.exp_dir, to_ids, seconds, needs_features=False)
    known = read_tokens(settings.exp_dir / TOKEN_TABLE)
    with ThreadPoolExecutor(READERS) as pool:
        samples = list(pool.map(lambda clip: _samples(clip, data.sampling_rate), result.clips))
    kept, wavs, tokens = [], {}, {}
    for clip, wav in zip(result.clips, samples, strict=True):
        reason = _fitting(wav, known.get(clip.name), data.hop_length)
        if isinstance(reason, str):
            result.skip(reason, clip.name)
            continue
        kept.append(replace(clip, alignment=clip.alignment or (-1,)))
        wavs[clip.name], tokens[clip.name] = reason
    result.clips = kept
    require_clips(result, settings.exp_dir)
    return result, wavs, tokens


def _samples(clip: ClipInfo, sampling_rate: int) -> np.ndarray | None:
    try:
        return read_audio(clip.audio, sampling_rate)
    except DatasetError as error:
        logger.debug("%s", error)
        return None


def _fitting(wav: np.ndarray | None, tokens: list[int] | None, hop: int) -> tuple[np.ndarray, np.ndarray] | str:
    """Samples and tokens of equal length, or why there are none."""
    if wav is None:
        return "damaged audio"
    if not tokens:
        return f"no tokens in {TOKEN_TABLE}"
    frames = len(wav) // hop
    if abs(frames - FRAMES_PER_TOKEN * len(tokens)) > MAX_FRAME_DIFFERENCE:
        return "tokens and audio of different lengths"
    count = min(len(tokens), frames // FRAMES_PER_TOKEN)
    return wav[: count * FRAMES_PER_TOKEN * hop], np.asarray(tokens[:count], np.int16)


class DeviceClips:
    """All clips of a data set on one device.

    Args:
        settings: of the run; ``data.exp_dir`` holds the usual folder, without ``4-cnhubert``.
        device: where the clips are kept.

    Raises:
        ConfigError, DatasetError: as :func:`read_clips`.
    """

    def __init__(self, settings: S2Settings, device: torch.device) -> None:
        result, wavs, tokens = read_clips(settings)
        self.data, self.max_frames, self.device = settings.data, settings.train.max_frames, device
        clips = result.clips
        self.frames = [FRAMES_PER_TOKEN * len(tokens[clip.name]) for clip in clips]
        self._phones = [len(clip.phones) for clip in clips]
        self.wav = Ragged([wavs[clip.name] for clip in clips], device)
        self.tokens = Ragged([tokens[clip.name] for clip in clips], device)
        self.phones = Ragged([np.asarray(clip.phones, np.int16) for clip in clips], device)
        self.alignment = Ragged([np.asarray(clip.alignment, np.int16) for clip in clips], device)
        hours = sum(self.frames) * self.data.hop_length / self.data.sampling_rate / 3600
        logger.info("%d clips, %.2f h on %s, %.0f MB", len(clips), hours, device, self.wav.values.nbytes / 1e6)

    def __len__(self) -> int:
        return len(self.frames)

    def sound(self, rows: Tensor, starts: Tensor, frames: int) -> tuple[Tensor, Tensor]:
        """Waveforms [B, frames * hop] of clips from a frame on, and their spectrograms [B, bins, frames]."""
        hop = self.data.hop_length
        wav = self.wav.cut(rows, starts * hop, frames * hop).float() / INT16_SCALE
        spec = spectrogram_torch(
            wav, self.data.filter_length, self.data.sampling_rate, hop, self.data.win_length, center=False
        )
        return wav, spec

    def batch(self, pairs: Sequence[tuple[int, float]], whole: bool = False) -> Batch:
        """Clips by ``(clip, position)`` as the sampler names them; cuts begin at a token, ``whole``: none is cut."""
        numbers = [number for number, _ in pairs]
        most_frames = 0 if whole else self.max_frames
        lengths = [min(self.frames[number], most_frames or self.frames[number]) for number in numbers]
        first = [self._start(*pair, length) for pair, length in zip(pairs, lengths, strict=True)]
        rows, starts, valid = self._tensor(numbers), self._tensor(first), self._tensor(lengths)
        longest = max(lengths)
        padded = FRAMES_PER_TOKEN * (longest // FRAMES_PER_TOKEN + 1)
        wav, spec = self.sound(rows, starts, longest)
        inside = torch.arange(padded, device=self.device) < valid[:, None]
        cut = starts // FRAMES_PER_TOKEN, padded // FRAMES_PER_TOKEN
        aligned = self.alignment.cut(rows, *cut, fill=-1).long().repeat_interleave(FRAMES_PER_TOKEN, 1)
        most = max(self._phones[number] for number in numbers)
        return Batch(
            ssl=spec.new_zeros(0),
            spec=F.pad(spec, (0, padded - spec.shape[2])) * inside[:, None],
            spec_lengths=valid,
            wav=wav[:, None],
            text=self.phones.cut(rows, torch.zeros_like(rows), most).long(),
            text_lengths=self.phones.lengths[rows],
            alignment=torch.where(inside, aligned, -1),
            tokens=self.tokens.cut(rows, *cut).long(),
        )

    def _start(self, number: int, position: float, length: int) -> int:
        """First frame of a cut, an even one: the second half of a token is no beginning."""
        return round(position * (self.frames[number] - length)) // FRAMES_PER_TOKEN * FRAMES_PER_TOKEN

    def _tensor(self, values: Sequence[int]) -> Tensor:
        """Sent without waiting for the device."""
        tensor = torch.tensor(values)
        return tensor.pin_memory().to(self.device, non_blocking=True) if self.device.type == "cuda" else tensor


class BatchSource(Protocol):
    """Makes a batch of what a sampler names."""

    def batch(self, pairs: Sequence[tuple[int, float]]) -> Batch:
        """Rows by ``(clip, position)``."""


class DeviceLoader:
    """Batches in the sampler's order, in the place of a ``DataLoader``."""

    def __init__(self, clips: BatchSource, sampler: LengthBatchSampler) -> None:
        self.clips, self.sampler = clips, sampler

    def __iter__(self) -> Iterator[Batch]:
        for pairs in self.sampler:
            yield self.clips.batch(pairs)
