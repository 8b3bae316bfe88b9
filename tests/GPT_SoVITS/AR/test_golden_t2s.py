"""Parity of the AR transformer with the reference run (tests/golden/t2s_v1, t2s_v2)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F

from AR.backend import EOS, SamplingParams, T2SRequest
from AR.decode import decode
from AR.models.t2s_model import Text2SemanticDecoder, training_bias

pytestmark = pytest.mark.golden
_models: dict[str, Text2SemanticDecoder] = {}


@pytest.fixture(params=["t2s_v1", "t2s_v2"])
def fixture(request: pytest.FixtureRequest, golden: Callable[[str], Any]) -> Any:
    return golden(request.param)


def model_of(data: Any) -> Text2SemanticDecoder:
    """The network of a fixture, built once through the checkpoint path."""
    name = str(data.folder)
    if name not in _models:
        weight = data.state_dict(data.meta["state_dict"])
        _models[name] = Text2SemanticDecoder.from_checkpoint({"weight": weight, "config": data.meta["config"]})
    return _models[name]


def greedy(data: Any, max_tokens: int) -> SamplingParams:
    settings = data.meta["greedy_settings"]
    return SamplingParams(
        top_k=settings["top_k"],
        top_p=settings["top_p"],
        temperature=settings["temperature"],
        repetition_penalty=settings["repetition_penalty"],
        max_tokens=max_tokens,
        seed=0,
    )


def assert_logits(data: Any, got: torch.Tensor, name: str) -> None:
    tolerance = data.meta["tolerance"]["logits"]
    torch.testing.assert_close(got, data.tensor(name), atol=tolerance["abs"], rtol=tolerance["rel"])


def single_request(data: Any, with_prompt: bool = True) -> T2SRequest:
    prompt = data.tensor("prompt")[0] if with_prompt else None
    return T2SRequest(data.tensor("phones")[0], data.tensor("bert")[0], prompt)


def test_names_and_shapes(fixture: Any) -> None:
    want = [(name, tuple(shape)) for name, shape, _ in fixture.meta["state_dict"]]
    got = [(name, tuple(t.shape)) for name, t in model_of(fixture).checkpoint_weights().items()]
    assert sorted(got) == sorted(want)


@torch.inference_mode()
def test_stepwise_logits(fixture: Any) -> None:
    model = model_of(fixture)
    state, logits = model.prefill([single_request(fixture)])
    assert_logits(fixture, logits[0], "logits_first")
    tokens = fixture.io["greedy_tokens"]
    stored = {int(n.removeprefix("logits_step")): n for n in fixture.io if n.startswith("logits_step")}
    for step in range(1, max(stored) + 1):
        if step in stored:
            assert_logits(fixture, logits[0], stored[step])
        logits = model.step(state, torch.tensor([int(tokens[step - 1])]))


@pytest.mark.parametrize("prefix", ["", "reffree_"])
def test_greedy_tokens(fixture: Any, prefix: str) -> None:
    want = fixture.io[f"{prefix}greedy_tokens"].tolist()
    limit = fixture.meta["greedy_settings"]["early_stop"] + 1
    request = single_request(fixture, with_prompt=not prefix)
    result = decode(model_of(fixture), [request], greedy(fixture, limit))[0]
    assert result.tokens.tolist() == want


def test_reference_free_logits(fixture: Any) -> None:
    _, logits = model_of(fixture).prefill([single_request(fixture, with_prompt=False)])
    assert_logits(fixture, logits[0], "reffree_logits_first")


def batch_requests(data: Any) -> list[T2SRequest]:
    if "batch_lens" not in data.io:
        pytest.skip("the fixture has no batch")
    prompt = data.tensor("prompt")[0]
    count = len(data.io["batch_lens"])
    return [T2SRequest(data.tensor(f"batch_phones_{i}"), data.tensor(f"batch_bert_{i}"), prompt) for i in range(count)]


def test_left_padded_batch(fixture: Any) -> None:
    requests = batch_requests(fixture)
    model = model_of(fixture)
    _, logits = model.prefill(requests)
    assert_logits(fixture, logits, "batch_logits_first")
    want = [fixture.io[f"batch_tokens_{i}"].tolist() for i in range(len(requests))]
    for row, result in enumerate(decode(model, requests, greedy(fixture, max(map(len, want))))):
        assert result.tokens.tolist()[: len(want[row])] == want[row]


def training_logits(data: Any, left: bool) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits [B, T + 1, V] and targets [B, T + 1] of the public right-padded or the consistent left-padded batch."""
    prefix = "leftpad" if left else "train"
    if f"{prefix}_phones" not in data.io:
        pytest.skip("the fixture has no training pass")
    phones, bert = data.tensor(f"{prefix}_phones"), data.tensor(f"{prefix}_bert")
    lens, token_lens = data.tensor("train_phones_len"), data.tensor("train_sem_len")
    tokens = data.tensor("train_sem")
    columns = torch.arange(phones.shape[1])
    # both layouts mask as if padded on the left; the public data set pads on the right (bug 6 of the notes)
    text_valid = columns >= (phones.shape[1] - lens)[:, None]
    tokens = tokens.masked_fill(torch.arange(tokens.shape[1]) >= token_lens[:, None], EOS)
    model = model_of(data)
    hidden = model(
        phones, columns.expand_as(phones), tokens, training_bias(text_valid, token_lens, tokens.shape[1]), bert
    )
    return model.ar_predict_layer(hidden), F.pad(tokens, (0, 1), value=EOS)


@pytest.mark.parametrize("left", [False, True])
@torch.inference_mode()
def test_training_loss(fixture: Any, left: bool) -> None:
    logits, targets = training_logits(fixture, left)
    prefix = "leftpad" if left else "train"
    loss = F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="sum")
    torch.testing.assert_close(
        loss, fixture.tensor(f"{prefix}_loss"), atol=0, rtol=fixture.meta["tolerance"]["loss"]["rel"]
    )
    top3 = (logits.topk(3).indices == targets[..., None]).any(-1)[targets != EOS].float().mean()
    torch.testing.assert_close(top3, fixture.tensor(f"{prefix}_top3_acc"), atol=1e-6, rtol=1e-6)


@torch.inference_mode()
def test_training_logits(fixture: Any) -> None:
    logits, _ = training_logits(fixture, left=False)
    assert_logits(fixture, logits[0, 5], "train_logits_item0_5")
    assert_logits(fixture, logits[1, 0], "train_logits_item1_first")
    assert_logits(fixture, logits[1, -1], "train_logits_item1_last")
