"""Which models speak and with what settings: ``TTS_Config``.

Explicit argument or attribute > YAML file or dict > environment > default. Relative paths start at the repository
root. Where nothing names weights, the published ones are used if they are on disk, else the voice pack of the checkout.
Knows names and paths; loads no model.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
import yaml

from config import (
    CONFIGS_ROOT,
    MODEL_VERSIONS,
    PACK_DIR,
    parse_bool,
    parse_choice,
    parse_device,
    parse_names,
    parse_path,
    parse_precision,
    parse_text,
    read_environment,
    resolve_path,
)
from errors import ConfigError, OutputError
from module.versions import VERSIONS
from published import HUBERT, ROBERTA, S1, S2G, fetch_command, place
from text.language import MODES
from TTS_infer_pack.pack import PACK_FILE, DefaultReference, VoicePack, read_pack, recommended_for
from TTS_infer_pack.public_config import PublicConfigNames

logger = logging.getLogger(__name__)

DEFAULT_YAML = CONFIGS_ROOT / "tts_infer.yaml"

V1_LANGUAGES = ("auto", "en", "zh", "ja", "all_zh", "all_ja")

ENVIRONMENT = {  # the pipeline's setting -> the project's setting that the environment variable fills
    "version": "version",
    "is_half": "is_half",
    "device": "device",
    "t2s_weights_path": "gpt_path",
    "vits_weights_path": "sovits_path",
    "cnhuhbert_base_path": "cnhubert_base_path",
    "bert_base_path": "bert_path",
    "use_qwen3": "use_qwen3",
    "qwen3_model_name": "qwen3_model_name",
    "qwen3_enable_training": "qwen3_enable_training",
    "qwen3_enable_inference": "qwen3_enable_inference",
    "qwen3_strict": "qwen3_strict",
    "qwen3_precision": "qwen3_precision",
    "qwen3_engine_key": "qwen3_engine_key",
}
PARSERS = {
    "device": parse_device,
    "is_half": parse_bool,
    "version": lambda name, value: parse_choice(name, value, MODEL_VERSIONS),
    "t2s_weights_path": parse_path,
    "vits_weights_path": parse_path,
    "cnhuhbert_base_path": parse_path,
    "bert_base_path": parse_path,
    "pack": parse_path,
    "use_qwen3": parse_bool,
    "qwen3_model_name": parse_names,
    "qwen3_enable_training": parse_bool,
    "qwen3_enable_inference": parse_bool,
    "qwen3_strict": parse_bool,
    "qwen3_precision": parse_precision,
    "qwen3_engine_key": parse_text,
}
"""Every setting and how its value is read; any other name is an error."""
ALIASES = {"cnhubert_base_path": "cnhuhbert_base_path"}
"""The public spelling has one h too many; the right one is understood as well."""
LEGACY_KEYS = frozenset({"update_configs", "use_vocoder", "flash_attn_enabled"})
"""Keys of older YAML files without effect here."""
LEGACY_SECTIONS = {"default": "v1", "default_v2": "v2"}
"""Names of sections in older public YAML files."""
SECRETS = ("qwen3_engine_key",)
"""Settings that are never shown or written."""
PATHS = ("t2s_weights_path", "vits_weights_path", "cnhuhbert_base_path")


class TTS_Config(PublicConfigNames):  # noqa: N801 - the public name
    """Settings of a :class:`TTS_infer_pack.TTS.TTS`.

    Args:
        configs: a YAML file in the public layout (sections ``custom``, ``v1``, ``v2`` ..., or ``default`` and
            ``default_v2`` in older ones), a dict of settings or of such sections, or None for
            ``GPT_SoVITS/configs/tts_infer.yaml``.
        settings: settings by name; these win over everything else.

    Attributes:
        device: "cpu", "cuda", "cuda:1", "mps". Public files and the environment may say "cuda" on a machine that has
            none: then the CPU is used, with a warning. Whoever asks for it by argument or attribute is told.
        is_half: half precision where the device has it.
        version: model version; becomes what the loaded weights are.
        t2s_weights_path, vits_weights_path, cnhuhbert_base_path, bert_base_path: absolute paths.
        default_reference, sampling, reference_free: what a voice pack recommends for these weights
            (``pack.Recommended``); nothing where they are not its own. A TTS tells here what holds for the voice that
            is loaded, and does not read it back.
        use_qwen3, qwen3_model_name, qwen3_enable_training, qwen3_enable_inference: the language model stage; may be set
            at any time.
        qwen3_strict: an error instead of the AR model where the language model cannot speak.
        qwen3_precision: weights of the language model; "auto": half precision where the device speaks faster with it
            (on most CPUs float16 weights computed with in float32), "float32": everywhere.
        qwen3_engine_key: what engines elsewhere are shown; never written to a file.
        sampling_rate: output rate in Hz; set when weights are loaded.

    Raises:
        ConfigError: unknown setting, unusable value, or no weights to be found.
    """

    device: str
    is_half: bool
    version: str
    t2s_weights_path: str
    vits_weights_path: str
    cnhuhbert_base_path: str
    bert_base_path: str | None
    use_qwen3: bool
    qwen3_model_name: str
    qwen3_enable_training: bool
    qwen3_enable_inference: bool
    qwen3_strict: bool
    qwen3_precision: str
    qwen3_engine_key: str | None

    def __init__(self, configs: Mapping[str, Any] | str | os.PathLike[str] | None = None, **settings: Any) -> None:
        self.configs_path = str(resolve_path(configs)) if isinstance(configs, str | os.PathLike) else str(DEFAULT_YAML)
        explicit = _parsed(settings, "argument")
        if isinstance(configs, Mapping):
            content: Mapping[str, Any] = configs
        else:
            content = _read_yaml(Path(self.configs_path), optional=configs is None)
        values = _environment() | _parsed(_section(content, explicit.get("version")), "setting")
        if "device" in values and "device" not in explicit:
            values["device"] = _device_of_file(values["device"])
        values |= explicit
        self.use_qwen3 = values.pop("use_qwen3", False)
        self.qwen3_model_name = values.pop("qwen3_model_name", "Qwen/Qwen2-7B")
        self.qwen3_enable_training = values.pop("qwen3_enable_training", False)
        self.qwen3_enable_inference = values.pop("qwen3_enable_inference", True)
        self.qwen3_strict = values.pop("qwen3_strict", False)
        self.qwen3_precision = values.pop("qwen3_precision", "auto")
        self.qwen3_engine_key = values.pop("qwen3_engine_key", None)
        self.device = values.pop("device", "auto")
        self.is_half = values.pop("is_half", False)
        self.sampling_rate = 32000
        self._choose_weights(values)

    def __setattr__(self, name: str, value: Any) -> None:
        """Settings are read the same way wherever they come from: ``use_qwen3 = "yes"`` works, "maybe" does not."""
        if name in PARSERS and value is not None:
            value = PARSERS[name](name, value)
            if name == "device":
                value = _resolve_device(value)
        super().__setattr__(name, value)

    def _choose_weights(self, values: Mapping[str, Any]) -> None:
        """Fill the paths: those that are named, the rest from the published weights or the pack."""
        named = {name: values[name] for name in PATHS if values.get(name)}
        version = values.get("version")
        pack: VoicePack | None = None
        rest: dict[str, str] = {}
        source = "the weights that the settings name"
        if len(named) < len(PATHS):
            rest = published_weights(version or "v2")
            source = "the published weights"
            if values.get("pack") or not all(Path(path).exists() for path in rest.values()):
                pack = _pack(values.get("pack"), None if "t2s_weights_path" in named else version)
                rest = {
                    "t2s_weights_path": str(pack.s1),
                    "vits_weights_path": str(pack.s2),
                    "cnhuhbert_base_path": str(pack.hubert),
                }
                source = f"voice pack {pack.name}"
        for name in PATHS:
            setattr(self, name, named.get(name) or rest[name])
        self.version = version or (pack.version if pack else "v2")
        bert = values.get("bert_base_path") or str(place(ROBERTA))
        self.bert_base_path = bert if Path(bert).exists() else None
        recommended = recommended_for(Path(self.t2s_weights_path), Path(self.vits_weights_path))
        self.default_reference: DefaultReference | None = recommended.default_reference
        self.sampling: dict[str, Any] = dict(recommended.sampling)
        self.reference_free = recommended.reference_free
        logger.info("speaking with %s: %s, %s", source, self.t2s_weights_path, self.vits_weights_path)

    @property
    def cnhubert_base_path(self) -> str:
        """The SSL encoder's folder, under its right spelling."""
        return self.cnhuhbert_base_path

    @cnhubert_base_path.setter
    def cnhubert_base_path(self, path: str) -> None:
        self.cnhuhbert_base_path = path

    @property
    def languages(self) -> tuple[str, ...]:
        """Language modes that the version's phone symbols allow."""
        return V1_LANGUAGES if VERSIONS[self.version].symbols == "v1" else MODES

    def as_dict(self) -> dict[str, Any]:
        """The settings as the ``custom`` section of a YAML file holds them."""
        return {name: getattr(self, name) for name in PARSERS if name not in ("pack", *SECRETS)}

    def save_configs(self, configs_path: str | os.PathLike[str] | None = None) -> None:
        """Write the settings as section ``custom`` of a YAML file; its other sections stay. Nothing else writes one.

        Raises:
            OutputError: the file cannot be written.
        """
        path = resolve_path(configs_path or self.configs_path)
        content = dict(_read_yaml(path, optional=True)) | {"custom": self.as_dict()}
        temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
        try:
            temporary.write_text(yaml.safe_dump(content, sort_keys=False, allow_unicode=True), encoding="utf-8")
            os.replace(temporary, path)
        except OSError as error:
            raise OutputError(f"settings {path} cannot be written ({error.strerror})", "a writable file") from error

    def __str__(self) -> str:
        return "\n".join(f"{name}: {value}" for name, value in self.as_dict().items())


def published_weights(version: str) -> dict[str, str]:
    """Where the published weights of a version lie once they are downloaded, by setting name."""
    return {
        "t2s_weights_path": str(place(S1[version])),
        "vits_weights_path": str(place(S2G[version])),
        "cnhuhbert_base_path": str(place(HUBERT)),
    }


def _pack(folder: str | None, version: str | None) -> VoicePack:
    """The voice pack in ``folder`` (None: the checkout's), if it is of the ``version`` asked for."""
    path = Path(folder) if folder else PACK_DIR
    fix = f"{fetch_command(version or 'v2')}, or name weights of your own"
    published_root = place("pretrained_models")
    if not (path / PACK_FILE).is_file():
        raise ConfigError(
            f"there is nothing to speak with: no published {version or 'v2'} weights in "
            f"{published_root}, and no voice pack in {path}",
            "one of the two",
            fix,
        )
    pack = read_pack(path)
    if version is not None and version != pack.version:
        raise ConfigError(
            f"no published {version} weights in {published_root}; the voice pack is {pack.version}",
            f"version {pack.version}, or {version} weights on disk",
            fix,
        )
    return pack


def _resolve_device(device: str) -> str:
    """ "auto" as the first accelerator there is, else the CPU.

    Raises:
        ConfigError: a device that this machine does not have.
    """
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if device.startswith("cuda") and torch.device(device).index not in (None, *range(torch.cuda.device_count())):
        raise ConfigError(f"device {device} is not there", "cpu, or a device of this machine", "set device to auto")
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise ConfigError(f"device {device} is not there", "cpu, or a device of this machine", "set device to auto")
    return device


def _device_of_file(device: str) -> str:
    """The device that a settings file names; the CPU where it is CUDA and this machine has none of it."""
    if device.startswith("cuda") and not torch.cuda.is_available():
        logger.warning("the settings say device: %s, and there is no CUDA device: the CPU is used", device)
        return "cpu"
    return device


def _environment() -> dict[str, Any]:
    found = read_environment(None, *ENVIRONMENT.values())
    return {name: found[source] for name, source in ENVIRONMENT.items() if source in found}


def _parsed(settings: Mapping[str, Any], kind: str) -> dict[str, Any]:
    """``settings`` with aliases resolved and values read; None and "" count as not given."""
    found: dict[str, Any] = {}
    for key, value in settings.items():
        name = ALIASES.get(str(key), str(key))
        if name in LEGACY_KEYS or value is None or value == "":
            continue
        if name not in PARSERS:
            raise ConfigError(f"unknown {kind} {key!r}", "one of " + ", ".join(PARSERS))
        found[name] = PARSERS[name](str(key), value)
    return found


def _section(content: Mapping[str, Any], version: str | None) -> Mapping[str, Any]:
    """The settings in ``content``: itself if it is flat, else its section ``custom``, else that of the version."""
    found = {key: value for key, value in content.items() if isinstance(value, Mapping)}
    if not found:
        return content
    flat = {key: value for key, value in content.items() if key not in found}
    sections = {new: found[old] for old, new in LEGACY_SECTIONS.items() if old in found}
    sections |= {key: value for key, value in found.items() if key not in LEGACY_SECTIONS}
    unknown = sorted(set(sections) - {"custom", *MODEL_VERSIONS})
    if unknown:
        raise ConfigError(f"unknown section {', '.join(map(str, unknown))}", "custom, " + ", ".join(MODEL_VERSIONS))
    chosen = sections.get("custom")
    if chosen is None or (version and (chosen.get("version") or version) != version):
        chosen = sections.get(version or str(flat.get("version") or "v2"), {})
    return flat | dict(chosen)


def _read_yaml(path: Path, optional: bool) -> Mapping[str, Any]:
    """Content of a YAML file; empty where it is ``optional`` and absent.

    Raises:
        ConfigError: missing, unreadable, or no mapping.
    """
    if optional and not path.exists():
        return {}
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"settings file {path} cannot be read ({error})", "a YAML file") from error
    if content is None:
        return {}
    if not isinstance(content, Mapping):
        raise ConfigError(f"settings file {path} holds no settings", "a YAML mapping of names to values")
    return content
