"""Settings of the whole project: defaults < environment < arguments, parsed once.

This file knows the names, ports and folders that users rely on and how their text becomes values. It knows nothing
about models; importing it reads no environment, touches no file and loads no package beyond the standard library.
"""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from errors import ConfigError
from module.versions import VERSIONS

REPO_ROOT = Path(__file__).resolve().parent
"""Folder that relative paths in defaults and YAML files start from."""

PRETRAINED_ROOT = REPO_ROOT / "GPT_SoVITS" / "pretrained_models"
CONFIGS_ROOT = REPO_ROOT / "GPT_SoVITS" / "configs"
PACK_DIR = PRETRAINED_ROOT / "gsv-tiny"
"""The voice pack that is part of the checkout."""

LOOPBACK = "127.0.0.1"
PRECISIONS = ("auto", "float32")
MODEL_VERSIONS = tuple(VERSIONS)
LANGUAGES = ("auto", "zh_CN", "en_US", "ja_JP", "ko_KR")
TRUE_WORDS = ("true", "1", "yes")
FALSE_WORDS = ("false", "0", "no")
DEVICE_PATTERN = re.compile(r"auto|cpu|mps|cuda(:\d+)?")


def parse_bool(name: str, value: object) -> bool:
    """True or false from a bool or one of true/false/1/0/yes/no in any case.

    Args:
        name: the setting, as the user wrote it, for the message.
        value: what was given.

    Raises:
        ConfigError: naming the setting and the accepted words.
    """
    if isinstance(value, bool):
        return value
    word = str(value).strip().lower()
    if word in TRUE_WORDS:
        return True
    if word in FALSE_WORDS:
        return False
    raise ConfigError(
        f"{name}={value!r} is no yes or no",
        "one of " + "/".join(TRUE_WORDS + FALSE_WORDS),
        f"set {name} to one of these words, in any case",
    )


def parse_int(name: str, value: object, low: int, high: int) -> int:
    """A whole number within [low, high], from an int or its decimal text."""
    try:
        number = int(str(value).strip())
    except ValueError:
        number = low - 1
    if isinstance(value, bool) or not low <= number <= high:
        raise ConfigError(f"{name}={value!r} cannot be used", f"a whole number from {low} to {high}")
    return number


def parse_port(name: str, value: object) -> int:
    """A TCP port; 0 lets the system choose a free one."""
    return parse_int(name, value, 0, 65535)


def parse_choice(name: str, value: object, choices: tuple[str, ...]) -> str:
    """One of ``choices``, compared without case, returned as it is written there."""
    known = {choice.lower(): choice for choice in choices}
    choice = known.get(str(value).strip().lower())
    if choice is None:
        raise ConfigError(f"{name}={value!r} is not known", "one of " + ", ".join(choices))
    return choice


def parse_device(name: str, value: object) -> str:
    """auto, cpu, mps, cuda or cuda:N."""
    device = str(value).strip().lower()
    if not DEVICE_PATTERN.fullmatch(device):
        raise ConfigError(f"{name}={value!r} is no device", "auto, cpu, mps, cuda or cuda:N")
    return device


def is_loopback(host: str) -> bool:
    """True for an address that only this computer reaches."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def parse_text(name: str, value: object) -> str:
    """Text that is not empty."""
    text = str(value).strip()
    if not text:
        raise ConfigError(f"{name} is empty", "a value", f"leave {name} out for its default")
    return text


def parse_names(name: str, value: object) -> str:
    """A name, or several as a list or separated by commas; several come as one text with commas."""
    if isinstance(value, list | tuple):
        return ", ".join(parse_text(name, one) for one in value) or parse_text(name, "")
    return parse_text(name, value)


def resolve_path(path: str | os.PathLike[str], root: Path = REPO_ROOT) -> Path:
    """Absolute form of ``path``: ``~`` is the home folder, a relative path starts at ``root``, not where we run."""
    return (root / Path(path).expanduser()).resolve()


def parse_path(name: str, value: object) -> str:
    """Absolute path of a setting, relative ones taken from the repository root."""
    return str(resolve_path(parse_text(name, value)))


def _parse_version(name: str, value: object) -> str:
    return parse_choice(name, value, MODEL_VERSIONS)


def _parse_language(name: str, value: object) -> str:
    return parse_choice(name, value, LANGUAGES)


def parse_precision(name: str, value: object) -> str:
    """Weights of the language model: what the device does best, or float32."""
    return parse_choice(name, value, PRECISIONS)


@dataclass(frozen=True)
class Config:
    """The project's settings. Build one with :meth:`from_environment`; change one with :meth:`with_arguments`.

    A path of None means that nobody named one: the pipeline then takes the published weights where they are on disk,
    else the pack. ``device`` "auto" is the first accelerator there is, else the CPU.
    """

    version: str = "v2"
    device: str = "auto"
    is_half: bool = False
    gpt_path: str | None = None
    sovits_path: str | None = None
    cnhubert_base_path: str | None = None
    bert_path: str | None = None
    use_qwen3: bool = False
    qwen3_model_name: str = "Qwen/Qwen2-7B"
    qwen3_enable_training: bool = False
    qwen3_enable_inference: bool = True
    qwen3_strict: bool = False
    qwen3_precision: str = "auto"
    qwen3_engine_key: str | None = field(default=None, repr=False)
    language: str = "auto"
    is_share: bool = False
    webui_user: str | None = None
    webui_password: str | None = None
    exp_root: str = str(REPO_ROOT / "logs")
    webui_port_main: int = 9874
    webui_port_uvr5: int = 9873
    webui_port_infer_tts: int = 9872
    webui_port_subfix: int = 9871
    api_port: int = 9880
    api_key: str | None = None
    voices_root: str = str(REPO_ROOT / "voices")
    hf_endpoint: str | None = None

    @classmethod
    def from_environment(cls, env: Mapping[str, str] | None = None, **arguments: Any) -> Config:
        """Defaults, then what ``env`` sets (os.environ when None), then ``arguments`` that are not None.

        Raises:
            ConfigError: a value that cannot be used, or an argument that is no setting.
        """
        return cls(**read_environment(env)).with_arguments(**arguments)

    def with_arguments(self, **arguments: Any) -> Config:
        """A copy with ``arguments`` parsed and set; None means not given.

        Raises:
            ConfigError: a value that cannot be used, or a name that is no setting.
        """
        given = {name: value for name, value in arguments.items() if value is not None}
        unknown = sorted(set(given) - {one.name for one in fields(self)})
        if unknown:
            known = ", ".join(one.name for one in fields(self))
            raise ConfigError(f"unknown setting {', '.join(unknown)}", f"one of {known}")
        return replace(self, **{name: _PARSERS[name](name, value) for name, value in given.items()})


Parser = Callable[[str, object], Any]

_PARSERS: dict[str, Parser] = {
    "version": _parse_version,
    "device": parse_device,
    "is_half": parse_bool,
    "gpt_path": parse_path,
    "sovits_path": parse_path,
    "cnhubert_base_path": parse_path,
    "bert_path": parse_path,
    "use_qwen3": parse_bool,
    "qwen3_model_name": parse_names,
    "qwen3_enable_training": parse_bool,
    "qwen3_enable_inference": parse_bool,
    "qwen3_strict": parse_bool,
    "qwen3_precision": parse_precision,
    "qwen3_engine_key": parse_text,
    "language": _parse_language,
    "is_share": parse_bool,
    "webui_user": parse_text,
    "webui_password": parse_text,
    "exp_root": parse_path,
    "webui_port_main": parse_port,
    "webui_port_uvr5": parse_port,
    "webui_port_infer_tts": parse_port,
    "webui_port_subfix": parse_port,
    "api_port": parse_port,
    "api_key": parse_text,
    "voices_root": parse_path,
    "hf_endpoint": parse_text,
}

ENVIRONMENT_NAMES = {name: name for name in _PARSERS} | {
    "webui_port_infer_tts": "infer_ttswebui",
    "hf_endpoint": "HF_ENDPOINT",
}
"""Environment variable of each setting; all but two share the setting's name."""


def read_environment(env: Mapping[str, str] | None = None, *names: str) -> dict[str, Any]:
    """The settings that ``env`` sets, parsed: only those, so that a caller can put them between its own layers.

    Args:
        env: variables to read, os.environ when None. It is never written to. An empty value counts as not set.
        names: settings to look at; all of them when none is named.

    Raises:
        ConfigError: naming the variable and what it accepts.
    """
    source = os.environ if env is None else env
    found: dict[str, Any] = {}
    for name in names or _PARSERS:
        variable = ENVIRONMENT_NAMES[name]
        text = source.get(variable, "").strip()
        if text:
            found[name] = _PARSERS[name](variable, text)
    return found
