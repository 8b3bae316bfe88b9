"""The speech pipeline behind one object: ``TTS``. Text and a reference clip in, audio out.

``stream`` is the primitive: a checked request goes in, audio chunks come out. ``synthesize`` is the join of the stream,
``run`` the same behind the dict keys of the public HTTP API. Importing this file loads no model.
"""

from __future__ import annotations

import logging
import secrets
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from AR.backend import SamplingParams, T2SBackend
from AR.fallback import FallbackInfo
from AR.models.qwen3_t2s_model import Qwen3T2SModel
from AR.plausible import LearnedSpan, most_phones
from audio_io import Audio, PathLike, to_int16
from errors import AudioError, ConfigError, RequestError
from TTS_infer_pack.batching import make_batches
from TTS_infer_pack.bert_features import load_if_present
from TTS_infer_pack.language_model import LanguageModelSeat, OnFall, of_voice
from TTS_infer_pack.models import (
    Placement,
    VoiceModels,
    check_match,
    load_companions,
    load_hubert,
    load_t2s,
    load_vits,
    load_voice,
)
from TTS_infer_pack.prompt_cache import LRUCache
from TTS_infer_pack.reference import Reference, file_digest, prepare_reference
from TTS_infer_pack.request import PUBLIC_SAMPLING, WHOLE, AudioChunk, SynthesisRequest
from TTS_infer_pack.synthesis import Job, Phones, Prompt, ShouldStop, speak
from TTS_infer_pack.text_segmentation_method import get_method
from TTS_infer_pack.TextPreprocessor import Segment, TextPreprocessor
from TTS_infer_pack.tts_config import TTS_Config

__all__ = ["TTS", "AudioChunk", "Fallback", "SynthesisRequest", "TTS_Config"]

logger = logging.getLogger(__name__)

CACHED_REFERENCES = 32
SEED_RANGE = 2**31


Fallback = FallbackInfo
"""Why the AR model speaks although the language model was asked for: reason, message, model_name."""


class TTS:
    """A voice that speaks.

    Any number of requests may run at once, in one thread or several: networks are shared and never change, everything
    else belongs to the request.

    Args:
        configs: a :class:`TTS_Config`, or what one is made of (YAML path, dict, None for the defaults).

    Attributes:
        configs: the settings; ``use_qwen3`` and its siblings are read at every request.
        last_fallback: why the AR model spoke in the last request in place of the language model (reason, message,
            model_name), or None.

    Raises:
        GSVError: settings or checkpoints that cannot be used.
    """

    def __init__(self, configs: TTS_Config | Mapping[str, Any] | PathLike | None = None) -> None:
        self.configs = configs if isinstance(configs, TTS_Config) else TTS_Config(configs)
        self.last_fallback: Fallback | None = None
        self._references: LRUCache[Reference] = LRUCache(CACHED_REFERENCES)
        self._swap = threading.Lock()
        self._stops = 0
        self._seat = LanguageModelSeat()
        self._ref_audio_path = ""
        self._place = Placement(self.configs.device, self.configs.is_half)
        folder = self.configs.bert_base_path
        bert, tokenizer = load_if_present(folder) if folder else (None, None)
        self._text = TextPreprocessor(bert, tokenizer, device=torch.device("cpu"))
        paths = self.configs.cnhuhbert_base_path, self.configs.vits_weights_path, self.configs.t2s_weights_path
        self._models = load_voice(*paths, self._place)
        self._note_models()
        self._t2s(self._models)  # a language model that cannot speak is known now, not at the first request

    @property
    def sample_rate(self) -> int:
        """Output rate in Hz, as the SoVITS checkpoint's configuration says."""
        return self._models.output_rate

    # -- speaking ----------------------------------------------------------------------------------------------------

    def stream(
        self, request: SynthesisRequest, should_stop: ShouldStop | None = None, on_fall: OnFall | None = None
    ) -> Iterator[AudioChunk]:
        """Speak ``request`` segment by segment, or in pieces where its ``streaming_mode`` asks for them; closing the
        iterator stops the work and frees what it holds.

        The request is read, and errors in it are raised, before the iterator is returned.

        Args:
            request: what to say.
            should_stop: asked between decode steps; True ends this request, and nothing more comes of its segment.
            on_fall: told each time the AR model steps in for the language model in this request.

        Raises:
            GSVError: text that cannot be spoken, or a reference that cannot be used.
        """
        job = self._job(request)
        job = replace(job, models=replace(job.models, t2s=self._t2s(job.models, on_fall)))
        return speak(job, self._stop_signal(should_stop))

    def synthesize(self, request: SynthesisRequest, on_warning: Callable[[str], None] | None = None) -> Audio:
        """The whole speech of ``request``: its segments, joined. Errors as :meth:`stream`.

        Nobody hears it before it is whole, so it is never cut into pieces. ``on_warning`` is told what a listener has
        to know, such as that words seem to be missing.
        """
        rate = self.sample_rate
        parts = []
        for chunk in self.stream(replace(request, streaming_mode=WHOLE)):
            parts.append(chunk.samples)
            rate = chunk.sample_rate
            if chunk.warning and on_warning is not None:
                on_warning(chunk.warning)
        return Audio(_join(parts), rate)

    def run(self, inputs: Mapping[str, Any]) -> Iterator[tuple[int, NDArray[np.int16]]]:
        """Speak a request given by the keys of the public HTTP API; yields (sample rate, int16 samples [T]).

        One item; one a segment with ``return_fragment`` or ``streaming_mode`` 1; one a piece with 2 or 3. Errors as
        :meth:`stream`, and RequestError for unknown keys and unusable values, all at the first ``next``.
        """
        request = SynthesisRequest.from_dict(inputs)
        if request.streams:
            for chunk in self.stream(request):
                yield chunk.sample_rate, to_int16(chunk.samples)
        else:
            speech = self.synthesize(request)
            yield speech.rate, to_int16(speech.samples)

    def stop(self) -> None:
        """End all speech that is under way; requests that come later are not concerned."""
        self._stops += 1

    def _stop_signal(self, own: ShouldStop | None = None) -> ShouldStop:
        begun = self._stops
        return lambda: self._stops != begun or (own is not None and own())

    # -- from a request to a job -------------------------------------------------------------------------------------

    def _job(self, request: SynthesisRequest) -> Job:
        models, version = self._models, self._models.spec.name
        values = self._values(request)
        method = str(values["text_split_method"])
        get_method(method)
        span = self._span(models)
        whole = request.text_split_method == "cut0"  # a person has chosen that
        limit, alone = most_phones(span, whole), bool(span.phones) and not whole
        parts = self._text.preprocess(request.text, request.text_lang, method, version, limit, alone)
        segments = [_phones(part) for part in parts]
        hint_of_length(segments, span)
        path, text, lang = self._reference_of(request)
        reference = self._reference(models, path)
        prompt = None
        if text and not (reference.shortened or self.configs.reference_free) and reference.tokens is not None:
            prompt = Prompt(_phones(self._text.prompt(text, lang, version)), reference.tokens)
        others = [self._reference(models, aux, timbre_only=True) for aux in request.aux_ref_audio_paths]
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
            sample_steps=request.sample_steps,
            enhance=request.super_sampling,
            sampling=SamplingParams(
                top_k=int(values["top_k"]),
                top_p=max(float(values["top_p"]), 1e-6),  # 0 is the lower end of users' sliders: only the likeliest
                temperature=float(values["temperature"]),
                repetition_penalty=float(values["repetition_penalty"]),
                seed=request.seed if request.seed >= 0 else secrets.randbelow(SEED_RANGE),
            ),
            batches=make_batches(lengths, size, request.batch_threshold, request.split_bucket and not request.streams),
            speed=speed if request.resynthesis else 1.0,
            stretch=1.0 if request.resynthesis else speed,
            pieces=request.pieces,
            pause=request.fragment_interval,
            pace=span.pace,
        )

    def _span(self, models: VoiceModels) -> LearnedSpan:
        """The longest speech that the stages have learned: the pack's, else what the GPT checkpoint says."""
        return self.configs.span if self.configs.span.phones else getattr(models.t2s, "span", LearnedSpan())

    def _values(self, request: SynthesisRequest) -> dict[str, Any]:
        """Sampling values: the request's, where it names them, else the pack's, else the public ones."""
        named = {name: getattr(request, name) for name in PUBLIC_SAMPLING}
        return PUBLIC_SAMPLING | self.configs.sampling | {name: v for name, v in named.items() if v is not None}

    def _reference_of(self, request: SynthesisRequest) -> tuple[str, str, str]:
        """(path, text, language) of the reference: the request's, the one set before, or the pack's."""
        path = request.ref_audio_path or self._ref_audio_path
        if path:
            if request.prompt_text.strip() and not request.prompt_lang:
                raise RequestError("prompt_lang is missing", "the language of prompt_text", "set prompt_lang")
            return path, request.prompt_text.strip(), request.prompt_lang
        default = self.configs.default_reference
        if default is None:
            raise RequestError(
                "ref_audio_path is missing, and these weights bring no reference clip of their own",
                "a recording of 3 to 10 s",
                "set ref_audio_path, and prompt_text to its words",
            )
        return default.path, default.text, default.lang

    @property
    def ar_model(self) -> T2SBackend:
        """The AR model of the voice, whatever sits in the seat."""
        return self._models.t2s

    def language_model(self, name: str) -> Qwen3T2SModel:
        """A language model that speaks this voice's tokens, beside whatever sits in the seat.

        Raises:
            LMUnavailable: with the reason why there is none.
        """
        return of_voice(name, self._models)

    def prompt_of(self, path: PathLike, text: str, lang: str) -> Prompt:
        """Words and tokens of a reference clip, as speech goes on from them.

        Raises:
            GSVError: a clip or text that cannot be used.
        """
        reference = self._reference(self._models, path)
        if reference.tokens is None or reference.shortened:
            raise AudioError(f"{path} cannot be gone on from", "a recording of 3 to 10 s", "choose another clip")
        return Prompt(_phones(self._text.prompt(text, lang, self._models.spec.name)), reference.tokens)

    def _reference(self, models: VoiceModels, path: PathLike, timbre_only: bool = False) -> Reference:
        """The prepared clip, from the cache where the same content was seen with the same networks."""
        key = (file_digest(path), timbre_only, models.serial)
        return self._references.get(key, lambda: prepare_reference(path, models, timbre_only))

    # -- changing what speaks ----------------------------------------------------------------------------------------

    def init_t2s_weights(self, weights_path: PathLike) -> None:
        """Load another GPT checkpoint. Speech under way goes on with the old one, as everything does on an error.

        Raises:
            CheckpointError: the file cannot be used.
        """
        t2s = load_t2s(weights_path, self._place)
        with self._swap:
            check_match(self._models.hubert, self._models.vits, t2s)
            self._models = replace(self._models, t2s=t2s)
            if str(Path(weights_path).resolve()) != self.configs.t2s_weights_path:
                self.configs.sampling = {}  # what a pack recommends is about its own weights
                self.configs.span = LearnedSpan()
            self.configs.t2s_weights_path = str(weights_path)

    def init_vits_weights(self, weights_path: PathLike) -> None:
        """Load another SoVITS checkpoint; as :meth:`init_t2s_weights`."""
        vits, audio = load_vits(weights_path, self._place)
        companions = load_companions(vits.spec, self._place)
        with self._swap:
            check_match(self._models.hubert, vits, self._models.t2s)
            self._models = replace(
                self._models,
                vits=vits,
                audio=audio,
                spec=vits.spec,
                companions=companions,
                serial=self._models.serial + 1,
            )
            self._references.clear()
            self.configs.vits_weights_path = str(weights_path)
            self._note_models()

    def init_cnhuhbert_weights(self, base_path: PathLike) -> None:
        """Load another SSL encoder folder; as :meth:`init_t2s_weights`."""
        hubert = load_hubert(base_path, self._place)
        with self._swap:
            check_match(hubert, self._models.vits, self._models.t2s)
            self._models = replace(self._models, hubert=hubert, serial=self._models.serial + 1)
            self._references.clear()
            self.configs.cnhuhbert_base_path = str(base_path)

    def set_ref_audio(self, ref_audio_path: PathLike) -> None:
        """Choose the clip for requests that name none.

        Raises:
            AudioError: the clip cannot be used.
        """
        self._reference(self._models, ref_audio_path)
        self._ref_audio_path = str(ref_audio_path)

    def _note_models(self) -> None:
        self.configs.version = self._models.spec.name
        self.configs.sampling_rate = self._models.output_rate

    # -- the text-to-semantic seat -----------------------------------------------------------------------------------

    def _t2s(self, models: VoiceModels, on_fall: OnFall | None = None) -> T2SBackend:
        """What speaks the tokens of the next request, as the settings ask; starts ``last_fallback`` anew."""
        self.last_fallback = None

        def note(info: Fallback) -> None:
            self.last_fallback = info
            if on_fall is not None:
                on_fall(info)

        return self._seat.backend(self.configs, models, note)

    def set_t2s(self, kind: str, model_name: str | None = None) -> None:
        """Put the AR model ("ar") or a language model ("qwen3") into the text-to-semantic seat, while running.

        SoVITS stays as it is; the memory of a language model that leaves is freed. What goes wrong is in
        ``last_fallback``, and the AR model speaks.

        Args:
            kind: "ar" or "qwen3".
            model_name: which language model; None: the one in the settings.

        Raises:
            ConfigError: another kind.
            CheckpointError: in strict mode, why the language model cannot be loaded.
        """
        if kind not in ("ar", "qwen3"):
            raise ConfigError(f"there is no text-to-semantic stage {kind!r}", "ar or qwen3")
        if model_name:
            self.configs.qwen3_model_name = model_name
        self.configs.use_qwen3 = kind == "qwen3"
        if kind == "ar":
            self._seat.release()
        self._t2s(self._models)


def _phones(segment: Segment) -> Phones:
    """A segment of the text stage as tensors; features that are all zero are left out."""
    bert = segment["bert_features"]
    return Phones(
        torch.tensor(segment["phones"], dtype=torch.int64),
        bert if bool(bert.any()) else None,
        segment["norm_text"],
        segment.get("pause", 0.0),
        tuple(segment["spans"]),
    )


def hint_of_length(segments: Sequence[Phones], span: LearnedSpan) -> None:
    """Tell in the log of segments that are longer than the stage has learned: a person has chosen cut0."""
    longest = max((segment.ids.numel() for segment in segments), default=0)
    if span.phones and longest > span.phones:
        logger.warning(
            "a segment has %d phones, and the voice has learned %d at most, so its speech may break off or garble; "
            "fix: another cutting method than cut0",
            longest,
            span.phones,
        )


def _join(parts: list[NDArray[np.float32]]) -> NDArray[np.float32]:
    return np.concatenate(parts) if parts else np.zeros(0, dtype=np.float32)
