"""Building and loading the AR transformer: configuration checks, strict loads, row selection, decoding mode."""

from __future__ import annotations

import pytest
import torch

from AR.backend import T2SBackend, T2SRequest
from AR.errors import T2SError
from AR.models.config import T2SModelConfig
from AR.models.t2s_model import Text2SemanticDecoder, training_bias

MODEL = {"hidden_dim": 16, "embedding_dim": 16, "head": 2, "linear_units": 32, "n_layer": 2, "phoneme_vocab_size": 30}


def build() -> Text2SemanticDecoder:
    torch.manual_seed(0)
    return Text2SemanticDecoder({"model": MODEL}).eval()


def test_checkpoint_round_trip() -> None:
    model: T2SBackend = build()
    assert isinstance(model, Text2SemanticDecoder)
    again = Text2SemanticDecoder.from_checkpoint(
        {"weight": model.checkpoint_weights(), "config": {"model": MODEL}, "info": "test"}
    )
    request = T2SRequest(torch.arange(5), prompt=torch.arange(3))
    assert torch.equal(model.prefill([request])[1], again.prefill([request])[1])


def test_load_names_what_is_wrong() -> None:
    weight = build().checkpoint_weights()
    weight["model.extra"] = torch.zeros(1)
    weight["model.bert_proj.bias"] = torch.zeros(3)
    del weight["model.ar_text_position.alpha"]
    with pytest.raises(T2SError) as caught:
        Text2SemanticDecoder.from_checkpoint({"weight": weight, "config": {"model": MODEL}})
    for part in ("missing (ar_text_position.alpha)", "unexpected (extra)", "bert_proj.bias: (3,) / (16,)"):
        assert part in str(caught.value)
    with pytest.raises(T2SError, match="lacks"):
        Text2SemanticDecoder.from_checkpoint({"weight": weight})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"head": 3}, "divisible"),
        ({"embedding_dim": 32}, "have to be equal"),
        ({"EOS": 5}, "EOS"),
    ],
)
def test_bad_configurations(change: dict[str, int], message: str) -> None:
    with pytest.raises(T2SError, match=message):
        Text2SemanticDecoder({"model": {**MODEL, **change}})


def test_unknown_model_keys() -> None:
    config = {"model": {**MODEL, "heads": 2}}
    Text2SemanticDecoder(config)  # old public files carry keys of all kinds
    with pytest.raises(T2SError, match=r"unknown model keys \['heads'\]"):
        T2SModelConfig.from_dict(config, strict=True)


def test_training_mode_cannot_decode() -> None:
    with pytest.raises(RuntimeError, match="eval"):
        build().train().prefill([T2SRequest(torch.arange(3))])


@torch.inference_mode()
def test_training_pass_agrees_with_decoding() -> None:
    """Teacher-forced rows in a left-padded batch give the logits of prefill and step."""
    model = build()
    phones = [torch.tensor([3, 4, 5, 6, 7]), torch.tensor([8, 9])]
    tokens = torch.tensor([[10, 20, 30], [40, 1024, 1024]])
    lens = torch.tensor([3, 1])
    padded = torch.tensor([[3, 4, 5, 6, 7], [0, 0, 0, 8, 9]])
    valid = torch.tensor([[1, 1, 1, 1, 1], [0, 0, 0, 1, 1]], dtype=torch.bool)
    positions = (valid.cumsum(1) - 1).clamp_min(0)
    logits = model.ar_predict_layer(model(padded, positions, tokens, training_bias(valid, lens, 3)))
    for row in range(2):
        state, got = model.prefill([T2SRequest(phones[row])])
        torch.testing.assert_close(got[0], logits[row, 0], atol=1e-5, rtol=1e-5)
        for step in range(int(lens[row])):
            got = model.step(state, tokens[row, step : step + 1])
            torch.testing.assert_close(got[0], logits[row, step + 1], atol=1e-5, rtol=1e-5)


def test_long_rows_extend_the_position_table() -> None:
    model = build()
    _, logits = model.prefill([T2SRequest(torch.zeros(4100, dtype=torch.long))])
    assert bool(logits.isfinite().all())
