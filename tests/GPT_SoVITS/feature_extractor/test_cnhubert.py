"""CNHubert on tiny seeded HuBERT folders: shapes, both weight formats, and folders that must be refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from errors import AudioError, CheckpointError
from feature_extractor.cnhubert import CNHubert, check_folder, receptive_field

transformers = pytest.importorskip("transformers")


def save_tiny(folder: Path, binary: bool = False, **changes: object) -> Path:
    """A HuBERT of 12 channels in ``folder``; ``binary`` writes pytorch_model.bin as older exports do."""
    torch.manual_seed(0)
    settings = {
        "hidden_size": 12,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": 16,
        "conv_dim": [8] * 7,
        "num_conv_pos_embeddings": 16,
        "num_conv_pos_embedding_groups": 2,
        **changes,
    }
    model = transformers.HubertModel(transformers.HubertConfig(**settings))
    model.save_pretrained(folder)
    if binary:
        (folder / "model.safetensors").unlink()
        torch.save(model.state_dict(), folder / "pytorch_model.bin")
    return folder


@pytest.mark.parametrize("binary", [False, True])
def test_features_have_the_public_shape_and_values(tmp_path: Path, binary: bool) -> None:
    hubert = CNHubert(save_tiny(tmp_path / "hubert", binary))
    wav = torch.randn(2, 16000, generator=torch.Generator().manual_seed(1)) * 100  # unnormalised on purpose
    features = hubert(wav)
    assert features.shape == (2, 12, 49)
    assert hubert.ssl_dim == 12
    public = hubert.model(wav)["last_hidden_state"].transpose(1, 2)
    assert torch.equal(features, public)
    assert torch.allclose(hubert(wav[0]), features[:1], atol=1e-5)
    assert not features.requires_grad


def test_stays_in_evaluation_mode(tmp_path: Path) -> None:
    hubert = CNHubert(save_tiny(tmp_path / "hubert")).train()
    assert not hubert.training and not hubert.model.training


def test_audio_shorter_than_a_frame_is_an_error(tmp_path: Path) -> None:
    hubert = CNHubert(save_tiny(tmp_path / "hubert"))
    assert hubert.min_samples == receptive_field([10, 3, 3, 3, 3, 2, 2], [5, 2, 2, 2, 2, 2, 2]) == 400
    assert hubert(torch.zeros(1, 400)).shape[2] == 1
    with pytest.raises(AudioError, match="400 or more"):
        hubert(torch.zeros(1, 399))


def test_missing_folder_config_and_weights(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="does not exist"):
        CNHubert(tmp_path / "nothing")
    with pytest.raises(CheckpointError, match="no config.json"):
        CNHubert(tmp_path)
    folder = save_tiny(tmp_path / "hubert")
    (folder / "model.safetensors").unlink()
    with pytest.raises(CheckpointError, match="no weights"):
        CNHubert(folder)


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"model_type": "bert"}, "type 'bert'"), ({"conv_stride": [5, 2, 2, 2, 2, 2, 1]}, "stride of 160")],
)
def test_another_kind_of_model_is_refused(tmp_path: Path, changes: dict[str, object], message: str) -> None:
    folder = save_tiny(tmp_path / "hubert")
    config = json.loads((folder / "config.json").read_text()) | changes
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(CheckpointError, match=message):
        check_folder(folder)


def test_wrong_sampling_rate_is_refused(tmp_path: Path) -> None:
    folder = save_tiny(tmp_path / "hubert")
    (folder / "preprocessor_config.json").write_text('{"sampling_rate": 8000}')
    with pytest.raises(CheckpointError, match="8000 Hz"):
        CNHubert(folder)


def test_damaged_and_incomplete_weights_are_refused(tmp_path: Path) -> None:
    folder = save_tiny(tmp_path / "hubert", binary=True)
    weights = torch.load(folder / "pytorch_model.bin", weights_only=True)
    weights.pop("encoder.layers.0.attention.q_proj.weight")
    torch.save(weights, folder / "pytorch_model.bin")
    with pytest.raises(CheckpointError, match="q_proj.weight"):
        CNHubert(folder)
    (folder / "pytorch_model.bin").write_bytes(b"not weights")
    with pytest.raises(CheckpointError, match="cannot be loaded"):
        CNHubert(folder)


def test_audio_that_overflows_in_half_precision_is_done_in_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    full, half = (CNHubert(save_tiny(tmp_path / "hubert")) for _ in range(2))
    half.half()
    wav = torch.randn(1, 8000, generator=torch.Generator().manual_seed(1))
    real = type(half.model).forward

    def overflowing(self: torch.nn.Module, audio: torch.Tensor) -> object:
        out = real(self, audio.float() if audio.dtype == torch.float32 else audio)
        if audio.dtype == torch.float16:
            out["last_hidden_state"] = out["last_hidden_state"] * torch.nan
        return out

    monkeypatch.setattr(type(half.model), "forward", overflowing)
    for _ in range(2):
        features = half(wav)
        assert features.dtype == torch.float16
        torch.testing.assert_close(features.float(), full(wav), atol=0.01, rtol=0.01)
    assert caplog.text.count("overflows in half precision") == 1
    assert {name.split(".")[0] for name in half.state_dict()} == {"model"}, "what it does so with is no part of it"
