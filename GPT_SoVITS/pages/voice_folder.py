"""Where everything about one voice lies: ``logs/<voice>/`` with its recordings, its list and its prepared data."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from errors import RequestError
from pages.context import PageContext
from side_tables import TEXT_TABLE, TOKEN_TABLE

NAME = re.compile(r"\w[-.\w ]{0,62}\w|\w")
RESERVED = frozenset({"jobs"})
"""Folders beside the voices."""
PREPARED = (TEXT_TABLE, TOKEN_TABLE)
SPEAKER_VECTORS = "7-sv_cn"
HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*(?:/[A-Za-z0-9][\w.-]*)?")


@dataclass(frozen=True)
class VoiceFolder:
    """The folder of one voice; nothing in it need exist."""

    folder: Path

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def sliced(self) -> Path:
        """Pieces of the recordings."""
        return self.folder / "sliced"

    @property
    def denoised(self) -> Path:
        """Pieces with the noise taken out."""
        return self.folder / "denoised"

    @property
    def list_path(self) -> Path:
        """The list of pieces and what is said in them."""
        return self.folder / f"{self.name}.list"

    @property
    def is_prepared(self) -> bool:
        """True where the stages have been run."""
        return all((self.folder / name).is_file() for name in PREPARED)

    @property
    def has_speaker_vectors(self) -> bool:
        """True where the stage that only some versions need has been run."""
        return any((self.folder / SPEAKER_VECTORS).glob("*.pt"))


def voice_folder(context: PageContext, name: str) -> VoiceFolder:
    """The folder of the voice that a visitor named.

    Raises:
        RequestError: no name for a folder.
    """
    name = (name or "").strip()
    if not NAME.fullmatch(name) or name.lower() in RESERVED:
        raise RequestError(context.say("dataset.bad_name"))
    return VoiceFolder((context.settings.exp_root / name).resolve())


def voice_names(context: PageContext) -> list[str]:
    """Voices with a list or prepared data, those that changed last first."""
    root = context.settings.exp_root
    if not root.is_dir():
        return []
    found = [VoiceFolder(path) for path in root.iterdir() if path.is_dir() and NAME.fullmatch(path.name)]
    known = [voice for voice in found if voice.is_prepared or voice.list_path.is_file()]
    return [voice.name for voice in sorted(known, key=lambda voice: -voice.folder.stat().st_mtime)]


def model_name(context: PageContext, text: str) -> str:
    """A model that a visitor named: a size or hub id as it is, anything else as a path within the allowed folders.

    Raises:
        RequestError: a path that is not there, or outside of these folders.
    """
    text = (text or "").strip()
    return text if HUB_NAME.fullmatch(text) else str(context.path(text))
