"""A tiny random voice pack, written through the project's own functions: what the pipeline tests speak with.

It only makes noise, but it goes through exactly the files and code of a real pack, in well under a second.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch

from AR.models.t2s_model import Text2SemanticDecoder
from module.models import SynthesizerTrn
from process_ckpt import save_s1, save_s2
from TTS_infer_pack.TTS import TTS
from TTS_infer_pack.tts_config import TTS_Config

RATE = 16000
SSL_DIM = 32
S1_CONFIG: dict[str, Any] = {
    "model": {
        "vocab_size": 1025,
        "phoneme_vocab_size": 732,
        "embedding_dim": 32,
        "hidden_dim": 32,
        "head": 4,
        "linear_units": 64,
        "n_layer": 2,
        "dropout": 0,
        "EOS": 1024,
    },
}
S2_CONFIG: dict[str, Any] = {
    "train": {"segment_size": 10240},
    "data": {"sampling_rate": RATE, "filter_length": 1024, "hop_length": 320, "win_length": 1024},
    "model": {
        "inter_channels": 16,
        "hidden_channels": 16,
        "filter_channels": 32,
        "n_heads": 2,
        "n_layers": 2,
        "kernel_size": 3,
        "p_dropout": 0.0,
        "resblock": "2",
        "resblock_kernel_sizes": [3],
        "resblock_dilation_sizes": [[1, 3]],
        "upsample_rates": [10, 8, 4],
        "upsample_initial_channel": 32,
        "upsample_kernel_sizes": [20, 16, 8],
        "gin_channels": 32,
        "ssl_dim": SSL_DIM,
        "posterior_layers": 1,
        "flow_layers": 1,
        "flow_steps": 2,
        "style_channels": 16,
        "semantic_frame_rate": "25hz",
        "version": "v2",
    },
}
EOS_LOGIT = 3.2


def tone(path: Path, seconds: float, rate: int = RATE, level: float = 0.3, hz: float = 150.0) -> Path:
    """A voice-like recording: a buzzing tone in syllables, with pauses, as a wav file."""
    t = np.arange(int(seconds * rate)) / rate
    syllables = (np.sin(2 * np.pi * 1.5 * t) > -0.5) * level
    noise = np.random.default_rng(int(hz)).normal(0, 0.02, t.size)
    soundfile.write(str(path), (np.sign(np.sin(2 * np.pi * hz * t)) * 0.5 + noise) * syllables, rate)
    return path


def make_hubert(folder: Path, hidden: int = SSL_DIM) -> None:
    from transformers import HubertConfig, HubertModel

    config = HubertConfig(
        hidden_size=hidden,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        conv_dim=[8] * 7,
        num_conv_pos_embeddings=8,
        num_conv_pos_embedding_groups=2,
    )
    HubertModel(config).save_pretrained(folder)


def make_s1(path: Path, phone_rows: int = 732, eos_logit: float = EOS_LOGIT) -> None:
    """A random AR model that ends a sentence after half a second or so: EOS always has the logit ``eos_logit``."""
    config = {"model": S1_CONFIG["model"] | {"phoneme_vocab_size": phone_rows}}
    model = Text2SemanticDecoder(config)
    weight = model.state_dict()
    shift = torch.randn(32)
    last = [name for name in weight if name.endswith("norm2.bias")][-1]
    weight[last] = shift
    predict = torch.randn(1025, 32) / 32**0.5
    predict -= torch.outer(predict @ shift, shift) / shift.dot(shift)  # the shift moves EOS alone
    predict[1024] = eos_logit * shift / shift.dot(shift)
    weight["ar_predict_layer.weight"] = predict
    save_s1(path, weight, config, "GPT-e1")


def make_s2(path: Path, config: dict[str, Any] = S2_CONFIG) -> None:
    data = config["data"]
    model = SynthesizerTrn(data["filter_length"] // 2 + 1, 32, **config["model"])
    weight = model.state_dict()
    codebook = next(name for name in weight if name.endswith("_codebook.embed"))
    weight[codebook] = torch.randn_like(weight[codebook])
    # Freshly made generators whisper; this one is loud enough for its samples to be compared.
    weight["dec.conv_post.weight"] = torch.randn_like(weight["dec.conv_post.weight"])
    weight |= {name: value * 10 for name, value in weight.items() if name.startswith("dec.ups") and "weight_g" in name}
    save_s2(path, weight, config, "1epoch_1iteration", config["model"]["version"])


def make_pack(folder: Path) -> Path:
    torch.manual_seed(0)
    make_hubert(folder / "hubert")
    make_s1(folder / "s1.ckpt")
    make_s2(folder / "s2G.pth")
    (folder / "reference").mkdir()
    tone(folder / "reference" / "voice.wav", 4.0)
    reference = {"path": "reference/voice.wav", "text": "A voice that is quite like this.", "lang": "en"}
    content = {
        "name": "test-pack",
        "version": "v2",
        "language": "en",
        "default_reference": reference,
        "sampling": {"top_k": 20},
    }
    (folder / "pack.json").write_text(json.dumps(content), encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def tiny_pack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a tiny random pack; read-only."""
    return make_pack(tmp_path_factory.mktemp("pack"))


@pytest.fixture(scope="session")
def shared_tts(tiny_pack: Path) -> Iterator[TTS]:
    """One loaded TTS for tests that do not change it."""
    yield TTS(TTS_Config(pack=str(tiny_pack)))


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """A usable reference recording of 4 s."""
    return tone(tmp_path / "clip.wav", 4.0, hz=210.0)


@pytest.fixture
def losses(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, float]]:
    """Losses of every step of the s2 trainings made in a test, with the number of the step."""
    from module.training.loop import Board

    seen: list[dict[str, float]] = []

    def record(self: Board, values: dict[str, torch.Tensor], rate: float) -> None:
        seen.append({name: value.item() for name, value in values.items()} | {"step": self.run.position.step})

    monkeypatch.setattr(Board, "write", record)
    return seen
