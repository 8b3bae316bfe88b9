"""Voice conversion: the semantic tokens of a recording itself are spoken in another voice. No text-to-semantic stage.

A long recording is cut at its pauses. Each part is spoken from its own tokens and put where it was, sample for sample,
so the speech has the length and the pauses of the recording. The synthesiser's text encoder reads the words as well:
they come with the request, or from a recogniser that hears each part.

Shapes: T samples, T_ph phones, T_sem semantic tokens (25 Hz), F frames of 10 ms.
"""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from audio_io import Audio, Samples, resample
from errors import GSVError, RequestError
from feature_extractor.level import SSL_SCALE, training_level
from TTS_infer_pack.conversion_request import ConversionRequest
from TTS_infer_pack.models import VoiceModels
from TTS_infer_pack.reference import SSL_RATE, tokens_of
from TTS_infer_pack.request import AudioChunk
from TTS_infer_pack.synthesis import Job, ShouldStop, make_voice, noise_seed

logger = logging.getLogger(__name__)

LONGEST_PART = 10.0
"""Seconds of a part at most."""
FRAME_SECONDS = 0.01
QUIET_SHARE = 0.1
"""A frame below this share of the loud frames' level is quiet."""
FADE_SECONDS = 0.01
TAIL_SECONDS = 0.1
MARGIN_WORDS, MARGIN_SHARE = 2, 0.25
"""Words of its neighbours that a part is given on each side: so many at least, and this share of its own."""
_UNIT = re.compile(r"[\u3005-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff][^\w\s]*|[^\s\u3005-\u30ff\u3400-\u9fff]+")
"""What is not torn apart where words are shared out: a word, or a character of Chinese or Japanese, with its marks."""
_ENDS = tuple(".,;:!?…。，、；：！？")

Words = tuple[str, str]
"""A text and its language mode."""
Hear = Callable[[Samples, str | None], Words]
"""A recogniser: samples [T] at 16 kHz, and the language mode (None: unknown) -> what was said."""
Read = Callable[[str, str], Tensor]
"""A text and its language mode -> phone ids [T_ph]."""


# -- where it is cut --------------------------------------------------------------------------------------------------


class Part(NamedTuple):
    """A stretch of a recording, in samples, and how many of its frames are speech."""

    start: int
    stop: int
    spoken: int


def cut_at_pauses(audio: Audio, longest: float = LONGEST_PART) -> list[Part]:
    """All of a recording, in order, in parts of at most ``longest`` seconds.

    A cut is in the middle of the longest pause within the later two thirds of what a part may hold; where there is
    none, at its quietest frame.
    """
    hop = max(1, int(audio.rate * FRAME_SECONDS))
    count = math.ceil(len(audio.samples) / hop)
    padded = np.pad(audio.samples.astype(np.float64), (0, count * hop - len(audio.samples)))
    level = np.sqrt((padded.reshape(count, hop) ** 2).mean(axis=1))  # [F]
    quiet = level < QUIET_SHARE * np.quantile(level, 0.95)
    most = max(3, int(longest / FRAME_SECONDS))
    parts, start = [], 0
    while start < count:
        stop = count if count - start <= most else _cut(level, quiet, start + most // 3, start + most)
        end = min(stop * hop, len(audio.samples))
        parts.append(Part(start * hop, end, int((~quiet[start:stop]).sum())))
        start = stop
    return parts


def _cut(level: np.ndarray, quiet: np.ndarray, first: int, last: int) -> int:
    """The frame within ``first`` to ``last`` at which a part ends."""
    edges = np.diff(np.concatenate(([0], quiet[first:last].astype(np.int8), [0])))
    begins, ends = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    if not begins.size:
        return first + int(np.argmin(level[first:last]))
    longest = int(np.argmax(ends - begins))
    return first + max(1, int(begins[longest] + ends[longest]) // 2)


class Share(NamedTuple):
    """Words of a part, and the same with some words of its neighbours around them.

    Where exactly a recording's words fall is not known. A word too many does no harm (nothing looks at it), one that is
    missing is misspoken: so the text encoder is given the second.
    """

    text: str
    around: str


def share_out(text: str, parts: Sequence[Part]) -> list[Share]:
    """The words of a recording, as its parts have speech: cut near the share of each, best after a mark."""
    units = [(found.group(), found.start(), found.end()) for found in _UNIT.finditer(text)]
    total = sum(part.spoken for part in parts)
    if len(parts) == 1 or not units or not total:
        return [Share(text, text), *[Share("", "")] * (len(parts) - 1)]
    lengths = np.cumsum([len(unit) for unit, _, _ in units])
    marks = np.array([unit.endswith(_ENDS) for unit, _, _ in units])
    places, spoken = [0], 0
    for part in parts:
        spoken += part.spoken
        place = len(units) if spoken == total else _place(lengths, marks, spoken / total, part.spoken / total)
        places.append(max(places[-1], place) if part.spoken else places[-1])

    def words(first: int, last: int) -> str:
        return text[units[first][1] : units[last - 1][2]] if first < last else ""

    shares = []
    for part, first, last in zip(parts, places, places[1:], strict=False):
        more = max(MARGIN_WORDS, math.ceil(MARGIN_SHARE * (last - first))) if part.spoken else 0
        around = words(max(0, first - more), min(len(units), last + more)) if part.spoken else ""
        shares.append(Share(words(first, last), around))
    return shares


def _place(lengths: np.ndarray, marks: np.ndarray, share: float, width: float) -> int:
    """Units before a cut at ``share`` of the text; a mark counts as nearer, by a fifth of the part's ``width``."""
    distance = np.abs(lengths / lengths[-1] - share)
    return int(np.argmin(distance - np.where(marks, 0.2 * width, 0.0))) + 1


# -- its tokens ----------------------------------------------------------------------------------------------------


def part_tokens(audio: Audio, models: VoiceModels) -> Tensor:
    """[T_sem] tokens of a part, heard at the level of training: the synthesiser learned from such tokens.

    A little silence is added, so that they are never fewer than the part is long; what is too much is cut off later.
    """
    samples = training_level(resample(audio.samples, audio.rate, SSL_RATE)) * SSL_SCALE
    tail = np.zeros(int(TAIL_SECONDS * SSL_RATE), dtype=np.float32)
    return tokens_of(np.concatenate((samples.astype(np.float32), tail)), models)


# -- how it is spoken -------------------------------------------------------------------------------------------------


def convert(
    request: ConversionRequest, job: Job, read: Read, should_stop: ShouldStop = bool, hear: Hear | None = None
) -> Iterator[AudioChunk]:
    """Yield the recording part by part in the voice of ``job``; together exactly as long as the recording.

    Args:
        request: what is converted.
        job: the wanted voice; it has no segments.
        read: the text frontend.
        should_stop: asked between parts; nothing comes after a stop.
        hear: a recogniser, for a request without words.

    Raises:
        RequestError: no words, and no recogniser.
        GSVError: words that cannot be read.
    """
    if not request.text.strip() and hear is None:
        raise RequestError(
            "the words of the recording are missing", "text, or a recogniser", 'give text, or pip install -e ".[asr]"'
        )
    parts = cut_at_pauses(request.recording)
    given = share_out(request.text.strip(), parts) if request.text.strip() else None
    return _spoken(request, job, read, should_stop, hear, parts, given)


def _spoken(
    request: ConversionRequest,
    job: Job,
    read: Read,
    should_stop: ShouldStop,
    hear: Hear | None,
    parts: Sequence[Part],
    given: Sequence[Share] | None,
) -> Iterator[AudioChunk]:
    speaker = _Speaker(request.recording, job, read, len(parts))
    for index, part in enumerate(parts):
        if should_stop():
            return
        share, mode = given[index] if given else Share("", ""), request.text_lang
        if part.spoken and hear is not None and not given:
            known = None if mode == "auto" else mode
            text, mode = hear(resample(speaker.samples(part), request.recording.rate, SSL_RATE), known)
            share = Share(text, text)
        if should_stop():
            return
        yield speaker.speak(index, part, share, mode)


class _Speaker:
    """Speaks parts of one recording."""

    def __init__(self, recording: Audio, job: Job, read: Read, count: int) -> None:
        self._recording, self._job, self._read, self._count = recording, job, read, count
        self._voice = make_voice(job)
        self._rate = job.models.output_rate

    def samples(self, part: Part) -> Samples:
        """Of the recording [T]."""
        return self._recording.samples[part.start : part.stop]

    @torch.inference_mode()
    def speak(self, index: int, part: Part, share: Share, mode: str) -> AudioChunk:
        """A part from its own tokens, as long as it was; a part without speech is silence."""
        length = self._at(part.stop) - self._at(part.start)
        wave, tokens, warning = np.zeros(length, dtype=np.float32), 0, ""
        if part.spoken:
            codes = part_tokens(Audio(self.samples(part), self._recording.rate), self._job.models)
            ids, warning = self._phones(share.around, mode)
            device = self._job.models.device
            out = self._voice(codes.to(device)[None, None], ids.to(device)[None], noise_seed(self._job, index))
            made = out.float().cpu().numpy()[:length]
            tokens = codes.numel()
            wave[: len(made)] = made / max(1.0, float(np.abs(made).max(initial=0.0)))
            self._fade(wave, index)
        return AudioChunk(wave, self._rate, index, share.text, tokens, "eos", warning=warning)

    def _at(self, sample: int) -> int:
        """A sample of the recording as one of the speech."""
        return round(sample * self._rate / self._recording.rate)

    def _phones(self, text: str, mode: str) -> tuple[Tensor, str]:
        """Phone ids [T_ph], and what the listener has to know; a lone mark where nothing was said or can be read."""
        if text.strip(" \t\n.,;:!?…。，、；：！？"):
            try:
                return self._read(text, mode), ""
            except GSVError as error:
                warning = f"the words {text[:40]!r} cannot be read: {error.what}"
                logger.warning("%s", warning)
                return self._mark(), warning
        return self._mark(), ""

    def _mark(self) -> Tensor:
        from text import cleaned_text_to_sequence

        return torch.tensor(cleaned_text_to_sequence(["."], self._job.models.spec.name), dtype=torch.int64)

    def _fade(self, wave: Samples, index: int) -> None:
        """Fade in and out where the recording was cut, so that no step is heard."""
        length = min(int(FADE_SECONDS * self._rate), len(wave) // 2)
        ramp = np.linspace(0, 1, length, dtype=np.float32)
        if index and length:
            wave[:length] *= ramp
        if index < self._count - 1 and length:
            wave[-length:] *= ramp[::-1]
