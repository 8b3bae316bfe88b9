"""From a checked request to a job: its text is read, its reference clip prepared, its values completed.

What the voice recommends fills in where the request names nothing. Knows nothing about networks at work, chunks or how
a voice is loaded.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from AR.backend import SamplingParams
from AR.plausible import LearnedSpan, most_phones
from audio_io import PathLike
from errors import AudioError, RequestError
from TTS_infer_pack.acoustic import FlowSampling
from TTS_infer_pack.batching import make_batches
from TTS_infer_pack.conversion_request import ConversionRequest
from TTS_infer_pack.language_model import StageWish, learned_span
from TTS_infer_pack.models import LoadedVoice
from TTS_infer_pack.prepared import ReferenceCache
from TTS_infer_pack.reference import Reference
from TTS_infer_pack.request import PUBLIC_SAMPLING, SynthesisRequest, drawn_seed
from TTS_infer_pack.stage_request import Phones, Prompt, phones_of
from TTS_infer_pack.synthesis import Job, ShouldStop
from TTS_infer_pack.text_segmentation_method import get_method
from TTS_infer_pack.TextPreprocessor import TextPreprocessor

logger = logging.getLogger(__name__)


@dataclass
class JobBuilder:
    """Makes jobs. Safe for several threads.

    Attributes:
        text: reads texts; another one may take its place.
        references: prepared clips.
        chosen_clip: the clip for requests that name none; empty: the voice's own.

    Raises:
        GSVError: text that cannot be spoken, or a reference that cannot be used, in every method.
    """

    text: TextPreprocessor
    references: ReferenceCache = field(default_factory=ReferenceCache)
    chosen_clip: str = ""

    def speech(
        self, request: SynthesisRequest, voice: LoadedVoice, wish: StageWish, should_stop: ShouldStop = bool
    ) -> Job:
        """The job of a request that ``voice`` speaks, its tokens by the stage of ``wish``.

        ``should_stop`` is asked while a long text is read.
        """
        models, values = voice.models, _values(request, voice)
        span = _span(voice, wish)
        segments = self._segments(request, voice, span, str(values["text_split_method"]), should_stop)
        path, text, lang = self._reference_of(request, voice)
        reference = self.references.get(path, models)
        prompt = None if voice.recommended.reference_free else self._prompt_of(reference, text, lang, voice)
        others = [self.references.get(aux, models, timbre_only=True) for aux in request.aux_ref_audio_paths]
        lengths = [segment.ids.numel() for segment in segments]
        size = request.batch_size if request.parallel_infer else 1
        speed = float(values["speed_factor"])
        return Job(
            models=models,
            segments=segments,
            prompt=prompt,
            refers=[clip.spec for clip in (reference, *others)],
            speakers=[clip.speaker for clip in (reference, *others) if clip.speaker is not None],
            prompt_mel=reference.mel,
            flow=FlowSampling.of(models.spec.mel, request.sample_steps, request.cfg_rate),
            enhance=request.super_sampling,
            sampling=SamplingParams(
                top_k=int(values["top_k"]),
                top_p=max(float(values["top_p"]), 1e-6),  # 0 is the lower end of users' sliders: only the likeliest
                temperature=float(values["temperature"]),
                repetition_penalty=float(values["repetition_penalty"]),
                seed=drawn_seed(request.seed),
            ),
            batches=make_batches(lengths, size, request.batch_threshold, request.split_bucket and not request.streams),
            speed=speed if request.resynthesis else 1.0,
            stretch=1.0 if request.resynthesis else speed,
            pieces=request.pieces,
            pause=request.fragment_interval,
            pace=span.pace,
            subtitled=request.text if request.subtitles else "",
            # whoever hears pieces while the tokens come has heard a misread segment when that shows
            read_back=None if request.pieces else voice.read_back,
        )

    def conversion(self, request: ConversionRequest, voice: LoadedVoice) -> Job:
        """A job without segments: the wanted voice alone."""
        models = voice.models
        path, text, lang = self._reference_of(request, voice)
        reference = self.references.get(path, models)
        return Job(
            models=models,
            segments=(),
            prompt=self._prompt_of(reference, text, lang, voice),
            refers=[reference.spec],
            speakers=[reference.speaker] if reference.speaker is not None else [],
            prompt_mel=reference.mel,
            flow=FlowSampling.of(models.spec.mel, request.sample_steps, request.cfg_rate),
            sampling=SamplingParams(seed=drawn_seed(request.seed)),
            batches=(),
        )

    def prompt(self, path: PathLike, text: str, lang: str, voice: LoadedVoice) -> Prompt:
        """Words and tokens of a reference clip, as speech goes on from them."""
        reference = self.references.get(path, voice.models)
        if reference.tokens is None or reference.shortened:
            raise AudioError(f"{path} cannot be gone on from", "a recording of 3 to 10 s", "choose another clip")
        return Prompt(phones_of(self.text.prompt(text, lang, voice.version)), reference.tokens)

    def phones(self, text: str, lang: str, voice: LoadedVoice) -> Phones:
        """A text as the models read it, in one piece, with the same features as in speech."""
        return phones_of(self.text.whole(text, lang, voice.version))

    def _prompt_of(self, reference: Reference, text: str, lang: str, voice: LoadedVoice) -> Prompt | None:
        """What speech goes on from; None without words, or where the clip is too long or gives no tokens."""
        if not text or reference.tokens is None or reference.shortened:
            return None
        return Prompt(phones_of(self.text.prompt(text, lang, voice.version)), reference.tokens)

    def _segments(
        self, request: SynthesisRequest, voice: LoadedVoice, span: LearnedSpan, method: str, should_stop: ShouldStop
    ) -> list[Phones]:
        """The text of a request, cut by ``method`` into what a stage can speak that has learned ``span``."""
        get_method(method)
        whole = request.text_split_method == "cut0"  # a person has chosen that
        limit, alone = most_phones(span, whole), bool(span.phones) and not whole
        parts = self.text.preprocess(
            request.text, request.text_lang, method, voice.version, limit, alone, should_stop=should_stop
        )
        segments = [phones_of(part) for part in parts]
        if whole:
            _warn_of_length(segments, span)
        return segments

    def _reference_of(self, request: SynthesisRequest | ConversionRequest, voice: LoadedVoice) -> tuple[str, str, str]:
        """(path, text, language) of the reference: the request's, the one set before, or the pack's."""
        path = request.ref_audio_path or self.chosen_clip
        if path:
            if request.prompt_text.strip() and not request.prompt_lang:
                raise RequestError("prompt_lang is missing", "the language of prompt_text", "set prompt_lang")
            return path, request.prompt_text.strip(), request.prompt_lang
        default = voice.recommended.default_reference
        if default is None:
            raise RequestError(
                "ref_audio_path is missing, and these weights bring no reference clip of their own",
                "a recording of 3 to 10 s",
                "set ref_audio_path, and prompt_text to its words",
            )
        return default.path, default.text, default.lang


def _values(request: SynthesisRequest, voice: LoadedVoice) -> dict[str, Any]:
    """Sampling values: the request's where it names them, else those recommended for the voice, else public ones."""
    named = {name: getattr(request, name) for name in PUBLIC_SAMPLING}
    return PUBLIC_SAMPLING | dict(voice.recommended.sampling) | {n: v for n, v in named.items() if v is not None}


def _span(voice: LoadedVoice, wish: StageWish) -> LearnedSpan:
    """The longest speech that what speaks has learned: the language model's own, the pack's, or the checkpoint's."""
    own = learned_span(wish.name) if wish.name else LearnedSpan()
    known = own if own.phones else voice.recommended.span
    return known if known.phones else getattr(voice.models.t2s, "span", LearnedSpan())


def _warn_of_length(segments: Sequence[Phones], span: LearnedSpan) -> None:
    """Tell in the log of segments that are longer than the stage has learned: a person has chosen cut0."""
    longest = max((segment.ids.numel() for segment in segments), default=0)
    if span.phones and longest > span.phones:
        logger.warning(
            "a segment has %d phones, and the voice has learned %d at most, so its speech may break off or garble; "
            "fix: another cutting method than cut0",
            longest,
            span.phones,
        )
