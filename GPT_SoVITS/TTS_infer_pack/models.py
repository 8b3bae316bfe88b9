"""The loaded networks of a voice, and how they are loaded. Requests share them and never change them.

Knows checkpoints and network classes; knows nothing about requests, text or audio files.
"""

from __future__ import annotations

import dataclasses
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from AR.backend import T2SBackend
from AR.errors import T2SError
from AR.models.t2s_model import Text2SemanticDecoder
from errors import CheckpointError, ConfigError
from feature_extractor.cnhubert import CNHubert
from module.lora import merge_lora
from module.models import Synthesizer, build_synthesizer
from module.versions import VERSIONS, VersionSpec
from process_ckpt import POSTERIOR_PREFIX, PathLike, load_s1, load_sovits_new, load_strict, sovits_version
from published import S2G, fetch_command, place
from super_resolution import SuperResolution, find_super_resolution
from sv import SV
from vocoders import Vocoder, load_vocoder

logger = logging.getLogger(__name__)

V1_SYMBOL_ROWS = 512
"""Phone rows of a v1 GPT checkpoint (322 of them in use); later ones have 732."""


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

    ``serial`` tells two sets of networks in one process apart (references that one has read do not fit another).
    """

    hubert: CNHubert
    vits: Synthesizer
    t2s: T2SBackend
    audio: AudioSettings
    spec: VersionSpec
    serial: int = 0
    companions: Companions = Companions()

    @property
    def output_rate(self) -> int:
        """Rate in Hz of what is spoken; the references are read at ``audio.sampling_rate``."""
        vocoder = self.companions.vocoder
        return vocoder.sampling_rate if vocoder else self.audio.sampling_rate

    @property
    def memory_bytes(self) -> int:
        """Bytes that the weights of all networks take."""
        parts = (self.hubert, self.vits, self.t2s, self.companions.sv, self.companions.vocoder)
        modules = [part for part in parts if isinstance(part, torch.nn.Module)]
        return sum(weight.numel() * weight.element_size() for part in modules for weight in part.state_dict().values())

    @property
    def device(self) -> torch.device:
        return next(self.vits.parameters()).device

    @property
    def dtype(self) -> torch.dtype:
        return next(self.vits.parameters()).dtype


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
    return model.eval().requires_grad_(False).to(place.device, place.dtype)


def check_match(hubert: CNHubert, vits: Synthesizer, t2s: T2SBackend) -> None:
    """Refuse parts that were not made for each other, as far as their shapes tell.

    Raises:
        CheckpointError: naming the two parts.
    """
    fix = "load files that belong together"
    if hubert.ssl_dim != vits.config.ssl_dim:
        raise CheckpointError(
            f"the SoVITS model reads SSL features of {vits.config.ssl_dim} channels, the SSL encoder "
            f"gives {hubert.ssl_dim}",
            "an encoder and a SoVITS model of one origin",
            fix,
        )
    rows = t2s.config.phoneme_vocab_size if isinstance(t2s, Text2SemanticDecoder) else None
    if rows is not None and (rows < vits.spec.symbol_count or (rows == V1_SYMBOL_ROWS) != (vits.spec.symbols == "v1")):
        raise CheckpointError(
            f"the GPT model knows {rows} phones, the SoVITS model is {vits.spec.name} with {vits.spec.symbol_count}",
            "a GPT and a SoVITS model of one version",
            fix,
        )


def load_voice(hubert: PathLike, vits: PathLike, t2s: PathLike, place: Placement) -> VoiceModels:
    """All three networks of a voice. CheckpointError as the single loaders and :func:`check_match`."""
    t2s_model = load_t2s(t2s, place)
    synthesiser, audio = load_vits(vits, place)
    encoder = load_hubert(hubert, place)
    check_match(encoder, synthesiser, t2s_model)
    return VoiceModels(
        encoder, synthesiser, t2s_model, audio, synthesiser.spec, companions=load_companions(synthesiser.spec, place)
    )
