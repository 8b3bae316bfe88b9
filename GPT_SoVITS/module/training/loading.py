"""From a prepared folder to batches: which clips, in which order, on which process."""

from __future__ import annotations

import torch
from accelerate import Accelerator
from torch.utils.data import DataLoader

from module.training.clips import repetitions, require_clips, scan_clips
from module.training.dataset import Batch, S2Dataset, collate
from module.training.latents import DecoderClips
from module.training.on_device import DeviceClips, DeviceLoader
from module.training.sampler import LengthBatchSampler
from module.training.settings import S2Settings
from text import cleaned_text_to_sequence


def load_data(settings: S2Settings) -> S2Dataset:
    """All usable clips of ``data.exp_dir``, with what the version needs of them.

    Raises:
        DatasetError: there is none; the message counts the reasons.
    """
    train, data, spec = settings.train, settings.data, settings.spec
    result = scan_clips(
        settings.exp_dir,
        lambda phones: cleaned_text_to_sequence(phones, settings.version),
        train.segment_size / data.sampling_rate,
        spec.needs_speaker_embedding,
    )
    dataset = S2Dataset(result, data, train.max_frames, train.cache_mb, spec)
    require_clips(result, settings.exp_dir)
    return dataset


def make_loader(
    settings: S2Settings, dataset: S2Dataset | DeviceClips | DecoderClips, accelerator: Accelerator
) -> tuple[DataLoader[Batch] | DeviceLoader, LengthBatchSampler]:
    """Batches of like length; each process gets its own share."""
    train = settings.train
    sampler = LengthBatchSampler(
        dataset.frames,
        train.batch_size,
        train.seed,
        repetitions(len(dataset)),
        accelerator.process_index,
        accelerator.num_processes,
    )
    if isinstance(dataset, DeviceClips | DecoderClips):
        return DeviceLoader(dataset, sampler), sampler
    loader: DataLoader[Batch] = DataLoader(
        dataset,  # type: ignore[arg-type]  # items are clips, collate makes the batch
        batch_sampler=sampler,
        collate_fn=collate,
        num_workers=train.num_workers,
        pin_memory=accelerator.device.type == "cuda",
        generator=torch.Generator(),  # its own: a loader made anew when resuming must not draw from the model's noise
    )
    return loader, sampler
