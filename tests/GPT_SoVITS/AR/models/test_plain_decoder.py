"""The plain decoder against transformers' own, for every family, and its weights from both sources."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from AR.models.kv_cache import DecodeState, KVCache, RowView, StepView
from AR.models.plain_decoder import FULL, SLIDING, PlainDecoder, Shape

FAMILIES = ("qwen3", "qwen2", "llama", "mistral", "gemma3")
LENGTH = 60  # beyond the tiny models' sliding windows


def through_cache(plain: PlainDecoder, x: Tensor, portions: tuple[int, ...]) -> Tensor:
    """Hidden states [L, C] of a row [L, C] that is read in portions and then stepped, beside a row of other length."""
    shape = plain.shape
    state = DecodeState(KVCache(len(shape.kinds), 2, shape.groups, shape.head_dim, x, 8))
    state.make_room(2, len(x))
    found: list[Tensor] = []
    start = 0
    for size in portions:
        view = RowView(state.cache, 1, start, start + size)
        found.append(plain(x[None, start : start + size], view, state.cache.capacity)[0])
        start += size
    other = x[:7]
    plain(other[None], RowView(state.cache, 0, 0, len(other)), state.cache.capacity)
    state.open_row(0, len(other), 0)
    state.open_row(1, start, 0)
    for position in range(start, len(x)):
        step = StepView(state.cache, 2)
        found.append(plain(x[[position - 1, position], None], step, state.cache.capacity)[1])
        state.finish_step(step, 2)
    return torch.cat(found)


def theirs(decoder: Any, x: Tensor) -> Tensor:
    return decoder(inputs_embeds=x[None], use_cache=False).last_hidden_state[0]


@pytest.mark.parametrize("family", FAMILIES)
@torch.inference_mode()
def test_hidden_states_are_those_of_transformers(family: str, make_causal_lm: Callable[[str], Any]) -> None:
    decoder = make_causal_lm(family).model
    plain = PlainDecoder.of(decoder)
    x = decoder.get_input_embeddings()(torch.arange(LENGTH) % 300)
    want = theirs(decoder, x)
    for portions in ((LENGTH,), (31, 12), (1, 40)):
        torch.testing.assert_close(through_cache(plain, x, portions), want, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("family", FAMILIES)
@torch.inference_mode()
def test_a_row_alone_steps_as_transformers_reads(family: str, make_causal_lm: Callable[[str], Any]) -> None:
    decoder = make_causal_lm(family).model
    plain = PlainDecoder.of(decoder)
    shape = plain.shape
    x = decoder.get_input_embeddings()(torch.arange(LENGTH) % 300)
    state = DecodeState(KVCache(len(shape.kinds), 1, shape.groups, shape.head_dim, x, LENGTH))
    found = [plain(x[None, :20], RowView(state.cache, 0, 0, 20), state.cache.capacity)[0]]
    state.open_row(0, 20, 0)
    for position in range(20, LENGTH):
        step = StepView(state.cache, 1)
        found.append(plain(x[None, position : position + 1], step, state.cache.capacity)[0])
        state.finish_step(step, 1)
    torch.testing.assert_close(torch.cat(found), theirs(decoder, x), atol=1e-5, rtol=1e-5)


@torch.inference_mode()
def test_llama3_and_linear_rotary_codes() -> None:
    from transformers import AutoModelForCausalLM, LlamaConfig

    from tests.GPT_SoVITS.AR.conftest import SIZES

    for scaling in (
        {"rope_type": "linear", "factor": 4.0},
        {
            "rope_type": "llama3",
            "factor": 8.0,
            "low_freq_factor": 1.0,
            "high_freq_factor": 4.0,
            "original_max_position_embeddings": 32,
        },
    ):
        torch.manual_seed(0)
        config = LlamaConfig(**SIZES, rope_parameters={"rope_theta": 500000.0, **scaling})
        decoder = AutoModelForCausalLM.from_config(config).eval().model
        x = torch.randn(LENGTH, SIZES["hidden_size"])
        got = through_cache(PlainDecoder.of(decoder), x, (LENGTH - 9,))
        torch.testing.assert_close(got, theirs(decoder, x), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("family", FAMILIES)
@torch.inference_mode()
def test_weights_from_safetensors(family: str, make_causal_lm: Callable[[str], Any], tmp_path: Path) -> None:
    causal = make_causal_lm(family)
    causal.save_pretrained(tmp_path)
    plain = PlainDecoder.load(tmp_path, json.loads((tmp_path / "config.json").read_text()))
    ids = torch.arange(20)
    x = plain.get_input_embeddings()(ids)
    torch.testing.assert_close(x, causal.get_input_embeddings()(ids), atol=1e-6, rtol=0)
    torch.testing.assert_close(through_cache(plain, x, (20,)), theirs(causal.model, x), atol=1e-5, rtol=1e-5)


def test_configurations_of_transformers_4() -> None:
    sizes = {"vocab_size": 10, "hidden_size": 8, "intermediate_size": 8, "num_attention_heads": 2}
    old = {**sizes, "num_hidden_layers": 7, "hidden_activation": "gelu_pytorch_tanh", "rope_theta": 1e6}
    gemma = Shape.of_config({**old, "model_type": "gemma3_text", "sliding_window": 4, "head_dim": 4})
    assert gemma.kinds == (SLIDING,) * 5 + (FULL, SLIDING)
    assert gemma.ropes[FULL]["rope_theta"] == 1e6 and gemma.ropes[SLIDING]["rope_theta"] == 10000.0
    qwen = {**sizes, "num_hidden_layers": 2, "model_type": "qwen2", "sliding_window": 4, "rope_theta": 1e6}
    assert Shape.of_config({**qwen, "use_sliding_window": False}).kinds == (FULL, FULL)
    assert Shape.of_config({**qwen, "use_sliding_window": True, "max_window_layers": 1}).kinds == (FULL, SLIDING)


@pytest.mark.parametrize(
    "change",
    [{"model_type": "bloom"}, {"hidden_act": "relu"}, {"rope_scaling": {"type": "yarn"}}, {"mlp_bias": True}],
)
def test_what_is_not_known_is_refused(change: dict[str, Any]) -> None:
    sizes = {"vocab_size": 10, "hidden_size": 8, "intermediate_size": 8, "num_attention_heads": 2}
    with pytest.raises(ValueError, match="model_type|activation|rotary|mlp_bias"):
        Shape.of_config({**sizes, "num_hidden_layers": 1, "model_type": "llama", **change})


def test_it_runs_without_transformers() -> None:
    code = "import sys; import AR.models.plain_decoder; sys.exit('transformers' in sys.modules)"
    root = Path(__file__).parents[4]
    done = subprocess.run([sys.executable, "-c", code], cwd=root / "GPT_SoVITS", check=False, timeout=120)
    assert done.returncode == 0
