"""Voices with names: by hand and by upload, found in any case, confined, refused with a reason."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from errors import AudioError, GSVError, LimitError, RequestError
from TTS_infer_pack import voice_library
from TTS_infer_pack.voice_library import VoiceLibrary

Make = Callable[..., bytes]


@pytest.fixture
def library(tmp_path: Path) -> VoiceLibrary:
    weights = tmp_path / "GPT_weights"
    weights.mkdir()
    (weights / "alice.ckpt").touch()
    return VoiceLibrary(tmp_path / "voices", (weights,))


def clip(seconds: float = 4.0, rate: int = 16000, channels: int = 1, kind: str = "WAV", level: float = 0.3) -> bytes:
    data = io.BytesIO()
    samples = np.random.default_rng(0).normal(0, 1, (int(seconds * rate), channels)).clip(-1, 1) * level
    soundfile.write(data, samples, rate, format=kind)
    return data.getvalue()


def by_hand(library: VoiceLibrary, name: str, content: dict | None = None, words: str | None = None) -> Path:
    folder = library.root / name
    folder.mkdir(parents=True)
    (folder / "speech.wav").write_bytes(clip())
    if words is not None:
        (folder / "speech.txt").write_text(words, encoding="utf-8")
    if content is not None:
        (folder / "voice.json").write_text(json.dumps(content), encoding="utf-8")
    return folder


def test_a_folder_with_a_clip_is_a_voice(library: VoiceLibrary) -> None:
    assert library.names() == [] and library.find("Anna") is None
    by_hand(library, "Anna", words="What I say in it.\n")
    voice = library.get("ANNA")
    assert (voice.name, voice.text, voice.lang) == ("Anna", "What I say in it.", "auto")
    assert voice.request_values() == {
        "ref_audio_path": str(voice.reference),
        "prompt_text": "What I say in it.",
        "prompt_lang": "auto",
    }


def test_everything_a_voice_can_bring(library: VoiceLibrary) -> None:
    content = {
        "reference": "speech.wav",
        "text": "Words.",
        "lang": "英文",
        "gpt": "alice.ckpt",
        "t2s": "qwen3",
        "qwen3_model_name": "gsv-tiny",
        "defaults": {"top_k": 3, "speed_factor": 1.1},
        "aliases": ["alloy"],
    }
    by_hand(library, "Alice", content)
    voice = library.get("Alloy")
    assert voice.name == "Alice" and voice.lang == "en" and voice.gpt is not None and voice.gpt.name == "alice.ckpt"
    values = voice.request_values()
    assert values["top_k"] == 3 and values["t2s"] == "qwen3" and values["qwen3_model_name"] == "gsv-tiny"


@pytest.mark.parametrize(
    "content",
    [
        {"colour": "red"},
        {"defaults": {"text": "always this"}},
        {"defaults": 5},
        {"gpt": "../../outside.ckpt"},
        {"gpt": "none.ckpt"},
        {"reference": "../../secret.wav"},
        {"reference": "none.wav"},
        [],
    ],
)
def test_a_wrong_voice_is_refused_and_not_listed(library: VoiceLibrary, content: dict, tmp_path: Path) -> None:
    (tmp_path / "secret.wav").write_bytes(clip())
    (tmp_path / "outside.ckpt").touch()
    by_hand(library, "Bad", content)
    with pytest.raises(GSVError, match="Bad"):
        library.get("bad")
    assert library.voices() == []


@pytest.mark.parametrize("kind", ["WAV", "FLAC", "OGG", "MP3"])
def test_an_upload_becomes_a_folder(library: VoiceLibrary, kind: str) -> None:
    voice = library.add("  Zoë 2 ", clip(kind=kind), "  Some\n words ", "en")
    assert (voice.name, voice.text, voice.lang) == ("Zoë 2", "Some words", "en")
    assert voice.reference.suffix == f".{kind.lower()}"
    assert VoiceLibrary(library.root).get("zoë 2") == voice, "another process sees the same"
    assert library.remove("ZOË 2") == "Zoë 2" and library.names() == []


@pytest.mark.parametrize(
    "name", ["", ".", "..", "a/b", "a\\b", "../a", ".hidden", "a\0", "default", "CON", "x" * 65, "a."]
)
def test_names_that_are_no_folder(library: VoiceLibrary, name: str) -> None:
    with pytest.raises(RequestError):
        library.add(name, clip())
    assert not library.root.exists() or list(library.root.iterdir()) == []


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"", "no readable"),
        (b"RIFF0000WAVE", "no readable"),
        (clip(0.5), "lasts 0.5 s"),
        (clip(60.0, rate=8000), "lasts 60.0 s"),
        (clip(2.0, channels=9), "9 channels"),
        (clip(level=0.0), "silent"),
        (clip(4.0, kind="AIFF"), "AIFF file"),
    ],
)
def test_uploads_that_are_no_recording(library: VoiceLibrary, data: bytes, what: str) -> None:
    with pytest.raises(AudioError, match=what):
        library.add("Evil", data)
    assert library.names() == [] and list(library.root.iterdir()) == [], "nothing is left of it"


def test_limits(library: VoiceLibrary, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(LimitError):
        library.add("Large", b"a" * (voice_library.MAX_CLIP_BYTES + 1))
    with pytest.raises(LimitError):
        library.add("Wordy", clip(), "word " * 1000)
    monkeypatch.setattr(voice_library, "MAX_VOICES", 1)
    library.add("One", clip())
    with pytest.raises(LimitError, match="at most 1"):
        library.add("Two", clip())


def test_links_that_lead_out_are_no_voices(library: VoiceLibrary, tmp_path: Path) -> None:
    by_hand(library, "Anna")
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "a.wav").write_bytes(clip())
    (library.root / "Linked").symlink_to(outside)
    assert library.names() == ["Anna"]
    with pytest.raises(RequestError):
        library.remove("Linked")
    assert (outside / "a.wav").exists()
