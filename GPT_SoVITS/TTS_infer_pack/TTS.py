"""The speech pipeline behind one object: ``TTS``. Text and a reference clip in, audio out.

``stream`` is the primitive: a checked request goes in, audio chunks come out. ``synthesize`` is the join of the stream,
``run`` the same behind the dict keys of the public HTTP API. Importing this file loads no model.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from AR.backend import T2SBackend
from AR.engine import T2SEngine
from AR.fallback import FallbackInfo, OnFall
from AR.models.qwen3_t2s_model import Qwen3T2SModel
from audio_io import Audio, PathLike, to_int16
from errors import ConfigError
from TTS_infer_pack.bert_features import load_if_present
from TTS_infer_pack.conversion import Hear, convert
from TTS_infer_pack.conversion_request import ConversionRequest
from TTS_infer_pack.job_builder import JobBuilder
from TTS_infer_pack.language_model import LanguageModels, StageWish, of_voice
from TTS_infer_pack.memory import RequestMemory, bound_primitive_cache
from TTS_infer_pack.models import LoadedVoice, Placement, VoiceModels, VoicePaths
from TTS_infer_pack.public_config import NO_PROMPT_ERROR
from TTS_infer_pack.public_names import PublicTTSNames
from TTS_infer_pack.request import STAGES, WHOLE, AudioChunk, SynthesisRequest
from TTS_infer_pack.speech import Falls, Speech
from TTS_infer_pack.stage_request import Phones, Prompt
from TTS_infer_pack.subtitles import SpeechClock
from TTS_infer_pack.synthesis import Job, ShouldStop, speak
from TTS_infer_pack.TextPreprocessor import TextPreprocessor
from TTS_infer_pack.tts_config import TTS_Config
from TTS_infer_pack.voice_holder import VoiceHolder
from TTS_infer_pack.word_times import SpokenWord

__all__ = [
    "NO_PROMPT_ERROR",
    "TTS",
    "AudioChunk",
    "Fallback",
    "LoadedVoice",
    "Speech",
    "SynthesisRequest",
    "TTS_Config",
]

Fallback = FallbackInfo
"""Why the AR model speaks although the language model was asked for: reason, message, model_name."""


class TTS(PublicTTSNames):
    """A voice that speaks.

    Any number of requests may run at once, in one thread or several: the voice is shared and never changed, only
    replaced as a whole, and everything else belongs to the request, its text-to-semantic stage included.

    Args:
        configs: a :class:`TTS_Config`, or what one is made of (YAML path, dict, None for the defaults).

    Attributes:
        configs: the settings, which are wishes; ``use_qwen3`` and its siblings are read at every request. What is known
            of the voice that is loaded (version, paths, sampling_rate, default_reference ...) is written into them for
            whoever looks there, and never read back.
        last_fallback: why the AR model spoke in place of the language model (reason, message, model_name) in the
            request that began last, of all that run; None where it did not. A request's own falls are in its
            :class:`Speech` and chunks.

    Raises:
        GSVError: settings or checkpoints that cannot be used.
    """

    def __init__(self, configs: TTS_Config | Mapping[str, Any] | PathLike | None = None) -> None:
        self.configs = configs if isinstance(configs, TTS_Config) else TTS_Config(configs)
        self.last_fallback: Fallback | None = None
        bound_primitive_cache()
        self._memory = RequestMemory()
        self._stops = 0
        self._lms = LanguageModels()
        folder = self.configs.bert_base_path
        bert, tokenizer = load_if_present(folder) if folder else (None, None)
        self._jobs = JobBuilder(TextPreprocessor(bert, tokenizer, device=torch.device("cpu")))
        wish = self.configs
        paths = VoicePaths(wish.t2s_weights_path, wish.vits_weights_path, wish.cnhuhbert_base_path)
        place = Placement(self.configs.device, self.configs.is_half)
        self._holder = VoiceHolder(paths, place, self._publish)
        self._settle()  # a language model that cannot speak is known now, not at the first request

    @property
    def voice(self) -> LoadedVoice:
        """The voice that speaks the next request."""
        return self._holder.voice

    @property
    def _models(self) -> VoiceModels:
        return self.voice.models

    @property
    def sample_rate(self) -> int:
        """Output rate in Hz, as the SoVITS checkpoint's configuration says."""
        return self._models.output_rate

    @property
    def memory_bytes(self) -> int:
        """Bytes that the voice's weights take; language models are not counted."""
        return self._models.memory_bytes

    # -- speaking ----------------------------------------------------------------------------------------------------

    def stream(
        self,
        request: SynthesisRequest,
        should_stop: ShouldStop | None = None,
        on_fall: OnFall | None = None,
        voice: LoadedVoice | None = None,
    ) -> Speech:
        """Speak ``request`` segment by segment, or in pieces where its ``streaming_mode`` asks for them; closing the
        iterator stops the work and frees what it holds.

        The request is read, and errors in it are raised, before the iterator is returned.

        Args:
            request: what to say.
            should_stop: asked between segments of the text and between decode steps; True ends this request, and
                nothing more comes of its segment.
            on_fall: called each time the AR model steps in for the language model in this request.
            voice: what speaks it; None: the voice that is loaded now. It stays the same to the end.

        Raises:
            GSVError: text that cannot be spoken, or a reference that cannot be used.
        """
        voice = voice or self.voice
        stop = self._stop_signal(should_stop)
        job = self._job(request, voice, stop)
        falls = Falls(self._note_fall, on_fall)
        engine = self._t2s(voice, falls, request)
        return Speech(self._memory.watch(speak(job, engine, stop)), falls)

    def synthesize(
        self,
        request: SynthesisRequest,
        on_fall: OnFall | None = None,
        voice: LoadedVoice | None = None,
        on_warning: Callable[[str], None] | None = None,
        on_words: Callable[[Sequence[SpokenWord]], None] | None = None,
    ) -> Audio:
        """The whole speech of ``request``: its segments, joined. Arguments and errors as :meth:`stream`.

        Nobody hears it before it is whole, so it is never cut into pieces. ``on_warning`` gets what a listener has
        to know, such as that words seem to be missing; ``on_words``, where the request asks for subtitles, of the words
        of each segment with their seconds in the whole speech.
        """
        voice = voice or self.voice
        rate = voice.models.output_rate
        parts = []
        clock = SpeechClock()
        for chunk in self.stream(replace(request, streaming_mode=WHOLE), None, on_fall, voice):
            parts.append(chunk.samples)
            rate = chunk.sample_rate
            if chunk.warning and on_warning is not None:
                on_warning(chunk.warning)
            words = clock.add(chunk)
            if words and on_words is not None:
                on_words(words)
        return Audio(_join(parts), rate)

    def convert(
        self,
        request: ConversionRequest,
        should_stop: ShouldStop | None = None,
        voice: LoadedVoice | None = None,
        hear: Hear | None = None,
    ) -> Iterator[AudioChunk]:
        """Speak a recording in another voice, part by part; see :mod:`TTS_infer_pack.conversion`.

        Args:
            request: the recording, its words, and the clip of the wanted voice.
            should_stop: asked between parts.
            voice: what speaks it; None: the voice that is loaded now.
            hear: a recogniser, for a request without words.

        Raises:
            GSVError: words or a clip that cannot be used.
        """
        voice = voice or self.voice
        job = self._jobs.conversion(request, voice)

        def read(text: str, lang: str) -> torch.Tensor:
            return self._jobs.phones(text, lang, voice).ids

        return self._memory.watch(convert(request, job, read, self._stop_signal(should_stop), hear))

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

    def _job(self, request: SynthesisRequest, voice: LoadedVoice | None = None, should_stop: ShouldStop = bool) -> Job:
        """What is to be done for a request."""
        return self._jobs.speech(request, voice or self.voice, StageWish.of(self.configs, request), should_stop)

    # -- parts of speech, for tools ----------------------------------------------------------------------------------

    @property
    def ar_model(self) -> T2SBackend:
        """The AR model of the voice, whatever stage the settings wish."""
        return self._models.t2s

    def language_model(self, name: str) -> Qwen3T2SModel:
        """A language model that speaks this voice's tokens, whatever stage the settings wish.

        Raises:
            LMUnavailable: with the reason why there is none.
        """
        return of_voice(name, self._models)

    def prompt_of(self, path: PathLike, text: str, lang: str) -> Prompt:
        """Words and tokens of a reference clip, as speech goes on from them.

        Raises:
            GSVError: a clip or text that cannot be used.
        """
        return self._jobs.prompt(path, text, lang, self.voice)

    def phones_of(self, text: str, lang: str) -> Phones:
        """A text as the models read it, in one piece, with the same features as in speech.

        Raises:
            TextError: a text that cannot be read.
        """
        return self._jobs.phones(text, lang, self.voice)

    # -- changing what speaks ----------------------------------------------------------------------------------------

    def load_voice(
        self,
        t2s_weights_path: PathLike | None = None,
        vits_weights_path: PathLike | None = None,
        cnhuhbert_base_path: PathLike | None = None,
        *,
        pack: PathLike | None = None,
        version: str | None = None,
    ) -> LoadedVoice:
        """Load a whole voice, all of its files at once, of any version, and let it speak from now on.

        Speech under way goes on with the old one, as everything does on an error.

        Args:
            t2s_weights_path, vits_weights_path: GPT and SoVITS file; None: as ``pack`` or ``version`` say, else the
                one that is loaded.
            cnhuhbert_base_path: folder of the SSL encoder; None: the one on disk that the SoVITS file reads.
            pack: a voice pack folder.
            version: the published weights of a version.

        Raises:
            ConfigError: no such pack or version.
            CheckpointError: a file that cannot be used; :class:`errors.MismatchError` where they do not fit together.
        """
        given = (t2s_weights_path, vits_weights_path, cnhuhbert_base_path)
        voice = self.prepare_voice(*given, pack=pack, version=version)
        self.use_voice(voice)
        return voice

    def prepare_voice(
        self,
        t2s_weights_path: PathLike | None = None,
        vits_weights_path: PathLike | None = None,
        cnhuhbert_base_path: PathLike | None = None,
        *,
        pack: PathLike | None = None,
        version: str | None = None,
    ) -> LoadedVoice:
        """As :meth:`load_voice`, but the voice speaks only where it is given: to ``stream``, or to ``use_voice``."""
        named = (t2s_weights_path, vits_weights_path, cnhuhbert_base_path)
        return self._holder.prepare(named, pack, version)

    def use_voice(self, voice: LoadedVoice) -> None:
        """Let a voice speak from now on that :meth:`prepare_voice` has loaded."""
        self._holder.use(voice)

    def init_t2s_weights(self, weights_path: PathLike) -> None:
        """Load another GPT checkpoint. Speech under way goes on with the old one, as everything does on an error.

        Raises:
            CheckpointError: the file cannot be used; :class:`errors.MismatchError` where it does not fit the SoVITS
                model that is loaded (see :meth:`load_voice`).
        """
        self._holder.load_t2s(weights_path)

    def init_vits_weights(self, weights_path: PathLike) -> None:
        """Load another SoVITS checkpoint, and with it the SSL encoder that it reads; as :meth:`init_t2s_weights`."""
        self._holder.load_vits(weights_path)

    def init_cnhuhbert_weights(self, base_path: PathLike) -> None:
        """Load another SSL encoder folder; as :meth:`init_t2s_weights`."""
        self._holder.load_hubert(base_path)

    def _publish(self, voice: LoadedVoice) -> None:
        """Write what is known of a new voice into the settings, for whoever looks there."""
        configs, recommended = self.configs, voice.recommended
        configs.version, configs.sampling_rate = voice.version, voice.models.output_rate
        configs.t2s_weights_path, configs.vits_weights_path = voice.paths.t2s, voice.paths.vits
        configs.cnhuhbert_base_path = voice.paths.hubert
        configs.default_reference, configs.reference_free = recommended.default_reference, recommended.reference_free
        configs.sampling = dict(recommended.sampling)

    def keep_prepared(self, *roots: PathLike) -> None:
        """Keep what the models get of reference clips below these folders beside the clips: voices with names."""
        self._jobs.references.keep_below(*roots)

    def set_ref_audio(self, ref_audio_path: PathLike) -> None:
        """Choose the clip for requests that name none.

        Raises:
            AudioError: the clip cannot be used.
        """
        self._jobs.references.get(ref_audio_path, self._models)
        self._jobs.chosen_clip = str(ref_audio_path)

    # -- the text-to-semantic stage ----------------------------------------------------------------------------------

    def _note_fall(self, info: Fallback) -> None:
        self.last_fallback = info

    def _t2s(self, voice: LoadedVoice, on_fall: OnFall, request: SynthesisRequest, retry: bool = False) -> T2SEngine:
        """What speaks the tokens of a request; starts ``last_fallback`` anew."""
        self.last_fallback = None
        return self._lms.engine(StageWish.of(self.configs, request), voice.models, on_fall, retry)

    def _settle(self) -> None:
        """Load the language model that the settings wish, if they wish one; why it cannot speak is known then."""
        self.last_fallback = None
        self._lms.engine(StageWish.of(self.configs), self._models, self._note_fall, retry=True)

    def set_t2s(self, kind: str, model_name: str | None = None) -> None:
        """Wish the AR model ("ar") or a language model ("qwen3") as the text-to-semantic stage, while running.

        It holds for requests that wish none of their own. SoVITS stays as it is; the memory of a language model that is
        wished no more is freed. What goes wrong is in ``last_fallback``, and the AR model speaks. A model that could
        not be loaded before is tried again.

        Args:
            kind: "ar" or "qwen3".
            model_name: which language model; None: the one in the settings.

        Raises:
            ConfigError: another kind.
            CheckpointError: in strict mode, why the language model cannot be loaded.
        """
        if kind not in STAGES:
            raise ConfigError(f"there is no text-to-semantic stage {kind!r}", " or ".join(STAGES))
        name = model_name or self.configs.qwen3_model_name
        if kind == "ar" or name != self.configs.qwen3_model_name:
            self._lms.release()
        self.configs.qwen3_model_name = name
        self.configs.use_qwen3 = kind == "qwen3"
        self._settle()


def _join(parts: list[NDArray[np.float32]]) -> NDArray[np.float32]:
    return np.concatenate(parts) if parts else np.zeros(0, dtype=np.float32)
