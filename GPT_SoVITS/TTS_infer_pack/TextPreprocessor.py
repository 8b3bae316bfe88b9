"""From a request's text to segments a model can speak: cut, tidied, and as phones with BERT features.

Runs alone: with no BERT model the features are zeros. Shapes: T_ph phones of a segment; features are [1024, T_ph].
"""

from __future__ import annotations

import logging
import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypedDict

import torch

from errors import TextError
from published import fetch_command
from text import cleaned_text_to_sequence
from text.markup import split_pauses
from text.places import Placed, Span, monotonic
from TTS_infer_pack.bert_features import BERT_CHANNELS, char_features, spread
from TTS_infer_pack.marks import cut_to_fit
from TTS_infer_pack.reading import LanguageRun, Reading, marked_up, pieces_of, reduced, runs_of
from TTS_infer_pack.sentences import WORD, closed, full_stop, sentences
from TTS_infer_pack.text_segmentation_method import splits

logger = logging.getLogger(__name__)

MAX_PHONES = 300
"""Most phones of a segment where nothing is known of the stage that will speak it: some 25 seconds."""


class _Spoken(TypedDict):
    phones: list[int]
    bert_features: torch.Tensor
    norm_text: str
    spans: list[Span]


class Segment(_Spoken, total=False):
    """One piece to speak: phone ids, features [1024, T_ph], and the text as it is read.

    ``spans`` is the place of each phone in the original text: characters from, to; they never go back, and are empty
    for phones of marks that were added. ``pause`` is there where the text asks for one: seconds of silence after the
    piece, besides the usual ones.
    """

    pause: float


class TextPreprocessor:
    """Turns request texts into :class:`Segment` lists.

    Args:
        bert_model: masked language model for Chinese features, or None for zeros.
        tokenizer: its tokenizer.
        device: where features are computed and returned.
    """

    def __init__(self, bert_model: Any = None, tokenizer: Any = None, device: torch.device | str = "cpu") -> None:
        self.bert_model, self.tokenizer = bert_model, tokenizer
        self._warned = False
        self.device = torch.device(device)

    def preprocess(
        self,
        text: str,
        lang: str,
        text_split_method: str,
        version: str = "v2",
        max_phones: int = MAX_PHONES,
        alone: bool = False,
        *,
        should_stop: Callable[[], bool] = bool,
    ) -> list[Segment]:
        """All segments of a request's text, in order.

        Args:
            text: any Unicode string; it may hold explicit readings and pauses (``text.markup``).
            lang: a language mode (``text.language.MODES``).
            text_split_method: "cut0" to "cut5".
            version: model version; decides the phone symbols.
            max_phones: what a method leaves longer is cut at its best marks, else between words.
            alone: no two sentences in a segment, whatever the method.
            should_stop: asked before each piece; True ends the work, with the segments so far.

        Raises:
            TextError: when the text holds nothing to speak, or its language cannot be spoken.
            RequestError: for an unknown cutting method.
        """
        segments: list[Segment] = []
        for piece in pieces_of(text, lang, text_split_method, version, alone):
            if should_stop():
                return segments
            found = list(self._fitted(piece.text, piece.reading, max_phones))
            if found and piece.pause:
                found[-1]["pause"] = piece.pause
            segments += found
        if not segments:
            raise TextError(
                f"the text {text[:40]!r} holds nothing that can be spoken in language {lang!r}",
                "words, not only marks",
                "give a text with words, or choose the language it is in",
            )
        return segments

    def _fitted(self, piece: Placed, reading: Reading, max_phones: int) -> Iterator[Segment]:
        """The piece as a segment, or as several where it has more than ``max_phones``."""
        runs = runs_of(piece, reading)
        phones = sum(len(run.cleaned.phones) for run in runs)
        cuts = cut_to_fit(piece.text, _costs(piece, runs), max_phones) if phones > max_phones else []
        if not cuts:
            segment = self._segment(runs, reading.version)
            if re.search(r"\w", segment["norm_text"]):
                yield segment
            return
        edges = [0, *cuts, len(piece.text)]
        for start, end in zip(edges[:-1], edges[1:], strict=True):
            part = piece.part(start, end)
            if WORD.search(part.text):
                # Cut between words, it goes on: no full stop.
                stripped = part.part(0, len(part.text.rstrip(" ")))
                yield from self._fitted(closed(stripped, "," if reading.lang == "en" else "，"), reading, max_phones)

    def prompt(self, text: str, lang: str, version: str = "v2") -> Segment:
        """The words of a reference clip as one segment; a full stop is added where no mark ends it.

        Raises:
            TextError: when the text holds nothing to speak.
        """
        text = "".join(part.text for part in split_pauses(text.strip("\n")))
        if WORD.search(text) is None:
            raise TextError("the prompt text is empty", "the words spoken in the reference clip", "fill in prompt_text")
        if text[-1] not in splits:
            text += full_stop(lang)
        placed, reading = marked_up(reduced(Placed.of(text)), lang, version)
        return self._segment(runs_of(placed, reading), version)

    def whole(self, text: str, lang: str, version: str = "v2") -> Segment:
        """A text as one segment, however long it is: as a request with cut0 reads it, and a line of a training list.

        Raises:
            TextError: when the text holds nothing to speak.
        """
        runs = [run for piece in pieces_of(text, lang, "cut0", version) for run in runs_of(piece.text, piece.reading)]
        if not runs:
            raise TextError(f"the text {text[:40]!r} holds nothing to speak", "words, not only marks")
        return self._segment(runs, version)

    def pre_seg_text(self, text: str, lang: str, text_split_method: str) -> list[str]:
        """Sentence preparation: lead mark for a short start, cut, merged, marks-only pieces dropped, closed.

        An empty list when there is nothing to speak.
        """
        return [piece.text for piece in sentences(Placed.of(text), lang, text_split_method)]

    def segment_and_extract_feature_for_text(
        self, text: str, language: str, version: str = "v2"
    ) -> tuple[list[int], torch.Tensor, str]:
        """Public name of :meth:`get_phones_and_bert`."""
        return self.get_phones_and_bert(text, language, version)

    def get_phones_and_bert(
        self, text: str, language: str, version: str = "v2", final: bool = False
    ) -> tuple[list[int], torch.Tensor, str]:
        """Phone ids, features [1024, T_ph] and read text of one piece, in as many languages as its mode allows.

        Fewer than six phones: a "." is put in front and the work is repeated once (``final``: it is not).
        """
        placed, reading = marked_up(Placed.of(text), language, version)
        segment = self._segment(runs_of(placed, reading, final), version)
        return segment["phones"], segment["bert_features"], segment["norm_text"]

    def _segment(self, runs: Sequence[LanguageRun], version: str) -> Segment:
        """Runs joined, with features."""
        ids = [cleaned_text_to_sequence(run.cleaned.phones, version) for run in runs]
        features = [
            self.get_bert_inf(phones, run.cleaned.word2ph, run.cleaned.norm_text, run.language)
            for phones, run in zip(ids, runs, strict=True)
        ]
        return {
            "phones": [phone for phones in ids for phone in phones],
            "bert_features": _joined(features) if features else self._zeros(0),
            "norm_text": "".join(run.cleaned.norm_text for run in runs),
            "spans": runs[0].cleaned.spans
            if len(runs) == 1
            else monotonic(s for run in runs for s in run.cleaned.spans),
        }

    def get_bert_inf(self, phones: list[int], word2ph: list[int] | None, norm_text: str, language: str) -> torch.Tensor:
        """Features [1024, T_ph] of one run: zeros for every language but Chinese, and without a BERT model."""
        if language != "zh" or word2ph is None or not norm_text or self.bert_model is None:
            if language == "zh" and self.bert_model is None and not self._warned:
                self._warned = True
                logger.info(
                    "no BERT folder: Chinese is spoken without its features, which is less expressive; fix: %s",
                    fetch_command("roberta"),
                )
            return self._zeros(len(phones))
        return spread(char_features(self.bert_model, self.tokenizer, norm_text, self.device), word2ph)

    def _zeros(self, length: int) -> torch.Tensor:
        # One column for all phones: nobody writes into features, and a long text needs no memory for nothing.
        return torch.zeros((BERT_CHANNELS, 1), dtype=torch.float32, device=self.device).expand(BERT_CHANNELS, length)

    @staticmethod
    def replace_consecutive_punctuation(text: str) -> str:
        """Repeated marks to the first of them: "!!!" to "!"."""
        return reduced(Placed.of(text)).text


def _joined(features: list[torch.Tensor]) -> torch.Tensor:
    """[1024, T_ph] of the runs of a segment, one behind the other; that of a single run is not copied."""
    return features[0] if len(features) == 1 else torch.cat(features, dim=1)


def _costs(piece: Placed, runs: Sequence[LanguageRun]) -> list[float]:
    """How many phones each character of a piece has."""
    costs = [0.0] * len(piece.text)
    starts = [start for start, _ in piece.spans]
    for run in runs:
        for start, _ in run.cleaned.spans:
            costs[max(0, bisect_right(starts, start) - 1)] += 1
    return costs
