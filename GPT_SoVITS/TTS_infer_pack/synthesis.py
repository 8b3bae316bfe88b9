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

from AR.backend import SamplingParams, T2SBackend, T2SRequest
from AR.checked import ShouldStop, SpokenTokens, decode_checked, stream_checked, why_collapsed
from AR.decode import T2SResult
from AR.errors import LMUnavailable, T2SError
from AR.fallback import FallbackT2S
from errors import CheckpointError, RequestError
from module.models import SynthesizerTrnV3
from super_resolution import not_found
from TTS_infer_pack.acoustic import MelVoice, PromptParts, Voice, WaveVoice
from TTS_infer_pack.batching import PiecePlan
from TTS_infer_pack.models import VoiceModels
from TTS_infer_pack.request import AudioChunk
from TTS_infer_pack.streaming import Samples, SegmentStream
from TTS_infer_pack.time_stretch import TimeStretch, stretched

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Phones:
    """A stretch of text as the models read it.

    Attributes:
        ids: [T_ph].
        bert: [1024, T_ph], or None for zeros.
        text: the words.
        pause: seconds of silence that the text asks for after it, beside the usual pause.
        spans: characters of the request's text (from, to) that each phone came from.
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
        sample_steps: steps of the flow-matching network, for the same versions.
        enhance: raise the rate of what is spoken, where the voice can.
        pieces: how segments are cut into pieces that are spoken while tokens still come; None: segments are whole.
        pace: usual tokens a phone of what the stage has learned; 0: not known.

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
    sample_steps: int = 32
    enhance: bool = False
    pieces: PiecePlan | None = None
    pace: float = 0.0

    def __post_init__(self) -> None:
        if self.models.spec.mel is not None and (self.prompt is None or self.prompt_mel is None):
            raise RequestError(
                f"{self.models.spec.name} goes on from the reference clip and needs its words",
                "prompt_text, and a clip of 3 to 10 s",
                "give prompt_text, or use a v2 voice",
            )


def speak(job: Job, should_stop: ShouldStop) -> Iterator[AudioChunk]:
    """Yield ``job`` in the order of the text: its segments, or pieces of them where it asks for pieces."""
    enhancer = job.models.companions.enhancer if job.enhance else None
    if job.enhance and enhancer is None:
        logger.warning("super_sampling changes nothing: %s", not_found(job.models.output_rate))
    voice = make_voice(job)
    if job.pieces is None or enhancer is not None:  # what raises the rate reads whole segments
        return _speak_segments(job, voice, should_stop)
    return _speak_pieces(job, voice, job.pieces, should_stop)


def _speak_segments(job: Job, voice: Voice, should_stop: ShouldStop) -> Iterator[AudioChunk]:
    """Whole segments, each as soon as it and those before it are ready. Nothing comes after a stop."""
    ready: dict[int, AudioChunk] = {}
    following = 0
    for batch in job.batches:
        if should_stop():
            return
        requests = [_t2s_request(job, index) for index in batch]
        results = decode_tokens(job.models.t2s, requests, job.sampling, should_stop)
        if should_stop():
            return
        for index, result in zip(batch, results, strict=True):
            ready[index] = _render(job, voice, index, result)
        while following in ready:
            yield ready.pop(following)
            following += 1


def _speak_pieces(job: Job, voice: Voice, plan: PiecePlan, should_stop: ShouldStop) -> Iterator[AudioChunk]:
    """Segment after segment, each while its tokens still come. Nothing comes after a stop."""
    for index in range(len(job.segments)):
        yield from _SegmentPieces(job, voice, plan, index).chunks(should_stop)
        if should_stop():
            return


class _SegmentPieces:
    """One segment of a job, spoken piece by piece."""

    def __init__(self, job: Job, voice: Voice, plan: PiecePlan, index: int) -> None:
        self._job, self._voice, self._plan, self._index = job, voice, plan, index
        self._segment, self._rate = job.segments[index], job.models.output_rate
        self._begin()

    def _begin(self) -> None:
        take = self._voice.take(self._segment.ids.to(self._job.models.device)[None], noise_seed(self._job, self._index))
        self._stream = SegmentStream(take, self._plan)
        self._stretch = TimeStretch(self._job.stretch, self._rate)
        self._told = 0
        self._heard = False
        self._warning = ""

    def chunks(self, should_stop: ShouldStop) -> Iterator[AudioChunk]:
        """The pieces; the last one ends with the pause."""
        job, again = self._job, False
        for part in stream_tokens(job.models.t2s, _t2s_request(job, self._index), job.sampling, should_stop):
            if part.again:
                again = again or self._heard
                if (end := self._stretch.push(self._stream.break_off())).size:
                    yield self._chunk(end)
                self._begin()
            self._stream.add(part.tokens.to(job.models.device))
            while (piece := self._stream.next_piece()) is not None:
                samples = self._stretch.push(piece)
                if samples.size:
                    yield self._chunk(samples, again=again)
                    self._heard, again = True, False
            if part.finish_reason == "stopped":
                return
            if part.finish_reason is not None:
                self._warning = warning_of(self._segment.text, part.collapsed)
                rest = self._stretch.push(self._stream.last_piece())
                silence = silence_after(job, self._index, self._rate)
                yield self._chunk(np.concatenate((rest, self._stretch.flush(), silence)), part.finish_reason, again)

    def _chunk(self, samples: Samples, reason: str = "", again: bool = False) -> AudioChunk:
        tokens, self._told = self._stream.done - self._told, self._stream.done
        text, warning = self._segment.text, self._warning
        return AudioChunk(np.clip(samples, -1, 1), self._rate, self._index, text, tokens, reason, again, warning)


def stream_tokens(
    backend: T2SBackend, request: T2SRequest, sampling: SamplingParams, should_stop: ShouldStop
) -> Iterator[SpokenTokens]:
    """Tokens of one segment as they come; what collapses or fails begins anew. Errors as :func:`decode_tokens`."""
    with _own_errors():
        if isinstance(backend, FallbackT2S):
            parts = backend.stream(request, sampling, should_stop)
        else:
            parts = stream_checked(backend, request, sampling, should_stop)
        for part in parts:
            if part.collapsed:
                _warn_of(request, part.collapsed)
            yield part


def decode_tokens(
    backend: T2SBackend, requests: Sequence[T2SRequest], sampling: SamplingParams, should_stop: ShouldStop
) -> list[T2SResult]:
    """Decode a batch; rows that collapse are tried again with other seeds, or spoken by the AR model.

    Raises:
        RequestError: a request that the backend cannot read.
        CheckpointError: the language model cannot speak, and the settings want no fallback.
    """
    with _own_errors():
        if isinstance(backend, FallbackT2S):
            results = backend.speak(requests, sampling, should_stop)
        else:
            results = decode_checked(backend, requests, sampling, should_stop)
    for request, result in zip(requests, results, strict=True):
        why = why_collapsed(request, result)
        if why:
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
    except T2SError as error:
        raise RequestError(f"the text-to-semantic stage cannot read the request ({error})") from error


def _warn_of(request: T2SRequest, why: str) -> None:
    logger.warning("%s", warning_of(request.text, why))


def warning_of(text: str, why: str | None) -> str:
    """What to tell the listener of a segment; empty where nothing is wrong."""
    return f"speech of {text[:40]!r} may be incomplete or garbled ({why})" if why else ""


def _t2s_request(job: Job, index: int) -> T2SRequest:
    segment = job.segments[index]
    if job.prompt is None:
        return T2SRequest(segment.ids, segment.bert, None, segment.text, pace=job.pace)
    prompt = job.prompt.phones
    return T2SRequest(
        phones=torch.cat((prompt.ids, segment.ids)),
        bert=join_features(prompt, segment),
        prompt=job.prompt.tokens,
        text=segment.text,
        prompt_text=prompt.text,
        prompt_phones=prompt.ids.numel(),
        pace=job.pace,
    )


def join_features(first: Phones, second: Phones) -> Tensor | None:
    """Features of both [1024, T_ph], or None where neither has any."""
    if first.bert is None and second.bert is None:
        return None
    parts = [p.bert if p.bert is not None else torch.zeros(1024, p.ids.numel()) for p in (first, second)]
    return torch.cat(parts, dim=1)


@torch.inference_mode()
def make_voice(job: Job) -> Voice:
    """What turns the tokens of ``job`` into waveforms, made once per request."""
    models = job.models
    if isinstance(models.vits, SynthesizerTrnV3):
        if job.prompt is None or job.prompt_mel is None or models.companions.vocoder is None:
            raise RequestError(f"{models.spec.name} lacks a prompt or its vocoder", "both")
        prompt = PromptParts(job.prompt.tokens, job.prompt.phones.ids, job.prompt_mel)
        return MelVoice(models.vits, models.companions.vocoder, prompt, list(job.refers), job.speed, job.sample_steps)
    return WaveVoice(models.vits, list(job.refers), list(job.speakers) or None, job.speed)


def noise_seed(job: Job, index: int) -> int:
    """Seed of a segment's noise: its own, whatever it is spoken together with."""
    return ((job.sampling.seed or 0) + index) % 2**63


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
        warning=warning_of(segment.text, why_collapsed(_t2s_request(job, index), result)),
    )
