"""A prepared data set of synthetic clips and a tiny configuration, for the tests of s2 training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import torch

REPO = Path(__file__).resolve().parents[2]
SSL_DIM = 16
MODEL = {
    "inter_channels": 16,
    "hidden_channels": 16,
    "filter_channels": 32,
    "n_heads": 2,
    "n_layers": 2,
    "kernel_size": 3,
    "p_dropout": 0.1,
    "resblock": "2",
    "resblock_kernel_sizes": [3],
    "resblock_dilation_sizes": [[1, 3]],
    "upsample_rates": [10, 8, 4],
    "upsample_initial_channel": 32,
    "upsample_kernel_sizes": [20, 16, 8],
    "n_layers_q": 3,
    "use_spectral_norm": False,
    "gin_channels": 16,
    "semantic_frame_rate": "25hz",
    "freeze_quantizer": True,
    "posterior_layers": 2,
    "flow_layers": 1,
    "version": "v2",
}
DATA = {
    "sampling_rate": 16000,
    "filter_length": 1024,
    "hop_length": 320,
    "win_length": 1024,
    "n_mel_channels": 20,
    "mel_fmin": 0.0,
    "mel_fmax": None,
}
TRAIN = {
    "seed": 7,
    "epochs": 50,
    "learning_rate": 2e-3,
    "batch_size": 3,
    "segment_size": 3200,
    "lr_decay": 0.999,
    "disc_width": 0.02,
    "disc_periods": [2],
    "log_interval": 1,
    "save_every_minutes": 0,
    "save_every_epoch": 1000,
    "torch_threads": 1,
}


def write_clips(folder: Path, count: int = 5, ssl_dim: int = SSL_DIM, speakers: bool = False) -> None:
    """Tones with noise and random features, laid out as the dataset stages do."""
    rng = np.random.default_rng(0)
    for part in ("4-cnhubert", "5-wav32k"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    lines = []
    for number in range(count):
        name, length = f"clip{number}.wav", 13000 + 1600 * number
        t = np.arange(length) / 16000
        wav = 0.4 * np.sin(2 * np.pi * (150 + 40 * number) * t) + 0.02 * rng.standard_normal(length)
        soundfile.write(str(folder / "5-wav32k" / name), wav, 16000, subtype="PCM_16")
        features = torch.from_numpy(rng.standard_normal((1, ssl_dim, length // 320 - 1)).astype(np.float32))
        torch.save(features, folder / "4-cnhubert" / f"{name}.pt")
        if speakers:
            (folder / "7-sv_cn").mkdir(exist_ok=True)
            vector = torch.from_numpy(rng.standard_normal((1, 20480)).astype(np.float32))
            torch.save(vector, folder / "7-sv_cn" / f"{name}.pt")
        lines.append(f"{name}\tHH AH0 L OW1 .\tNone\thello.\n")
    (folder / "2-name2text.txt").write_text("".join(lines), encoding="utf-8")


def configuration(folder: Path, model: dict[str, Any] | None = None, **train: Any) -> dict[str, Any]:
    """A public-layout configuration for the clips in ``folder / exp``; ``model`` changes keys of its section."""
    return {
        "train": {**TRAIN, **train},
        "data": {**DATA, "exp_dir": str(folder / "exp")},
        "model": {**MODEL, **(model or {})},
        "s2_ckpt_dir": str(folder / "exp"),
        "save_weight_dir": str(folder / "weights"),
        "name": "voice",
    }
