"""What differs between the public SoVITS versions: one row per version, asked by property, never by name.

Values are facts of the public checkpoints (tests/golden: vits_*, disc_*, spectral and checkpoints.json). Another
version of the same family is another row. Imports nothing but the error kinds, so that every part of the tree can ask.
"""

from __future__ import annotations

from dataclasses import dataclass

from errors import ConfigError


@dataclass(frozen=True)
class MelSpec:
    """How the versions speak that make a mel spectrogram first and leave the waveform to a vocoder.

    Attributes:
        sampling_rate: rate in Hz at which the reference's mel is taken.
        n_fft, hop_length: its frames; the window is n_fft long.
        feature_scale: condition columns per latent frame (50 Hz).
        mask_scale: columns per token that count as valid; can be fewer than there are.
        reference_frames: most reference columns a block starts with.
        block_frames: columns of a block, reference included.
        vocoder: name of the vocoder, see :mod:`vocoders`.
        vocoder_hop: samples at the output rate per mel frame.
        bands: mel bands.
        floor, ceiling: log-mel values that become -1 and 1.
    """

    sampling_rate: int
    n_fft: int
    hop_length: int
    feature_scale: float
    mask_scale: float
    reference_frames: int
    block_frames: int
    vocoder: str
    vocoder_hop: int
    bands: int = 100
    floor: float = -12.0
    ceiling: float = 2.0


@dataclass(frozen=True)
class PublishedFiles:
    """The published weights of a version; paths are relative to ``GPT_SoVITS/``.

    Attributes:
        s1: the GPT (AR) model.
        s2g: the SoVITS generator.
        s2d: the discriminator that fine-tuning starts from; empty where none is published.
        needs: what else it speaks with, by the names of ``published.ITEMS``.
        head_md5: MD5 of the first 8192 bytes of the generator.
    """

    s1: str
    s2g: str
    s2d: str = ""
    needs: tuple[str, ...] = ()
    head_md5: str = ""


@dataclass(frozen=True)
class FileMarks:
    """The two bytes that stand in the place of ``PK`` in SoVITS files of a version; empty where there are none.

    Attributes:
        whole, lora: of a whole model and of an adapter, as they are read.
        is_written: the public training marks whole models so; adapters it always marks.
    """

    whole: bytes = b""
    lora: bytes = b""
    is_written: bool = False


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
        mel: how a mel is made, for versions whose network ends there; None where it ends in a waveform.
        recipe: file of ``GPT_SoVITS/configs`` with the settings that training goes on from the published weights with.
        generator_channels: first width of the waveform generator; tells versions apart whose files have the same names.
        text_rows: phone rows of the GPT model.
        published: the published weights.
        marks: how its files are marked.
    """

    name: str
    symbols: str
    symbol_count: int
    style_bins: int | None
    speaker_channels: int = 0
    prior_style_channels: int = 0
    periods: tuple[int, ...] = (2, 3, 5, 7, 11)
    sampling_rate: int = 32000
    mel: MelSpec | None = None
    recipe: str = "s2.json"
    generator_channels: int = 512
    text_rows: int = 732
    published: PublishedFiles = PublishedFiles("", "")
    marks: FileMarks = FileMarks()

    @property
    def trains_adapter(self) -> bool:
        """True where training makes an adapter (LoRA) on top of the published model, and no whole one."""
        return self.mel is not None

    @property
    def folder_suffix(self) -> str:
        """What follows GPT_weights and SoVITS_weights in the public names of a version's folders."""
        return "" if self.name == "v1" else f"_{self.name}"

    @property
    def needs_speaker_embedding(self) -> bool:
        """True where ``sv_emb`` must be given beside the reference spectrogram."""
        return self.speaker_channels > 0


_PRO_PERIODS = (2, 3, 5, 7, 11, 17, 23)
_MEL_V3 = MelSpec(
    24000,
    1024,
    256,
    feature_scale=1.875,
    mask_scale=3.875,
    reference_frames=468,
    block_frames=934,
    vocoder="bigvgan",
    vocoder_hop=256,
)
_MEL_V4 = MelSpec(
    32000,
    1280,
    320,
    feature_scale=2.0,
    mask_scale=4.0,
    reference_frames=500,
    block_frames=1000,
    vocoder="hifigan48k",
    vocoder_hop=480,
)

_FOLDER = "pretrained_models"
_V2_FOLDER = f"{_FOLDER}/gsv-v2final-pretrained"
_S1V3 = f"{_FOLDER}/s1v3.ckpt"

VERSIONS: dict[str, VersionSpec] = {
    spec.name: spec
    for spec in (
        VersionSpec(
            "v1",
            symbols="v1",
            symbol_count=322,
            style_bins=None,
            text_rows=512,
            published=PublishedFiles(
                f"{_FOLDER}/s1bert25hz-2kh-longer-epoch=68e-step=50232.ckpt",
                f"{_FOLDER}/s2G488k.pth",
                f"{_FOLDER}/s2D488k.pth",
                head_md5="dc3c97e17592963677a4a1681f30c653",
            ),
            marks=FileMarks(b"00"),
        ),
        VersionSpec(
            "v2",
            symbols="v2",
            symbol_count=732,
            style_bins=704,
            published=PublishedFiles(
                f"{_V2_FOLDER}/s1bert25hz-5kh-longer-epoch=12-step=369668.ckpt",
                f"{_V2_FOLDER}/s2G2333k.pth",
                f"{_V2_FOLDER}/s2D2333k.pth",
                head_md5="6642b37f3dbb1f76882b69937c95a5f3",
            ),
            marks=FileMarks(b"01"),
        ),
        VersionSpec(
            "v2Pro",
            "v2",
            732,
            704,
            20480,
            prior_style_channels=512,
            periods=_PRO_PERIODS,
            recipe="s2v2Pro.json",
            published=PublishedFiles(
                _S1V3,
                f"{_FOLDER}/v2Pro/s2Gv2Pro.pth",
                f"{_FOLDER}/v2Pro/s2Dv2Pro.pth",
                ("sv",),
                "c7e9fce2223f3db685cdfa1e6368728a",
            ),
            marks=FileMarks(b"05", is_written=True),
        ),
        VersionSpec(
            "v2ProPlus",
            "v2",
            732,
            704,
            20480,
            prior_style_channels=512,
            periods=_PRO_PERIODS,
            recipe="s2v2ProPlus.json",
            generator_channels=768,
            published=PublishedFiles(
                _S1V3,
                f"{_FOLDER}/v2Pro/s2Gv2ProPlus.pth",
                f"{_FOLDER}/v2Pro/s2Dv2ProPlus.pth",
                ("sv",),
                "66b313e39455b57ab1b0bc0b239c9d0a",
            ),
            marks=FileMarks(b"06", is_written=True),
        ),
        VersionSpec(
            "v3",
            "v2",
            732,
            704,
            sampling_rate=24000,
            mel=_MEL_V3,
            recipe="s2v3.json",
            published=PublishedFiles(
                _S1V3, f"{_FOLDER}/s2Gv3.pth", needs=("bigvgan",), head_md5="43797be674a37c1c83ee81081941ed0f"
            ),
            marks=FileMarks(b"02", b"03"),
        ),
        VersionSpec(
            "v4",
            "v2",
            732,
            704,
            sampling_rate=48000,
            mel=_MEL_V4,
            recipe="s2v4.json",
            published=PublishedFiles(
                _S1V3,
                f"{_FOLDER}/gsv-v4-pretrained/s2Gv4.pth",
                needs=("hifigan48k",),
                head_md5="4f26b9476d0c5033e04162c486074374",
            ),
            marks=FileMarks(lora=b"04"),
        ),
    )
}
"""All versions, the oldest of each kind first."""


def version_spec(name: str) -> VersionSpec:
    """The row of version ``name``; :class:`ConfigError` naming the known versions for any other name."""
    try:
        return VERSIONS[name]
    except KeyError:
        raise ConfigError(f"unknown SoVITS version {name!r}", f"one of {', '.join(VERSIONS)}") from None
