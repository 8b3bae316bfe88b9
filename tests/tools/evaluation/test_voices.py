"""Packs under test: labels, their own stages and references, and what makes two of them the same."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from config import PACK_DIR
from errors import ConfigError
from tools.evaluation.voices import Reference, VoiceUnderTest, make_voices, parse_pack


def pack(folder: Path, weights: str = "1", lm: bool = False) -> Path:
    """A folder that looks like a voice pack; its weights are never loaded."""
    (folder / "hubert").mkdir(parents=True)
    for name in ("hubert/model.bin", "s2G.pth", "s1.ckpt", "ref.wav"):
        (folder / name).write_text(weights)
    reference = {"path": "ref.wav", "text": "Hello.", "lang": "en"}
    facts = {"name": folder.name, "version": "v2", "default_reference": reference, "sampling": {"top_k": 3}}
    (folder / "pack.json").write_text(json.dumps(facts))
    if lm:
        (folder / "lm").mkdir()
        (folder / "lm" / "t2s_config.json").write_text("{}")
    return folder


def test_a_pack_is_named_or_has_its_folders_name(tmp_path: Path) -> None:
    folder = pack(tmp_path / "a=b")
    assert parse_pack(str(folder)) == ("a=b", folder)
    assert parse_pack(f"old={folder}") == ("old", folder)
    with pytest.raises(ConfigError, match="holds no pack.json"):
        parse_pack(f"old={tmp_path}")
    with pytest.raises(ConfigError, match="called"):
        make_voices([str(folder), str(folder)], {})


def test_each_pack_speaks_with_its_own_weights_and_clip(tmp_path: Path) -> None:
    paths = [pack(tmp_path / name, name) for name in ("old", "new")]
    voices = make_voices([f"A={paths[0]}", str(paths[1])], {})
    assert [voice.named("tts-ar") for voice in voices] == ["A/tts-ar", "new/tts-ar"]
    assert [voice.config.t2s_weights_path for voice in voices] == [str(path / "s1.ckpt") for path in paths]
    assert [voice.reference for voice in voices] == [Reference(path / "ref.wav", "Hello.", "en") for path in paths]
    assert voices[0].facts["sampling"] == {"top_k": 3}
    clip = Reference(paths[0] / "ref.wav", "Hi.", "en")
    assert make_voices([str(paths[1])], {}, clip)[0].reference == clip


def test_a_packs_language_model_is_that_packs_own(tmp_path: Path) -> None:
    voice = make_voices([f"old={pack(tmp_path / 'old', lm=True)}"], {})[0]
    assert voice.model_name("gsv-tiny") == str(tmp_path / "old" / "lm")
    assert voice.model_folder("gsv-tiny") == tmp_path / "old" / "lm"
    assert voice.model_name("some/other") == "some/other"
    assert VoiceUnderTest().model_name("gsv-tiny") == "gsv-tiny"


def test_weights_decide_who_it_is_not_the_folders_name(tmp_path: Path) -> None:
    same = [make_voices([str(pack(tmp_path / name, "1"))], {})[0] for name in ("a", "b")]
    other = make_voices([str(pack(tmp_path / "c", "2"))], {})[0]
    assert same[0].facts == same[1].facts and same[0].facts != other.facts
    (tmp_path / "b" / "s1.ckpt").write_text("another AR model")
    changed = make_voices([str(tmp_path / "b")], {})[0]
    assert changed.sound_facts == same[0].sound_facts and changed.facts != same[0].facts


def test_weights_without_a_clip_borrow_the_packs(tmp_path: Path) -> None:
    if not (PACK_DIR / "pack.json").is_file():
        pytest.skip("the voice pack is not in this checkout")
    (tmp_path / "s1.ckpt").touch()
    voice = VoiceUnderTest("", {"t2s_weights_path": str(tmp_path / "s1.ckpt")})
    assert voice.reference is not None and voice.reference.path.parent.parent == PACK_DIR
