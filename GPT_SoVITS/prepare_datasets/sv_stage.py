"""Stage 2, speaker: ``7-sv_cn/<name>.pt``, the speaker vector ([1, 20480] float32) that v2Pro and v2ProPlus train on.

Made from ``5-wav32k/<name>`` at 16 kHz, as the public stage does, by the network that hears the reference in speaking.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import soxr
import torch
from torch import Tensor

from prepare_datasets.audio import SAMPLE_RATE, SSL_RATE, read_recording
from prepare_datasets.clip_files import FileStage, make_files
from prepare_datasets.hubert_stage import wav_path
from prepare_datasets.job import Job
from prepare_datasets.journal import atomic_file, digest_of, file_digest, file_stamp
from prepare_datasets.list_file import Clip
from prepare_datasets.report import Report, SkippedClip

SV_FOLDER = "7-sv_cn"

SpeakerNetwork = Callable[[np.ndarray], Tensor]
"""float32 audio at 16 kHz in -1..1, [T] -> speaker vector [1, 20480], float32 on the CPU."""


def sv_path(folder: Path, name: str) -> Path:
    """Where the speaker vector of a clip lies."""
    return folder / SV_FOLDER / f"{name}.pt"


def load_network(path: Path, device: str = "cpu", half: bool = False) -> tuple[SpeakerNetwork, str]:
    """The speaker network, and the fingerprint of its weights.

    Args:
        path: the published weights.
        device: "cpu" or "cuda".
        half: work in float16 (not on the CPU).

    Raises:
        CheckpointError: missing (the message names the command that fetches it), or weights of something else.
    """
    from sv import SV  # late: the other stages need no speaker network

    network = SV(path).to(device, torch.float16 if half and device != "cpu" else torch.float32)

    def embed(samples: np.ndarray) -> Tensor:
        vector = network.compute_embedding3(torch.from_numpy(samples)[None])
        return vector.float().cpu().clone()  # a plain tensor, no view of an inference one

    return embed, file_digest(path)


def process(clip: Clip, folder: Path, embed: SpeakerNetwork) -> None:
    """Make the file of one clip.

    Raises:
        SkippedClip: its audio is unusable, or the vector is no numbers.
    """
    samples = read_recording(wav_path(folder, clip.name))
    vector = embed(np.asarray(soxr.resample(samples, SAMPLE_RATE, SSL_RATE), dtype=np.float32))
    if not torch.isfinite(vector).all():
        raise SkippedClip("speaker vector is no numbers", clip.name)
    with atomic_file(sv_path(folder, clip.name)) as stream:
        torch.save(vector, stream)


def run(job: Job, embed: SpeakerNetwork, network_digest: str) -> Report:
    """Make the speaker vectors of the job's clips.

    Args:
        job: clips and folder.
        embed: the network.
        network_digest: its fingerprint; clips done by another one are done again.

    Raises:
        DatasetError: no clip had usable audio.
    """

    def digest(clip: Clip) -> str:
        audio = wav_path(job.folder, clip.name)
        if not audio.is_file():
            raise SkippedClip("no audio", "the audio stage left this clip out, or has not run")
        return digest_of("speaker", network_digest, file_stamp(audio))

    return make_files(
        job,
        FileStage(
            "speaker",
            SV_FOLDER,
            digest,
            lambda clip: [sv_path(job.folder, clip.name)],
            lambda clip: process(clip, job.folder, embed),
            str(job.folder),
        ),
    )
