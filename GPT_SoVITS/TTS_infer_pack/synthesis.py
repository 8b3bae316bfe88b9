"""The core of speaking: segments in, audio chunks out, in the order of the text.

Knows the text-to-semantic decode loop and the synthesiser; knows nothing about files, settings or the dict interface.
All state is local to one :class:`Job` and one generator, so interleaved requests cannot mix.

Shapes: T_ph phones, T_sem semantic tokens (25 Hz), T_spec frames (50 Hz), F spectrogram bins, T samples.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from AR.backend import SamplingParams, T2SRequest
from AR.engine import SpokenTokens, T2SEngine, T2SResult, until_stopped
from AR.engine import speak as speak_tokens
from AR.engine.tokens import ShouldStop, doubt_of
from AR.errors import EngineFull, LMUnavailable, T2SError
from AR.read_back import ReadBack
from errors import BusyError, CheckpointError, RequestError
from module.models import SynthesizerTrnV3
from super_resolution import not_found
from TTS_infer_pack.acoustic import FlowSampling, MelVoice, PromptParts, Voice, WaveVoice
from TTS_infer_pack.batching import PiecePlan
from TTS_infer_pack.models import VoiceModels
from TTS_infer_pack.public_config import NO_PROMPT_ERROR
from TTS_infer_pack.request import AudioChunk
from TTS_infer_pack.stage_request import Phones, Prompt, t2s_request
from TTS_infer_pack.streaming import Samples, SegmentStream
from TTS_infer_pack.time_stretch import TimeStretch, stretched
from TTS_infer_pack.word_times import SpokenWord, words_of

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Job:
    """One request, ready to be spoken.

    Attributes:
        segments: what to say, in order.
        prompt: None for reference-free speech.
        refers: [1, F, T_spec] spectrograms that give the timbre.
        sampling: with a seed.
        batches: indices of segments that are decoded together.
        speed: above 1 is faster.
        stretch: the same, done to the finished wave.
        pause: seconds of silence after each segment.
        speakers: [1, 20480] speaker vectors beside ``refers``, for versions that need them.
        prompt_mel: [1, M, T_mel] of the reference clip, for versions that make a mel.
        flow: how the flow-matching network is sampled, for the same versions.
        enhance: raise the rate of what is spoken, where the voice can.
        pieces: how segments are cut into pieces that are spoken while tokens still come; None: segments are whole.
        pace: usual tokens a phone of what the stage has learned; 0: not known.
        subtitled: the request's text, whose words get their times; empty: no times.
        read_back: what the voice's tokens tell of phones: misread segments are tried again; None: they are not.

    Raises:
        RequestError: the version needs more of the reference than there is.
    """

    models: VoiceModels
    segments: Sequence[Phones]
    prompt: Prompt | None
    refers: Sequence[Tensor]
    sampling: SamplingParams
    batches: Sequence[Sequence[int]]
    speed: float = 1.0
    stretch: float = 1.0
    pause: float = 0.3
    speakers: Sequence[Tensor] = ()
    prompt_mel: Tensor | None = None
    flow: FlowSampling = FlowSampling()
    enhance: bool = False
    pieces: PiecePlan | None = None
    pace: float = 0.0
    subtitled: str = ""
    read_back: ReadBack | None = None

    def __post_init__(self) -> None:
        if self.models.spec.mel is not None and (self.prompt is None or self.prompt_mel is None):
            raise NO_PROMPT_ERROR(
                f"{self.models.spec.name} goes on from the reference clip and needs its words",
                "prompt_text, and a clip of 3 to 10 s",
                "give prompt_text, or use a v2 voice",
            )


def speak(job: Job, engine: T2SEngine, should_stop: ShouldStop) -> Iterator[AudioChunk]:
    """Yield ``job`` in the order of the text: its segments, or pieces of them where it asks for pieces.

    ``engine`` speaks the tokens. Errors as :func:`decode_tokens`.
    """
    enhancer = job.models.companions.enhancer if job.enhance else None
    if job.enhance and enhancer is None:
        logger.warning("super_sampling changes nothing: %s", not_found(job.models.output_rate))
    voice = make_voice(job)
    if job.pieces is None or enhancer is not None:  # what raises the rate reads whole segments
        return _speak_segments(job, engine, voice, should_stop)
    return _speak_pieces(job, engine, voice, job.pieces, should_stop)


def _speak_segments(job: Job, engine: T2SEngine, voice: Voice, should_stop: ShouldStop) -> Iterator[AudioChunk]:
    """Whole segments, each as soon as it and those before it are ready. Nothing comes after a stop."""
    ready: dict[int, AudioChunk] = {}
    following = 0
    for batch in job.batches:
        if should_stop():
            return
        requests = [_t2s_request(job, index) for index in batch]
        results = decode_tokens(engine, requests, job.sampling, should_stop)
        for index, result in zip(batch, results, strict=True):
            if should_stop():  # a segment's sound takes longer than a decode step
                return
            ready[index] = _render(job, voice, index, result)
            while following in ready:
                yield ready.pop(following)
                following += 1


def _speak_pieces(
    job: Job, engine: T2SEngine, voice: Voice, plan: PiecePlan, should_stop: ShouldStop
) -> Iterator[AudioChunk]:
    """Segment after segment, each while its tokens still come. Nothing comes after a stop."""
    for index in range(len(job.segments)):
        yield from _SegmentPieces(job, voice, plan, index).chunks(engine, should_stop)
        if should_stop():
            return


class _SegmentPieces:
    """One segment of a job, spoken piece by piece."""

    def __init__(self, job: Job, voice: Voice, plan: PiecePlan, index: int) -> None:
        self._job, self._voice, self._plan, self._index = job, voice, plan, index
        self._segment, self._rate = job.segments[index], job.models.output_rate
        self._begin()

    def _begin(self) -> None:
        phones = self._segment.ids.to(self._job.models.device)[None]
        renderer = self._voice.segment_renderer(phones, noise_seed(self._job, self._index))
        self._stream = SegmentStream(renderer, self._plan)
        self._stretch = TimeStretch(self._job.stretch, self._rate)
        self._reported = 0
        self._emitted = False
        self._warning = ""

    def chunks(self, engine: T2SEngine, should_stop: ShouldStop) -> Iterator[AudioChunk]:
        """The pieces; the last one ends with the pause."""
        job, again = self._job, False
        for part in stream_tokens(engine, _t2s_request(job, self._index), job.sampling, should_stop):
            if part.restart:
                again = again or self._emitted
                if (end := self._stretch.push(self._stream.break_off())).size:
                    yield self._chunk(end)
                self._begin()
            self._stream.add(part.tokens.to(job.models.device))
            # tokens may have come faster than they are spoken, so that several pieces are due
            while not should_stop() and (piece := self._stream.next_piece()) is not None:
                samples = self._stretch.push(piece)
                if samples.size:
                    yield self._chunk(samples, again=again)
                    self._emitted, again = True, False
            if part.finish_reason == "stopped" or should_stop():
                return
            if part.finish_reason is not None:
                self._warning = warning_of(self._segment.text, doubt_of(part))
                rest = self._stretch.push(self._stream.last_piece())
                silence = silence_after(job, self._index, self._rate)
                yield self._chunk(np.concatenate((rest, self._stretch.flush(), silence)), part.finish_reason, again)

    def _chunk(self, samples: Samples, reason: str = "", again: bool = False) -> AudioChunk:
        tokens, self._reported = self._stream.done - self._reported, self._stream.done
        text, warning = self._segment.text, self._warning
        words = spoken_words(self._job, self._voice, self._index, self._stream.codes) if reason else ()
        return AudioChunk(
            np.clip(samples, -1, 1), self._rate, self._index, text, tokens, reason, again, warning=warning, words=words
        )


def stream_tokens(
    engine: T2SEngine, request: T2SRequest, sampling: SamplingParams, should_stop: ShouldStop
) -> Iterator[SpokenTokens]:
    """Tokens of one segment as they come; what collapses or fails begins anew. Errors as :func:`decode_tokens`."""
    with _own_errors():
        for part in until_stopped(engine.stream(request, sampling), should_stop):
            if why := doubt_of(part):
                _warn_of(request, why)
            yield part


def decode_tokens(
    engine: T2SEngine, requests: Sequence[T2SRequest], sampling: SamplingParams, should_stop: ShouldStop
) -> list[T2SResult]:
    """Tokens of segments that are decoded together.

    Raises:
        RequestError: a request that the text-to-semantic stage cannot read.
        BusyError: too many requests wait.
        CheckpointError: the language model cannot speak, and the settings want no fallback.
    """
    with _own_errors():
        results = speak_tokens(engine, requests, sampling, should_stop)
    for request, result in zip(requests, results, strict=True):
        if why := doubt_of(result):
            _warn_of(request, why)
    return results


@contextmanager
def _own_errors() -> Iterator[None]:
    """Errors of the text-to-semantic stage as the project's own kinds."""
    try:
        yield
    except LMUnavailable as error:  # strict mode
        raise CheckpointError(
            str(error), "a language model that can speak", "see docs/qwen3.md, or turn qwen3_strict off"
        ) from error
    except EngineFull as error:
        raise BusyError(str(error), "fewer requests at a time", "try again later") from error
    except T2SError as error:
        raise RequestError(f"the text-to-semantic stage cannot read the request ({error})") from error


def _warn_of(request: T2SRequest, why: str) -> None:
    logger.warning("%s", warning_of(request.text, why))


def warning_of(text: str, why: str | None) -> str:
    """What to tell the listener of a segment; empty where nothing is wrong."""
    return f"speech of {text[:40]!r} may be incomplete or garbled ({why})" if why else ""


def _t2s_request(job: Job, index: int) -> T2SRequest:
    return t2s_request(job.segments[index], job.prompt, index, job.pace, job.read_back)


@torch.inference_mode()
def make_voice(job: Job) -> Voice:
    """What turns the tokens of ``job`` into waveforms, made once per request."""
    models = job.models
    if isinstance(models.vits, SynthesizerTrnV3):
        if job.prompt is None or job.prompt_mel is None or models.companions.vocoder is None:
            raise RequestError(f"{models.spec.name} lacks a prompt or its vocoder", "both")
        prompt = PromptParts(job.prompt.tokens, job.prompt.phones.ids, job.prompt_mel)
        return MelVoice(models.vits, models.companions.vocoder, prompt, list(job.refers), job.speed, job.flow)
    return WaveVoice(models.vits, list(job.refers), list(job.speakers) or None, job.speed, models.renderer)


def noise_seed(job: Job, index: int) -> int:
    """Seed of a segment's noise: its own, whatever it is spoken together with."""
    return ((job.sampling.seed or 0) + index) % 2**63


@torch.inference_mode()
def spoken_words(job: Job, voice: Voice, index: int, codes: Tensor) -> tuple[SpokenWord, ...]:
    """When the words of a segment with the tokens ``codes`` [T_sem] are heard, in seconds from its beginning.

    One way for whole segments and for pieces, so that both report the same. Nothing where no subtitles are asked for.
    """
    segment, models, tokens = job.segments[index], job.models, codes.numel()
    if not job.subtitled or not segment.spans or not tokens:
        return ()
    phones = segment.ids.to(models.device)[None]
    looks = models.vits.looks(codes.to(models.device)[None, None], phones)[0]
    renderer = voice.segment_renderer(phones, noise_seed(job, index))
    seconds = renderer.total(tokens) * renderer.hop / models.output_rate / job.stretch
    return words_of(job.subtitled, segment.spans, looks.float().cpu().numpy(), seconds)


def silence_after(job: Job, index: int, rate: int) -> Samples:
    """The pause after a segment [T]: the usual one, and what the text asks for."""
    return np.zeros(int((job.pause + job.segments[index].pause) * rate), dtype=np.float32)


@torch.inference_mode()
def _render(job: Job, voice: Voice, index: int, result: T2SResult) -> AudioChunk:
    """Tokens of a segment as audio, peak at most 1, with its pause."""
    models, segment = job.models, job.segments[index]
    enhancer = models.companions.enhancer if job.enhance else None
    rate = enhancer.sampling_rate if enhancer else models.output_rate
    wave = np.zeros(0, dtype=np.float32)
    if result.tokens.numel():
        device = models.device
        out = voice(result.tokens.to(device)[None, None], segment.ids.to(device)[None], noise_seed(job, index))
        if enhancer:
            out = enhancer.enhance(out, models.output_rate)
        wave = stretched(out.float().cpu().numpy(), job.stretch, rate)
    peak = float(np.abs(wave).max()) if wave.size else 0.0
    if peak > 1:
        wave = wave / peak
    return AudioChunk(
        np.concatenate((wave, silence_after(job, index, rate))),
        rate,
        index,
        segment.text,
        result.tokens.numel(),
        result.finish_reason,
        warning=warning_of(segment.text, doubt_of(result)),
        words=spoken_words(job, voice, index, result.tokens),
    )
