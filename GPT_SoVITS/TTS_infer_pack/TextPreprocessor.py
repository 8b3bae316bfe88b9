"""From a request's text to segments a model can speak: cut, tidied, and as phones with BERT features.

Runs alone: with no BERT model the features are zeros. Shapes: T_ph phones of a segment; features are [1024, T_ph].
"""

from __future__ import annotations

import logging
import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypedDict

import torch

from errors import TextError
from published import fetch_command
from text import cleaned_text_to_sequence
from text.cleaner import Cleaned, clean_placed, mark
from text.language import neutral_language, runs_for_mode
from text.markup import Given, split_pauses
from text.places import Placed, Span, monotonic
from TTS_infer_pack.bert_features import BERT_CHANNELS, char_features, spread
from TTS_infer_pack.marks import cut_to_fit
from TTS_infer_pack.sentences import WORD, closed, full_stop, leading, sentences
from TTS_infer_pack.text_segmentation_method import splits

logger = logging.getLogger(__name__)

MAX_PHONES = 300
"""Most phones of a segment where nothing is known of the stage that will speak it: some 25 seconds."""
MIN_PHONES = 6
_REPEATED = re.compile(r"([!?…,.\-])[!?…,.\-]+")
_SPACES = re.compile(" {2,}")


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


@dataclass(frozen=True)
class _Reading:
    """How the pieces of a request are read: its language mode, model version, placeholders, and the language of numbers
    in a piece that shows none."""

    lang: str
    version: str
    given: Mapping[str, Given]
    neutral: str


@dataclass(frozen=True)
class _Run:
    """A run of one language, cleaned."""

    language: str
    cleaned: Cleaned
    ids: list[int]


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
        self, text: str, lang: str, text_split_method: str, version: str = "v2", max_phones: int = MAX_PHONES
    ) -> list[Segment]:
        """All segments of a request's text, in order.

        Args:
            text: any Unicode string; it may hold explicit readings and pauses (``text.markup``).
            lang: a language mode (``text.language.MODES``).
            text_split_method: "cut0" to "cut5".
            version: model version; decides the phone symbols.
            max_phones: what a method leaves longer is cut at its best marks, else between words.

        Raises:
            TextError: when the text holds nothing to speak, or its language cannot be spoken.
            RequestError: for an unknown cutting method.
        """
        segments: list[Segment] = []
        neutral = neutral_language(text, lang)
        for part in split_pauses(text):
            marked = mark(self._reduced(Placed.of(part.text, part.start)), lang)
            reading = _Reading(lang, version, marked.given, neutral)
            for piece in sentences(marked.placed, lang, text_split_method):
                if WORD.search(piece.text):
                    segments += self._fitted(piece, reading, max_phones)
            if segments and part.seconds:
                segments[-1]["pause"] = segments[-1].get("pause", 0.0) + part.seconds
        if not segments:
            raise TextError(
                f"the text {text[:40]!r} holds nothing that can be spoken in language {lang!r}",
                "words, not only marks",
                "give a text with words, or choose the language it is in",
            )
        return segments

    def _fitted(self, piece: Placed, reading: _Reading, max_phones: int) -> Iterator[Segment]:
        """The piece as a segment, or as several where it has more than ``max_phones``."""
        runs = self._runs(piece, reading)
        phones = sum(len(run.ids) for run in runs)
        cuts = cut_to_fit(piece.text, _costs(piece, runs), max_phones) if phones > max_phones else []
        if not cuts:
            segment = self._segment(runs)
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
        return self.whole(text, lang, version)

    def whole(self, text: str, lang: str, version: str = "v2") -> Segment:
        """A text as one segment, uncut, with its pauses as marks: how a line of a training list is read."""
        marked = mark(self._reduced(Placed.of(text)), lang)
        return self._segment(
            self._runs(marked.placed, _Reading(lang, version, marked.given, neutral_language(text, lang)))
        )

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
        marked = mark(text, language)
        reading = _Reading(language, version, marked.given, neutral_language(text, language))
        segment = self._segment(self._runs(marked.placed, reading, final))
        return segment["phones"], segment["bert_features"], segment["norm_text"]

    def _runs(self, text: Placed, reading: _Reading, final: bool = False) -> list[_Run]:
        """The runs of a piece whose markup is read already, each cleaned; a "." in front of fewer than six phones."""
        text = text.sub(_SPACES, lambda _: " ")
        languages = {char: entry.language for char, entry in reading.given.items()}
        runs: list[_Run] = []
        at = 0
        for language, run_text in runs_for_mode(text.text, reading.lang, reading.neutral, languages):
            run = text.part(at, at + len(run_text))
            at += len(run_text)
            cleaned = clean_placed(run, language, reading.version, reading.given)
            runs.append(_Run(language, cleaned, cleaned_text_to_sequence(cleaned.phones, reading.version)))
        if final or sum(len(run.ids) for run in runs) >= MIN_PHONES:
            return runs
        lead = leading(".", text.text)
        lead_place = Placed(lead, [text.span(0, 0)] * len(lead))
        return self._runs(Placed.joined([lead_place, text]), reading, final=True)

    def _segment(self, runs: Sequence[_Run]) -> Segment:
        """Runs joined, with features."""
        features = [
            self.get_bert_inf(run.ids, run.cleaned.word2ph, run.cleaned.norm_text, run.language) for run in runs
        ]
        return {
            "phones": [phone for run in runs for phone in run.ids],
            "bert_features": torch.cat(features, dim=1) if features else self._zeros(0),
            "norm_text": "".join(run.cleaned.norm_text for run in runs),
            "spans": monotonic(span for run in runs for span in run.cleaned.spans),
        }

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

    @staticmethod
    def _reduced(text: Placed) -> Placed:
        """:meth:`replace_consecutive_punctuation` of a text that knows its places."""
        return text.sub(_REPEATED, lambda match: match[1])


def _costs(piece: Placed, runs: Sequence[_Run]) -> list[float]:
    """How many phones each character of a piece has."""
    costs = [0.0] * len(piece.text)
    starts = [start for start, _ in piece.spans]
    for run in runs:
        for start, _ in run.cleaned.spans:
            costs[max(0, bisect_right(starts, start) - 1)] += 1
    return costs
