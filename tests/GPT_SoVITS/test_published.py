"""A missing published weight names the command that fetches it, whoever notices it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import pytest

import published
from AR.errors import LMUnavailable
from AR.models.lm_backbone import locate
from BigVGAN.bigvgan import BigVGAN
from errors import CheckpointError
from feature_extractor.cnhubert import CNHubert
from process_ckpt import load_s1, load_sovits_new
from published import S1, S2G, place
from sv import SV
from text.zh import g2pw
from TTS_infer_pack.bert_features import load_if_present
from TTS_infer_pack.TextPreprocessor import TextPreprocessor
from vocoders import HiFiGANVocoder


@pytest.fixture(autouse=True)
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout without any published weight."""
    monkeypatch.setattr(published, "LIBRARY", tmp_path)
    return tmp_path


LOADERS: dict[str, Callable[[], object]] = {
    "v1": lambda: load_s1(place(S1["v1"])),
    "v2": lambda: load_sovits_new(place(S2G["v2"])),
    "s1v3": lambda: load_s1(place(S1["v4"])),
    "v3": lambda: load_sovits_new(place(S2G["v3"])),
    "sv": lambda: SV(place(published.SPEAKER)),
    "bigvgan": lambda: BigVGAN.from_pretrained(place(published.BIGVGAN)),
    "hifigan48k": lambda: HiFiGANVocoder.from_pretrained(place(published.HIFIGAN)),
    "hifigan48k-v5": lambda: HiFiGANVocoder.from_pretrained(place(published.HIFIGAN_V5)),
    "v5turbo": lambda: load_sovits_new(place(S2G["v5turbo"])),
    "hubert": lambda: CNHubert(place(published.HUBERT)),
}


@pytest.mark.parametrize("name", LOADERS)
def test_a_missing_weight_names_its_command(name: str) -> None:
    with pytest.raises(CheckpointError, match=f"fix: python tools/download.py {name}($| )"):
        LOADERS[name]()


def test_weights_of_ones_own_are_not_called_published(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError) as caught:
        load_s1(tmp_path / "mine.ckpt")
    assert "download.py" not in str(caught.value)


def test_chinese_without_its_models_says_so_once(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(g2pw.VARIABLE, raising=False)
    g2pw._tell_once.cache_clear()
    with caplog.at_level(logging.INFO):
        assert load_if_present(place(published.ROBERTA)) == (None, None)
        assert not g2pw.polyphones("银行") and not g2pw.polyphones("很重")
        text = TextPreprocessor()
        for _ in range(2):
            text.get_bert_inf([1, 2], [2], "好", "zh")
    messages = [record.getMessage() for record in caplog.records]
    assert sum("python tools/download.py g2pw" in message for message in messages) == 1
    assert sum("python tools/download.py roberta" in message for message in messages) == 2


def test_a_language_model_offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(LMUnavailable, match="HF_HUB_OFFLINE.*python tools/download.py some/backbone") as caught:
        locate("some/backbone")
    assert caught.value.reason == "download_failed"


def test_the_word_list_of_g2pw_comes_from_either_file(library: Path) -> None:
    roberta = place(published.ROBERTA)
    roberta.mkdir(parents=True)
    with pytest.raises(FileNotFoundError, match="python tools/download.py roberta"):
        g2pw._vocabulary(library)
    (roberta / "tokenizer.json").write_text('{"model": {"vocab": {"[UNK]": 0, "好": 1}}}', encoding="utf-8")
    assert g2pw._vocabulary(library) == {"[UNK]": 0, "好": 1}
    (library / "vocab.txt").write_text("[PAD]\n好\n", encoding="utf-8")
    assert g2pw._vocabulary(library) == {"[PAD]": 0, "好": 1}
