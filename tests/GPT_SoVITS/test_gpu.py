"""On a GPU (``pytest -m gpu``): every network in float32, bfloat16 and float16 beside float32 on the CPU, captured
steps beside plain ones, streams beside whole results."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from AR.backend import SamplingParams, T2SRequest
from AR.engine import LocalEngine, speak
from AR.engine.tokens import join
from AR.models.t2s_model import Text2SemanticDecoder
from tests.GPT_SoVITS.AR.conftest import tiny_lm

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device here"),
]
CUDA = "cuda"
TOLERANCES = {torch.float32: 2e-3, torch.bfloat16: 0.15, torch.float16: 0.02}
"""Largest difference from float32 on the CPU, as a share of the largest number there is (TF32 is off by default)."""
STAGES = ("ar", "qwen3", "qwen2", "llama", "mistral", "gemma3")
CONFIG = {"model": {"hidden_dim": 64, "head": 4, "linear_units": 128, "n_layer": 3, "phoneme_vocab_size": 40}}


def stage(kind: str) -> Any:
    if kind != "ar":
        return tiny_lm(kind)
    torch.manual_seed(0)
    return Text2SemanticDecoder(CONFIG).eval().requires_grad_(False)


def requests(count: int = 5) -> list[T2SRequest]:
    g = torch.Generator().manual_seed(1)

    def ids(size: int, high: int) -> Tensor:
        return torch.randint(0, high, (size,), generator=g)

    return [T2SRequest(ids(5 + 7 * n, 40), None, ids(3 * n, 1024) if n else None, "hello world") for n in range(count)]


def near(got: Tensor, want: Tensor, dtype: torch.dtype) -> None:
    error = float((got.float().cpu() - want).abs().max() / want.abs().max())
    assert error < TOLERANCES[dtype], f"{error:.4f} of the largest number"


@pytest.mark.parametrize("dtype", list(TOLERANCES))
@pytest.mark.parametrize("kind", STAGES)
def test_logits(kind: str, dtype: torch.dtype) -> None:
    plain = stage(kind)
    there = copy.deepcopy(plain)
    if kind == "ar":
        there.to(CUDA, dtype)
    else:
        there.decoder.to(dtype)
        there.to(CUDA)
    forced = torch.randint(0, 1024, (20, 5), generator=torch.Generator().manual_seed(2))
    state, logits = plain.prefill(requests())
    state_there, logits_there = there.prefill(requests())
    near(logits_there, logits, dtype)
    for tokens in forced:
        logits, logits_there = plain.step(state, tokens), there.step(state_there, tokens.to(CUDA))
        near(logits_there, logits, dtype)


@pytest.mark.parametrize("kind", STAGES)
def test_captured_steps_are_the_plain_ones(kind: str) -> None:
    """Greedy and seeded, together and alone, streamed and whole; and greedy tokens are those of the CPU."""
    model = stage(kind)
    params = [SamplingParams(top_k=1, max_tokens=60), SamplingParams(seed=3, max_tokens=60, top_p=0.9)]
    on_cpu = [result.tokens.tolist() for result in run(model, params[0])]
    model.to(CUDA)
    for sampling in params:
        plain = [result.tokens.tolist() for result in run(model, sampling, capture=False)]
        captured = [result.tokens.tolist() for result in run(model, sampling)]
        assert captured == plain
        with LocalEngine(model) as engine:
            alone = [join(engine.stream(request, sampling)).tokens.tolist() for request in requests()]
        assert alone == plain
        if sampling.top_k == 1:
            assert plain == on_cpu


def run(model: Any, sampling: SamplingParams, capture: bool = True) -> list[Any]:
    with LocalEngine(model, rows=8, capture=capture) as engine:
        return speak(engine, requests(), sampling)


@pytest.mark.parametrize("dtype", list(TOLERANCES))
@torch.inference_mode()
def test_hubert(tiny_pack: Any, dtype: torch.dtype) -> None:
    from feature_extractor.cnhubert import CNHubert

    plain = CNHubert(tiny_pack / "hubert")
    wave = torch.randn(1, 16000, generator=torch.Generator().manual_seed(0)) * 0.1
    want = features(plain(wave))
    near(features(copy.deepcopy(plain).to(CUDA, dtype)(wave.to(CUDA, dtype))), want, dtype)


def features(found: Any) -> Tensor:
    return found if isinstance(found, Tensor) else found["last_hidden_state"]


@pytest.mark.golden
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
@pytest.mark.parametrize("version", ["v1", "v2", "v2Pro", "v2ProPlus"])
@torch.inference_mode()
def test_synthesisers_that_make_waveforms(golden: Callable[[str], Any], version: str, dtype: torch.dtype) -> None:
    from tools.bench.full_size import s2_config, FULL  # noqa: I001
    from module.models import build_synthesizer

    config = s2_config(version, FULL)
    torch.manual_seed(0)
    vits = build_synthesizer(config["data"]["filter_length"] // 2 + 1, 32, **config["model"]).prepare_inference()
    width = config["model"].get("gin_channels", 512)
    latent = torch.randn(1, config["model"]["inter_channels"], 40)
    style = torch.randn(1, width, 1) * 0.1
    want = vits.dec(latent, style)
    there = copy.deepcopy(vits).to(CUDA, dtype)
    near(there.dec(latent.to(CUDA, dtype), style.to(CUDA, dtype)), want, dtype)


def test_streams_are_as_long_as_the_whole(tiny_pack: Any) -> None:
    from TTS_infer_pack.TTS import TTS, SynthesisRequest, TTS_Config

    tts = TTS(TTS_Config(pack=str(tiny_pack), device=CUDA))
    for mode in (2, 3):
        asked = [SynthesisRequest("Hello there, my friend.", "en", seed=8, streaming_mode=m) for m in (0, mode)]
        whole, stream = (sum(len(chunk.samples) for chunk in tts.stream(one)) for one in asked)
        assert whole == stream
