"""Language models of requests: each its own stage, loaded once, tried again, dropped when memory runs out; falls stay
with the request that had them."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from AR.errors import LMUnavailable
from errors import RequestError
from tests.GPT_SoVITS.AR.conftest import tiny_lm
from TTS_infer_pack import language_model, models
from TTS_infer_pack.language_model import RETRY_SECONDS, LanguageModels, StageWish
from TTS_infer_pack.TTS import TTS, SynthesisRequest, TTS_Config


@pytest.fixture
def lm_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = tmp_path / "lms"
    root.mkdir()
    monkeypatch.setattr(language_model, "LM_ROOT", root)
    return root


def train(root: Path, name: str, seed: int = 0) -> None:
    """A stage as a training leaves it."""
    lm = tiny_lm("qwen3", phone_count=732)
    torch.manual_seed(seed)
    with torch.no_grad():
        lm.head.weight.zero_()  # all tokens alike: it ends after a second or so
        lm.semantic_embedding.weight.normal_()
    lm.save_pretrained(root / name, {"steps": 1})


def ask(t2s: str | None = None, name: str | None = None, **values: Any) -> SynthesisRequest:
    return SynthesisRequest("Hello there. It is so.", "en", seed=3, top_k=0, t2s=t2s, qwen3_model_name=name, **values)


def test_requests_with_different_stages_run_at_once(tiny_pack: Path, lm_root: Path) -> None:
    train(lm_root, "one")
    train(lm_root, "two", seed=1)
    tts = TTS(TTS_Config(pack=str(tiny_pack)))
    asked = [ask(), ask("qwen3", "one"), ask("ar"), ask("qwen3", "two")]
    alone = [tts.synthesize(request).samples for request in asked]
    assert np.array_equal(alone[0], alone[2]) and not np.array_equal(alone[0], alone[1])
    streams = [tts.stream(request) for request in asked]
    parts: list[list[np.ndarray]] = [[] for _ in asked]
    for chunks in zip(*streams, strict=True):
        for mine, chunk in zip(parts, chunks, strict=True):
            mine.append(chunk.samples)
    for mine, want in zip(parts, alone, strict=True):
        np.testing.assert_array_equal(np.concatenate(mine), want)
    assert not tts.configs.use_qwen3 and tts.configs.qwen3_model_name != "one", "the settings' wish is untouched"
    tts.configs.use_qwen3, tts.configs.qwen3_model_name = True, "one"
    np.testing.assert_array_equal(tts.synthesize(ask()).samples, alone[1])
    np.testing.assert_array_equal(tts.synthesize(ask("ar")).samples, alone[0])


def test_wishes_of_a_request_are_checked(tiny_pack: Path) -> None:
    with pytest.raises(RequestError, match="no text-to-semantic stage 'gpt'.*ar or qwen3"):
        ask("gpt")
    assert SynthesisRequest.from_dict({"text": "Hi.", "text_lang": "en", "t2s": "", "qwen3_model_name": ""}).t2s is None
    tts = TTS(TTS_Config(pack=str(tiny_pack), qwen3_enable_inference=False))
    with pytest.raises(RequestError, match="turned off"):
        tts.stream(ask("qwen3", "one"))


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def store(lm_root: Path) -> Iterator[SimpleNamespace]:
    """A store of models whose loads are counted and can be made to fail."""
    state = SimpleNamespace(loads=[], error=None, clock=Clock())

    def load(asked: Any) -> Any:
        state.loads.append(asked.name)
        if state.error is not None:
            raise state.error
        return SimpleNamespace(name=f"{asked.name}{len(state.loads)}", device=torch.device("cpu"))

    state.models = LanguageModels(load, state.clock)
    voice = SimpleNamespace(
        engine=SimpleNamespace(name="ar"), device="cpu", codebook="book", spec=SimpleNamespace(symbols="v2")
    )
    state.get = lambda name="one", **values: state.models.engine(StageWish(name), voice, lambda info: None, **values)
    yield state


def test_a_failed_load_is_tried_again(store: SimpleNamespace) -> None:
    store.error = OSError("the network is gone")
    assert store.get().primary is None and store.get().primary is None
    assert store.loads == ["one"], "not by every request"
    store.error = None
    store.clock.now += RETRY_SECONDS + 1
    assert store.get().primary is not None and store.get().primary is not None
    assert store.loads == ["one"] * 2
    store.error = LMUnavailable("out_of_memory", "it needs more than is free")
    assert store.get("two").primary is None
    store.error = None
    assert store.get("two", retry=True).primary is not None, "and at once where somebody sets it"


def test_a_folder_trained_anew_is_picked_up(store: SimpleNamespace, lm_root: Path) -> None:
    assert store.get().primary is not None, "as the stand-in loads anything"
    train(lm_root, "one")
    first = store.get().primary
    assert store.get().primary is first
    shutil.move(lm_root / "one", lm_root / ".one.old")
    assert store.get().primary is first, "while it is being replaced"
    train(lm_root, "one", seed=2)
    assert store.get().primary is not first and len(store.loads) == 3


def test_a_folder_that_was_broken_is_tried_when_it_is_mended(store: SimpleNamespace, lm_root: Path) -> None:
    train(lm_root, "one")
    store.error = LMUnavailable("adapter_mismatch", "broken")
    assert store.get().primary is None
    store.error = None
    assert store.get().primary is None
    train(lm_root, "one", seed=1)
    assert store.get().primary is not None


def test_two_models_are_kept_and_the_oldest_goes_first(store: SimpleNamespace) -> None:
    for name in ("one", "two", "one", "three", "one"):
        store.get(name)
    assert store.loads == ["one", "two", "three"]
    store.get("two")
    assert store.loads[-1] == "two"


def test_others_make_room_for_one_that_does_not_fit_beside_them(store: SimpleNamespace) -> None:
    store.get("one")
    loads = iter([LMUnavailable("out_of_memory", "too little is free"), None])
    load = store.models._load
    store.models._load = lambda asked: (_ for _ in ()).throw(e) if (e := next(loads)) else load(asked)
    assert store.get("two").primary is not None
    store.models._load = load
    store.get("one")
    assert store.loads == ["one", "two", "one"]


def test_loading_one_model_does_not_keep_requests_for_another(store: SimpleNamespace) -> None:
    store.get("one")
    begun, go = threading.Event(), threading.Event()
    load = store.models._load

    def slow(asked: Any) -> Any:
        begun.set()
        assert go.wait(10)
        return load(asked)

    store.models._load = slow
    thread = threading.Thread(target=store.get, args=("two",))
    thread.start()
    assert begun.wait(10)
    assert store.get("one").primary is not None
    go.set()
    thread.join(10)
    assert store.loads == ["one", "two"]


def broken_step(error: Callable[[], BaseException]) -> Callable[..., Any]:
    def step(state: Any, tokens: torch.Tensor) -> torch.Tensor:
        raise error()

    return step


def test_after_an_out_of_memory_fall_the_model_is_dropped_and_the_reason_told(
    tiny_pack: Path, lm_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train(lm_root, "one")
    clock = Clock()
    tts = TTS(TTS_Config(pack=str(tiny_pack)))
    tts._lms = LanguageModels(clock=clock)
    tts.set_t2s("qwen3", "one")
    monkeypatch.setattr(tts._lms.latest, "step", broken_step(lambda: torch.OutOfMemoryError("CUDA out of memory")))
    want = tts.synthesize(ask("ar")).samples
    falls: list[Any] = []
    np.testing.assert_array_equal(tts.synthesize(ask(), on_fall=falls.append).samples, want)
    assert [fall.reason for fall in falls] == ["out_of_memory"] and tts._lms.latest is None
    falls.clear()
    np.testing.assert_array_equal(tts.synthesize(ask(), on_fall=falls.append).samples, want)
    [fall] = falls
    assert fall.reason == "out_of_memory" and "was dropped" in fall.message
    clock.now += RETRY_SECONDS + 1
    tts.synthesize(ask(), on_fall=falls.append)
    assert [fall.reason for fall in falls].count("out_of_memory") == 1, "after a while it is loaded and asked again"
    assert tts._lms.latest is not None


def test_falls_travel_with_their_own_request(tiny_pack: Path, lm_root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    train(lm_root, "one")
    tts = TTS(TTS_Config(pack=str(tiny_pack)))
    tts.set_t2s("qwen3", "one")
    monkeypatch.setattr(tts._lms.latest, "step", broken_step(lambda: RuntimeError("planted")))
    falling, quiet = tts.stream(ask()), tts.stream(ask("ar"))
    first = next(falling)
    assert first.fallback is not None and first.fallback.reason == "runtime_error"
    assert all(chunk.fallback is None for chunk in quiet) and quiet.fallback is None
    tts.synthesize(ask("ar"))
    assert tts.last_fallback is None, "the last request of all had none"
    assert [chunk.fallback is None for chunk in falling] == [False]
    assert falling.fallback is not None and len(falling.fallbacks) == 2
    absent = tts.stream(ask("qwen3", "no-such-model"))
    assert absent.fallback is not None and absent.fallback.model_name == "no-such-model"
    absent.close()
    assert list(absent) == []


def test_the_codebook_is_looked_at_once_a_voice(tiny_pack: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    real = models.codebook_fingerprint
    monkeypatch.setattr(models, "codebook_fingerprint", lambda book: calls.append(1) or real(book))
    tts = TTS(TTS_Config(pack=str(tiny_pack)))
    for _ in range(2):
        tts.synthesize(ask("qwen3", "no-such-model"))
    assert calls == [1]
