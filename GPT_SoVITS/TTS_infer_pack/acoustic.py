"""From semantic tokens to a waveform, once per kind of synthesiser; made per request, so state never crosses requests.

A voice speaks whole segments, or gives a :class:`SegmentRenderer` for one whose tokens still come. Knows the
synthesisers and vocoders; knows nothing of text, files or the text-to-semantic stage.

Shapes: T_ph phones, T_sem semantic tokens (25 Hz), T_spec latent frames (50 Hz), T_mel mel frames, M mel bands,
C latent channels, W feature width, T samples.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from module.encoders import sample
from module.generator import reach
from module.models import SynthesizerTrn, SynthesizerTrnV3
from module.synthesizer_v3 import denorm_mel
from module.versions import FlowSpec, MelSpec
from TTS_infer_pack.rendering import Renderer
from vocoders import Vocoder

NOISE_SCALE = 0.5
"""Spread of the latent around its mean, as published weights are spoken with."""
LATENT_RATE = 50
"""Latent frames a second, at speed 1."""
VOCODER_FRAMES = 48
"""The same for the vocoders, in mel frames."""
HISTORY_TOKENS = 75
"""Tokens before the first one that a piece needs which the encoder sees, so that each piece of a long segment costs the
same. The encoder looks at all of them; what is three seconds away hardly matters to it."""


class SegmentRenderer(Protocol):
    """Renders a segment while its tokens come. A frame is what the network makes ``hop`` samples of."""

    hop: int

    def frames(self, tokens: int) -> int:
        """Frames that are there once so many tokens are known."""
        ...

    def total(self, tokens: int) -> int:
        """Frames of the whole segment, if it has so many tokens."""
        ...

    def render(self, codes: Tensor, start: int, stop: int) -> Tensor:
        """Samples [(stop - start) * hop] of the frames ``start`` to ``stop``, from the tokens [T_sem] known so far.

        ``start`` never goes back; what comes after ``stop`` helps the frames before it and is not spoken.
        """
        ...


class Voice(Protocol):
    """Speaks the segments of one request."""

    def __call__(self, codes: Tensor, phones: Tensor, seed: int) -> Tensor:
        """Semantic tokens [1, 1, T_sem] and phone ids [1, T_ph] of a segment -> waveform [T]."""
        ...

    def segment_renderer(self, phones: Tensor, seed: int) -> SegmentRenderer:
        """The same segment, piece by piece."""
        ...


class FrameNoise:
    """Standard normal noise by frame: a frame's does not depend on how many are asked for."""

    BLOCK = 64

    def __init__(self, seed: int, channels: int, like: Tensor) -> None:
        self._generator = torch.Generator(like.device).manual_seed(seed)
        self._drawn = like.new_empty(1, channels, 0)

    def __call__(self, start: int, stop: int) -> Tensor:
        """[1, C, stop - start]."""
        drawn = self._drawn
        while drawn.size(2) < stop:
            block = torch.randn(
                self.BLOCK, drawn.size(1), generator=self._generator, device=drawn.device, dtype=drawn.dtype
            )
            drawn = torch.cat((drawn, block.T[None]), dim=2)
        self._drawn = drawn
        return drawn[..., start:stop]


class WaveVoice:
    """Synthesisers that make the waveform themselves.

    Args:
        vits: the synthesiser.
        refers: [1, F, T_spec] spectrograms, averaged.
        speakers: [1, 20480] vectors beside them, for versions that need them.
        speed: above 1 is faster.
        renderer: runs the generator, shared with other requests; None: one of its own.
    """

    def __init__(
        self,
        vits: SynthesizerTrn,
        refers: Sequence[Tensor],
        speakers: Sequence[Tensor] | None,
        speed: float,
        renderer: Renderer | None = None,
    ) -> None:
        self.vits, self.speed = vits, speed
        self._renderer = renderer or Renderer(vits.dec, refers[0].device)
        self._played_until = time.monotonic()  # by somebody who plays what there is at once
        self.style = vits.style(refers, speakers)

    def __call__(self, codes: Tensor, phones: Tensor, seed: int) -> Tensor:
        """As :class:`Voice`."""
        with self.turn():
            prior = self.vits.prior(codes, phones, self.style, self.speed)
            noise = FrameNoise(seed, prior.m.size(1), prior.m)(0, prior.m.size(2))
            wave = self.sound(self.latent(prior.m, prior.logs, noise))
        self.spoken(prior.m.size(2) / LATENT_RATE)
        return wave

    def latent(self, m: Tensor, logs: Tensor, noise: Tensor) -> Tensor:
        """Mean, log-scale and standard normal noise of the prior -> latent, all [1, C, T_spec]."""
        return self.vits.latent(sample(m, logs, noise * NOISE_SCALE), torch.ones_like(m[:, :1]), self.style)

    def sound(self, latent: Tensor) -> Tensor:
        """Latent [1, C, T_spec] -> waveform [T_spec * hop]."""
        return self._renderer.sound(latent, self.style, self._played_until)

    def turn(self) -> AbstractContextManager[None]:
        """Around all that makes the next piece."""
        return self._renderer.turn(self._played_until)

    def spoken(self, seconds: float) -> None:
        """So many seconds of sound have been made: what comes next is due when they have been played."""
        self._played_until = max(self._played_until, time.monotonic()) + seconds

    def segment_renderer(self, phones: Tensor, seed: int) -> WaveSegmentRenderer:
        """As :class:`Voice`."""
        return WaveSegmentRenderer(self, phones, seed)


class WaveSegmentRenderer:
    """Latent frames are drawn from all tokens there are, and the networks after that see a window of them.

    The window reaches as far back as those networks do, so a piece is what the whole, spoken from the same tokens,
    would be. Frames at another speed lie where they do in the whole, but for less than a frame.
    """

    def __init__(self, voice: WaveVoice, phones: Tensor, seed: int) -> None:
        config = voice.vits.config
        self._voice, self._phones = voice, phones
        self._text: Tensor | None = None
        self._noise = FrameNoise(seed, config.inter_channels, voice.style)
        self._per_token = config.frames_per_token
        self._generator_frames = reach(config)
        # a flow layer sees 2 frames each way
        self._reach = self._generator_frames + 2 * config.flow_steps * config.flow_layers
        self.hop = math.prod(config.upsample_rates)

    def frames(self, tokens: int) -> int:
        """As :class:`SegmentRenderer`."""
        return int(self._per_token * tokens / self._voice.speed)

    def total(self, tokens: int) -> int:
        """As :class:`SegmentRenderer`."""
        return self.frames(tokens) + (self._voice.speed != 1)

    def render(self, codes: Tensor, start: int, stop: int) -> Tensor:
        """As :class:`SegmentRenderer`."""
        with self._voice.turn():
            wave = self._render(codes, start, stop)
        self._voice.spoken((stop - start) / LATENT_RATE)
        return wave

    def _render(self, codes: Tensor, start: int, stop: int) -> Tensor:
        voice, speed = self._voice, self._voice.speed
        # the flow's reach, then the generator's: what only the flow needs does not go through the generator
        first, last = max(0, start - self._reach), max(stop, self.frames(codes.numel()))
        before = max(0, int(first * speed / self._per_token) - HISTORY_TOKENS)
        if self._text is None:  # the same for all pieces
            self._text = voice.vits.enc_p.encode_text(self._phones, torch.ones_like(self._phones, dtype=torch.bool))
        prior = voice.vits.prior(codes[None, None, before:], self._phones, voice.style, phones=self._text)
        skipped = int(before * self._per_token)
        m, logs = (at_speed(x, speed, first, last, skipped) for x in (prior.m, prior.logs))
        latent = voice.latent(m, logs, self._noise(first, last))
        begin, end = max(first, start - self._generator_frames), min(last, stop + self._generator_frames)
        wave = voice.sound(latent[..., begin - first : end - first])
        return wave[(start - begin) * self.hop : (stop - begin) * self.hop]


def at_speed(x: Tensor, speed: float, start: int, stop: int, skipped: int = 0) -> Tensor:
    """Frames ``start`` to ``stop`` of a whole played ``speed`` times as fast; ``x`` [1, C, T_spec] is the whole without
    its first ``skipped`` frames."""
    if speed == 1:
        return x[..., start - skipped : stop - skipped]
    place = ((torch.arange(start, stop, device=x.device) + 0.5) * speed - 0.5 - skipped).clamp(0, x.size(2) - 1)
    low = place.floor().long()
    return torch.lerp(x[..., low], x[..., (low + 1).clamp(max=x.size(2) - 1)], (place - low).to(x.dtype))


@dataclass(frozen=True)
class PromptParts:
    """The reference clip as a beginning: tokens [T_sem], phone ids [T_ph], normalised mel [1, M, T_mel]."""

    tokens: Tensor
    phones: Tensor
    mel: Tensor


@dataclass(frozen=True)
class FlowSampling:
    """How a request samples the flow-matching network: its steps, and its guidance rate (0 for none)."""

    steps: int = FlowSpec.steps
    guidance: float = 0.0

    @classmethod
    def of(cls, mel: MelSpec | None, steps: int | None, guidance: float | None) -> FlowSampling:
        """What is asked for, else the version's values; versions that are spoken without guidance get none."""
        if mel is None:
            return cls()
        own = mel.flow.guidance
        wanted = own if guidance is None else guidance
        return cls(steps or mel.flow.steps, 0.0 if own is None or wanted is None else wanted)


class MelVoice:
    """Synthesisers that make a mel in blocks, each going on from the end of the one before, and a vocoder.

    Args:
        vits: the synthesiser.
        vocoder: what speaks its mel.
        prompt: what the first block goes on from.
        refers: [1, F, T_spec] spectrograms, averaged.
        speed: above 1 is faster.
        flow: how the flow-matching network is sampled.
    """

    def __init__(
        self,
        vits: SynthesizerTrnV3,
        vocoder: Vocoder,
        prompt: PromptParts,
        refers: Sequence[Tensor],
        speed: float,
        flow: FlowSampling,
    ) -> None:
        self.vits, self.vocoder, self.speed = vits, vocoder, speed
        self._flow = flow
        device = prompt.mel.device
        feature, self._style = vits.decode_encp(
            prompt.tokens.to(device)[None, None], prompt.phones.to(device)[None], refers
        )
        # Feature and mel of the clip differ by a frame or two: the shorter one counts.
        length = min(feature.size(2), prompt.mel.size(2))
        self.known = self.latest(feature[..., :length], prompt.mel[..., :length])

    def latest(self, feature: Tensor, mel: Tensor) -> tuple[Tensor, Tensor]:
        """The last columns of a feature [1, W, T_mel] and its mel [1, M, T_mel] that a block goes on from."""
        return _last((feature, mel), self.vits.mel.reference_frames)

    def after(self, feature: Tensor, mel: Tensor) -> tuple[Tensor, Tensor]:
        """What a block goes on from where a segment's first columns are made: ``feature`` and ``mel``, maybe empty."""
        clip, tail = self.known, self.vits.mel.tail_frames
        if tail is None:
            return self.latest(torch.cat((clip[0], feature), dim=2), torch.cat((clip[1], mel), dim=2))
        return self._rolled((feature, mel), tail)

    def _rolled(self, made: tuple[Tensor, Tensor], tail: int) -> tuple[Tensor, Tensor]:
        """The reference's beginning, and at most ``tail`` columns of what was ``made`` in the place of its end."""
        keep = self.known[1].size(2)
        tail = min(tail, keep, made[1].size(2))
        feature, mel = (
            torch.cat((known[..., : keep - tail], end), dim=2)
            for known, end in zip(self.known, _last(made, tail), strict=True)
        )
        return feature, mel

    def feature(self, codes: Tensor, phones: Tensor) -> Tensor:
        """Condition feature of a segment [1, W, T_mel]; arguments as :class:`Voice`."""
        return self.vits.decode_encp(codes, phones, None, self._style, self.speed)[0]

    def go_on(self, known: tuple[Tensor, Tensor], feature: Tensor, noise: torch.Generator) -> Tensor:
        """Normalised mel [1, M, T_mel] of ``feature`` [1, W, T_mel], after a feature and mel that are known."""
        spec, flow, keep, tail = self.vits.mel, self._flow, known[1].size(2), self.vits.mel.tail_frames
        parts = []
        for part in feature.split(spec.new_frames(keep), dim=2):
            condition = torch.cat((known[0], part), dim=2)
            made = self.vits.cfm.inference(
                condition, known[1], flow.steps, inference_cfg_rate=flow.guidance, generator=noise
            )[..., known[1].size(2) :]
            known = _last((part, made), keep) if tail is None else self._rolled((part, made), tail)
            parts.append(made)
        return torch.cat(parts, dim=2)

    def sound(self, mel: Tensor) -> Tensor:
        """Normalised mel [1, M, T_mel] -> waveform [T]."""
        return self.vocoder.decode(denorm_mel(mel, self.vits.mel))[0, 0]

    def __call__(self, codes: Tensor, phones: Tensor, seed: int) -> Tensor:
        """As :class:`Voice`."""
        noise = torch.Generator(codes.device).manual_seed(seed)
        return self.sound(self.go_on(self.known, self.feature(codes, phones), noise))

    def segment_renderer(self, phones: Tensor, seed: int) -> MelSegmentRenderer:
        """As :class:`Voice`."""
        return MelSegmentRenderer(self, phones, seed)


def _last(known: tuple[Tensor, Tensor], columns: int) -> tuple[Tensor, Tensor]:
    """The last columns of a feature and its mel, at most so many; all of them where there are fewer."""
    start = max(0, known[1].size(2) - columns)
    return known[0][..., start:], known[1][..., start:]


class MelSegmentRenderer:
    """Mel columns that were spoken stay, and the next ones go on from them: another draw of the same flow than the
    whole, with one mel under all pieces. Frames are mel columns.
    """

    def __init__(self, voice: MelVoice, phones: Tensor, seed: int) -> None:
        self._voice, self._phones = voice, phones
        self._noise = torch.Generator(phones.device).manual_seed(seed)
        self._feature, self._mel = voice.known[0][..., :0], voice.known[1][..., :0]
        self.hop = voice.vocoder.hop_length

    def frames(self, tokens: int) -> int:
        """As :class:`SegmentRenderer`."""
        return self._columns(int(self._voice.vits.config.frames_per_token * tokens / self._voice.speed))

    def total(self, tokens: int) -> int:
        """As :class:`SegmentRenderer`."""
        frames = int(self._voice.vits.config.frames_per_token * tokens / self._voice.speed)
        return self._columns(frames + (self._voice.speed != 1))

    def _columns(self, frames: int) -> int:
        return int(self._voice.vits.mel.feature_scale * frames)

    def render(self, codes: Tensor, start: int, stop: int) -> Tensor:
        """As :class:`SegmentRenderer`."""
        fresh = self._voice.feature(codes[None, None], self._phones)[..., self._mel.size(2) :]
        feature, mel = torch.cat((self._feature, fresh), dim=2), self._mel
        if fresh.size(2):
            known = self._voice.after(self._feature, mel)
            mel = torch.cat((mel, self._voice.go_on(known, fresh, self._noise)), dim=2)
        first = max(0, start - VOCODER_FRAMES)
        wave = self._voice.sound(mel[..., first:])
        self._feature, self._mel = feature[..., :stop], mel[..., :stop]
        return wave[(start - first) * self.hop : (stop - first) * self.hop]
