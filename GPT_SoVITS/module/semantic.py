"""What every synthesiser shares: semantic tokens, phones and a reference -> prior, timbre and codes; weight files.

The networks themselves are built by the subclasses, in the order that the public weights have.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from typing import TypeVar

import torch
from torch import Tensor, nn

from errors import CheckpointError, RequestError
from module.encoders import Prior, PriorEncoder
from module.model_config import SynthesizerConfig
from module.quantizer import Quantizer
from module.style_encoder import MelStyleEncoder
from module.versions import VersionSpec
from module.weight_norm import fold_weight_norm
from process_ckpt import compare_keys

Self = TypeVar("Self", bound="SemanticModel")


class SemanticModel(nn.Module):
    """Base of the synthesisers; subclasses build ``enc_p``, then their own parts, then call :meth:`_build_front`."""

    config: SynthesizerConfig
    spec: VersionSpec
    style_bins: int
    enc_p: PriorEncoder

    def _build_front(self, spec_channels: int) -> None:
        """Style encoder and quantiser under the public names, and what the version adds to the style."""
        config, spec = self.config, self.spec
        self.style_bins = min(spec.style_bins or spec_channels, spec_channels)
        self.ref_enc = MelStyleEncoder(self.style_bins, config.gin_channels, config.style_channels)
        stride = config.frames_per_token
        self.ssl_proj = nn.Conv1d(config.ssl_dim, config.ssl_dim, stride, stride=stride)
        self.quantizer = Quantizer(config.ssl_dim, config.codebook_size)
        if spec.needs_speaker_embedding:
            self.sv_emb = nn.Linear(spec.speaker_channels, config.gin_channels)
            self.ge_to512 = nn.Linear(config.gin_channels, spec.prior_style_channels)
            self.prelu = nn.PReLU(config.gin_channels)
        if config.freeze_quantizer:
            self.ssl_proj.requires_grad_(False)
            self.quantizer.requires_grad_(False)

    # -- style ---------------------------------------------------------------------------------------------------
    def style_of(self, refer: Tensor, mask: Tensor, sv_emb: Tensor | None) -> Tensor:
        """Timbre of padded spectrograms: refer [B, spec_channels, T], mask [B, 1, T] -> [B, gin_channels, 1]."""
        style = self.ref_enc(refer[:, : self.style_bins] * mask, mask)
        if not self.spec.needs_speaker_embedding:
            return style
        if sv_emb is None:
            raise RequestError(f"{self.spec.name} needs a speaker embedding", "sv_emb beside each reference")
        return self.prelu(style + self.sv_emb(sv_emb.to(style.dtype)).unsqueeze(-1))

    def prior_style(self, style: Tensor) -> Tensor:
        """The style as the prior encoder takes it: [B, gin_channels, 1] -> [B, prior_style_channels, 1]."""
        return self.ge_to512(style.squeeze(-1)).unsqueeze(-1) if self.spec.needs_speaker_embedding else style

    def style(self, refer: Tensor | Sequence[Tensor], sv_emb: Tensor | Sequence[Tensor] | None = None) -> Tensor:
        """Timbre of one or several references, averaged.

        Args:
            refer: linear spectrogram [B, spec_channels, T_spec] or a list of them.
            sv_emb: speaker vector [B, 20480] or a list, for versions that need one.

        Returns:
            style vector [B, gin_channels, 1].
        """
        refers = [refer] if isinstance(refer, Tensor) else list(refer)
        vectors = [sv_emb] * len(refers) if sv_emb is None or isinstance(sv_emb, Tensor) else list(sv_emb)
        if not refers or len(vectors) != len(refers):
            raise RequestError(f"{len(refers)} references, {len(vectors)} speaker vectors", "one of each, at least one")
        ones = [r.new_ones(r.size(0), 1, r.size(2)) for r in refers]
        styles = [self.style_of(r, one, v) for r, one, v in zip(refers, ones, vectors, strict=True)]
        return torch.stack(styles).mean(0)

    # -- tokens --------------------------------------------------------------------------------------------------------
    def prior(
        self, codes: Tensor, text: Tensor, style: Tensor, speed: float = 1.0, phones: Tensor | None = None
    ) -> Prior:
        """Distribution of the latent: codes [B, 1, T_sem], phone ids [B, T_ph], style [B, gin, 1].

        ``phones``: what ``enc_p.encode_text`` gave for the same text, where it is known.
        """
        quantized = self._to_frames(self.quantizer.decode(codes))
        lengths = torch.full((codes.size(0),), quantized.size(2), device=codes.device)
        text_lengths = torch.full((text.size(0),), text.size(1), device=text.device)
        return self.enc_p(quantized, lengths, text, text_lengths, self.prior_style(style), speed, phones)

    @torch.no_grad()
    def looks(self, codes: Tensor, text: Tensor) -> Tensor:
        """At which phones the frames of codes [B, 1, T_sem] look; text and result as :meth:`PriorEncoder.looks`."""
        return self.enc_p.looks(self._to_frames(self.quantizer.decode(codes)), text)

    @torch.no_grad()
    def extract_latent(self, ssl: Tensor) -> Tensor:
        """Semantic tokens of SSL features [B, ssl_dim, frames at 50 Hz] -> [B, 1, T_sem]."""
        return self.quantizer.encode(self.ssl_proj(ssl))

    def train(self: Self, mode: bool = True) -> Self:
        """As ``nn.Module.train``, but a frozen quantiser stays in evaluation mode."""
        super().train(mode)
        if self.config.freeze_quantizer:
            self.ssl_proj.eval()
            self.quantizer.eval()
        return self

    def quantize(self, ssl: Tensor) -> tuple[Tensor, Tensor]:
        """SSL features [B, ssl_dim, T] -> quantised frames [B, ssl_dim, T] and the commitment loss; float32 always."""
        frozen = torch.no_grad() if self.config.freeze_quantizer else contextlib.nullcontext()
        with frozen, torch.autocast(ssl.device.type, enabled=False):
            result = self.quantizer(self.ssl_proj(ssl.float()))
        return self._to_frames(result.vectors), result.commit

    def _to_frames(self, vectors: Tensor) -> Tensor:
        """Token rate -> spectrogram rate, each vector repeated."""
        return vectors.repeat_interleave(self.config.frames_per_token, dim=2)

    # -- weights -------------------------------------------------------------------------------------------------
    def load_public(self, weights: Mapping[str, Tensor]) -> None:
        """Load public weights strictly; only a missing posterior encoder (``enc_q.*``) is allowed.

        A file without it (every fine-tuned inference file) removes the posterior encoder, so such a model speaks but
        does not train.

        Raises:
            CheckpointError: names are missing or unexpected, or shapes differ; the message lists them.
        """
        if hasattr(self, "enc_q") and not any(name.startswith("enc_q.") for name in weights):
            del self.enc_q
        report = compare_keys(self.state_dict(), weights)
        if not report.ok:
            raise CheckpointError(f"weights do not fit a {self.spec.name} synthesiser: {report}")
        self.load_state_dict(weights, strict=True)

    def remove_weight_norm(self) -> None:
        """Fold weight normalisation into plain weights (inference only; afterwards the public names are gone)."""
        fold_weight_norm(self)

    def prepare_inference(self: Self) -> Self:
        """Evaluation mode, no posterior encoder, no gradients, folded weights; returns the model itself."""
        if hasattr(self, "enc_q"):
            del self.enc_q
        self.eval().requires_grad_(False)
        self.remove_weight_norm()
        return self
