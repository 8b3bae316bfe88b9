"""Stage 2, audio: ``5-wav32k/<name>`` (int16 WAV, 32 kHz) and ``4-cnhubert/<name>.pt`` ([1, ssl_dim, frames])."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile
import torch

from feature_extractor.cnhubert import CNHubert
from prepare_datasets.audio import SAMPLE_RATE, read_recording, ssl_input, training_wav
from prepare_datasets.clip_files import FileStage, make_files
from prepare_datasets.job import Job
from prepare_datasets.journal import atomic_file, digest_of, file_digest, file_stamp
from prepare_datasets.list_file import Clip
from prepare_datasets.report import Report, SkippedClip

SSL_FOLDER, WAV_FOLDER = "4-cnhubert", "5-wav32k"

Encoder = Callable[[np.ndarray], torch.Tensor]
"""float32 audio at 16 kHz [T] -> features [1, ssl_dim, frames] on the CPU."""


def ssl_path(folder: Path, name: str) -> Path:
    """Where the features of a clip lie."""
    return folder / SSL_FOLDER / f"{name}.pt"


def wav_path(folder: Path, name: str) -> Path:
    """Where the training audio of a clip lies; the name already has an extension, whatever it says."""
    return folder / WAV_FOLDER / name


def write_training_audio(folder: Path, name: str, samples: np.ndarray) -> None:
    """Write what the SoVITS training hears of a recording, ``samples`` [T] as ``read_recording`` gives them."""
    with atomic_file(wav_path(folder, name)) as stream:
        soundfile.write(stream, training_wav(samples), SAMPLE_RATE, format="WAV", subtype="PCM_16")


def hubert_digest(base_path: Path) -> str:
    """Fingerprint of an encoder's folder, so that another encoder makes the features anew."""
    files = [base_path / name for name in ("config.json", "model.safetensors", "pytorch_model.bin")]
    return digest_of(*(file_digest(path) for path in files if path.is_file()))


def load_encoder(base_path: Path, device: str = "cpu", half: bool = False) -> Encoder:
    """The encoder as this stage uses it.

    Args:
        base_path: HuBERT folder.
        device: "cpu" or "cuda".
        half: work in float16 (not on the CPU); :class:`CNHubert` does clips that overflow there in float32.

    Raises:
        CheckpointError: see :class:`CNHubert`.
    """
    half = half and device != "cpu"
    hubert = CNHubert(base_path).to(device)
    hubert = hubert.half() if half else hubert

    def encode(samples: np.ndarray) -> torch.Tensor:
        return hubert(torch.from_numpy(samples).unsqueeze(0).to(device)).cpu().contiguous()

    return encode


def process(clip: Clip, folder: Path, encode: Encoder) -> None:
    """Make both files of one clip.

    Raises:
        SkippedClip: the audio is unusable (see ``audio.read_recording``) or the features are no numbers.
    """
    samples = read_recording(clip.path)
    features = encode(ssl_input(samples))
    if not torch.isfinite(features).all():
        raise SkippedClip("features are no numbers", str(clip.path))
    write_training_audio(folder, clip.name, samples)
    with atomic_file(ssl_path(folder, clip.name)) as stream:
        torch.save(features, stream)


def run(job: Job, encode: Encoder, encoder_digest: str) -> Report:
    """Make audio and features of the job's clips.

    Args:
        job: clips and folder.
        encode: the encoder.
        encoder_digest: its fingerprint; clips done by another encoder are done again.

    Raises:
        DatasetError: no recording was usable.
    """
    return make_files(
        job,
        FileStage(
            "audio",
            SSL_FOLDER,
            lambda clip: digest_of("audio", encoder_digest, file_stamp(clip.path)),
            lambda clip: [ssl_path(job.folder, clip.name), wav_path(job.folder, clip.name)],
            lambda clip: process(clip, job.folder, encode),
        ),
    )
