"""Reason codes by their real causes, in ``FallbackT2S`` alone and in a whole ``TTS``; of loading: test_lm_loader.py."""

from __future__ import annotations

import logging
import subprocess
import sys
import weakref
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from AR import plausible
from AR.backend import EOS, SamplingParams, T2SRequest
from AR.checked import CheckedT2S, decode_checked
from AR.engine import LocalEngine, speak
from AR.engine.tokens import join
from AR.errors import EngineFull, LMUnavailable
from AR.fallback import MOST_CAUSES, FallbackInfo, FallbackT2S, reason_of
from AR.models import lm_half
from AR.models.t2s_model import Text2SemanticDecoder
from tests.GPT_SoVITS.AR.scripted import Scripted

CONFIG = {"model": {"hidden_dim": 32, "head": 4, "linear_units": 64, "n_layer": 1, "phoneme_vocab_size": 40}}
PARAMS = SamplingParams(top_k=20, seed=7)
ROOT = Path(__file__).parents[3]


def talker(
    name: str, base: int = 0, error: BaseException | None = None, at: int = -1, nan: bool = False, endless: bool = False
) -> Scripted:
    """Says 80 tokens, ``base`` and up, and ends; breaks in the way it is told."""

    def say(request: T2SRequest, run: int, step: int) -> int:
        return EOS if step >= 80 and not endless else base + step % 90

    return Scripted(say, name, error, at, nan)


def engine_of(network: Any) -> CheckedT2S:
    """An engine over a network, that leaves no thread behind for long."""
    return CheckedT2S(LocalEngine(network, idle_seconds=0.05))


def both_of(lm: Any, ar: Any, *values: Any, **named: Any) -> FallbackT2S:
    return FallbackT2S(None if lm is None else engine_of(lm), engine_of(ar), *values, **named)


@pytest.fixture
def ar() -> Scripted:
    return talker("ar", 500)


def requests(count: int = 2) -> list[T2SRequest]:
    return [T2SRequest(torch.arange(20 + i) % 40, text="hello world") for i in range(count)]


def spoken_by_ar(results: Sequence[Any]) -> list[bool]:
    return [bool((r.tokens >= 500).all()) for r in results]


def test_a_language_model_that_works_speaks(ar: Scripted) -> None:
    both = both_of(talker("lm"), ar)
    results = speak(both, requests(), PARAMS)
    assert spoken_by_ar(results) == [False, False] and [result.stage for result in results] == ["lm", "lm"]
    assert both.last_fallback is None and both.name == "lm" and not ar.runs and not results[0].falls


FAILURES = [
    ({"error": RuntimeError("a bug"), "at": 57}, "runtime_error", 56),
    ({"error": MemoryError(), "at": 1}, "out_of_memory", 1),
    ({"error": RuntimeError("DefaultCPUAllocator: can't allocate memory"), "at": 57}, "out_of_memory", 56),
    ({"error": ImportError("no kernel"), "at": 57}, "transformers_missing", 56),
    ({"nan": True, "at": 57}, "numerical_error", 56),
    ({"endless": True}, "degenerate_output", 100),
]


@pytest.mark.parametrize(("how", "reason", "said"), FAILURES)
def test_a_failing_segment_is_spoken_again(
    how: dict[str, Any], reason: str, said: int, ar: Scripted, caplog: pytest.LogCaptureFixture
) -> None:
    falls: list[FallbackInfo] = []
    seen: set[tuple[str, str]] = set()
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            both = both_of(talker("lm", **how), ar, "some/model", on_fall=falls.append, logged=seen)
            results = speak(both, requests(1), PARAMS)
    assert spoken_by_ar(results) == [True] and len(results[0].tokens) == 80 and results[0].stage == "ar"
    assert both.last_fallback is not None and both.last_fallback.reason == reason
    assert both.last_fallback.model_name == "some/model" and "AR model speaks" in both.last_fallback.message
    assert results[0].falls == (both.last_fallback,), "falls travel with the request"
    assert len(falls) == 2 and sum(reason in r.getMessage() for r in caplog.records) == 1
    with pytest.raises(BaseException) as caught:  # noqa: PT011
        speak(both_of(talker("lm", **how), ar, strict=True), requests(1), PARAMS)
    assert reason_of(caught.value) == reason


def test_a_row_that_fails_takes_no_other_row_with_it(ar: Scripted) -> None:
    """Not finite in one row alone: the request beside it is spoken to its end by the language model."""
    lm = talker("lm")
    real = lm._logits

    def broken(state: Any, row: int) -> Tensor:
        request, _, step = state.rows[row]
        return real(state, row) * (float("nan") if len(request.phones) == 21 and step == 40 else 1.0)

    lm._logits = broken  # type: ignore[method-assign]
    results = speak(both_of(lm, ar), requests(2), PARAMS)
    assert spoken_by_ar(results) == [False, True] and [len(r.tokens) for r in results] == [80, 80]
    assert [fall.reason for fall in results[1].falls] == ["numerical_error"] and not results[0].falls


@pytest.mark.parametrize(("how", "reason", "said"), FAILURES)
def test_a_failing_segment_of_a_stream_begins_anew(how: dict[str, Any], reason: str, said: int, ar: Scripted) -> None:
    parts = list(both_of(talker("lm", **how), ar, "some/model").stream(requests(1)[0], PARAMS))
    anew = max(index for index, part in enumerate(parts) if part.restart)
    tokens = [torch.cat([part.tokens for part in some]).tolist() for some in (parts[:anew], parts[anew:])]
    assert len(tokens[0]) >= said and tokens[0][:56] == list(range(min(56, said)))
    assert tokens[1] == list(range(500, 580)) and parts[-1].finish_reason == "eos" and not parts[-1].collapsed
    falls = [part.fall for part in parts if part.fall]
    assert [fall.reason for fall in falls] == [reason] and parts[anew].fall is falls[0]
    assert {part.stage for part in parts[:anew]} == {"lm"} and {part.stage for part in parts[anew:]} == {"ar"}
    with pytest.raises(BaseException) as caught:  # noqa: PT011
        list(both_of(talker("lm", **how), ar, strict=True).stream(requests(1)[0], PARAMS))
    assert reason_of(caught.value) == reason


def test_a_full_queue_is_no_fall(ar: Scripted) -> None:
    engine = LocalEngine(talker("lm"), rows=1, queue_size=0, idle_seconds=0.05)
    both = FallbackT2S(engine, engine_of(ar))
    first = both.stream(requests(1)[0], PARAMS)
    with pytest.raises(EngineFull, match="try again later"):
        both.stream(requests(1)[0], PARAMS)
    assert join(first).stage == "lm" and both.last_fallback is None and not ar.runs


def test_a_failed_load_keeps_the_ar_model(ar: Scripted) -> None:
    both = both_of(None, ar, "x/y", LMUnavailable("no_adapter", "there is none"))
    assert both.last_fallback is not None
    for _ in range(2):
        results = speak(both, requests(), PARAMS)
        assert spoken_by_ar(results) == [True, True] and {r.falls[0].reason for r in results} == {"no_adapter"}
    assert not any(part.restart for part in both.stream(requests(1)[0], PARAMS))
    with pytest.raises(LMUnavailable):
        both_of(None, ar, "x/y", LMUnavailable("no_adapter", "there is none"), strict=True)


def test_after_running_out_of_memory_the_cache_is_gone_before_the_ar_model_speaks(ar: Scripted) -> None:
    lm, found = talker("lm"), []
    held: list[weakref.ref[Any]] = []
    allocate, read = lm.allocate, ar.read

    def hoard(rows: int, positions: int) -> Any:
        state: Any = allocate(rows, positions)
        state.cache = torch.nn.Module()
        held.append(weakref.ref(state.cache))
        return state

    def step(state: Any, tokens: Tensor) -> Tensor:
        cache = state.cache  # as a frame of a real step would
        raise torch.OutOfMemoryError(f"CUDA out of memory, {cache}")

    def look(*args: Any) -> Any:
        found.append((held[-1]() is None, sys.exc_info()[0]))
        return read(*args)

    lm.allocate, lm.step, ar.read = hoard, step, look  # type: ignore[method-assign]
    both = both_of(lm, ar, "some/model")
    assert spoken_by_ar(speak(both, requests(1), PARAMS)) == [True]
    assert found == [(True, None)]
    assert both.primary is None, "its weights may go as well"
    results, asked = speak(both, requests(), PARAMS), lm.runs
    assert spoken_by_ar(results) == [True, True] and lm.runs == asked
    assert results[0].falls[0].reason == "out_of_memory"


def test_reasons_are_told_under_a_torch_without_the_newer_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """torch 2.4 has ``torch.cuda.OutOfMemoryError`` only."""
    error = torch.cuda.OutOfMemoryError("CUDA out of memory")
    monkeypatch.delattr(torch, "OutOfMemoryError")
    assert reason_of(error) == "out_of_memory" and reason_of(ValueError()) == "runtime_error"


def test_causes_that_were_logged_do_not_pile_up(ar: Scripted) -> None:
    logged: set[tuple[str, str]] = set()
    for number in range(2 * MOST_CAUSES):
        both_of(None, ar, load_error=RuntimeError(f"at address {number}"), logged=logged)
    assert 0 < len(logged) <= MOST_CAUSES


def test_nan_planted_in_the_weights(make_lm: Callable[..., Any]) -> None:
    lm, ar_model = make_lm("qwen3"), Text2SemanticDecoder(CONFIG).eval()
    with torch.no_grad():
        lm.decoder.layers[1].mlp.down_proj.weight[0, 0] = float("nan")
    both = both_of(lm, ar_model)
    results = speak(both, requests(1), PARAMS)
    assert both.last_fallback is not None and both.last_fallback.reason == "numerical_error"
    assert results[0].tokens.tolist() == decode_checked(ar_model, requests(1), PARAMS)[0].tokens.tolist()


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


def say(tts: Any, text: str = "Hello there, my friend.") -> Any:
    return list(tts.run({"text": text, "text_lang": "en", "seed": 3, "top_k": 0, "return_fragment": True}))


def test_set_t2s_in_both_directions(voice: Any) -> None:
    vits = voice._models.vits
    say(voice)
    voice.set_t2s("qwen3", "tiny")
    assert voice.last_fallback is None and voice.configs.use_qwen3
    lm = voice._lms.latest
    assert lm is not None and lm.name == "qwen3"
    assert say(voice)
    voice.set_t2s("ar")
    assert voice._lms.latest is None and voice._models.vits is vits
    assert say(voice) and voice.last_fallback is None
    voice.set_t2s("qwen3", "no-such-model")
    assert voice.last_fallback is not None and voice.last_fallback.reason == "weights_missing"
    assert say(voice)


def test_another_precision_loads_again(voice: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lm_half, "WORTHWHILE", 0)
    voice.set_t2s("qwen3", "tiny")
    quick = voice._lms.latest
    assert quick.packed == lm_half.available() and say(voice) and voice._lms.latest is quick
    voice.configs.qwen3_precision = "float32"
    assert say(voice)
    exact = voice._lms.latest
    assert exact is not quick and not exact.packed


def test_an_exception_in_step_57_of_a_stream(voice: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "Hello there, my good old friend from the far north. It is a very fine day for a walk by the sea."
    want = say(voice, text)
    voice.set_t2s("qwen3", "tiny")
    lm = voice._lms.latest
    calls = {"step": 0}
    real = lm.step

    def broken(state: Any, tokens: Tensor) -> Tensor:
        calls["step"] += 1
        if calls["step"] == 57:
            raise RuntimeError("planted")
        return real(state, tokens)

    monkeypatch.setattr(lm, "step", broken)
    got = say(voice, text)
    assert voice.last_fallback is not None and voice.last_fallback.reason in ("runtime_error", "degenerate_output")
    assert calls["step"] >= 57 and len(got) == len(want)


@pytest.mark.parametrize("mode", [2, 3])
def test_an_exception_in_step_57_of_a_stream_of_pieces(voice: Any, monkeypatch: pytest.MonkeyPatch, mode: int) -> None:
    monkeypatch.setattr(plausible, "MIN_TOKENS_PER_PHONE", 0.5)  # the random voice ends by chance
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
    lm, calls, real = voice._lms.latest, {"step": 0}, voice._lms.latest.step

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
