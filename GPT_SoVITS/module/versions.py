"""What differs between the public SoVITS versions: one row per version, asked by property, never by name.

Values are facts of the public checkpoints (tests/golden: vits_*, disc_* and checkpoints.json). Another version of the
same family is another row.
"""

from __future__ import annotations

from dataclasses import dataclass

from errors import ConfigError


@dataclass(frozen=True)
class VersionSpec:
    """One model version.

    Attributes:
        name: public version name.
        symbols: symbol set of the phones ("v1" or "v2").
        symbol_count: rows of the phone embedding.
        style_bins: spectrogram bins given to the style encoder, None for all of them.
        speaker_channels: length of the speaker vector the version needs, 0 for none.
        prior_style_channels: width the style vector is projected to for the prior encoder, 0 for no projection.
        periods: periods of the training discriminators.
        sampling_rate: output rate in Hz of the published weights.
    """

    name: str
    symbols: str
    symbol_count: int
    style_bins: int | None
    speaker_channels: int = 0
    prior_style_channels: int = 0
    periods: tuple[int, ...] = (2, 3, 5, 7, 11)
    sampling_rate: int = 32000

    @property
    def needs_speaker_embedding(self) -> bool:
        """True where ``sv_emb`` must be given beside the reference spectrogram."""
        return self.speaker_channels > 0


_PRO_PERIODS = (2, 3, 5, 7, 11, 17, 23)

VERSIONS: dict[str, VersionSpec] = {
    spec.name: spec
    for spec in (
        VersionSpec("v1", symbols="v1", symbol_count=322, style_bins=None),
        VersionSpec("v2", symbols="v2", symbol_count=732, style_bins=704),
        VersionSpec("v2Pro", "v2", 732, 704, 20480, prior_style_channels=512, periods=_PRO_PERIODS),
        VersionSpec("v2ProPlus", "v2", 732, 704, 20480, prior_style_channels=512, periods=_PRO_PERIODS),
    )
}


def version_spec(name: str) -> VersionSpec:
    """The row of version ``name``; :class:`ConfigError` naming the known versions for any other name."""
    try:
        return VERSIONS[name]
    except KeyError:
        raise ConfigError(f"unknown SoVITS version {name!r}", f"one of {', '.join(VERSIONS)}") from None
