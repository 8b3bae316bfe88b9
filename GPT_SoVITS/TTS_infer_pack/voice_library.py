"""Voices with names: a folder ``voices/<name>/`` each, made by an upload or by hand.

    voices/alice/
      reference.wav        the clip (wav, flac, ogg or mp3); without voice.json the first one in the folder
      reference.txt        its words, where voice.json does not hold them
      voice.json           {"reference", "text", "lang", "gpt", "sovits", "t2s", "qwen3_model_name",
                            "defaults": {"top_k": 5, ...}, "aliases": ["alloy"]}: every entry may be left out

Names are compared without case, because clients lower-case them. Knows files and names; knows nothing about models.
"""

from __future__ import annotations

import json
import re
import shutil
import tempfile
import threading
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import soundfile

from audio_io import load_audio
from config import PRETRAINED_ROOT, REPO_ROOT, Config
from errors import AudioError, LimitError, RequestError
from text.language import MODES
from text.language_names import mode_of
from TTS_infer_pack.request import LENGTH_LIMITS, RANGES, SWITCHES

VOICE_FILE = "voice.json"
AUDIO_SUFFIXES = (".wav", ".flac", ".ogg", ".mp3")
NAME = re.compile(r"\w[-.\w ]{0,62}\w|\w")
DEFAULT_VOICE = "default"
"""The name of the voice that speaks when nobody names one."""
RESERVED = frozenset({DEFAULT_VOICE, "con", "prn", "aux", "nul"})
KNOWN_KEYS = frozenset(
    {"reference", "text", "lang", "gpt", "sovits", "t2s", "qwen3_model_name", "defaults", "aliases", "description"}
)
DEFAULT_KEYS = frozenset(RANGES) | frozenset(SWITCHES) | {"text_lang", "text_split_method"}
MAX_VOICES = 1000
MAX_CLIP_BYTES = 10 * 2**20
MAX_CLIP_SECONDS = 50.0
MAX_CLIP_CHANNELS = 8
MAX_CLIP_RATE = 192_000


@dataclass(frozen=True)
class NamedVoice:
    """One voice of the library.

    Attributes:
        name: as its folder is called.
        reference: absolute path of its clip.
        text, lang: the clip's words and their language mode; no words means reference-free speech.
        gpt, sovits: absolute paths of weights of its own; None: the weights that are loaded anyway.
        t2s, qwen3_model_name: which stage makes its semantic tokens; None: as the settings say.
        defaults: values of a request that does not name them.
        aliases: further names.
    """

    name: str
    reference: Path
    text: str = ""
    lang: str = "auto"
    gpt: Path | None = None
    sovits: Path | None = None
    t2s: str | None = None
    qwen3_model_name: str | None = None
    defaults: Mapping[str, Any] = field(default_factory=dict)
    aliases: tuple[str, ...] = ()

    def request_values(self) -> dict[str, Any]:
        """What the voice brings to a request, by the keys of the public HTTP API."""
        values = dict(self.defaults) | {"ref_audio_path": str(self.reference)}
        if self.text:
            values |= {"prompt_text": self.text, "prompt_lang": self.lang}
        stage = {"t2s": self.t2s, "qwen3_model_name": self.qwen3_model_name}
        return values | {name: value for name, value in stage.items() if value}


class VoiceLibrary:
    """The voices below ``root``. Safe for several threads; what is put there by hand is seen at once.

    Args:
        root: folder of the voices; need not exist.
        weight_roots: folders in which a voice's weights may lie, beside its own.
    """

    def __init__(self, root: Path, weight_roots: tuple[Path, ...] = ()) -> None:
        self.root = root
        self._weight_roots = tuple(folder.resolve() for folder in weight_roots)
        self._lock = threading.Lock()

    def names(self) -> list[str]:
        """Names of all voices, in alphabetical order."""
        return sorted(self._folders().values(), key=str.casefold)

    def voices(self) -> list[NamedVoice]:
        """All voices that can be used; a folder with an error in it is left out."""
        found = []
        for name in self.names():
            try:
                found.append(self._read(name))
            except (RequestError, AudioError):
                continue
        return found

    def find(self, name: str) -> NamedVoice | None:
        """The voice of that name or alias, in any case; None where there is none.

        Raises:
            RequestError, AudioError: its folder holds no usable voice.
        """
        key = _key(name)
        folder = self._folders().get(key)
        if folder is not None:
            return self._read(folder)
        return next((voice for voice in self.voices() if key in map(_key, voice.aliases)), None)

    def get(self, name: str) -> NamedVoice:
        """As :meth:`find`, and an error where there is none.

        Raises:
            RequestError: no such voice.
        """
        voice = self.find(name)
        if voice is None:
            known = ", ".join([DEFAULT_VOICE, *self.names()][:20])
            raise RequestError(f"there is no voice {name[:64]!r}", f"one of {known}", "name a voice that is listed")
        return voice

    def add(self, name: str, clip: bytes, text: str = "", lang: str = "auto") -> NamedVoice:
        """Make a voice of a recording; its folder appears whole or not at all.

        Args:
            name: letters, digits, spaces, ``-._``; a new one.
            clip: a sound file, 1 to 50 s.
            text, lang: its words and their language mode.

        Raises:
            RequestError: a name that cannot be used or is taken, or an unknown language.
            LimitError: the file or text is too large, or there are too many voices.
            AudioError: no usable recording.
        """
        name = unicodedata.normalize("NFC", name.strip())
        if not NAME.fullmatch(name) or _key(name) in RESERVED:
            raise RequestError(f"{name[:64]!r} is no name for a voice", "1 to 64 letters, digits, spaces and -._")
        lang = mode_of(lang or "auto")
        if lang not in MODES:
            raise RequestError(f"unknown language {lang[:64]!r}", "one of " + ", ".join(MODES), "set lang")
        if len(clip) > MAX_CLIP_BYTES:
            raise LimitError(f"the recording has {len(clip)} bytes", f"at most {MAX_CLIP_BYTES}")
        if len(text) > LENGTH_LIMITS["prompt_text"]:
            raise LimitError(f"text has {len(text)} characters", f"at most {LENGTH_LIMITS['prompt_text']}")
        with self._lock:
            folders = self._folders()
            if _key(name) in folders:
                raise RequestError(f"there is a voice {name!r} already", "a new name", "delete the old one first")
            if len(folders) >= MAX_VOICES:
                raise LimitError(f"there are {len(folders)} voices", f"at most {MAX_VOICES}", "delete some")
            self._write(name, clip, {"text": " ".join(text.split()), "lang": lang})
        return self.get(name)

    def _write(self, name: str, clip: bytes, content: dict[str, Any]) -> None:
        self.root.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=".new-", dir=self.root))
        try:
            reference = draft / "upload"
            reference.write_bytes(clip)
            reference = reference.rename(draft / f"reference{_checked_suffix(reference)}")
            content = {"reference": reference.name} | content
            (draft / VOICE_FILE).write_text(json.dumps(content, ensure_ascii=False, indent=1), encoding="utf-8")
            draft.chmod(0o755)  # mkdtemp's folders are closed to everybody else
            draft.rename(self.root / name)
        finally:
            shutil.rmtree(draft, ignore_errors=True)

    def remove(self, name: str) -> str:
        """Delete a voice and its folder; returns its name.

        Raises:
            RequestError: no such voice.
        """
        with self._lock:
            folder = self._folders().get(_key(name))
            if folder is None:
                raise RequestError(f"there is no voice {name[:64]!r}", "a voice that is listed")
            path = self.root / folder
            if path.is_symlink():
                path.unlink()
            else:
                shutil.rmtree(path)
        return folder

    def _folders(self) -> dict[str, str]:
        """Folder names by comparison key; links that lead out of the library are none of its voices."""
        if not self.root.is_dir():
            return {}
        root = self.root.resolve()
        found: dict[str, str] = {}
        for path in sorted(self.root.iterdir()):
            if NAME.fullmatch(path.name) and path.is_dir() and path.resolve().is_relative_to(root):
                found.setdefault(_key(path.name), path.name)
        return found

    def _read(self, name: str) -> NamedVoice:
        folder = self.root / name
        content = _read_json(folder / VOICE_FILE, name)
        reference = self._clip(folder, name, content.get("reference"))
        words = reference.with_suffix(".txt")
        text = content.get("text")
        if text is None and words.is_file():
            text = words.read_text(encoding="utf-8-sig", errors="replace").strip()
        defaults = content.get("defaults") or {}
        unknown = sorted(set(defaults) - DEFAULT_KEYS)
        if unknown:
            raise RequestError(f"voice {name}: unknown defaults {', '.join(unknown)}", ", ".join(sorted(DEFAULT_KEYS)))
        return NamedVoice(
            name=name,
            reference=reference,
            text=str(text or ""),
            lang=mode_of(str(content.get("lang") or "auto")),
            gpt=self._weights(folder, name, content.get("gpt")),
            sovits=self._weights(folder, name, content.get("sovits")),
            t2s=content.get("t2s"),
            qwen3_model_name=content.get("qwen3_model_name"),
            defaults=defaults,
            aliases=tuple(map(str, content.get("aliases") or ())),
        )

    def _clip(self, folder: Path, name: str, named: str | None) -> Path:
        clips = [folder / named] if named else sorted(p for p in folder.iterdir() if p.suffix.lower() in AUDIO_SUFFIXES)
        path = clips[0].resolve() if clips else None
        if path is None or not path.is_file() or not path.is_relative_to(self.root.resolve()):
            raise AudioError(f"voice {name} has no reference clip", "a wav, flac, ogg or mp3 file in its folder")
        return path

    def _weights(self, folder: Path, name: str, named: str | None) -> Path | None:
        """A weights file: in the voice's folder, or in one of the folders of weights."""
        if not named:
            return None
        roots = (folder.resolve(), *self._weight_roots)
        candidates = [(base / named).resolve() for base in (folder, *self._weight_roots)]
        candidates += [(base.parent / named).resolve() for base in self._weight_roots]  # GPT_weights_v2/a.ckpt
        for path in candidates:
            if path.is_file() and any(path.is_relative_to(root) for root in roots):
                return path
        raise RequestError(f"voice {name}: weights {Path(named).name} are not there", "a file in a folder of weights")


def weight_folders() -> tuple[Path, ...]:
    """The project's folders of weights."""
    found = [path for kind in ("GPT_weights", "SoVITS_weights") for path in sorted(REPO_ROOT.glob(f"{kind}*"))]
    return (*found, PRETRAINED_ROOT)


def project_voices() -> VoiceLibrary:
    """The voices in the folder of the settings.

    Raises:
        ConfigError: a setting in the environment that cannot be used.
    """
    return VoiceLibrary(Path(Config.from_environment().voices_root), weight_folders())


def _key(name: str) -> str:
    return unicodedata.normalize("NFC", name.strip()).casefold()


def _read_json(path: Path, name: str) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise RequestError(f"voice {name}: {VOICE_FILE} cannot be read", "a JSON object") from error
    if not isinstance(content, dict) or not isinstance(content.get("defaults") or {}, dict):
        raise RequestError(f"voice {name}: {VOICE_FILE} holds no voice", "a JSON object")
    unknown = sorted(set(content) - KNOWN_KEYS)
    if unknown:
        raise RequestError(f"voice {name}: unknown entries {', '.join(unknown)}", ", ".join(sorted(KNOWN_KEYS)))
    return content


def _checked_suffix(path: Path) -> str:
    """Suffix for a recording that can be used as a reference. What its header announces is checked before it is
    decoded: a few kilobytes may unfold to gigabytes.

    Raises:
        AudioError: not audio, or too long, too wide or silent.
    """
    expected, fix = "a wav, flac, ogg or mp3 recording of 3 to 10 s", "send another recording"
    try:
        info = soundfile.info(str(path))
    except (soundfile.SoundFileError, RuntimeError, OSError) as error:
        raise AudioError("the upload is no readable audio file", expected, fix) from error
    suffix = {"WAV": ".wav", "WAVEX": ".wav", "FLAC": ".flac", "OGG": ".ogg", "MP3": ".mp3", "MPEG": ".mp3"}.get(
        info.format
    )
    if suffix is None:
        raise AudioError(f"the upload is a {info.format} file", expected, fix)
    if info.samplerate > MAX_CLIP_RATE or info.channels > MAX_CLIP_CHANNELS:
        raise AudioError(f"the upload has {info.channels} channels at {info.samplerate} Hz", expected, fix)
    if not 1.0 <= info.frames / info.samplerate <= MAX_CLIP_SECONDS:
        raise AudioError(f"the upload lasts {info.frames / info.samplerate:.1f} s", f"1 to {MAX_CLIP_SECONDS:g} s", fix)
    try:
        load_audio(path)
    except AudioError as error:
        raise AudioError("the upload is damaged or silent", expected, fix) from error
    return suffix
