"""What was already spoken and measured, in a folder, so that a run that was stopped goes on where it was.

A value is found again by the facts that it follows from (weights by their content, text, seed; for measurements the
audio), never by a name. Knows files only.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from errors import OutputError

KEY_LENGTH = 24
CHUNK = 1 << 20


def key_of(facts: Mapping[str, Any]) -> str:
    """Name of a value: a hash of the facts that it follows from."""
    text = json.dumps(facts, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:KEY_LENGTH]


def content_key(paths: Iterable[Path]) -> str:
    """Hash of files, and of all files in folders, by name and content; what is not there counts as empty."""
    digest = hashlib.sha256()
    for path in paths:
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if not file.is_file() or "__pycache__" in file.parts:
                continue
            digest.update(f"{file.name}\0".encode())
            with file.open("rb") as stream:
                while chunk := stream.read(CHUNK):
                    digest.update(chunk)
    return digest.hexdigest()[:KEY_LENGTH]


def audio_key(samples: NDArray[np.int16], rate: int) -> str:
    """Hash of 16-bit audio [T]."""
    return hashlib.sha256(f"{rate}\0".encode() + samples.tobytes()).hexdigest()[:KEY_LENGTH]


class Store:
    """A folder of small JSON files, one for each value, and of FLAC files.

    Args:
        folder: made where it is not there.

    Raises:
        OutputError: the folder cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            (folder / "audio").mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"folder {folder} cannot be made ({error.strerror})", "a writable folder") from error

    def recall(self, kind: str, facts: Mapping[str, Any]) -> dict[str, Any] | None:
        """The value of these facts; None where there is none, or a damaged one."""
        try:
            found = json.loads(self._path(kind, facts).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        value = found.get("value") if isinstance(found, dict) else None
        return value if isinstance(value, dict) else None

    def keep(self, kind: str, facts: Mapping[str, Any], value: Mapping[str, Any]) -> None:
        """Remember a value; it appears whole or not at all."""
        path = self._path(kind, facts)
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_suffix(f".{os.getpid()}.tmp")
        temporary.write_text(json.dumps({"facts": facts, "value": value}, ensure_ascii=False), encoding="utf-8")
        os.replace(temporary, path)

    def _path(self, kind: str, facts: Mapping[str, Any]) -> Path:
        return self.folder / kind / f"{key_of(facts)}.json"

    def audio_path(self, key: str) -> Path:
        """Where the audio of a key lies, if it does."""
        return self.folder / "audio" / f"{key}.flac"

    def keep_audio(self, samples: NDArray[np.int16], rate: int) -> str:
        """Write 16-bit audio [T]; returns its key."""
        key = audio_key(samples, rate)
        path = self.audio_path(key)
        if not path.is_file():
            temporary = path.with_suffix(f".{os.getpid()}.tmp")
            soundfile.write(str(temporary), samples, rate, format="FLAC", subtype="PCM_16")
            os.replace(temporary, path)
        return key

    def recall_audio(self, key: str) -> tuple[NDArray[np.int16], int] | None:
        """16-bit audio [T] and its rate; None where there is none, or a damaged one."""
        try:
            samples, rate = soundfile.read(str(self.audio_path(key)), dtype="int16")
        except (soundfile.SoundFileError, OSError, RuntimeError):
            return None
        return samples, int(rate)
