"""Every reason code by its real cause, in ``FallbackT2S`` alone and in a whole ``TTS``."""

from __future__ import annotations

import builtins
import json
import logging
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from AR.backend import EOS, SamplingParams, T2SRequest
from AR.checked import decode_checked
from AR.decode import decode, stream_decode
from AR.errors import LMUnavailable
from AR.fallback import FallbackInfo, FallbackT2S, reason_of
from AR.lm_loader import LMPlaces, load_language_model, usable_stages
from AR.models import lm_backbone, lm_half
from AR.models.t2s_model import Text2SemanticDecoder

CONFIG = {"model": {"hidden_dim": 32, "head": 4, "linear_units": 64, "n_layer": 1, "phoneme_vocab_size": 40}}
PARAMS = SamplingParams(top_k=20, seed=7)
ROOT = Path(__file__).parents[3]


class Talker:
    """Says 80 tokens, ``base`` and up, and ends; breaks in the way it is told."""

    device = torch.device("cpu")

    def __init__(
        self,
        name: str,
        base: int = 0,
        error: BaseException | None = None,
        at: int = 57,
        nan: bool = False,
        endless: bool = False,
    ) -> None:
        self.name, self.base, self.error, self.at, self.nan, self.endless = name, base, error, at, nan, endless
        self.prefilled: list[list[T2SRequest]] = []

    def prefill(self, requests: Sequence[T2SRequest]) -> tuple[Any, Tensor]:
        self.prefilled.append(list(requests))
        return {"step": 0}, self._logits(0, len(requests))

    def step(self, state: Any, tokens: Tensor) -> Tensor:
        state["step"] += 1
        if state["step"] == self.at and self.error is not None:
            raise self.error
        return self._logits(state["step"], len(tokens))

    def select(self, state: Any, rows: Tensor) -> Any:
        return state

    def _logits(self, step: int, rows: int) -> Tensor:
        logits = torch.zeros(rows, 1025)
        logits[:, EOS if step >= 80 and not self.endless else self.base + step % 90] = 40.0
        if self.nan and step == self.at:
            logits[:] = float("nan")
        return logits


@pytest.fixture
def ar() -> Talker:
    return Talker("ar", 500)


def requests(count: int = 2) -> list[T2SRequest]:
    return [T2SRequest(torch.arange(20 + i) % 40, text="hello world") for i in range(count)]


def spoken_by_ar(results: Sequence[Any]) -> list[bool]:
    return [bool((r.tokens >= 500).all()) for r in results]


def test_a_language_model_that_works_speaks(ar: Talker) -> None:
    both = FallbackT2S(Talker("lm"), ar)
    assert spoken_by_ar(both.speak(requests(), PARAMS)) == [False, False]
    assert both.last_fallback is None and both.name == "lm" and not ar.prefilled


@pytest.mark.parametrize(
    ("lm", "reason"),
    [
        (Talker("lm", error=RuntimeError("a bug")), "runtime_error"),
        (Talker("lm", error=MemoryError()), "out_of_memory"),
        (Talker("lm", error=RuntimeError("DefaultCPUAllocator: can't allocate memory")), "out_of_memory"),
        (Talker("lm", error=ImportError("no kernel")), "transformers_missing"),
        (Talker("lm", nan=True), "numerical_error"),
        (Talker("lm", endless=True), "degenerate_output"),
    ],
)
def test_a_failing_segment_is_spoken_again(
    lm: Talker, reason: str, ar: Talker, caplog: pytest.LogCaptureFixture
) -> None:
    told: list[FallbackInfo] = []
    both = FallbackT2S(lm, ar, "some/model", on_fall=told.append)
    with caplog.at_level(logging.WARNING):
        results = both.speak(requests(), PARAMS)
        both.speak(requests(), PARAMS)
    assert spoken_by_ar(results) == [True, True] and [len(r.tokens) for r in results] == [80, 80]
    assert both.last_fallback is not None and both.last_fallback.reason == reason
    assert both.last_fallback.model_name == "some/model" and "AR model speaks" in both.last_fallback.message
    assert len(told) == 2 and sum(reason in r.getMessage() for r in caplog.records) == 1
    with pytest.raises(BaseException) as caught:  # noqa: PT011
        FallbackT2S(lm, ar, strict=True).speak(requests(), PARAMS)
    assert reason_of(caught.value) == reason


def test_as_a_plain_backend_the_ar_model_goes_on(ar: Talker) -> None:
    both = FallbackT2S(Talker("lm", error=RuntimeError("step 57")), ar)
    streamed: list[int] = []
    for chunk in stream_decode(both, requests(1), PARAMS):
        streamed += chunk.tokens.tolist()
    assert streamed[:57] == list(range(57)) and streamed[57:] == list(range(500, 580))
    [handed] = ar.prefilled[0]
    assert handed.prompt is not None and handed.prompt.tolist() == list(range(57))
    assert both.last_fallback is not None and both.last_fallback.reason == "runtime_error"
    nan = FallbackT2S(Talker("lm", nan=True), Talker("ar", 500))
    assert decode(nan, requests(2), PARAMS)[1].tokens.tolist()[57:] == list(range(500, 580))
    assert nan.last_fallback is not None and nan.last_fallback.reason == "numerical_error"


@pytest.mark.parametrize(
    ("lm", "reason", "heard"),
    [
        (Talker("lm", error=RuntimeError("a bug")), "runtime_error", 57),
        (Talker("lm", nan=True), "numerical_error", 57),
        (Talker("lm", error=MemoryError(), at=1), "out_of_memory", 1),
        (Talker("lm", endless=True), "degenerate_output", 100),
    ],
)
def test_a_failing_segment_of_a_stream_begins_anew(lm: Talker, reason: str, heard: int, ar: Talker) -> None:
    both = FallbackT2S(lm, ar, "some/model")
    parts = list(both.stream(requests(1)[0], PARAMS))
    anew = max(index for index, part in enumerate(parts) if part.again)
    tokens = [torch.cat([part.tokens for part in some]).tolist() for some in (parts[:anew], parts[anew:])]
    assert len(tokens[0]) >= heard and tokens[0][:57] == list(range(min(57, heard)))
    assert tokens[1] == list(range(500, 580)) and parts[-1].finish_reason == "eos" and not parts[-1].collapsed
    assert both.last_fallback is not None and both.last_fallback.reason == reason
    with pytest.raises(BaseException) as caught:  # noqa: PT011
        list(FallbackT2S(lm, ar, strict=True).stream(requests(1)[0], PARAMS))
    assert reason_of(caught.value) == reason


def test_a_stream_that_works_stays_with_the_language_model(ar: Talker) -> None:
    both = FallbackT2S(Talker("lm"), ar)
    assert torch.cat([part.tokens for part in both.stream(requests(1)[0], PARAMS)]).tolist() == list(range(80))
    assert both.last_fallback is None and not ar.prefilled
    only = FallbackT2S(None, ar, "x/y", LMUnavailable("no_adapter", "there is none"))
    parts = list(only.stream(requests(1)[0], PARAMS))
    assert torch.cat([part.tokens for part in parts]).tolist() == list(range(500, 580))
    assert not any(part.again for part in parts)


def test_a_failed_load_keeps_the_ar_model(ar: Talker) -> None:
    both = FallbackT2S(None, ar, "x/y", LMUnavailable("no_adapter", "there is none"))
    assert both.last_fallback is not None and spoken_by_ar(both.speak(requests(), PARAMS)) == [True, True]
    both.last_fallback = None
    both.begin()
    assert both.last_fallback is not None and both.last_fallback.reason == "no_adapter"
    with pytest.raises(LMUnavailable):
        FallbackT2S(None, ar, "x/y", LMUnavailable("no_adapter", "there is none"), strict=True)


def test_nan_planted_in_the_weights(make_lm: Callable[..., Any]) -> None:
    lm, ar_model = make_lm("qwen3"), Text2SemanticDecoder(CONFIG).eval()
    with torch.no_grad():
        lm.decoder.layers[1].mlp.down_proj.weight[0, 0] = float("nan")
    both = FallbackT2S(lm, ar_model)
    results = both.speak(requests(1), PARAMS)
    assert both.last_fallback is not None and both.last_fallback.reason == "numerical_error"
    assert results[0].tokens.tolist() == decode_checked(ar_model, requests(1), PARAMS)[0].tokens.tolist()


# ---- why a model cannot be loaded -----------------------------------------------------------------------------------


def reason(name: str, places: LMPlaces | None = None, **values: str) -> tuple[str, str]:
    with pytest.raises(LMUnavailable) as caught:
        load_language_model(name, places or LMPlaces(), **values)  # type: ignore[arg-type]
    return caught.value.reason, str(caught.value)


@pytest.fixture
def stages(make_lm: Callable[..., Any], tmp_path: Path) -> LMPlaces:
    """A root with one good trained stage, "good"."""
    make_lm("qwen3").save_pretrained(tmp_path / "good", {"steps": 1})
    return LMPlaces([tmp_path])


def test_names_are_found(stages: LMPlaces, tmp_path: Path) -> None:
    assert usable_stages(stages) == ["good"]
    assert load_language_model("good", stages).trained
    assert load_language_model(str(tmp_path / "good"), LMPlaces()).trained
    change(tmp_path / "good", backbone="package:no_such_package", weights="lora")
    assert usable_stages(stages) == []
    assert reason("good", stages)[0] == "weights_missing"


def change(folder: Path, **values: Any) -> None:
    path = folder / "t2s_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def test_a_backbone_name_finds_the_stage_that_was_trained_for_it(stages: LMPlaces, tmp_path: Path) -> None:
    change(tmp_path / "good", backbone="Qwen/Qwen2-0.5B")
    assert load_language_model("Qwen/Qwen2-0.5B", stages).trained


def test_folder_without_adapter(
    make_causal_lm: Callable[[str], Any], make_tokenizer: Callable[[], Any], tmp_path: Path
) -> None:
    make_causal_lm("qwen2").save_pretrained(tmp_path)
    make_tokenizer().save_pretrained(tmp_path)
    code, message = reason(str(tmp_path))
    assert code == "no_adapter" and "s1_train.py" in message


def test_transformers_missing(monkeypatch: pytest.MonkeyPatch, stages: LMPlaces) -> None:
    real = builtins.__import__

    def hook(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.split(".")[0] == "transformers":
            raise ImportError("No module named 'transformers'")
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", hook)
    code, message = reason("good", stages)
    assert code == "transformers_missing" and "pip install" in message


def test_unreachable_hub_falls_within_seconds(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from huggingface_hub import try_to_load_from_cache  # noqa: F401 - its import is not what is measured

    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    begin = time.monotonic()
    code, message = reason("Qwen/Qwen2-0.5B")
    assert code == "download_failed" and "127.0.0.1:9" in message
    assert time.monotonic() - begin < 5


def test_what_a_hub_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stand-in for the hub: one backbone without an adapter, nothing else; no weights are asked for."""
    asked: list[str] = []

    class Hub(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # noqa: N802
            asked.append(self.path)
            known = self.path == "/api/models/some/backbone"
            self.send_response(200 if known else 404)
            self.end_headers()
            self.wfile.write(json.dumps({"siblings": [{"rfilename": "model.safetensors"}]}).encode())

        def log_message(self, *args: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Hub) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_address[1]}")
        assert reason("some/backbone")[0] == "no_adapter"
        assert reason("some/other")[0] == "weights_missing"
        server.shutdown()
    assert asked == ["/api/models/some/backbone", "/api/models/some/other"]


def test_wrong_adapter_codebook_or_symbols(stages: LMPlaces, tmp_path: Path) -> None:
    change(tmp_path / "good", codebook="0123")
    assert reason("good", stages, codebook="4567")[0] == "codebook_mismatch"
    assert reason("good", stages, symbols="v1")[0] == "adapter_mismatch"
    change(tmp_path / "good", fingerprint={"hidden_size": 4096})
    assert reason("good", stages)[0] == "adapter_mismatch"


def test_too_little_memory_is_judged_before_loading(stages: LMPlaces, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lm_backbone, "free_memory", lambda device: 4096)
    monkeypatch.setattr(lm_backbone, "_load_decoder", lambda *a: pytest.fail("it was loaded"))
    code, message = reason("good", stages)
    assert code == "out_of_memory" and "needs" in message and "free" in message


# ---- in the pipeline ------------------------------------------------------------------------------------------------


@pytest.fixture
def voice(tiny_pack: Path, make_lm: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A TTS and one trained stage "tiny" for it."""
    from TTS_infer_pack import language_model
    from TTS_infer_pack.TTS import TTS, TTS_Config

    lm = make_lm("qwen3", phone_count=732)
    with torch.no_grad():
        lm.head.weight.zero_()  # all tokens alike, EOS a little likelier: it ends after a second or so
    lm.save_pretrained(tmp_path / "tiny", {"steps": 1})
    monkeypatch.setattr(language_model, "LM_ROOT", tmp_path)
    return TTS(TTS_Config(pack=str(tiny_pack)))


def speak(tts: Any, text: str = "Hello there, my friend.") -> Any:
    return list(tts.run({"text": text, "text_lang": "en", "seed": 3, "top_k": 0, "return_fragment": True}))


def test_set_t2s_in_both_directions(voice: Any) -> None:
    vits = voice._models.vits
    speak(voice)
    voice.set_t2s("qwen3", "tiny")
    assert voice.last_fallback is None and voice.configs.use_qwen3
    lm = voice._seat._model
    assert lm is not None and lm.name == "qwen3"
    assert speak(voice)
    voice.set_t2s("ar")
    assert voice._seat._model is None and voice._models.vits is vits
    assert speak(voice) and voice.last_fallback is None
    voice.set_t2s("qwen3", "no-such-model")
    assert voice.last_fallback is not None and voice.last_fallback.reason == "weights_missing"
    assert speak(voice)


def test_another_precision_loads_again(voice: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lm_half, "WORTHWHILE", 0)
    voice.set_t2s("qwen3", "tiny")
    quick = voice._seat._model
    assert quick.packed == lm_half.available() and speak(voice) and voice._seat._model is quick
    voice.configs.qwen3_precision = "float32"
    assert speak(voice)
    exact = voice._seat._model
    assert exact is not quick and not exact.packed


def test_an_exception_in_step_57_of_a_stream(voice: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "Hello there, my good old friend from the far north. It is a very fine day for a walk by the sea."
    want = speak(voice, text)
    voice.set_t2s("qwen3", "tiny")
    lm = voice._seat._model
    calls = {"step": 0}
    real = lm.step

    def broken(state: Any, tokens: Tensor) -> Tensor:
        calls["step"] += 1
        if calls["step"] == 57:
            raise RuntimeError("planted")
        return real(state, tokens)

    monkeypatch.setattr(lm, "step", broken)
    got = speak(voice, text)
    assert voice.last_fallback is not None and voice.last_fallback.reason in ("runtime_error", "degenerate_output")
    assert calls["step"] >= 57 and len(got) == len(want)


@pytest.mark.parametrize("mode", [2, 3])
def test_an_exception_in_step_57_of_a_stream_of_pieces(voice: Any, monkeypatch: pytest.MonkeyPatch, mode: int) -> None:
    from TTS_infer_pack.TTS import SynthesisRequest

    monkeypatch.setattr("AR.checked.default_min_tokens", lambda request: 0)  # random weights end where they like
    request = SynthesisRequest(
        "Hello there, my good old friend from the far north. It is a fine day.",
        "en",
        seed=3,
        top_k=0,
        text_split_method="cut4",
        streaming_mode=mode,
    )
    alone = list(voice.stream(request))
    voice.set_t2s("qwen3", "tiny")
    lm, calls, real = voice._seat._model, {"step": 0}, voice._seat._model.step

    def broken(state: Any, tokens: Tensor) -> Tensor:
        calls["step"] += 1
        if calls["step"] >= 57:
            raise RuntimeError("planted")
        return torch.where(torch.arange(1025) == EOS, -50.0, real(state, tokens))  # it would not end by itself

    monkeypatch.setattr(lm, "step", broken)
    got = list(voice.stream(request))
    assert voice.last_fallback is not None and voice.last_fallback.reason == "runtime_error"
    anew = [number for number, chunk in enumerate(got) if chunk.again]
    assert len(anew) == 1 and anew[0] > 1 and got[anew[0]].index == 0
    for index in (0, 1):  # from there on it is what the AR model says alone
        mine = [chunk.samples for chunk in got[anew[0] :] if chunk.index == index]
        wanted = [chunk.samples for chunk in alone if chunk.index == index]
        np.testing.assert_array_equal(np.concatenate(mine), np.concatenate(wanted))
    assert all(len(chunk.samples) < 16000 * 1.5 for chunk in got)
    before = np.concatenate([chunk.samples for chunk in got[: anew[0]]])
    assert np.abs(before).max() > 0 and abs(before[-1]) < 0.05  # faded out, and no silence after it
    assert len(before) / 16000 < 57 / 25

    voice.configs.qwen3_strict, calls["step"] = True, 0
    stream = voice.stream(request)
    next(stream)
    with pytest.raises(RuntimeError, match="planted"):
        list(stream)


def test_strict_mode_gives_the_error(voice: Any) -> None:
    from errors import CheckpointError

    voice.configs.qwen3_strict = True
    with pytest.raises(CheckpointError, match="no model folder"):
        voice.set_t2s("qwen3", "/nowhere")


def test_language_models_stay_unimported_while_use_qwen3_is_off(tiny_pack: Path) -> None:
    code = (
        "import sys; from TTS_infer_pack.TTS import TTS, TTS_Config; tts = TTS(TTS_Config(pack=sys.argv[1])); "
        "list(tts.run({'text': 'Hello.', 'text_lang': 'en'})); "
        "bad = [m for m in sys.modules if m.startswith(('peft', 'transformers.models.qwen', "
        "'transformers.models.llama', 'transformers.models.gemma'))]; print(bad); sys.exit(bool(bad))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tiny_pack)],
        cwd=ROOT,
        check=False,
        timeout=300,
        capture_output=True,
        text=True,
        env={"PYTHONPATH": f"{ROOT}:{ROOT / 'GPT_SoVITS'}", "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stdout + done.stderr
