"""From text that was read to what the text-to-semantic stage is asked: the one way, for speech and distillation.

Knows phones, features and prompts; knows nothing about networks, files or audio.

Shapes: T_ph phones, T_sem semantic tokens (25 Hz).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from AR.backend import T2SRequest
from AR.read_back import ReadBack
from text.symbols2 import symbols
from TTS_infer_pack.bert_features import BERT_CHANNELS
from TTS_infer_pack.TextPreprocessor import Segment

SILENT = torch.tensor([symbols.index(mark) for mark in ("[", "]", "UNK")])
"""Ids of the Japanese pitch marks and of the border of accent phrases, which v1 has at the same place."""


@dataclass(frozen=True)
class Phones:
    """A stretch of text as the models read it.

    Attributes:
        ids: [T_ph].
        bert: [1024, T_ph], or None for zeros.
        text: the words.
        pause: seconds of silence that the text asks for after it, beside the usual pause.
        spans: characters of the request's text (from, to) that each phone came from; empty where it is not known.
    """

    ids: Tensor
    bert: Tensor | None
    text: str
    pause: float = 0.0
    spans: Sequence[tuple[int, int]] = ()


@dataclass(frozen=True)
class Prompt:
    """What the text-to-semantic stage goes on from: the reference clip's words and its tokens [T_sem]."""

    phones: Phones
    tokens: Tensor


def phones_of(segment: Segment) -> Phones:
    """A segment of the text stage as tensors; features that are all zero are left out."""
    bert = segment["bert_features"]
    return Phones(
        torch.tensor(segment["phones"], dtype=torch.int64),
        bert if bool(bert.any()) else None,
        segment["norm_text"],
        segment.get("pause", 0.0),
        tuple(segment.get("spans", ())),
    )


def t2s_request(
    segment: Phones, prompt: Prompt | None, index: int = 0, pace: float = 0.0, read_back: ReadBack | None = None
) -> T2SRequest:
    """What the stage is asked for one segment.

    Args:
        segment: what to say.
        prompt: what it goes on from; None for reference-free speech.
        index: number of the segment in its text.
        pace: usual tokens a phone of what the stage has learned; 0: not known.
        read_back: what the voice's tokens tell of phones, where misread speech is to be tried again.
    """
    silent = int(torch.isin(segment.ids, SILENT).sum())
    alone = T2SRequest(
        segment.ids,
        segment.bert,
        text=segment.text,
        segment=index,
        pace=pace,
        silent_phones=silent,
        read_back=read_back,
    )
    if prompt is None:
        return alone
    return replace(
        alone,
        phones=torch.cat((prompt.phones.ids, segment.ids)),
        bert=_join_features(prompt.phones, segment),
        prompt=prompt.tokens,
        prompt_text=prompt.phones.text,
        prompt_phones=prompt.phones.ids.numel(),
    )


def _join_features(first: Phones, second: Phones) -> Tensor | None:
    """Features of both [1024, T_ph], or None where neither has any."""
    if first.bert is None and second.bert is None:
        return None
    parts = [p.bert if p.bert is not None else torch.zeros(BERT_CHANNELS, p.ids.numel()) for p in (first, second)]
    return torch.cat(parts, dim=1)
