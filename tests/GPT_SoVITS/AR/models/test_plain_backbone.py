"""Backbones read without transformers give what transformers reads; folders are saved so that older ones read them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from AR.backend import SamplingParams, T2SRequest
from AR.decode import decode
from AR.errors import LMUnavailable
from AR.models import lm_backbone, plain_backbone
from AR.models.qwen3_t2s_model import Qwen3T2SModel
from config import PACK_DIR

LM = PACK_DIR / "lm"


@pytest.fixture
def old_transformers(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.setattr(plain_backbone, "preferred", lambda: True)
    return monkeypatch


def tokens(model: Qwen3T2SModel) -> list[int]:
    request = T2SRequest(torch.arange(20, 60), None, None, "The boat was tied up.")
    return decode(model, [request], SamplingParams(top_k=5, seed=3, max_tokens=40))[0].tokens.tolist()


def test_a_stage_speaks_the_same_tokens_without_transformers_classes(old_transformers: pytest.MonkeyPatch) -> None:
    plain = Qwen3T2SModel.from_pretrained(LM)
    assert isinstance(plain.decoder, plain_backbone.PlainDecoder)
    assert isinstance(plain.tokenizer, plain_backbone.FileTokenizer)
    found = tokens(plain)
    old_transformers.setattr(plain_backbone, "preferred", lambda: False)
    whole = Qwen3T2SModel.from_pretrained(LM)
    assert not isinstance(whole.decoder, plain_backbone.PlainDecoder)
    assert tokens(whole) == found


def test_memory_is_judged_by_the_same_number(old_transformers: pytest.MonkeyPatch) -> None:
    plain = plain_backbone.read_config(LM / "backbone")
    assert plain is not None
    old_transformers.setattr(plain_backbone, "preferred", lambda: False)
    whole = lm_backbone.read_config(LM / "backbone")
    assert lm_backbone.parameter_count(plain) == lm_backbone.parameter_count(whole)


def test_a_family_that_is_not_known_is_left_to_transformers(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "mamba"}), encoding="utf-8")
    (tmp_path / "tokenizer.json").write_text("{}", encoding="utf-8")
    assert plain_backbone.read_config(tmp_path) is None


def test_damaged_weights_are_told(tmp_path: Path) -> None:
    config = plain_backbone.read_config(LM / "backbone")
    assert config is not None
    with pytest.raises(LMUnavailable, match="no safetensors"):
        plain_backbone.load_decoder(tmp_path, config, torch.float32)
    (tmp_path / "tokenizer.json").write_text("{", encoding="utf-8")
    with pytest.raises(LMUnavailable, match="no usable tokenizer"):
        plain_backbone.FileTokenizer(tmp_path)


def test_a_saved_stage_has_what_older_transformers_look_for(tmp_path: Path) -> None:
    Qwen3T2SModel.from_pretrained(LM).save_pretrained(tmp_path)
    config = json.loads((tmp_path / "backbone" / "config.json").read_text(encoding="utf-8"))
    assert config["rope_theta"] == config["rope_parameters"]["rope_theta"] == 1e7
    settings = json.loads((tmp_path / "backbone" / "tokenizer_config.json").read_text(encoding="utf-8"))
    assert settings["tokenizer_class"] == "PreTrainedTokenizerFast"
    merges = json.loads((tmp_path / "backbone" / "tokenizer.json").read_text(encoding="utf-8"))["model"]["merges"]
    assert merges and all(isinstance(pair, str) for pair in merges)
    again = Qwen3T2SModel.from_pretrained(tmp_path)
    assert tokens(again) == tokens(Qwen3T2SModel.from_pretrained(LM))
