"""Who speaks: recordings, re-synthesis with a tiny generator, and the pipeline's own doings, counted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import soundfile
import torch

from AR.fallback import FallbackInfo
from errors import AudioError, DatasetError, RequestError
from side_tables import read_tokens
from tools.evaluation.items import Item
from tools.evaluation.systems import FullSynthesis, Reference, Resynthesis, Teacher
from tools.evaluation.voices import VoiceUnderTest
from TTS_infer_pack.request import AudioChunk, SynthesisRequest


class FakeTTS:
    """Records what it is asked for; the language model always falls back."""

    def __init__(self) -> None:
        self.configs = SimpleNamespace(use_qwen3=False, qwen3_model_name="some/default")
        self.stages: list[tuple[str, str | None]] = []
        self.asked: list[SynthesisRequest] = []
        self.chunks = 2

    def set_t2s(self, kind: str, model_name: str | None = None) -> None:
        self.stages.append((kind, model_name))
        self.configs.use_qwen3 = kind == "qwen3"
        self.configs.qwen3_model_name = model_name or self.configs.qwen3_model_name

    def stream(
        self, request: SynthesisRequest, on_fall: Callable[[FallbackInfo], None] | None = None
    ) -> Iterator[AudioChunk]:
        self.asked.append(request)
        if self.configs.use_qwen3 and on_fall is not None:
            on_fall(FallbackInfo("weights_missing", "no weights."))
        for index in range(self.chunks):
            samples = np.full(800, index * 0.5, dtype=np.float32)
            yield AudioChunk(samples, 16000, index, "", 20, "length" if index else "eos")


def under_test(tts: FakeTTS, reference: Reference | None = None, label: str = "") -> VoiceUnderTest:
    """A voice whose pipeline is a fake."""
    voice = VoiceUnderTest(label, reference=reference)
    voice.reference = reference
    voice.__dict__["tts"] = tts  # in place of the cached property
    return voice


def test_teacher_is_the_recording(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.full(8000, 0.25), 8000)
    speech = Teacher().speak(Item(0, "Hello.", tmp_path / "a.wav"))
    assert speech.rate == 8000 and len(speech.samples) == 8000 and speech.work_seconds == 0
    with pytest.raises(DatasetError, match="no recording"):
        Teacher().speak(Item(1, "Hello."))


def test_full_synthesis_asks_the_pipeline_and_counts_falls(tmp_path: Path) -> None:
    tts = FakeTTS()
    voice = under_test(tts, Reference(tmp_path / "ref.wav", "Hi.", "en"), "old")
    systems = [FullSynthesis(voice, name, {"top_k": 5}) for name in ("ar", "qwen3")]
    speeches = [system.speak(Item(7, "Hello.", language="en"), 100) for system in systems]
    assert [system.name for system in systems] == ["old/tts-ar", "old/tts-qwen3"]
    assert [speech.note for speech in speeches] == ["", "fallback: weights_missing: no weights."]
    assert [(speech.falls, speech.retries, speech.cut_off) for speech in speeches] == [(0, 0, 1), (1, 0, 1)]
    assert len(speeches[0].samples) == 1600 and speeches[0].samples.dtype == np.int16
    asked = tts.asked[0]
    assert (asked.text, asked.text_lang, asked.seed, asked.top_k) == ("Hello.", "en", 107, 5)
    assert (asked.ref_audio_path, asked.prompt_text) == (str(tmp_path / "ref.wav"), "Hi.")
    assert tts.stages == [("qwen3", None)]
    FullSynthesis(under_test(tts), "ar").speak(Item(0, "はい。", language="ja"), 1)
    assert tts.asked[-1].ref_audio_path == "" and tts.asked[-1].text_lang == "ja"


def test_nothing_spoken_is_an_error_and_so_is_an_unknown_backend() -> None:
    tts = FakeTTS()
    tts.chunks = 0
    with pytest.raises(AudioError, match="nothing was spoken"):
        FullSynthesis(under_test(tts), "ar").speak(Item(0, "Hello."), 1)
    with pytest.raises(RequestError, match="not known"):
        FullSynthesis(under_test(tts), "gpt")


def test_several_language_models_are_named_and_loaded_in_turn() -> None:
    tts = FakeTTS()
    systems = [FullSynthesis(under_test(tts), "qwen3", model_name=name) for name in ("gsv-tiny", "/my/own")]
    assert [system.name for system in systems] == ["tts-gsv-tiny", "tts-own"]
    for system in systems:
        system.speak(Item(0, "Hello."))
        system.speak(Item(1, "Hello again."))
    assert tts.stages == [("qwen3", "gsv-tiny"), ("qwen3", "/my/own")]


def test_what_the_speech_follows_from(tmp_path: Path) -> None:
    voice = under_test(FakeTTS())
    voice.__dict__["facts"] = {"weights": "w"}
    system, item = FullSynthesis(voice, "ar"), Item(3, "Hello.")
    assert system.facts(item, 1) == FullSynthesis(voice, "ar").facts(item, 1)
    others = [
        system.facts(item, 2),
        system.facts(Item(3, "Hello!"), 1),
        FullSynthesis(voice, "ar", {"top_k": 5}).facts(item, 1),
        FullSynthesis(voice, "qwen3").facts(item, 1),
    ]
    assert system.facts(item, 1) not in others


@pytest.fixture
def tiny_s2(tmp_path: Path) -> Path:
    """A v2 generator in the public layout, 16 kHz, features of 12 channels."""
    from module.models import SynthesizerTrn
    from process_ckpt import save_s2

    model = {
        "inter_channels": 8,
        "hidden_channels": 8,
        "filter_channels": 16,
        "n_heads": 2,
        "n_layers": 2,
        "kernel_size": 3,
        "p_dropout": 0.1,
        "resblock": "1",
        "resblock_kernel_sizes": [3],
        "resblock_dilation_sizes": [[1, 3, 5]],
        "upsample_rates": [10, 8, 4],
        "upsample_initial_channel": 16,
        "upsample_kernel_sizes": [16, 16, 8],
        "gin_channels": 512,
        "semantic_frame_rate": "25hz",
        "version": "v2",
        "ssl_dim": 12,
    }
    data = {"filter_length": 1024, "hop_length": 320, "win_length": 1024, "sampling_rate": 16000}
    torch.manual_seed(0)
    generator = SynthesizerTrn(513, 32, **cast(dict[str, Any], model))
    save_s2(
        tmp_path / "s2G.pth",
        generator.state_dict(),
        {"train": {"segment_size": 10240}, "data": data, "model": model},
        "tiny",
        "v2",
    )
    return tmp_path / "s2G.pth"


def test_resynthesis_from_tokens_is_repeatable(tmp_path: Path, tiny_s2: Path) -> None:
    soundfile.write(tmp_path / "a.wav", 0.3 * np.random.default_rng(0).standard_normal(16000), 16000)
    (tmp_path / "tokens.tsv").write_text("item_name\tsemantic_audio\na.wav\t" + " ".join(map(str, range(25))) + "\n")
    tokens = read_tokens(tmp_path / "tokens.tsv")
    item = Item(3, "Hello there.", tmp_path / "a.wav")
    voice = VoiceUnderTest("", {"vits_weights_path": str(tiny_s2)}, Reference(tmp_path / "a.wav"))
    for own_voice in (False, True):
        system = Resynthesis(voice, own_voice, tokens)
        first, second = (system.speak(item, 1) for _ in range(2))
        assert first.rate == 16000 and len(first.samples) == 25 * 2 * 320 and first.work_seconds > 0
        assert np.array_equal(first.samples, second.samples)
        assert system.voice(item) == tmp_path / "a.wav"
    assert system.facts(item, 1) != Resynthesis(voice, False, tokens).facts(item, 1)
    with pytest.raises(DatasetError, match="no tokens of b.wav"):
        system.speak(Item(0, "Hi.", tmp_path / "b.wav"))
    voice.reference = None
    with pytest.raises(RequestError, match="needs a reference"):
        Resynthesis(voice)
    (tmp_path / "tokens.tsv").write_text("item_name\tsemantic_audio\na.wav\n")
    with pytest.raises(DatasetError, match="6-name2semantic"):
        read_tokens(tmp_path / "tokens.tsv")
