"""Reference clips: which part of a recording is used, and what the models get of it.

Knows audio and the two networks that read a reference (SSL encoder with quantizer, and the spectrogram for the
timbre); knows nothing about requests, text or decoding.

Shapes: T samples, T_sem semantic tokens (25 Hz), T_spec frames (50 Hz), F spectrogram bins.
"""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from audio_io import Audio, PathLike, Samples, check_file, load_audio, resample
from errors import AudioError
from module.mel_processing import mel_spectrogram_torch, spectrogram_torch
from module.synthesizer_v3 import norm_mel
from TTS_infer_pack.models import VoiceModels

logger = logging.getLogger(__name__)

SHORTEST, GOOD_FROM, GOOD_TO, LONGEST = 1.0, 3.0, 10.0, 50.0
"""Seconds: refused outside the first and the last; accepted with a warning outside the other two."""
SSL_RATE = 16000
TAIL_SECONDS = 0.3
FRAME_SECONDS = 0.02
QUIET_SHARE = 0.1
"""A frame below this share of the loud frames' level is a pause."""
CUT_WORD_PENALTY = 2.0
"""Seconds of speech that a span may hold less, if it ends in a pause instead of in a word."""


@dataclass(frozen=True)
class Reference:
    """What the models get of one recording.

    Attributes:
        spec: [1, F, T_spec] linear spectrogram, the timbre.
        tokens: [T_sem] int64 prompt tokens; None for a clip that only lends its timbre.
        shortened: True where only a span of the recording is used, so that its text does not fit any more.
        speaker: [1, 20480] speaker vector, for versions that need one.
        mel: [1, M, T_mel] normalised mel, for versions that make one; None for a clip that only lends its timbre.
    """

    spec: Tensor
    tokens: Tensor | None
    shortened: bool
    speaker: Tensor | None = None
    mel: Tensor | None = None


def file_digest(path: PathLike) -> str:
    """Hash of a file's content, the key of the prompt cache.

    Raises:
        AudioError: the file cannot be read.
    """
    try:
        return hashlib.sha256(check_file(path).read_bytes()).hexdigest()
    except OSError as error:
        raise AudioError(
            f"audio file {path} cannot be read ({error.strerror})", "a wav, flac, ogg or mp3 file", "check the path"
        ) from error


def read_reference(path: PathLike) -> tuple[Audio, bool]:
    """Load a reference clip; returns it and whether it was cut down to :data:`GOOD_TO` seconds.

    Raises:
        AudioError: missing, not audio, silent, shorter than :data:`SHORTEST` or longer than :data:`LONGEST` seconds.
    """
    audio = load_audio(path)
    if audio.seconds < SHORTEST:
        raise AudioError(
            f"reference {path} lasts {audio.seconds:.2f} s",
            f"at least {SHORTEST:g} s, best 3 to 10 s",
            "choose a longer recording",
        )
    if audio.seconds > LONGEST:
        raise AudioError(
            f"reference {path} lasts {audio.seconds:.1f} s",
            f"at most {LONGEST:g} s, best 3 to 10 s",
            "cut out 3 to 10 s of one voice",
        )
    if audio.seconds > GOOD_TO:
        start, end = best_span(audio)
        logger.warning(
            "reference %s lasts %.1f s, more than %g s: %.1f s to %.1f s of it are used, without its text",
            path,
            audio.seconds,
            GOOD_TO,
            start / audio.rate,
            end / audio.rate,
        )
        return Audio(audio.samples[start:end], audio.rate), True
    if audio.seconds < GOOD_FROM:
        logger.warning("reference %s lasts only %.1f s; 3 to 10 s give a better voice", path, audio.seconds)
    return audio, False


def best_span(audio: Audio, seconds: float = GOOD_TO) -> tuple[int, int]:
    """Sample range of at most ``seconds`` that holds the most speech and, where it can, starts and ends in pauses."""
    hop = max(1, int(audio.rate * FRAME_SECONDS))
    frames = audio.samples[: len(audio.samples) // hop * hop].reshape(-1, hop)
    level = np.sqrt((frames.astype(np.float64) ** 2).mean(axis=1))
    speech = level > QUIET_SHARE * np.quantile(level, 0.95)
    spoken = np.concatenate(([0], np.cumsum(speech)))
    width = int(seconds / FRAME_SECONDS)
    pauses = np.flatnonzero(~speech)
    best = (-len(level), 0, width)
    for start in [0, *pauses.tolist()]:
        limit = min(start + width, len(level))
        fitting = pauses[(pauses > start + width // 2) & (pauses < limit)]
        end = int(fitting[-1]) + 1 if fitting.size else limit
        penalty = 0 if fitting.size else int(CUT_WORD_PENALTY / FRAME_SECONDS)
        best = max(best, (int(spoken[end] - spoken[start]) - penalty, -start, end))
    return -best[1] * hop, best[2] * hop


@torch.inference_mode()
def prepare_reference(path: PathLike, models: VoiceModels, timbre_only: bool = False) -> Reference:
    """Load a clip and run the reference side of the models on it.

    Args:
        path: the recording.
        models: networks and audio settings.
        timbre_only: leave out the prompt tokens (auxiliary references).

    Raises:
        AudioError: see :func:`read_reference`.
    """
    audio, shortened = read_reference(path)
    spec = reference_spectrogram(audio, models)
    tokens = None if timbre_only else prompt_tokens(audio, models)
    mel = None if timbre_only else prompt_mel(audio, models)
    return Reference(spec, tokens, shortened, speaker_vector(audio, models), mel)


def _at_model_rate(audio: Audio, models: VoiceModels) -> Samples:
    """The clip at the model's rate; a peak above 1 is divided by min(2, peak), as published weights expect."""
    samples = resample(audio.samples, audio.rate, models.audio.sampling_rate)
    peak = float(np.abs(samples).max())
    return samples / min(2.0, peak) if peak > 1 else samples


def _wave(samples: Samples, models: VoiceModels) -> Tensor:
    """Samples [T] as a float32 batch of one on the models' device, [1, T]."""
    return torch.from_numpy(np.ascontiguousarray(samples, dtype=np.float32)).to(models.device)[None]


def reference_spectrogram(audio: Audio, models: VoiceModels) -> Tensor:
    """[1, F, T_spec] at the model's rate."""
    settings = models.audio
    spec = spectrogram_torch(
        _wave(_at_model_rate(audio, models), models),
        settings.filter_length,
        settings.sampling_rate,
        settings.hop_length,
        settings.win_length,
        center=False,
    )
    return spec.to(models.dtype)


def speaker_vector(audio: Audio, models: VoiceModels) -> Tensor | None:
    """[1, 20480] of the speaker network, for versions that need it."""
    if models.companions.sv is None:
        return None
    samples = resample(_at_model_rate(audio, models), models.audio.sampling_rate, SSL_RATE)
    return models.companions.sv.compute_embedding3(_wave(samples, models)).to(models.dtype)


def prompt_mel(audio: Audio, models: VoiceModels) -> Tensor | None:
    """[1, M, T_mel] in the scale of the network, for versions that make a mel."""
    spec = models.spec.mel
    if spec is None:
        return None
    wave = _wave(resample(audio.samples, audio.rate, spec.sampling_rate), models)
    mel = mel_spectrogram_torch(wave, spec.n_fft, spec.bands, spec.sampling_rate, spec.hop_length, spec.n_fft, 0, None)
    return norm_mel(mel, spec).to(models.dtype)


def prompt_tokens(audio: Audio, models: VoiceModels) -> Tensor:
    """[T_sem] semantic tokens of the clip, with the short silence at its end that the published weights expect.

    Raises:
        AudioError: the SSL encoder makes no numbers of it.
    """
    samples = resample(audio.samples, audio.rate, SSL_RATE)
    # The public pipeline counts the tail at the model's rate and appends it at 16 kHz; weights are used to that.
    tail: Samples = np.zeros(int(models.audio.sampling_rate * TAIL_SECONDS), dtype=np.float32)
    return tokens_of(np.concatenate((samples, tail)), models)


def tokens_of(samples: Samples, models: VoiceModels) -> Tensor:
    """[T_sem] semantic tokens of samples [T] at 16 kHz.

    Raises:
        AudioError: the SSL encoder makes no numbers of it.
    """
    wave = torch.from_numpy(samples).to(models.device, models.dtype)[None]
    features = models.hubert(wave)
    if not bool(features.isfinite().all()):  # the nearest code of NaN is some code: nobody would notice
        raise AudioError("the SSL encoder gave NaN for the reference", "sound weights and speech", "try another clip")
    codes = models.vits.extract_latent(features)  # [1, 1, T_sem]
    return codes[0, 0]
