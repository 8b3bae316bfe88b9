"""The voice that speaks now, and how another one takes its place: as a whole, in one assignment.

Knows loaded voices and the places of files; knows nothing about requests, text or settings.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from audio_io import PathLike
from config import resolve_path
from module.versions import version_spec
from TTS_infer_pack.models import (
    LoadedVoice,
    Placement,
    VoiceModels,
    VoicePaths,
    check_match,
    encoder_for,
    load_companions,
    load_hubert,
    load_t2s,
    load_vits,
    load_voice,
)
from TTS_infer_pack.tts_config import published_weights

NamedPaths = tuple[PathLike | None, PathLike | None, PathLike | None]
"""GPT file, SoVITS file and SSL encoder folder, as far as somebody named them."""


def absolute(path: PathLike) -> str:
    """A path as seen from here, else from the repository root."""
    return str(Path(path).resolve() if Path(path).exists() else resolve_path(path))


class VoiceHolder:
    """One voice at a time. Safe for several threads; whoever has taken :attr:`voice` keeps it whole.

    Args:
        paths: files of the first voice.
        place: where networks go.
        on_change: called with every voice that takes the place of another, and of the first.

    Raises:
        CheckpointError: files that cannot be used, here and in every method; the voice stays as it was then.
    """

    def __init__(self, paths: VoicePaths, place: Placement, on_change: Callable[[LoadedVoice], None]) -> None:
        self._place, self._on_change = place, on_change
        self._swap = threading.Lock()
        self.voice = load_voice(paths, place)
        on_change(self.voice)

    def prepare(self, named: NamedPaths, pack: PathLike | None = None, version: str | None = None) -> LoadedVoice:
        """Load a whole voice, which speaks only once it is given to :meth:`use`.

        Args:
            named: its files; those that nobody named are those of ``pack``, the published ones of ``version``, or those
                that are loaded, and the SSL encoder is the one on disk that the SoVITS file reads.
            pack: a voice pack folder.
            version: a model version.

        Raises:
            ConfigError: no such pack or version.
        """
        present = self.voice
        base = VoicePaths(present.paths.t2s, present.paths.vits)
        if pack is not None:
            base = VoicePaths.of_pack(absolute(pack))
        elif version is not None:
            weights = published_weights(version_spec(version).name)
            base = VoicePaths(weights["t2s_weights_path"], weights["vits_weights_path"])
        known = (base.t2s, base.vits, base.hubert if named[1] is None else "")
        paths = [absolute(path) if path else other for path, other in zip(named, known, strict=True)]
        return load_voice(VoicePaths(*paths), self._place, present)

    def use(self, voice: LoadedVoice) -> None:
        """Let ``voice`` take the place of the one that is there."""
        with self._swap:
            self._install(voice)

    def load_t2s(self, path: PathLike) -> None:
        """Another GPT file beside the rest of the voice."""
        path = absolute(path)
        t2s = load_t2s(path, self._place)
        with self._swap:
            voice = self.voice
            check_match(voice.models.hubert, voice.models.vits, t2s)
            self._install(voice.with_models(replace(voice.models, t2s=t2s), replace(voice.paths, t2s=path)))

    def load_vits(self, path: PathLike) -> None:
        """Another SoVITS file beside the rest of the voice, with the SSL encoder that it reads."""
        path = absolute(path)
        vits, audio = load_vits(path, self._place)
        companions = load_companions(vits.spec, self._place)
        with self._swap:
            voice = self.voice
            hubert, folder = encoder_for(vits, VoicePaths(voice.paths.t2s, path), self._place, voice)
            check_match(hubert, vits, voice.models.t2s)
            models = VoiceModels(hubert, vits, voice.models.t2s, audio, vits.spec, companions=companions)
            self._install(voice.with_models(models, replace(voice.paths, vits=path, hubert=folder)))

    def load_hubert(self, folder: PathLike) -> None:
        """Another SSL encoder beside the rest of the voice."""
        folder = absolute(folder)
        hubert = load_hubert(folder, self._place)
        with self._swap:
            voice, old = self.voice, self.voice.models
            check_match(hubert, old.vits, old.t2s)
            models = VoiceModels(hubert, old.vits, old.t2s, old.audio, old.spec, companions=old.companions)
            self._install(voice.with_models(models, replace(voice.paths, hubert=folder)))

    def _install(self, voice: LoadedVoice) -> None:
        self.voice = voice
        self._on_change(voice)
