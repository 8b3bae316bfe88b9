"""BERT features of Chinese, on a tiny random model of the same layout."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
import torch
from transformers import BertConfig, BertForMaskedLM, BertTokenizer

from errors import CheckpointError
from TTS_infer_pack.bert_features import BERT_CHANNELS, char_features, load_bert, load_if_present, spread
from TTS_infer_pack.TextPreprocessor import TextPreprocessor

pytest.importorskip("rjieba")


def save_bert(folder: Path, channels: int = BERT_CHANNELS) -> Path:
    """A random BERT of three thin layers in the layout of chinese-roberta."""
    torch.manual_seed(0)
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"你好世界,.天气"]
    (folder / "vocab.txt").write_text("\n".join(tokens), encoding="utf-8")
    config = BertConfig(
        vocab_size=13,
        hidden_size=channels,
        num_hidden_layers=3,
        num_attention_heads=4,
        intermediate_size=8,
        max_position_embeddings=16,
    )
    BertForMaskedLM(config).save_pretrained(folder)
    BertTokenizer(str(folder / "vocab.txt")).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def bert_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_bert(tmp_path_factory.mktemp("bert"))


def test_a_vector_per_character_repeated_for_its_phones(bert_folder: Path) -> None:
    model, tokenizer = load_bert(bert_folder)
    features = char_features(model, tokenizer, "你好,龘😀", "cpu")
    assert features.shape == (5, BERT_CHANNELS) and torch.isfinite(features).all()
    ids = torch.tensor([[2, 5, 6, 9, 1, 1, 3]])
    expected = model(input_ids=ids, output_hidden_states=True).hidden_states[-3][0, 1:-1]
    torch.testing.assert_close(features, expected)
    spreaded = spread(features, [2, 2, 1, 0, 2])
    assert spreaded.shape == (BERT_CHANNELS, 7) and torch.equal(spreaded[:, 0], spreaded[:, 1])


def test_text_longer_than_the_window_still_has_a_vector_per_character(bert_folder: Path) -> None:
    model, tokenizer = load_bert(bert_folder)
    assert char_features(model, tokenizer, "你好" * 40, "cpu").shape == (80, BERT_CHANNELS)


def test_only_chinese_phones_have_features(bert_folder: Path) -> None:
    frontend = TextPreprocessor(*load_bert(bert_folder))
    phones, features, _ = frontend.get_phones_and_bert("你好世界 hello world", "auto")
    assert features.shape == (BERT_CHANNELS, len(phones))
    assert features[:, :8].abs().sum() > 0 and not features[:, 8:].any()


def test_without_a_folder_zeros_and_one_line(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        frontend = TextPreprocessor(*load_if_present(tmp_path / "none"))
        for _ in range(2):
            assert not frontend.get_phones_and_bert("你好世界", "zh")[1].any()
    assert sum("BERT" in record.message for record in caplog.records) <= 2


def test_a_wrong_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="bert_base_path"):
        load_bert(tmp_path)
    with pytest.raises(CheckpointError, match="8 channels"):
        load_bert(save_bert(tmp_path, channels=8))
