"""Every version speaks through the same pipeline: Pro with speaker vectors, v3 to v5 block by block with a vocoder."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

import published
import TTS_infer_pack.models as loading
import TTS_infer_pack.voice_holder as holder
import vocoders
from errors import CheckpointError, RequestError
from module.generator import GeneratorConfig
from module.models import build_synthesizer
from module.versions import VERSIONS, VersionSpec
from process_ckpt import save_s2
from tests.GPT_SoVITS.conftest import S2_CONFIG, make_s1, tone
from TTS_infer_pack.acoustic import FlowSampling, MelVoice, PromptParts
from TTS_infer_pack.models import Companions, Placement, load_companions
from TTS_infer_pack.TTS import TTS, AudioChunk, SynthesisRequest, TTS_Config
from vocoders import HiFiGANVocoder

WORDS = "A voice that is quite like this."
SMALL = {
    "dit": {"dim": 32, "depth": 1, "heads": 2, "head_dim": 16, "text_dim": 16, "conv_layers": 1, "mel": 100},
    "feature_width": 16,
    "wn_layers": 1,
}


ALL = ["v1", "v2", "v2Pro", pytest.param("v2ProPlus", marks=pytest.mark.slow), "v3", "v4", "v5dev"]
"""v2ProPlus differs from v2Pro in widths alone, v5turbo from v5dev in defaults: the quick tests leave them out."""
TALKATIVE = 2.6
"""End-of-speech logit of an AR model that speaks for more than a second."""


class Speakers:
    """Stands in for the speaker network: a vector that depends on the clip."""

    def compute_embedding3(self, wav: torch.Tensor) -> torch.Tensor:
        return wav.abs().mean() * torch.ones(1, 20480)


def companions(spec: VersionSpec, place: Any) -> Companions:
    """Tiny stand-ins, with the hop and rate of the real ones."""
    torch.manual_seed(0)
    speaker = Speakers() if spec.needs_speaker_embedding else None
    if spec.mel is None:
        return Companions(speaker)  # type: ignore[arg-type]
    rates = {256: (16, 16), 480: (24, 20)}[spec.mel.vocoder_hop]
    sizes = GeneratorConfig(100, "2", (3,), ((1,),), rates, 8, tuple(2 * rate for rate in rates), bias_in_last=True)
    return Companions(None, HiFiGANVocoder(sizes, spec.sampling_rate).eval().requires_grad_(False))


def config(version: str) -> dict[str, Any]:
    values = copy.deepcopy(S2_CONFIG)
    values["model"] |= {"version": version, **SMALL}
    return values


def weights(version: str, seed: int = 0) -> dict[str, torch.Tensor]:
    torch.manual_seed(seed)
    net = build_synthesizer(513, 32, **config(version)["model"])
    return {name: value for name, value in net.state_dict().items() if not name.startswith("enc_q.")}


def saved(folder: Path, version: str) -> Path:
    path = folder / f"{version}.pth"
    save_s2(path, weights(version), config(version), "1epoch", version)
    return path


@pytest.fixture
def tts(tiny_pack: Path, monkeypatch: pytest.MonkeyPatch) -> TTS:
    for module in (loading, holder):
        monkeypatch.setattr(module, "load_companions", companions)
    return TTS(TTS_Config(pack=str(tiny_pack)))


def speak(tts: TTS, clip: Path, **values: Any) -> tuple[int, np.ndarray]:
    request = {
        "text": "Hello there.",
        "text_lang": "en",
        "seed": 3,
        "ref_audio_path": str(clip),
        "prompt_text": WORDS,
        "prompt_lang": "en",
        "sample_steps": 2,
        **values,
    }
    [(rate, samples)] = list(tts.run(request))
    return rate, samples


@pytest.mark.parametrize("version", ["v2Pro", "v2ProPlus", "v3", "v4", "v5dev", "v5turbo"])
def test_a_version_speaks_and_its_seed_decides(tts: TTS, tmp_path: Path, clip: Path, version: str) -> None:
    tts.init_vits_weights(saved(tmp_path, version))
    assert tts.configs.version == version
    rate, first = speak(tts, clip)
    expected = VERSIONS[version].sampling_rate if VERSIONS[version].mel else 16000
    assert rate == tts.sample_rate == tts.configs.sampling_rate == expected
    assert len(first) > rate // 2 and np.abs(first).max() > 0
    np.testing.assert_array_equal(first, speak(tts, clip)[1])
    assert len(speak(tts, clip, speed_factor=1.5)[1]) < len(first)
    other = speak(tts, clip, aux_ref_audio_paths=[str(clip)], seed=4)[1]
    assert other.shape != first.shape or not np.array_equal(other, first)


@pytest.fixture(scope="module")
def voices(tiny_pack: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], TTS]]:
    """``voices("v3")``: a loaded TTS of that version, one each for the whole module; read-only."""
    folder = tmp_path_factory.mktemp("voices")
    loaded: dict[str, TTS] = {}

    def get(version: str) -> TTS:
        if version not in loaded:
            s1, s2 = folder / f"{version}.ckpt", saved(folder, version)
            torch.manual_seed(0)
            make_s1(s1, VERSIONS[version].text_rows, TALKATIVE)
            loaded[version] = TTS({"pack": str(tiny_pack), "vits_weights_path": str(s2), "t2s_weights_path": str(s1)})
        return loaded[version]

    with pytest.MonkeyPatch.context() as patch:
        for module in (loading, holder):
            patch.setattr(module, "load_companions", companions)
        yield get


def streamed(tts: TTS, clip: Path, **values: Any) -> Iterator[AudioChunk]:
    request = {
        "text": "Hello there. How are you?",
        "text_lang": "en",
        "ref_audio_path": str(clip),
        "prompt_lang": "en",
        "prompt_text": WORDS,
        "sample_steps": 1,
        "min_chunk_length": 2,
        "seed": 4,
        **values,
    }
    return tts.stream(SynthesisRequest.from_dict(request))


def chunks(tts: TTS, clip: Path, **values: Any) -> list[AudioChunk]:
    return list(streamed(tts, clip, **values))


def join(parts: list[AudioChunk]) -> np.ndarray:
    return np.concatenate([part.samples for part in parts])


@pytest.mark.parametrize("version", ALL)
def test_a_stream_of_any_version(voices: Callable[[str], TTS], clip: Path, version: str) -> None:
    tts = voices(version)
    assert tts.configs.version == version
    whole = chunks(tts, clip)
    for mode, speed in ((2, 1.0), (3, 1.0), (3, 1.3)):
        stream = chunks(tts, clip, streaming_mode=mode, speed_factor=speed)
        assert len(stream) >= len(whole) * (2 if mode == 3 else 1)
        assert sum(c.tokens for c in stream) == sum(c.tokens for c in whole)
        expected = join(whole) if speed == 1 else join(chunks(tts, clip, speed_factor=speed))
        assert len(join(stream)) == len(expected) and np.isfinite(join(stream)).all()
        assert {c.sample_rate for c in stream} == {tts.sample_rate}
    other = streamed(tts, clip, text="Another text, of other words.", seed=8, streaming_mode=3)
    mixed = []
    for chunk in streamed(tts, clip, streaming_mode=3, speed_factor=1.3):
        mixed.append(chunk)
        next(other, None)
    np.testing.assert_array_equal(join(mixed), join(stream))  # the same seed, and nothing of the other stream


@pytest.mark.parametrize("version", ["v2Pro", "v3", "v4"])
def test_any_version_tells_its_words(voices: Callable[[str], TTS], clip: Path, version: str) -> None:
    timed = []
    for mode in (0, 2):
        ask = {"text": "Hello there, friend.", "text_split_method": "cut0", "subtitles": True}
        parts = chunks(voices(version), clip, **ask, streaming_mode=mode)
        words = [word for part in parts for word in part.words]
        assert [word.text for word in words] == ["Hello", "there", "friend"]
        assert all(one.end <= other.start for one, other in pairwise(words))
        assert 0 < words[-1].end <= sum(len(part.samples) / part.sample_rate for part in parts)
        timed.append(words)
    assert timed[0] == timed[1]


@pytest.mark.parametrize("version", ALL)
def test_several_references_are_averaged(
    voices: Callable[[str], TTS], clip: Path, tmp_path: Path, version: str
) -> None:
    tts, second = voices(version), tone(tmp_path / "second.wav", 4.0, hz=90.0)
    alone, twice = (join(chunks(tts, clip, aux_ref_audio_paths=aux)) for aux in ([], [clip]))
    np.testing.assert_allclose(alone, twice, atol=1e-3 * np.abs(alone).max())
    words = {"prompt_text": WORDS, "prompt_lang": "en"}
    job = tts._job(SynthesisRequest("Hello.", "en", str(clip), (str(second),), **words))
    count = 2 if VERSIONS[version].needs_speaker_embedding else 0
    assert len(job.refers) == 2 and len(job.speakers) == count
    style, vectors = tts._models.vits.style, list(job.speakers) or [None, None]
    each = [style(refer, vector) for refer, vector in zip(job.refers, vectors, strict=True)]
    assert not torch.equal(*each)
    torch.testing.assert_close(style(job.refers, list(job.speakers) or None), (each[0] + each[1]) / 2)


@pytest.mark.parametrize("version", ["v1", "v2", "v2Pro"])
def test_without_words_only_the_timbre_is_taken(voices: Callable[[str], TTS], clip: Path, version: str) -> None:
    tts = voices(version)
    assert tts._job(SynthesisRequest("Hello.", "en", str(clip))).prompt is None
    assert len(join(chunks(tts, clip, prompt_text=""))) > tts.sample_rate // 2


@pytest.mark.parametrize("version", ["v2", "v3"])
def test_speed_with_and_without_resynthesis(voices: Callable[[str], TTS], clip: Path, version: str) -> None:
    tts, pauses = voices(version), {"fragment_interval": 0}
    plain = join(chunks(tts, clip, **pauses))
    spoken, stretched = (join(chunks(tts, clip, speed_factor=1.6, resynthesis=r, **pauses)) for r in (True, False))
    assert len(stretched) == pytest.approx(len(plain) / 1.6, abs=4)
    assert len(spoken) == pytest.approx(len(plain) / 1.6, rel=0.05) and len(spoken) != len(stretched)
    pieces = join(chunks(tts, clip, speed_factor=1.6, resynthesis=False, streaming_mode=3, **pauses))
    assert len(pieces) == len(stretched)


def test_sample_steps_count_where_there_are_any(voices: Callable[[str], TTS], clip: Path) -> None:
    for version, matters in (("v2Pro", False), ("v4", True)):
        few, many = (join(chunks(voices(version), clip, sample_steps=steps)) for steps in (1, 6))
        assert len(few) == len(many) and np.array_equal(few, many) != matters


def test_a_version_brings_its_own_steps_and_guidance(voices: Callable[[str], TTS], clip: Path) -> None:
    for version, steps, guidance in (("v5dev", 32, 1.3), ("v5turbo", 4, 0.0), ("v4", 32, 0.0), ("v2", 32, 0.0)):
        own = FlowSampling.of(VERSIONS[version].mel, None, None)
        assert (own.steps, own.guidance) == (steps, guidance)
    for version, matters in (("v4", False), ("v5dev", True)):
        plain, guided = (join(chunks(voices(version), clip, cfg_rate=rate)) for rate in (0, 3))
        assert len(plain) == len(guided) and np.array_equal(plain, guided) != matters


def test_pieces_of_v5_keep_the_beginning_of_the_reference(voices: Callable[[str], TTS]) -> None:
    net = voices("v5dev")._models.vits
    vocoder = companions(VERSIONS["v5dev"], None).vocoder
    assert vocoder is not None
    prompt = PromptParts(torch.arange(30), torch.arange(5), torch.randn(1, 100, 118))
    voice = MelVoice(net, vocoder, prompt, [torch.rand(1, 513, 20)], 1.0, FlowSampling(1))
    for columns in (0, 8, 200):
        mel, tail = torch.randn(1, 100, columns), min(columns, 32)
        known = voice.after(torch.randn(1, 16, columns), mel)[1]
        assert known.size(2) == 118
        assert torch.equal(known[..., : 118 - tail], prompt.mel[..., : 118 - tail])
        assert torch.equal(known[..., 118 - tail :], mel[..., columns - tail :])


def test_versions_that_go_on_from_the_clip_need_its_words(tts: TTS, tmp_path: Path, clip: Path) -> None:
    tts.init_vits_weights(saved(tmp_path, "v3"))
    with pytest.raises(RequestError, match="v3 goes on from the reference clip"):
        speak(tts, clip, prompt_text="")


def test_super_sampling_raises_the_rate_where_something_can(
    tts: TTS, tmp_path: Path, clip: Path, caplog: pytest.LogCaptureFixture
) -> None:
    tts.init_vits_weights(saved(tmp_path, "v3"))
    rate, plain = speak(tts, clip, super_sampling=True)
    assert rate == 24000 and "pip install" in caplog.text
    double = SimpleNamespace(sampling_rate=48000, enhance=lambda wav, _: wav.repeat_interleave(2))
    models = tts.voice.models
    tts.use_voice(replace(tts.voice, models=replace(models, companions=replace(models.companions, enhancer=double))))
    rate, raised = speak(tts, clip, super_sampling=True)
    assert rate == 48000 and len(raised) == 2 * len(plain)
    np.testing.assert_array_equal(raised[: rate // 4 : 2], plain[: rate // 8])
    assert speak(tts, clip)[0] == 24000


@pytest.mark.parametrize(
    ("version", "missing"),
    [
        ("v2Pro", "sv.ckpt does not exist"),
        ("v3", "no-bigvgan"),
        ("v4", "vocoder.pth does not exist"),
        ("v5dev", "v5.pth does not exist"),
    ],
)
def test_missing_companions_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str, missing: str
) -> None:
    monkeypatch.setattr("sv.SV_PATH", tmp_path / "sv.ckpt")
    for name, file in (("bigvgan", "no-bigvgan"), ("hifigan48k", "vocoder.pth"), ("hifigan48k-v5", "v5.pth")):
        monkeypatch.setitem(vocoders.VOCODERS, name, (tmp_path / file, vocoders.VOCODERS[name][1]))
    with pytest.raises(CheckpointError, match=missing):
        load_companions(VERSIONS[version], Placement())


@pytest.mark.parametrize("speed", [1.0, 1.3])
def test_blocks_cover_the_feature_and_follow_each_other(speed: float) -> None:
    net = build_synthesizer(513, 32, **config("v3")["model"])
    net.load_state_dict(weights("v3"))
    net.eval().requires_grad_(False)
    net.mel = replace(net.mel, block_frames=40, reference_frames=12)
    seen: list[tuple[torch.Tensor, torch.Tensor]] = []
    inner = net.cfm.inference

    def inference(mu: torch.Tensor, prompt: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
        made = inner(mu, prompt, *args, **kwargs)
        seen.append((prompt, made[..., prompt.size(2) :]))
        return made

    net.cfm.inference = inference
    prompt = PromptParts(torch.arange(10), torch.arange(5), torch.randn(1, 100, 30))
    vocoder = companions(VERSIONS["v3"], None).vocoder
    assert vocoder is not None
    voice = MelVoice(net, vocoder, prompt, [torch.rand(1, 513, 20)], speed, FlowSampling(2))
    codes, phones = torch.arange(40)[None, None], torch.arange(9)[None]
    wave = voice(codes, phones, 1)
    frames = int((80 if speed == 1 else int(80 / speed) + 1) * 1.875)
    assert wave.shape == (frames * 256,)
    assert [made.size(2) for _, made in seen[:-1]] == [28] * (len(seen) - 1)
    assert sum(made.size(2) for _, made in seen) == frames
    assert torch.equal(seen[0][0], prompt.mel[..., 18:30])
    for (_, made), (known, _) in pairwise(seen):
        assert torch.equal(known, made[..., -12:])


def test_an_adapter_speaks_as_its_merged_model(
    tts: TTS, tmp_path: Path, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = weights("v4")
    target = "estimator.transformer_blocks.0.attn.to_q"
    down, up = torch.randn(2, 32).half(), torch.randn(32, 2).half()
    adapter = {
        f"cfm.base_model.model.{target}.lora_A.default.weight": down,
        f"cfm.base_model.model.{target}.lora_B.default.weight": up,
        "bridge.0.bias": base["bridge.0.bias"] + 1,
    }
    path = tmp_path / "me_e2_l2.pth"
    save_s2(path, adapter, config("v4"), "2epoch", "v4", lora_rank=2)
    monkeypatch.setattr(published, "LIBRARY", tmp_path / "library")
    before = speak(tts, clip)[1]
    says = "LoRA adapter, and its base model is not in .*s2Gv4.pth.*python tools/download.py v4"
    with pytest.raises(CheckpointError, match=says):
        tts.init_vits_weights(path)
    np.testing.assert_array_equal(before, speak(tts, clip)[1])
    save_s2(published.place(published.S2G["v4"]), base, config("v4"), "", "v4")
    tts.init_vits_weights(path)
    first = speak(tts, clip)[1]
    merged = dict(base)
    merged["bridge.0.bias"] = base["bridge.0.bias"] + 1
    half = base[f"cfm.{target}.weight"].half()
    merged[f"cfm.{target}.weight"] = (half.float() + up.float() @ down.float()).half()
    save_s2(tmp_path / "whole.pth", merged, config("v4"), "", "v4")
    tts.init_vits_weights(tmp_path / "whole.pth")
    np.testing.assert_array_equal(first, speak(tts, clip)[1])
