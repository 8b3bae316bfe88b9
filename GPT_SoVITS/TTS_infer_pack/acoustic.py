"""From semantic tokens to a waveform, once per kind of synthesiser; made per request, so state never crosses requests.

Knows the synthesisers and vocoders; knows nothing of text, files or the text-to-semantic stage.

Shapes: T_ph phones, T_sem semantic tokens (25 Hz), T_mel mel frames, M mel bands, W feature width, T samples.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from module.models import SynthesizerTrn, SynthesizerTrnV3
from module.synthesizer_v3 import denorm_mel
from vocoders import Vocoder


class Voice(Protocol):
    """Speaks the segments of one request."""

    def __call__(self, codes: Tensor, phones: Tensor, noise: torch.Generator) -> Tensor:
        """Semantic tokens [1, 1, T_sem] and phone ids [1, T_ph] of a segment -> waveform [T]."""
        ...


class WaveVoice:
    """Synthesisers that make the waveform themselves.

    Args:
        vits: the synthesiser.
        refers: [1, F, T_spec] spectrograms, averaged.
        speakers: [1, 20480] vectors beside them, for versions that need them.
        speed: above 1 is faster.
    """

    def __init__(
        self, vits: SynthesizerTrn, refers: Sequence[Tensor], speakers: Sequence[Tensor] | None, speed: float
    ) -> None:
        self._vits, self._refers, self._speakers, self._speed = vits, refers, speakers, speed

    def __call__(self, codes: Tensor, phones: Tensor, noise: torch.Generator) -> Tensor:
        """As :class:`Voice`."""
        wav = self._vits.decode(
            codes, phones, self._refers, speed=self._speed, sv_emb=self._speakers, generator=noise
        )  # [1, 1, T]
        return wav[0, 0]


@dataclass(frozen=True)
class PromptParts:
    """The reference clip as a beginning: tokens [T_sem], phone ids [T_ph], normalised mel [1, M, T_mel]."""

    tokens: Tensor
    phones: Tensor
    mel: Tensor


class MelVoice:
    """Synthesisers that make a mel in blocks, each going on from the end of the one before, and a vocoder.

    Args:
        vits: the synthesiser.
        vocoder: what speaks its mel.
        prompt: what the first block goes on from.
        refers: [1, F, T_spec] spectrograms, averaged.
        speed: above 1 is faster.
        sample_steps: steps of the flow-matching network.
    """

    def __init__(
        self,
        vits: SynthesizerTrnV3,
        vocoder: Vocoder,
        prompt: PromptParts,
        refers: Sequence[Tensor],
        speed: float,
        sample_steps: int,
    ) -> None:
        self._vits, self._vocoder = vits, vocoder
        self._speed, self._steps = speed, sample_steps
        device = prompt.mel.device
        feature, self._style = vits.decode_encp(
            prompt.tokens.to(device)[None, None], prompt.phones.to(device)[None], refers
        )
        # Feature and mel of the clip differ by a frame or two: the shorter one counts, then its last frames.
        length = min(feature.size(2), prompt.mel.size(2))
        keep = min(length, vits.mel.reference_frames)
        self._feature, self._mel = (part[..., :length][..., -keep:] for part in (feature, prompt.mel))

    def mel(self, codes: Tensor, phones: Tensor, noise: torch.Generator) -> Tensor:
        """Log mel of a segment [1, M, T_mel]; arguments as :class:`Voice`."""
        feature, _ = self._vits.decode_encp(codes, phones, None, self._style, self._speed)
        known_feature, known_mel = self._feature, self._mel
        keep = known_mel.size(2)
        parts = []
        for part in feature.split(self._vits.mel.block_frames - keep, dim=2):
            condition = torch.cat((known_feature, part), dim=2)
            made = self._vits.cfm.inference(condition, known_mel, self._steps, generator=noise)[..., keep:]
            known_feature, known_mel = part[..., -keep:], made[..., -keep:]
            parts.append(made)
        return denorm_mel(torch.cat(parts, dim=2), self._vits.mel)

    def __call__(self, codes: Tensor, phones: Tensor, noise: torch.Generator) -> Tensor:
        """As :class:`Voice`."""
        return self._vocoder.decode(self.mel(codes, phones, noise))[0, 0]
