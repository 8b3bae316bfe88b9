"""The ``model`` section of an s2 configuration as a checked, frozen value.

Public keys keep their names; a few optional ones exist for small packs and default to what the public networks are.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from typing import Any

from errors import ConfigError
from module.versions import VersionSpec, version_spec

logger = logging.getLogger(__name__)

# Keys of public configurations that do not shape the network (n_layers_q is written by the public tools but never read:
# the short encoders have n_layers // 2 layers).
LEGACY_KEYS = frozenset(
    {
        "n_layers_q",
        "use_spectral_norm",
        "spec_channels",
        "segment_frames",
        "segment_size",
        "n_speakers",
        "disc_width",
        "wn_kernel",
        "time_scale_after_prior",
        "sampling",
    }
)
SEMANTIC_STRIDE = {"25hz": 2, "50hz": 1}


@dataclass(frozen=True)
class DiTConfig:
    """Sizes of a :class:`module.dit.DiT`; the defaults are the published network.

    ``step_size_embedding``: whether it is told the size of its steps; None: as the row of the version says.
    """

    dim: int = 1024
    depth: int = 22
    heads: int = 16
    head_dim: int = 64
    ff_mult: int = 2
    text_dim: int = 512
    conv_layers: int = 4
    mel: int = 100
    step_size_embedding: bool | None = None


@dataclass(frozen=True)
class SynthesizerConfig:
    """Sizes of a :class:`module.models.SynthesizerTrn` or :class:`module.models.SynthesizerTrnV3`.

    Attributes (public keys of the same names come first):
        inter_channels: channels of the latent z.
        hidden_channels, filter_channels, n_heads, n_layers, kernel_size, p_dropout: transformer encoders.
        resblock: "1" (three pairs of convolutions) or "2" (one convolution per dilation).
        upsample_rates: their product is the hop length in samples.
        gin_channels: width of the style vector.
        semantic_frame_rate: "25hz" (two frames per token) or "50hz".
        ssl_dim: channels of the SSL features and of the codebook.
        posterior_layers, flow_layers: WaveNet layers in the posterior encoder and in each flow step.
        flow_steps: coupling steps of the flow.
        style_channels: inner width of the style encoder.
        attention_heads: heads of the text attention (MRTE); its width is the prior's style width.
        codebook_size: semantic tokens.
        feature_width, wn_layers: width and WaveNet layers of the condition feature (versions that make a mel).
        dit: sizes of their flow-matching network.
    """

    inter_channels: int
    hidden_channels: int
    filter_channels: int
    n_heads: int
    n_layers: int
    kernel_size: int
    p_dropout: float
    resblock: str
    resblock_kernel_sizes: tuple[int, ...]
    resblock_dilation_sizes: tuple[tuple[int, ...], ...]
    upsample_rates: tuple[int, ...]
    upsample_initial_channel: int
    upsample_kernel_sizes: tuple[int, ...]
    gin_channels: int = 512
    semantic_frame_rate: str = "25hz"
    freeze_quantizer: bool = True
    version: str = "v2"
    ssl_dim: int = 768
    posterior_layers: int = 16
    flow_layers: int = 4
    flow_steps: int = 4
    style_channels: int = 128
    attention_heads: int = 4
    codebook_size: int = 1024
    feature_width: int = 512
    wn_layers: int = 8
    dit: DiTConfig = DiTConfig()

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> SynthesizerConfig:
        """Check ``values`` and build the configuration.

        Unknown keys are named in a warning and left out: files of other tools carry run settings here.

        Raises:
            ConfigError: a needed key is missing or a value cannot be used.
        """
        known = {f.name: f for f in fields(cls)}
        missing = [n for n, f in known.items() if f.default is MISSING and n not in values]
        if missing:
            raise ConfigError(f"s2 model configuration lacks {', '.join(missing)}", f"the keys {', '.join(known)}")
        unknown = sorted(set(values) - set(known) - LEGACY_KEYS)
        if unknown:
            logger.warning("s2 model configuration: unknown keys %s are not used", ", ".join(unknown))
        config = cls(**{n: _freeze(values[n]) for n in known if n in values})
        config._check()
        return config

    def _check(self) -> None:
        if self.semantic_frame_rate not in SEMANTIC_STRIDE:
            raise ConfigError(f"semantic_frame_rate {self.semantic_frame_rate!r}", "25hz or 50hz")
        if str(self.resblock) not in ("1", "2"):
            raise ConfigError(f"resblock {self.resblock!r}", '"1" or "2"')
        if len(self.upsample_rates) != len(self.upsample_kernel_sizes):
            raise ConfigError("upsample_rates and upsample_kernel_sizes differ in length", "one kernel size per rate")
        if len(self.resblock_kernel_sizes) != len(self.resblock_dilation_sizes):
            raise ConfigError("resblock kernel and dilation lists differ in length", "one list per kernel")
        for width, heads, what in (
            (self.hidden_channels, self.n_heads, "hidden_channels by n_heads"),
            (self.prior_style_channels, self.attention_heads, "style width by attention_heads"),
            (self.inter_channels, 2, "inter_channels by 2"),
        ):
            if width % heads:
                raise ConfigError(f"{width} is not divisible by {heads}", f"{what} without a remainder")

    @property
    def spec(self) -> VersionSpec:
        """Row of the version table."""
        return version_spec(self.version)

    @property
    def prior_style_channels(self) -> int:
        """Width of the style vector inside the prior encoder."""
        return self.spec.prior_style_channels or self.gin_channels

    @property
    def frames_per_token(self) -> int:
        """Spectrogram frames per semantic token."""
        return SEMANTIC_STRIDE[self.semantic_frame_rate]


def _freeze(value: Any) -> Any:
    if isinstance(value, Mapping):
        try:
            return DiTConfig(**value)
        except TypeError as error:
            raise ConfigError(
                f"the dit section of the s2 model configuration cannot be used ({error})",
                "the keys " + ", ".join(f.name for f in fields(DiTConfig)),
            ) from error
    return tuple(_freeze(v) for v in value) if isinstance(value, (list, tuple)) else value
