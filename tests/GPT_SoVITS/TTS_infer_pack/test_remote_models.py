"""A whole TTS whose language model is served elsewhere: what settings may name, and what is heard when it dies."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from AR.errors import LMUnavailable
from AR.models.lm_manifest import MANIFEST_FILE, LMManifest
from errors import CheckpointError
from tests.GPT_SoVITS.AR.conftest import tiny_lm
from tests.GPT_SoVITS.AR.engine.stand_in_engine import StandIn, serving
from TTS_infer_pack import language_model
from TTS_infer_pack.model_names import groups_of, is_remote, shown_name
from TTS_infer_pack.remote_models import check_voice, describe
from TTS_infer_pack.request import PIECES
from TTS_infer_pack.TTS import TTS, SynthesisRequest, TTS_Config

TEXT = "Hello there, it is so. And so it goes on."
MANIFEST = LMManifest(words=300, phone_count=732)


@pytest.fixture
def lm_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Holds the stage "one" as a machine has it that only asks an engine: a trained folder without its weights."""
    tiny_lm("qwen3", phone_count=732).save_pretrained(tmp_path / "lms" / "one", {"span": {"phones": 80, "seconds": 6}})
    for path in (tmp_path / "lms").rglob("*.safetensors"):
        path.unlink()
    monkeypatch.setattr(language_model, "LM_ROOT", tmp_path / "lms")
    return tmp_path / "lms"


@pytest.fixture
def stand_in() -> Iterator[StandIn]:
    said = [MANIFEST.semantic + 11 * i % 1000 for i in range(60)] + [MANIFEST.eos]
    with serving(StandIn(say=lambda body: said)) as one:
        yield one


def tts_of(pack: Path, name: Any, **settings: Any) -> TTS:
    return TTS(TTS_Config(pack=str(pack), use_qwen3=True, qwen3_model_name=name, **settings))


def ask(**values: Any) -> SynthesisRequest:
    return SynthesisRequest(TEXT, "en", seed=3, **values)


def test_an_engine_elsewhere_speaks(tiny_pack: Path, lm_root: Path, stand_in: StandIn) -> None:
    tts = tts_of(tiny_pack, stand_in.address(), qwen3_engine_key="a-secret")
    speech = tts.stream(ask(streaming_mode=PIECES))
    chunks = list(speech)
    assert len(chunks) > 1 and not speech.fallbacks and sum(chunk.tokens for chunk in chunks) % 60 == 0
    assert stand_in.keys[0] == "Bearer a-secret" and stand_in.bodies[0]["model"] == "one"
    assert language_model.learned_span(stand_in.address()).phones == 80, "texts are cut to what the stage has learned"
    assert "a-secret" not in str(tts.configs) and "a-secret" not in yaml.safe_dump(tts.configs.as_dict())


def test_killed_in_mid_sentence_the_sentence_begins_again(tiny_pack: Path, lm_root: Path, stand_in: StandIn) -> None:
    said = stand_in.say({})

    def killed(body: Any) -> list[int]:
        stand_in.well = False
        return said

    stand_in.die_at, stand_in.pause, stand_in.say = 45, 0.01, killed
    tts = tts_of(tiny_pack, stand_in.address())
    speech = tts.stream(ask(streaming_mode=PIECES))
    chunks = list(speech)
    again = [chunk for chunk in chunks if chunk.again]
    assert again and again[0].index == 0, "the sentence that was being heard begins again"
    assert {fall.reason for fall in speech.fallbacks} == {"engine_unreachable"}
    assert speech.fallbacks[0].speaks == "ar" and "127.0.0.1" not in speech.fallbacks[0].message
    asked = len(stand_in.bodies)
    assert list(tts.stream(ask())) and len(stand_in.bodies) == asked, "later requests do not wait for a dead engine"


def test_a_list_goes_on_with_the_next(tiny_pack: Path, lm_root: Path, stand_in: StandIn, tmp_path: Path) -> None:
    with serving(StandIn()) as gone:
        pass
    stand_in.names = ["one"]
    settings = tmp_path / "tts.yaml"
    content = {"pack": str(tiny_pack), "use_qwen3": True, "qwen3_model_name": [gone.address(), stand_in.address()]}
    settings.write_text(yaml.safe_dump({"custom": content}))
    tts = TTS(TTS_Config(settings))
    speech = tts.stream(ask())
    assert list(speech) and [fall.speaks for fall in speech.fallbacks] in ([], ["another engine"])
    assert len(stand_in.bodies) >= 1
    stand_in.status = 500
    speech = tts.stream(ask())
    assert list(speech) and speech.fallbacks[-1].speaks == "ar"


def test_a_strict_wish_is_an_error(tiny_pack: Path, lm_root: Path, stand_in: StandIn) -> None:
    stand_in.status = 500
    tts = tts_of(tiny_pack, stand_in.address(), qwen3_strict=True)
    with pytest.raises(CheckpointError, match="HTTP 500"):
        list(tts.stream(ask()))
    with pytest.raises(CheckpointError, match="address"):
        list(tts_of(tiny_pack, "http://nowhere", qwen3_strict=True).stream(ask()))


def test_what_is_not_known_here_is_told(
    tiny_pack: Path, lm_root: Path, stand_in: StandIn, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        tts = tts_of(tiny_pack, stand_in.address("two"))
    assert tts.last_fallback is not None and tts.last_fallback.reason == "no_adapter"
    assert "GPT_weights_qwen3/two" in tts.last_fallback.message
    assert list(tts.stream(ask())) and not stand_in.asked


def test_an_exported_folder_without_weights_is_enough(lm_root: Path) -> None:
    folder = lm_root / "served"
    folder.mkdir()
    tiny_lm("qwen3").tokenizer.save_pretrained(folder)
    MANIFEST.write(folder)
    described = describe("served", language_model.places())
    assert described.manifest == MANIFEST and described.tokenizer()("hello", add_special_tokens=False)["input_ids"]
    check_voice(MANIFEST, "", "v2")
    with pytest.raises(LMUnavailable, match="v2 phone symbols"):
        check_voice(MANIFEST, "", "v1")
    with pytest.raises(LMUnavailable, match="another SoVITS"):
        check_voice(LMManifest(300, 732, codebook="a"), "b", "v2")
    with pytest.raises(LMUnavailable, match="list of phone symbols"):
        check_voice(LMManifest(300, 732, symbols_fingerprint="0" * 16), "", "v2")
    (folder / MANIFEST_FILE).write_text("{}")
    with pytest.raises(LMUnavailable, match="cannot be read"):
        describe("served", language_model.places())


def test_names_in_settings() -> None:
    assert groups_of("gsv-tiny") == [("gsv-tiny",)] and groups_of("C:/a, b") == [("C:/a, b",)]
    assert groups_of("http://a:1/x, http://b:1/x, gsv-tiny") == [("http://a:1/x", "http://b:1/x"), ("gsv-tiny",)]
    assert is_remote("https://a/x") and not is_remote("Qwen/Qwen3-0.6B")
    assert shown_name("http://a:1/x, http://b:1/x, gsv-tiny") == "x, gsv-tiny" and shown_name("/a/b") == "/a/b"
