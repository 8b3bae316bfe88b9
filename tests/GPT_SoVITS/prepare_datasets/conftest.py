"""A list of synthetic clips, a tiny HuBERT folder and a tiny SoVITS checkpoint, all seeded."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

SSL_DIM = 12


def tone(seconds: float, rate: int = 24000, peak: float = 0.5, seed: int = 0) -> np.ndarray:
    """A sweep with a little noise, float64 [T]."""
    time = np.arange(int(seconds * rate)) / rate
    wave = np.sin(2 * np.pi * (200 + 100 * time) * time) + 0.1 * np.random.default_rng(seed).standard_normal(len(time))
    return wave / np.abs(wave).max() * peak


@pytest.fixture
def make_list(tmp_path: Path) -> Callable[..., Path]:
    """``make_list(["a.wav|spk|en|Hello.", ...])`` writes a list and the ``.wav`` and ``.ogg`` files it names."""

    def make(lines: list[str], seconds: float = 1.0) -> Path:
        folder = tmp_path / "corpus"
        folder.mkdir(exist_ok=True)
        for number, line in enumerate(lines):
            path = folder / line.split("|")[0]
            if path.suffix in (".wav", ".ogg") and not path.exists():
                path.parent.mkdir(parents=True, exist_ok=True)
                soundfile.write(path, tone(seconds, seed=number), 24000)
        (folder / "my.list").write_text("\n".join(lines) + "\n", encoding="utf-8")
        return folder / "my.list"

    return make


@pytest.fixture(scope="session")
def tiny_hubert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A HuBERT folder with 12 channels."""
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    config = transformers.HubertConfig(
        hidden_size=SSL_DIM,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        conv_dim=[8] * 7,
        num_conv_pos_embeddings=16,
        num_conv_pos_embedding_groups=2,
    )
    folder = tmp_path_factory.mktemp("hubert")
    transformers.HubertModel(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def tiny_s2(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A v2 generator whose features have 12 channels, saved in the public layout."""
    from module.models import SynthesizerTrn
    from process_ckpt import save_s2

    model = {
        "inter_channels": 8,
        "hidden_channels": 8,
        "filter_channels": 16,
        "n_heads": 2,
        "n_layers": 2,
        "kernel_size": 3,
        "p_dropout": 0.1,
        "resblock": "1",
        "resblock_kernel_sizes": [3],
        "resblock_dilation_sizes": [[1, 3, 5]],
        "upsample_rates": [10, 8, 4],
        "upsample_initial_channel": 16,
        "upsample_kernel_sizes": [16, 16, 8],
        "gin_channels": 512,
        "semantic_frame_rate": "25hz",
        "freeze_quantizer": True,
        "version": "v2",
        "ssl_dim": SSL_DIM,
    }
    config = {
        "train": {"segment_size": 10240},
        "data": {"filter_length": 1024, "hop_length": 320, "sampling_rate": 16000, "n_speakers": 300},
        "model": model,
    }
    torch.manual_seed(0)
    generator = SynthesizerTrn(513, 32, n_speakers=300, **model)
    for name, value in generator.state_dict().items():
        if name.endswith(("embed", "embed_avg")):
            value.normal_()
    path = tmp_path_factory.mktemp("s2") / "s2G.pth"
    save_s2(path, generator.state_dict(), config, "tiny", "v2")
    return path
