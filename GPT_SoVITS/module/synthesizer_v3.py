"""SynthesizerTrnV3: semantic tokens, phones and a reference -> condition feature -> mel spectrogram.

Public names of weights and methods. What differs between the versions (v3 and later) is a row of
:mod:`module.versions`; the waveform is a vocoder's work (:mod:`vocoders`).

Shapes beside the package's: T_mel mel frames, M mel bands, W feature width.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from errors import ConfigError, RequestError
from module.cfm import CFM, FlowDraws
from module.commons import sequence_mask
from module.encoders import WN_KERNEL, PriorEncoder
from module.model_config import SynthesizerConfig
from module.semantic import SemanticModel
from module.versions import MelSpec
from module.wavenet import WaveNet

LONGEST_PROMPT = 2 / 3
"""Share of a training clip that may be given as prompt."""


class FeatureEncoder(nn.Module):
    """Public name ``wns1``: a WaveNet between two linear maps, conditioned on the style vector."""

    def __init__(self, width: int, n_layers: int, gin_channels: int) -> None:
        super().__init__()
        self.pre = nn.Conv1d(width, width, 1)
        self.enc = WaveNet(width, WN_KERNEL, n_layers, gin_channels)
        self.proj = nn.Conv1d(width, width, 1)

    def forward(self, x: Tensor, mask: Tensor, g: Tensor) -> Tensor:
        """x [B, W, T_mel], mask [B, 1, T_mel], g [B, gin, 1] -> [B, W, T_mel], zero where the mask is."""
        return self.proj(self.enc(self.pre(x) * mask, mask, g)) * mask


class SynthesizerTrnV3(SemanticModel):
    """Synthesiser that makes a mel spectrogram by flow matching.

    Args:
        spec_channels: bins of the linear spectrogram (fft / 2 + 1).
        segment_size, n_speakers: public arguments, not used.
        hps_model: the ``model`` section of the s2 configuration, see :class:`SynthesizerConfig`.

    Raises:
        ConfigError: a version that makes no mel, or values that cannot be used.
    """

    def __init__(self, spec_channels: int, segment_size: int, n_speakers: int = 0, **hps_model: Any) -> None:
        super().__init__()
        config = SynthesizerConfig.from_mapping(hps_model)
        if config.spec.mel is None:
            raise ConfigError(f"{config.spec.name} makes no mel spectrogram", "SynthesizerTrn for this version")
        self.config, self.spec, self.mel = config, config.spec, config.spec.mel
        width = config.feature_width
        self.enc_p = PriorEncoder(config)
        self._build_front(spec_channels)
        self.bridge = nn.Sequential(nn.Conv1d(config.inter_channels, width, 1), nn.LeakyReLU())
        self.wns1 = FeatureEncoder(width, config.wn_layers, config.gin_channels)
        self.linear_mel = nn.Conv1d(width, self.mel.bands, 1)
        self.cfm = CFM(config.dit, self.mel.flow)

    # -- inference -----------------------------------------------------------------------------------------------
    def _feature(self, y: Tensor, valid: Tensor, style: Tensor) -> Tensor:
        """Prior features y [B, C, T_spec], valid columns [B], style [B, gin, 1] -> [B, W, T_mel]."""
        # The resize is part of what the weights know: nearest, by the factor itself.
        fea = F.interpolate(self.bridge(y), scale_factor=self.mel.feature_scale, mode="nearest")
        mask = sequence_mask(valid, fea.size(2))[:, None].to(fea.dtype)
        return self.wns1(fea, mask, style)

    @torch.no_grad()
    def decode_encp(
        self,
        codes: Tensor,
        text: Tensor,
        refer: Tensor | Sequence[Tensor] | None,
        ge: Tensor | None = None,
        speed: float = 1.0,
    ) -> tuple[Tensor, Tensor]:
        """Condition feature of some speech.

        Args:
            codes: semantic tokens [B, 1, T_sem].
            text: phone ids of the same speech [B, T_ph].
            refer: reference spectrogram(s) [B, spec_channels, T_spec]; not read where ``ge`` is given.
            ge: style vector [B, gin, 1] of an earlier call.
            speed: above 1 is faster.

        Returns:
            feature [B, W, T_mel] and the style vector.
        """
        if ge is None:
            if refer is None:
                raise ConfigError("neither a reference nor its style vector was given", "one of the two")
            ge = self.style(refer)
        columns = int(self.mel.mask_scale * codes.size(2) / speed) + (speed != 1)
        valid = torch.full((codes.size(0),), columns, device=codes.device)
        return self._feature(self.prior(codes, text, ge, speed).y, valid, ge), ge

    def decode(self, *args: Any, **kwargs: Any) -> Tensor:
        """Not here: unlike :meth:`SynthesizerTrn.decode`, a waveform takes a prompt and a vocoder.

        Raises:
            RequestError: always.
        """
        raise RequestError(
            f"{self.spec.name} makes a mel spectrogram, no waveform",
            "a v1, v2 or v2Pro model",
            "speak through TTS, which adds the vocoder",
        )

    # -- training ------------------------------------------------------------------------------------------------
    def forward(
        self,
        ssl: Tensor,
        y: Tensor,
        mel: Tensor,
        lengths: tuple[Tensor, Tensor, Tensor],
        text: Tensor,
        draws: FlowDraws | None = None,
        prompt_lens: Tensor | None = None,
    ) -> Tensor:
        """Flow-matching loss of one training pass, a scalar.

        Args:
            ssl: SSL features [B, ssl_dim, T_spec].
            y: linear spectrogram [B, spec_channels, T_spec].
            mel: normalised mel [B, M, T_mel].
            lengths: valid frames of y, of the mel, and valid phones, [B] each.
            text: phone ids [B, T_ph].
            draws: fixed random draws.
            prompt_lens: frames [B] given as prompt; drawn, up to two thirds of the clip, where None.
        """
        y_lengths, mel_lengths, text_lengths = lengths
        mask = sequence_mask(y_lengths, y.size(2))[:, None].to(y.dtype)
        style = self.style_of(y, mask, None)
        with torch.no_grad():  # what the tokens say stays as the base model knows it
            quantized, _ = self.quantize(ssl)
            prior = self.enc_p(quantized, y_lengths, text, text_lengths, style)
        fea = self._feature(prior.y, mel_lengths, style)
        if prompt_lens is None:
            source = draws.generator if draws else None
            share = torch.rand(mel_lengths.shape, generator=source, device=mel.device) * LONGEST_PROMPT
            prompt_lens = (share * mel_lengths).long()
        shared = min(mel.size(2), fea.size(2))
        return self.cfm(mel[..., :shared], mel_lengths, prompt_lens, fea[..., :shared], draws)


def norm_mel(mel: Tensor, spec: MelSpec) -> Tensor:
    """Log mel -> the scale of the network, -1..1 for the usual values."""
    return (mel - spec.floor) / (spec.ceiling - spec.floor) * 2 - 1


def denorm_mel(mel: Tensor, spec: MelSpec) -> Tensor:
    """The inverse of :func:`norm_mel`."""
    return (mel + 1) / 2 * (spec.ceiling - spec.floor) + spec.floor
