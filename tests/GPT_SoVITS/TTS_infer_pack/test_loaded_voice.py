"""State belongs to the voice that is loaded: what a pack recommends goes with its files, whole voices take each other's
place, and what a request wishes and suffers stays its own."""

from __future__ import annotations

import json
import shutil
from dataclasses import FrozenInstanceError
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import published
from AR import checked
from AR.models.lm_folder import codebook_fingerprint
from AR.read_back import ReadBack
from errors import CheckpointError, ConfigError, MismatchError, RequestError
from module.versions import VERSIONS
from process_ckpt import load_sovits_new
from tests.GPT_SoVITS.conftest import S2_CONFIG, make_hubert, make_s1, make_s2
from tests.GPT_SoVITS.TTS_infer_pack.test_versions import companions, saved
from TTS_infer_pack import models, voice_holder
from TTS_infer_pack.TTS import TTS, SynthesisRequest, TTS_Config

WORDS = {"prompt_text": "A voice that is quite like this.", "prompt_lang": "en"}


@pytest.fixture
def free_pack(tiny_pack: Path, tmp_path: Path) -> Path:
    """A pack whose AR model is asked without a prompt."""
    folder = tmp_path / "pack"
    shutil.copytree(tiny_pack, folder)
    description = json.loads((folder / "pack.json").read_text()) | {"reference_free": True, "span": {"phones": 90}}
    (folder / "pack.json").write_text(json.dumps(description))
    return folder


def own(path: Path, folder: Path) -> Path:
    """Somebody's own file, with the same content as the pack's."""
    return Path(shutil.copy(path, folder / f"own{path.suffix}"))


def speak(tts: TTS, **values: Any) -> np.ndarray:
    [(_, samples)] = tts.run({"text": "Hello there.", "text_lang": "en", "seed": 3, **values})
    return samples


# -- what a pack recommends --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["gpt", "sovits"])
def test_own_files_after_the_pack_are_not_used_as_the_packs(
    kind: str, free_pack: Path, tmp_path: Path, clip: Path
) -> None:
    tts = TTS(TTS_Config(pack=str(free_pack)))
    assert tts.voice.recommended.reference_free and tts.voice.recommended.span.phones == 90
    assert speak(tts).size, "the pack brings its clip"
    if kind == "gpt":
        tts.init_t2s_weights(own(free_pack / "s1.ckpt", tmp_path))
        assert tts.voice.recommended.sampling == {} and tts.voice.recommended.span.phones == 0
    else:
        tts.init_vits_weights(own(free_pack / "s2G.pth", tmp_path))
        assert tts.voice.recommended.sampling == {"top_k": 20}, "the AR model is still the pack's"
    assert tts.configs.reference_free is False and tts.configs.default_reference is None
    with pytest.raises(RequestError, match="ref_audio_path is missing"):
        speak(tts)
    request = SynthesisRequest("Hello there.", "en", str(clip), **WORDS)
    assert tts._job(request).prompt is not None, "prompt_text is used"
    tts.init_t2s_weights(free_pack / "s1.ckpt")
    tts.init_vits_weights(free_pack / "s2G.pth")
    assert tts.voice.recommended.reference_free and tts.configs.default_reference is not None
    assert speak(tts).size and tts._job(request).prompt is None


@pytest.fixture
def reading_pack(tiny_pack: Path, tmp_path: Path) -> Path:
    """A pack that knows what its tokens tell of phones; every try is far from its text."""
    folder = tmp_path / "reading"
    shutil.copytree(tiny_pack, folder)
    description = json.loads((folder / "pack.json").read_text()) | {"files": {"read_back": "table.safetensors"}}
    (folder / "pack.json").write_text(json.dumps(description))
    known = load_sovits_new(folder / "s2G.pth")["weight"]
    codebook = next(tensor for name, tensor in known.items() if name.endswith("_codebook.embed"))
    source = np.random.default_rng(0)
    ratios = source.normal(size=(732, 1024)).astype(np.float32)
    table = ReadBack(np.arange(732), ratios, np.full(732, -1.0), 0.01, 0.02, codebook_fingerprint(codebook))
    table.save(folder / "table.safetensors")
    return folder


def tries_of(tts: TTS, caplog: pytest.LogCaptureFixture, **values: Any) -> int:
    caplog.clear()
    with caplog.at_level("INFO", logger="AR.checked"):
        list(tts.stream(SynthesisRequest("Hello there.", "en", seed=3, **values)))
    return sum("was misread" in record.getMessage() for record in caplog.records)


def test_misread_segments_are_spoken_again(reading_pack: Path, caplog: pytest.LogCaptureFixture) -> None:
    tts = TTS(TTS_Config(pack=str(reading_pack)))
    assert tries_of(tts, caplog) == checked.RETRIES
    warned = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert any("says something else" in text for text in warned)
    assert tries_of(tts, caplog, return_fragment=True) == checked.RETRIES  # whole segments, one after the other
    assert tries_of(tts, caplog, streaming_mode=2) == 0, "what was heard is not said twice"
    assert tries_of(tts, caplog, top_k=1) == 0, "it would come out the same"


def test_what_the_tokens_tell_stays_with_their_codebook(
    reading_pack: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    tts = TTS(TTS_Config(pack=str(reading_pack)))
    tts.init_t2s_weights(own(reading_pack / "s1.ckpt", tmp_path))
    assert tts.voice.read_back is not None, "the tokens are still the pack's"
    tts = TTS(TTS_Config(pack=str(reading_pack)))
    tts.init_vits_weights(own(reading_pack / "s2G.pth", tmp_path))
    assert tts.voice.read_back is not None, "trained on from the pack, with its codebook"
    torch.manual_seed(5)
    make_s2(tmp_path / "other.pth")
    tts.init_vits_weights(tmp_path / "other.pth")
    assert tts.voice.read_back is None


def test_a_table_that_cannot_be_read_costs_no_speech(reading_pack: Path, caplog: pytest.LogCaptureFixture) -> None:
    (reading_pack / "table.safetensors").write_bytes(b"no table")
    tts = TTS(TTS_Config(pack=str(reading_pack)))
    assert speak(tts).size and tts.voice.read_back is None
    assert "misread speech is not noticed" in caplog.text and "read_back.py" in caplog.text


def test_v3_after_a_reference_free_pack_is_given_its_words(
    free_pack: Path, tmp_path: Path, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (models, voice_holder):
        monkeypatch.setattr(module, "load_companions", companions)
    tts = TTS(TTS_Config(pack=str(free_pack)))
    tts.init_vits_weights(saved(tmp_path, "v3"))
    assert speak(tts, ref_audio_path=str(clip), sample_steps=1, **WORDS).size


def test_a_loaded_voice_cannot_be_changed(shared_tts: TTS) -> None:
    with pytest.raises(FrozenInstanceError):
        shared_tts.voice.paths = None  # type: ignore[misc,assignment]


# -- whole voices ------------------------------------------------------------------------------------------------------


@pytest.fixture
def v1_files(tmp_path: Path) -> tuple[Path, Path]:
    torch.manual_seed(1)
    s1 = tmp_path / "v1.ckpt"
    make_s1(s1, VERSIONS["v1"].text_rows)
    return s1, saved(tmp_path, "v1")


def test_a_v1_voice_is_reached_while_running_and_left_again(
    tiny_pack: Path, v1_files: tuple[Path, Path], clip: Path
) -> None:
    tts = TTS(TTS_Config(pack=str(tiny_pack)))
    before = speak(tts)
    for load, path in zip((tts.init_t2s_weights, tts.init_vits_weights), v1_files, strict=True):
        with pytest.raises(MismatchError, match="load_voice"):
            load(path)
    voice = tts.load_voice(*v1_files)
    assert voice is tts.voice and tts.configs.version == "v1" == voice.version
    assert speak(tts, ref_audio_path=str(clip), **WORDS).size
    tts.load_voice(pack=tiny_pack)
    np.testing.assert_array_equal(before, speak(tts))
    with pytest.raises(ConfigError):
        tts.load_voice(version="v9")
    with pytest.raises(CheckpointError):
        tts.load_voice(v1_files[0], v1_files[0])
    np.testing.assert_array_equal(before, speak(tts))


def publish(library: Path, channels: int = 48) -> None:
    """Published v2 weights, of another encoder than the pack's."""
    config = {**S2_CONFIG, "model": S2_CONFIG["model"] | {"ssl_dim": channels}}
    for path in (published.S1["v2"], published.S2G["v2"], published.HUBERT):
        (library / path).parent.mkdir(parents=True, exist_ok=True)
    make_s1(library / published.S1["v2"])
    make_s2(library / published.S2G["v2"], config)
    make_hubert(library / published.HUBERT, channels)


def test_published_weights_are_reached_after_the_pack_whichever_file_comes_first(
    tiny_pack: Path, tmp_path: Path, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(2)
    publish(tmp_path / "library")
    tts = TTS(TTS_Config(pack=str(tiny_pack)))
    before = speak(tts)
    monkeypatch.setattr(published, "LIBRARY", tmp_path / "library")
    s1, s2 = (published.place(table["v2"]) for table in (published.S1, published.S2G))
    for first, second in ((tts.init_vits_weights, tts.init_t2s_weights), (tts.init_t2s_weights, tts.init_vits_weights)):
        for load in (first, second):
            load(s1 if load is tts.init_t2s_weights or load == tts.init_t2s_weights else s2)
        assert tts.voice.models.hubert.ssl_dim == 48 and speak(tts, ref_audio_path=str(clip), **WORDS).size
        assert tts.configs.cnhuhbert_base_path == str(published.place(published.HUBERT))
        tts.load_voice(pack=tiny_pack)
        np.testing.assert_array_equal(before, speak(tts))
    tts.load_voice(version="v2")
    assert tts.voice.paths.t2s == str(s1) and tts.voice.models.hubert.ssl_dim == 48


def test_without_an_encoder_that_fits_the_message_says_where_it_comes_from(
    tiny_pack: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(tmp_path / "library")
    shutil.rmtree(tmp_path / "library" / published.HUBERT)
    tts = TTS(TTS_Config(pack=str(tiny_pack)))
    monkeypatch.setattr(published, "LIBRARY", tmp_path / "library")
    with pytest.raises(MismatchError, match="48 channels.*download.py hubert"):
        tts.load_voice(version="v2")


def test_two_voices_speak_side_by_side(tiny_pack: Path, v1_files: tuple[Path, Path], clip: Path) -> None:
    tts = TTS(TTS_Config(pack=str(tiny_pack)))
    other = tts.prepare_voice(*v1_files)
    assert tts.voice.version == "v2" and other.version == "v1" and tts.memory_bytes > 0
    request = SynthesisRequest("Hello there. It is so.", "en", str(clip), seed=3, **WORDS)
    streams = [tts.stream(request), tts.stream(request, voice=other)]
    alone = [tts.synthesize(request).samples, tts.synthesize(request, voice=other).samples]
    parts: list[list[np.ndarray]] = [[], []]
    for first, second in zip(*streams, strict=True):
        parts[0].append(first.samples)
        parts[1].append(second.samples)
    for mine, want in zip(parts, alone, strict=True):
        np.testing.assert_array_equal(np.concatenate(mine), want)
