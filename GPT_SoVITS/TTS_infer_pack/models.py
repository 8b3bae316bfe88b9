"""A loaded voice: its networks, where they came from, and how they are loaded. Requests share it and never change it.

Knows checkpoints and network classes; knows nothing about requests, text or audio files.
"""

from __future__ import annotations

import dataclasses
import logging
import uuid
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import nn

from AR.backend import T2SBackend
from AR.checked import local_engine
from AR.engine import T2SEngine
from AR.errors import T2SError
from AR.models.lm_folder import codebook_fingerprint
from AR.models.lm_half import HalfLinear
from AR.models.t2s_model import Text2SemanticDecoder
from AR.read_back import ReadBack
from config import PACK_DIR
from errors import CheckpointError, ConfigError, MismatchError
from feature_extractor.cnhubert import CNHubert, check_folder
from module.lora import merge_lora
from module.models import Synthesizer, SynthesizerTrn, build_synthesizer
from module.versions import VERSIONS, VersionSpec
from process_ckpt import POSTERIOR_PREFIX, PathLike, load_s1, load_sovits_new, load_strict, sovits_version
from published import HUBERT, S2G, fetch_command, place
from super_resolution import SuperResolution, find_super_resolution
from sv import SV
from TTS_infer_pack.pack import PACK_FILE, Recommended, pack_of, read_pack, recommended_for
from TTS_infer_pack.rendering import Renderer
from vocoders import Vocoder, load_vocoder

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class AudioSettings:
    """Audio side of a SoVITS configuration; lengths in samples at ``sampling_rate`` Hz."""

    sampling_rate: int = 32000
    filter_length: int = 2048
    hop_length: int = 640
    win_length: int = 2048

    @classmethod
    def from_config(cls, config: dict[str, Any], path: PathLike) -> AudioSettings:
        """From the ``data`` section of an s2 configuration.

        Raises:
            CheckpointError: the section or one of its values is missing.
        """
        try:
            return cls(**{f.name: int(config["data"][f.name]) for f in dataclasses.fields(cls)})
        except (KeyError, TypeError, ValueError) as error:
            raise CheckpointError(f"{path} has no usable config.data ({error})", "a SoVITS (s2) checkpoint") from error


@dataclass(frozen=True)
class Companions:
    """Networks that some versions need beside their synthesiser; None for the others."""

    sv: SV | None = None
    vocoder: Vocoder | None = None
    enhancer: SuperResolution | None = None


@dataclass(frozen=True)
class VoiceModels:
    """What speaks: SSL encoder, SoVITS synthesiser, text-to-semantic backend, and the settings that came with them.

    ``serial`` tells two sets of networks apart (references that one has read do not fit another).
    """

    hubert: CNHubert
    vits: Synthesizer
    t2s: T2SBackend
    audio: AudioSettings
    spec: VersionSpec
    serial: str = field(default_factory=lambda: uuid.uuid4().hex)
    companions: Companions = Companions()
    engine: T2SEngine = field(init=False, repr=False, compare=False)
    """Speaks tokens with ``t2s``; all requests of the voice share it."""

    renderer: Renderer | None = field(init=False, repr=False, compare=False)
    """Runs the generator of a synthesiser that makes waveforms; all requests of the voice share it."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "engine", local_engine(self.t2s))
        vits = self.vits
        renderer = Renderer(vits.dec, self.device) if isinstance(vits, SynthesizerTrn) else None
        object.__setattr__(self, "renderer", renderer)

    @property
    def output_rate(self) -> int:
        """Rate in Hz of what is spoken; the references are read at ``audio.sampling_rate``."""
        vocoder = self.companions.vocoder
        return vocoder.sampling_rate if vocoder else self.audio.sampling_rate

    @property
    def device(self) -> torch.device:
        return next(self.vits.parameters()).device

    @property
    def dtype(self) -> torch.dtype:
        return next(self.vits.parameters()).dtype

    @cached_property
    def codebook(self) -> str:
        """Fingerprint of the quantizer: a language model must have learned the same tokens."""
        return codebook_fingerprint(self.vits.quantizer.codebook.embed)

    @property
    def memory_bytes(self) -> int:
        """Bytes that the weights take."""
        networks = (self.hubert, self.vits, self.t2s, self.companions.sv, self.companions.vocoder)
        return sum(_bytes(network) for network in networks if isinstance(network, nn.Module))


def _bytes(network: nn.Module) -> int:
    packed = sum(module.nbytes for module in network.modules() if isinstance(module, HalfLinear))
    return packed + sum(tensor.nbytes for tensor in (*network.parameters(), *network.buffers()))


@dataclass(frozen=True)
class VoicePaths:
    """Where the files of a voice lie: GPT (s1) and SoVITS (s2) weights, and the folder of the SSL encoder.

    ``hubert`` may be empty: then the encoder that fits is looked for.
    """

    t2s: str
    vits: str
    hubert: str = ""

    @classmethod
    def of_pack(cls, folder: PathLike) -> VoicePaths:
        """Those of a voice pack.

        Raises:
            ConfigError: ``folder`` holds no pack.
        """
        pack = read_pack(Path(folder))
        return cls(str(pack.s1), str(pack.s2), str(pack.hubert))


@dataclass(frozen=True)
class LoadedVoice:
    """All that speaks, and all that is known about it. It is made as a whole and replaced as a whole.

    Attributes:
        models: the networks.
        paths: where they came from.
        recommended: what the pack that the files are a part of recommends for them.
    """

    models: VoiceModels
    paths: VoicePaths
    recommended: Recommended = Recommended()

    @property
    def version(self) -> str:
        """Model version, as the SoVITS file says."""
        return self.models.spec.name

    @cached_property
    def read_back(self) -> ReadBack | None:
        """What the voice's tokens tell of phones; None where nobody has learned it, or for another codebook only."""
        path = self.recommended.read_back
        if path is None:
            return None
        try:
            table = ReadBack.load(path)
        except T2SError as error:
            logger.warning("misread speech is not noticed: %s", error)
            return None
        if table.codebook and table.codebook != self.models.codebook:
            logger.info("misread speech is not noticed: %s is about another codebook than this voice's", path)
            return None
        return table

    def with_models(self, models: VoiceModels, paths: VoicePaths) -> LoadedVoice:
        """The voice with other networks; what was recommended for the old files does not stay with the new ones."""
        return LoadedVoice(models, paths, recommended_for(Path(paths.t2s), Path(paths.vits)))


@dataclass(frozen=True)
class Placement:
    """Where networks go: a device, and half precision or not (half is for accelerators only)."""

    device: str = "cpu"
    is_half: bool = False

    @property
    def dtype(self) -> torch.dtype:
        return torch.float16 if self.is_half and self.device.startswith("cuda") else torch.float32


def load_hubert(folder: PathLike, place: Placement) -> CNHubert:
    """The SSL encoder in ``folder`` (transformers layout). CheckpointError as :class:`CNHubert`."""
    return CNHubert(Path(folder)).to(place.device, place.dtype)


def load_vits(path: PathLike, place: Placement) -> tuple[Synthesizer, AudioSettings]:
    """The SoVITS synthesiser in ``path``, adapters merged, folded for inference, and its audio settings.

    Raises:
        CheckpointError: not a SoVITS file, of an unknown version, an adapter without its base model, or not fitting
            its configuration.
    """
    checkpoint = load_sovits_new(path)
    version = sovits_version(path, checkpoint)
    if version.model_version not in VERSIONS:
        raise CheckpointError(
            f"{path} is a {version.model_version} model, which is not known here", "one of " + ", ".join(VERSIONS)
        )
    spec, weight = VERSIONS[version.model_version], checkpoint["weight"]
    if version.is_lora:
        weight = _with_base(path, spec.name, weight)
    config = checkpoint["config"]
    audio = AudioSettings.from_config(config, path)
    segment = int((config.get("train") or {}).get("segment_size", 32 * audio.hop_length)) // audio.hop_length
    values = {**config["model"], "version": spec.name}
    try:
        with torch.device("meta"):  # drawing 400 million weights only to replace them takes longer than reading them
            vits = build_synthesizer(audio.filter_length // 2 + 1, segment, **values)
    except (ConfigError, TypeError, ValueError) as error:
        raise CheckpointError(f"{path} has an unusable config.model ({error})", "a SoVITS (s2) checkpoint") from error
    if hasattr(vits, "enc_q"):
        del vits.enc_q  # speaking does not need the posterior encoder, and exported files lack it
    load_strict(vits, weight, path, drop=(POSTERIOR_PREFIX,), assign=True)
    return vits.prepare_inference().to(place.device, place.dtype), audio


def _with_base(path: PathLike, version: str, adapter: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The weights of an adapter file merged into the published base model of its version.

    Raises:
        CheckpointError: the base model is missing or cannot be used, or the two do not fit.
    """
    base = place(S2G[version])
    if not base.exists():
        raise CheckpointError(
            f"{path} is a {version} LoRA adapter, and its base model is not in {base}",
            f"the published {version} model",
            fetch_command(version),
        )
    try:
        return merge_lora(load_sovits_new(base)["weight"], adapter)
    except CheckpointError as error:
        raise CheckpointError(f"{path} cannot be spoken: {error.what}", error.expected, error.fix) from error


def load_companions(spec: VersionSpec, place: Placement) -> Companions:
    """What the version needs beside its synthesiser, from the places of the published weights.

    Raises:
        CheckpointError: weights that are missing or cannot be used.
    """
    speaker = SV().to(place.device, place.dtype) if spec.needs_speaker_embedding else None
    vocoder = load_vocoder(spec.mel.vocoder).to(place.device, place.dtype) if spec.mel else None
    return Companions(speaker, vocoder, find_super_resolution(vocoder.sampling_rate) if vocoder else None)


def load_t2s(path: PathLike, place: Placement) -> Text2SemanticDecoder:
    """The AR text-to-semantic model in ``path``.

    Raises:
        CheckpointError: not a GPT file, or not fitting its configuration.
    """
    checkpoint = load_s1(path)
    try:
        model = Text2SemanticDecoder(checkpoint["config"])
    except T2SError as error:
        raise CheckpointError(f"{path} has an unusable config.model ({error})", "a GPT (s1) checkpoint") from error
    load_strict(model, {name.removeprefix("model."): value for name, value in checkpoint["weight"].items()}, path)
    return model.eval().requires_grad_(False).to(place.device, place.dtype).pack()


def check_match(hubert: CNHubert, vits: Synthesizer, t2s: T2SBackend) -> None:
    """Refuse parts that were not made for each other, as far as their shapes tell.

    Raises:
        MismatchError: naming the two parts.
    """
    fix = "load files that belong together, all of them at once (load_voice)"
    if hubert.ssl_dim != vits.config.ssl_dim:
        raise MismatchError(
            f"the SoVITS model reads SSL features of {vits.config.ssl_dim} channels, the SSL encoder "
            f"gives {hubert.ssl_dim}",
            "an encoder and a SoVITS model of one origin",
            fix,
        )
    rows = t2s.config.phoneme_vocab_size if isinstance(t2s, Text2SemanticDecoder) else None
    if rows is not None and _made_for(rows) != vits.spec.text_rows:
        raise MismatchError(
            f"the GPT model knows {rows} phones, the SoVITS model is {vits.spec.name} with {vits.spec.symbol_count}",
            "a GPT and a SoVITS model of one version",
            fix,
        )


def _made_for(rows: int) -> int:
    """Phone rows of the versions that a GPT model of so many was made for; 0 for none. It may have some to spare."""
    return max((spec.text_rows for spec in VERSIONS.values() if spec.text_rows <= rows), default=0)


def find_encoder(channels: int, vits: PathLike) -> Path:
    """Folder of an SSL encoder whose features a SoVITS model reads.

    Args:
        channels: that it reads.
        vits: its file; the encoder of the pack that it is a part of comes first.

    Raises:
        MismatchError: none of those on disk fits.
    """
    pack = pack_of(Path(vits), Path(vits))
    folders = [pack.hubert] if pack is not None else []
    folders += [place(HUBERT), read_pack(PACK_DIR).hubert] if (PACK_DIR / PACK_FILE).is_file() else [place(HUBERT)]
    for folder in folders:
        if _channels_of(folder) == channels:
            return folder
    raise MismatchError(
        f"{vits} reads SSL features of {channels} channels, and no encoder on disk gives them",
        "the encoder that the SoVITS model was trained with",
        fetch_command("hubert"),
    )


def _channels_of(folder: Path) -> int | None:
    try:
        return int(check_folder(folder).get("hidden_size", 0))
    except (CheckpointError, ValueError):
        return None


def encoder_for(
    vits: Synthesizer, paths: VoicePaths, place: Placement, present: LoadedVoice | None
) -> tuple[CNHubert, str]:
    """The SSL encoder of a SoVITS model, and its folder: the one that ``paths`` names, else one that fits.

    Args:
        vits, paths: the model, and its files.
        place: where a new encoder goes.
        present: a voice whose encoder is used again where it is the same, or where none is named and it fits.

    Raises:
        CheckpointError: no encoder that can be used.
    """
    if present is not None:
        known = present.models.hubert
        named = bool(paths.hubert) and Path(paths.hubert).resolve() == Path(present.paths.hubert).resolve()
        if named or (not paths.hubert and known.ssl_dim == vits.config.ssl_dim):
            return known, present.paths.hubert
    folder = paths.hubert or str(find_encoder(vits.config.ssl_dim, paths.vits))
    return load_hubert(folder, place), folder


def load_voice(paths: VoicePaths, place: Placement, present: LoadedVoice | None = None) -> LoadedVoice:
    """A whole voice: all of its files at once, of any version.

    Args:
        paths: its files.
        place: where the networks go.
        present: see :func:`encoder_for`.

    Raises:
        CheckpointError: as the single loaders and :func:`check_match`.
    """
    t2s = load_t2s(paths.t2s, place)
    vits, audio = load_vits(paths.vits, place)
    hubert, folder = encoder_for(vits, paths, place, present)
    check_match(hubert, vits, t2s)
    models = VoiceModels(hubert, vits, t2s, audio, vits.spec, companions=load_companions(vits.spec, place))
    return LoadedVoice(
        models, VoicePaths(paths.t2s, paths.vits, folder), recommended_for(Path(paths.t2s), Path(paths.vits))
    )
