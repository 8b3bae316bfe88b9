"""A small BPE tokenizer of one's own, for language models that are trained from scratch."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from AR.errors import T2SError

END = "<|endoftext|>"


def train_bpe(texts: Iterable[str], size: int) -> Any:
    """Byte-level BPE of at most ``size`` entries; every text can be written with it, whatever its language.

    Args:
        texts: what it is trained on.
        size: entries, 256 bytes and the end marker included.

    Returns:
        A ``PreTrainedTokenizerFast``.

    Raises:
        T2SError: ``size`` is too small, or there is no text.
    """
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    lines = [text for text in texts if text.strip()]
    if size < 300 or not lines:
        raise T2SError(f"a tokenizer needs at least 300 entries (asked: {size}) and some text ({len(lines)} lines)")
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size, special_tokens=[END], show_progress=False, initial_alphabet=pre_tokenizers.ByteLevel.alphabet()
    )
    tokenizer.train_from_iterator(lines, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token=END)
