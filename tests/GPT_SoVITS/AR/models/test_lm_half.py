"""Packed float16 weights: the numbers of float32 where float16 holds the weights, for every family and both paths."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from AR.backend import SamplingParams, T2SRequest
from AR.decode import decode
from AR.errors import T2SError
from AR.models import lm_half
from AR.models.qwen3_t2s_model import Qwen3T2SModel

pytestmark = pytest.mark.skipif(not lm_half.available(), reason="this processor has no float16 kernels of FBGEMM")
FAMILIES = ("qwen3", "qwen2", "llama", "gemma3")


def request(phones: int = 9) -> T2SRequest:
    return T2SRequest(torch.arange(phones) % 30, prompt=torch.arange(6), text="hello there")


@pytest.fixture(params=FAMILIES)
def pair(
    request: pytest.FixtureRequest, make_lm: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[Any, Any]:
    """The same trained folder, stored in half precision, loaded in float32 and packed."""
    monkeypatch.setattr(lm_half, "WORTHWHILE", 0)
    make_lm(request.param).save_pretrained(tmp_path, {"steps": 1}, half=True)
    return Qwen3T2SModel.from_pretrained(tmp_path), Qwen3T2SModel.from_pretrained(tmp_path, packed=True)


def test_numbers_and_tokens_are_those_of_float32(pair: tuple[Any, Any]) -> None:
    plain, packed = pair
    assert packed.packed and packed.dtype == torch.float32 and not plain.packed
    requests = [request(9), request(5)]
    state, logits = plain.prefill(requests)
    packed_state, packed_logits = packed.prefill(requests)
    assert float((logits - packed_logits).abs().max()) < 1e-4
    step = [model.step(s, torch.tensor([3, 4])) for model, s in ((plain, state), (packed, packed_state))]
    assert float((step[0] - step[1]).abs().max()) < 1e-4
    greedy = SamplingParams(top_k=1, repetition_penalty=1.0, max_tokens=24)
    wanted = [result.tokens.tolist() for result in decode(plain, requests, greedy)]
    assert [result.tokens.tolist() for result in decode(packed, requests, greedy)] == wanted
    assert [decode(packed, [one], greedy)[0].tokens.tolist() for one in requests] == wanted, "single equals batched"
    packed.backbone.through_transformers = True
    assert [result.tokens.tolist() for result in decode(packed, requests, greedy)] == wanted, "plain equals fast path"


def test_small_models_stay_in_float32(make_lm: Callable[..., Any], tmp_path: Path) -> None:
    make_lm("qwen3").save_pretrained(tmp_path, {"steps": 1}, half=True)
    model = Qwen3T2SModel.from_pretrained(tmp_path, packed=True)
    assert not model.packed and model.word_table.weight.dtype == torch.float32


def test_packed_weights_are_not_saved(pair: tuple[Any, Any], tmp_path: Path) -> None:
    with pytest.raises(T2SError, match="packed weights cannot be saved"):
        pair[1].save_pretrained(tmp_path / "again")


@pytest.mark.parametrize("bad", [1e6, float("nan"), float("inf")])
def test_weights_beyond_float16_stay_as_they_are(bad: float, make_lm: Callable[..., Any]) -> None:
    decoder = make_lm("qwen3").decoder
    layer = decoder.layers[0].mlp.up_proj
    with torch.no_grad():
        layer.weight[0, 0] = bad
    before = layer.weight.detach().clone()
    lm_half.pack(decoder)
    kept = decoder.layers[0].mlp.up_proj
    assert isinstance(kept, nn.Linear) and torch.equal(kept.weight.nan_to_num(7.0), before.nan_to_num(7.0))
    assert isinstance(decoder.layers[0].mlp.down_proj, lm_half.HalfLinear)


def test_a_bias_is_kept() -> None:
    torch.manual_seed(0)
    linear = nn.Linear(16, 4)
    linear.weight.data = linear.weight.data.half().float()
    x = torch.randn(2, 3, 16)
    assert torch.allclose(lm_half.HalfLinear(linear)(x), linear(x), atol=1e-5)
