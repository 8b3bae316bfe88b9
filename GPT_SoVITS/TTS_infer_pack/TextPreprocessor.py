"""From a request's text to segments a model can speak: cut, tidied, and as phones with BERT features.

Runs alone: with no BERT model the features are zeros. Shapes: T_ph phones of a segment; features are [1024, T_ph].
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping
from typing import Any, TypedDict

import torch

from errors import TextError
from published import fetch_command
from text import cleaned_text_to_sequence
from text.cleaner import clean_marked, mark
from text.language import main_language, runs_for_mode
from text.markup import Given, Paused, split_pauses
from TTS_infer_pack.bert_features import BERT_CHANNELS, char_features, spread
from TTS_infer_pack.text_segmentation_method import get_method, split_big_text, splits

logger = logging.getLogger(__name__)

MAX_PIECE = 510
MIN_PHONES = 6
_SHORT_START = 4
_SHORT_PIECE = 5
_REPEATED = re.compile(r"([!?…,.\-])[!?…,.\-]+")
_FIRST = re.compile("[" + re.escape("".join(sorted(splits))) + "]")


# A placeholder of an explicit reading is a word too, though its category is no letter's.
_WORD = re.compile("[^\\W_]|[\U000f0000-\U000ffffd]")


class _Spoken(TypedDict):
    phones: list[int]
    bert_features: torch.Tensor
    norm_text: str


class Segment(_Spoken, total=False):
    """One piece to speak: phone ids, features [1024, T_ph], and the text as it is read.

    ``pause`` is there where the text asks for one: seconds of silence after the piece, besides the usual ones.
    """

    pause: float


def _full_stop(lang: str) -> str:
    return "." if lang == "en" else "。"


def merge_short_text_in_array(texts: list[str], threshold: int) -> list[str]:
    """Join neighbours until each piece has ``threshold`` characters; a short rest joins the last piece."""
    if len(texts) < 2:
        return texts
    result: list[str] = []
    current = ""
    for text in texts:
        current += text
        if len(current) >= threshold:
            result.append(current)
            current = ""
    if current and result:
        result[-1] += current
    elif current:
        result.append(current)
    return result


def _hard_split(text: str) -> list[str]:
    """Pieces of at most MAX_PIECE characters for a stretch without marks, cut at a space where there is one."""
    pieces: list[str] = []
    start = 0
    while len(text) - start > MAX_PIECE:
        cut = text.rfind(" ", start + MAX_PIECE // 2, start + MAX_PIECE)
        end = cut if cut > 0 else start + MAX_PIECE
        pieces.append(text[start:end])
        start = end
    return [*pieces, text[start:]]


class TextPreprocessor:
    """Turns request texts into :class:`Segment` lists.

    Args:
        bert_model: masked language model for Chinese features, or None for zeros.
        tokenizer: its tokenizer.
        device: where features are computed and returned.
    """

    def __init__(self, bert_model: Any = None, tokenizer: Any = None, device: torch.device | str = "cpu") -> None:
        self.bert_model, self.tokenizer = bert_model, tokenizer
        self._told = False
        self.device = torch.device(device)

    def preprocess(
        self, text: str, lang: str, text_split_method: str, version: str = "v2", should_stop: Callable[[], bool] = bool
    ) -> list[Segment]:
        """All segments of a request's text, in order.

        Args:
            text: any Unicode string; it may hold explicit readings and pauses (``text.markup``).
            lang: a language mode (``text.language.MODES``).
            text_split_method: "cut0" to "cut5".
            version: model version; decides the phone symbols.
            should_stop: asked before each segment; True ends the work, with the segments so far.

        Raises:
            TextError: when the text holds nothing to speak, or its language cannot be spoken.
            RequestError: for an unknown cutting method.
        """
        segments: list[Segment] = []
        neutral = main_language(text)
        for part in split_pauses(text):
            segments += self._stretch(part, lang, text_split_method, version, neutral, should_stop)
            if segments and part.seconds:
                segments[-1]["pause"] = segments[-1].get("pause", 0.0) + part.seconds
        if not segments and not should_stop():
            raise TextError(
                f"the text {text[:40]!r} holds nothing that can be spoken in language {lang!r}",
                "words, not only marks",
                "give a text with words, or choose the language it is in",
            )
        return segments

    def _stretch(
        self, part: Paused, lang: str, method: str, version: str, neutral: str, should_stop: Callable[[], bool]
    ) -> list[Segment]:
        """The segments of a stretch without pauses."""
        marked = mark(self.replace_consecutive_punctuation(part.text), lang)
        segments: list[Segment] = []
        for piece in self.pre_seg_text(marked.text, lang, method):
            if _WORD.search(piece) is None:
                continue
            for short in _hard_split(piece):
                if should_stop():
                    return segments
                phones, features, norm_text = self._phones_and_bert(short, lang, version, marked.given, neutral)
                if re.search(r"\w", norm_text):
                    segments.append({"phones": phones, "bert_features": features, "norm_text": norm_text})
        return segments

    def prompt(self, text: str, lang: str, version: str = "v2") -> Segment:
        """The words of a reference clip as one segment; a full stop is added where no mark ends it.

        Raises:
            TextError: when the text holds nothing to speak.
        """
        text = "".join(part.text for part in split_pauses(text.strip("\n")))
        if _WORD.search(text) is None:
            raise TextError("the prompt text is empty", "the words spoken in the reference clip", "fill in prompt_text")
        if text[-1] not in splits:
            text += _full_stop(lang)
        phones, features, norm_text = self.segment_and_extract_feature_for_text(text, lang, version)
        return {"phones": phones, "bert_features": features, "norm_text": norm_text}

    def pre_seg_text(self, text: str, lang: str, text_split_method: str) -> list[str]:
        """Sentence preparation: lead mark for a short start, cut, merged, marks-only pieces dropped, closed.

        An empty list when there is nothing to speak.
        """
        cut = get_method(text_split_method)
        text = text.strip("\n")
        if not text:
            return []
        if text[0] not in splits and len(_FIRST.split(text, maxsplit=1)[0].strip()) < _SHORT_START:
            text = _full_stop(lang) + text
        pieces = [piece for piece in cut(text).split("\n") if piece.strip(" ") or len(piece) > 1]
        result: list[str] = []
        for piece in merge_short_text_in_array(pieces, _SHORT_PIECE):
            if _WORD.search(piece) is None and "_" not in piece:
                continue
            if piece[-1] not in splits:
                piece += _full_stop(lang)
            result.extend(split_big_text(piece) if len(piece) > MAX_PIECE else [piece])
        return result

    def segment_and_extract_feature_for_text(
        self, text: str, language: str, version: str = "v2"
    ) -> tuple[list[int], torch.Tensor, str]:
        """Public name of :meth:`get_phones_and_bert`."""
        return self.get_phones_and_bert(text, language, version)

    def get_phones_and_bert(
        self, text: str, language: str, version: str = "v2", final: bool = False
    ) -> tuple[list[int], torch.Tensor, str]:
        """Phone ids, features [1024, T_ph] and read text of one piece, in as many languages as its mode allows.

        Fewer than six phones: a "." is put in front and the work is repeated once (``final``).
        """
        marked = mark(text, language)
        return self._phones_and_bert(marked.text, language, version, marked.given, main_language(text), final)

    def _phones_and_bert(
        self, text: str, language: str, version: str, given: Mapping[str, Given], neutral: str, final: bool = False
    ) -> tuple[list[int], torch.Tensor, str]:
        """:meth:`get_phones_and_bert` of a text whose markup is read already."""
        text = re.sub(r" {2,}", " ", text)
        phones: list[int] = []
        features: list[torch.Tensor] = []
        norm_texts: list[str] = []
        languages = {char: entry.language for char, entry in given.items()}
        for run_language, run_text in runs_for_mode(text, language, neutral, languages):
            names, word2ph, norm_text = clean_marked(run_text, run_language, version, given)
            ids = cleaned_text_to_sequence(names, version)
            features.append(self.get_bert_inf(ids, word2ph, norm_text, run_language))
            phones.extend(ids)
            norm_texts.append(norm_text)
        if not final and len(phones) < MIN_PHONES:
            return self._phones_and_bert("." + text, language, version, given, neutral, final=True)
        joined = torch.cat(features, dim=1) if features else self._zeros(0)
        return phones, joined, "".join(norm_texts)

    def get_bert_inf(self, phones: list[int], word2ph: list[int] | None, norm_text: str, language: str) -> torch.Tensor:
        """Features [1024, T_ph] of one run: zeros for every language but Chinese, and without a BERT model."""
        if language != "zh" or word2ph is None or not norm_text or self.bert_model is None:
            if language == "zh" and self.bert_model is None and not self._told:
                self._told = True
                logger.info(
                    "no BERT folder: Chinese is spoken without its features, which is less expressive; fix: %s",
                    fetch_command("roberta"),
                )
            return self._zeros(len(phones))
        return spread(char_features(self.bert_model, self.tokenizer, norm_text, self.device), word2ph)

    def _zeros(self, length: int) -> torch.Tensor:
        return torch.zeros((BERT_CHANNELS, length), dtype=torch.float32, device=self.device)

    @staticmethod
    def replace_consecutive_punctuation(text: str) -> str:
        """Repeated marks to the first of them: "!!!" to "!"."""
        return _REPEATED.sub(r"\1", text)
