"""BERT features of Chinese text, from a folder of the chinese-roberta family: one vector per phone.

The published weights were trained with the third-last hidden layer, a vector per character, repeated for its phones.
Knows nothing about phones but their number per character.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import torch

from errors import CheckpointError
from published import fetch_command

logger = logging.getLogger(__name__)

BERT_CHANNELS = 1024
LAYER = -3
"""Which of the model's hidden states the published weights know."""
_MAX_TOKENS = 510


def load_bert(
    folder: Path | str, device: torch.device | str = "cpu", dtype: torch.dtype = torch.float32
) -> tuple[Any, Any]:
    """(model, tokenizer) of a chinese-roberta folder; the model gives hidden states.

    Raises:
        CheckpointError: when the folder holds no BERT model, or one of another width.
    """
    from transformers import AutoModelForMaskedLM, AutoTokenizer

    folder = Path(folder)
    try:
        tokenizer = AutoTokenizer.from_pretrained(str(folder), local_files_only=True)
        model = AutoModelForMaskedLM.from_pretrained(str(folder), local_files_only=True, dtype=dtype)
    except (OSError, ValueError, KeyError) as error:
        raise CheckpointError(
            f"{folder} cannot be read as a BERT model ({str(error)[:120]})",
            "a transformers folder such as chinese-roberta-wwm-ext-large",
            f"{fetch_command('roberta')}, correct bert_base_path, or remove the folder to speak without features",
        ) from error
    if model.config.hidden_size != BERT_CHANNELS or model.config.num_hidden_layers < -LAYER:
        raise CheckpointError(
            f"the BERT model in {folder} has {model.config.hidden_size} channels and "
            f"{model.config.num_hidden_layers} layers",
            f"{BERT_CHANNELS} channels and at least {-LAYER} layers",
            fetch_command("roberta"),
        )
    return model.eval().to(device), tokenizer


def load_if_present(folder: Path | str, device: torch.device | str = "cpu") -> tuple[Any, Any]:
    """:func:`load_bert`, or (None, None) with one info line where there is no such folder."""
    if not (Path(folder) / "config.json").is_file():
        logger.info(
            "no BERT folder at %s: Chinese is spoken with zeros in place of its features; fix: %s",
            folder,
            fetch_command("roberta"),
        )
        return None, None
    return load_bert(folder, device)


@torch.inference_mode()
def char_features(model: Any, tokenizer: Any, text: str, device: torch.device | str) -> torch.Tensor:
    """A vector per character [characters, 1024], float32.

    Every character is a token of its own, unknown ones too, so that the number always fits; texts longer than the
    model's window are read window by window.
    """
    unknown = tokenizer.unk_token_id
    known = tokenizer.get_vocab()
    ids = (
        [known.get(char, unknown) for char in text.lower()] if len(text.lower()) == len(text) else [unknown] * len(text)
    )
    window = min(_MAX_TOKENS, model.config.max_position_embeddings - 2)
    parts: list[torch.Tensor] = []
    for start in range(0, len(ids), window):
        row = [tokenizer.cls_token_id, *ids[start : start + window], tokenizer.sep_token_id]
        tokens = torch.tensor([row], device=model.device)
        hidden = model(
            input_ids=tokens, attention_mask=torch.ones_like(tokens), output_hidden_states=True
        ).hidden_states
        parts.append(hidden[LAYER][0, 1:-1].float().to(device))
    return torch.cat(parts) if parts else torch.zeros((0, BERT_CHANNELS), device=device)


def spread(features: torch.Tensor, word2ph: list[int]) -> torch.Tensor:
    """[characters, 1024] to [1024, T_ph]: each character's vector for each of its phones."""
    repeats = torch.tensor(word2ph, device=features.device)
    return torch.repeat_interleave(features, repeats, dim=0).T.contiguous()
