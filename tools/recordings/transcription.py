"""Speech to text for lists: engines that write down a clip, and the list file that grows clip by clip.

An engine is a name and a function (model, device) -> :class:`Transcriber`. faster-whisper (extra "asr") and SenseVoice
(extra "sensevoice", for Chinese and Cantonese) are built in; a package can add its own under the entry point group
``gpt_sovits.transcribers``.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

from audio_io import load_audio, resample
from errors import AudioError, ConfigError, DatasetError, MissingDependencyError
from prepare_datasets.journal import write_atomic
from prepare_datasets.list_file import LANGUAGES
from prepare_datasets.report import Progress, Report, no_progress
from tools.recordings.heard import ENGINE_RATE, Heard
from tools.recordings.list_rows import ListRow, checked, path_in_list, read_rows
from tools.recordings.sense_voice import SenseVoice
from tools.whisper_base import PARTS, whisper_base_folder

logger = logging.getLogger(__name__)

ENTRY_POINTS = "gpt_sovits.transcribers"
AUTO = "auto"


class Transcriber(Protocol):
    """Writes down speech."""

    def transcribe(self, samples: Any, language: str | None) -> Heard:
        """Text of float32 audio [T] at 16 kHz; ``language`` None: find out."""
        ...


class FasterWhisper:
    """Whisper on ctranslate2, one clip at a time, beam 5.

    Args:
        model: a size ("base", "large-v3", ...), a folder, or a hub id. "base" is taken from the PyPI packages of
            tools/whisper_base.py where these are installed; other sizes are downloaded by faster-whisper.
        device: "cpu", "cuda" or "cuda:1".

    Raises:
        MissingDependencyError: faster-whisper is not installed.
        ConfigError: the model cannot be had.
    """

    def __init__(self, model: str, device: str) -> None:
        try:
            from faster_whisper import WhisperModel
        except ImportError as error:
            raise MissingDependencyError(
                "faster-whisper is not installed", "the engine that writes speech down", 'pip install -e ".[asr]"'
            ) from error
        on_disk = model == "base" and all(find_spec(package) for package in PARTS)
        kind, _, number = device.partition(":")
        try:
            self._model = WhisperModel(
                str(whisper_base_folder()) if on_disk else model,
                device=kind,
                device_index=int(number or 0),
                compute_type="float16" if kind == "cuda" else "int8",
            )
        except (OSError, ValueError, RuntimeError) as error:
            raise ConfigError(
                f"the Whisper model {model} cannot be loaded ({' '.join(str(error).split())[:200]})",
                "a size, a folder or a hub id",
                "check the name and the network",
            ) from error

    def transcribe(self, samples: Any, language: str | None) -> Heard:
        """See :class:`Transcriber`."""
        segments, info = self._model.transcribe(
            samples, language=language, beam_size=5, condition_on_previous_text=False
        )
        return Heard(" ".join(segment.text.strip() for segment in segments), info.language)


ENGINES: dict[str, Callable[[str, str], Transcriber]] = {"faster-whisper": FasterWhisper, "sense-voice": SenseVoice}


def load_transcriber(engine: str, model: str, device: str) -> Transcriber:
    """The engine called ``engine``, built in or from an installed package.

    Raises:
        GSVError: there is none of that name, or it cannot be loaded.
    """
    added = {entry.name: entry for entry in entry_points(group=ENTRY_POINTS)}
    if engine in ENGINES:
        return ENGINES[engine](model, device)
    if engine not in added:
        raise ConfigError(
            f"there is no engine {engine!r}",
            f"one of {', '.join([*ENGINES, *added])}",
            "install the package that adds it, or choose another",
        )
    made: Transcriber = added[engine].load()(model, device)
    return made


def transcribe_to_list(
    recordings: Sequence[Path],
    list_path: Path,
    speaker: str,
    language: str,
    transcriber: Transcriber,
    progress: Progress = no_progress,
) -> Report:
    """Add a row for each recording that the list has none of; rows that are there, corrected by hand or not, stay.

    The list grows clip by clip: a run that was stopped goes on where it was.

    Args:
        recordings: clips of one utterance each.
        list_path: made where it is missing.
        speaker: name written into each row.
        language: zh, ja, en, ko, yue, or "auto".
        transcriber: the engine.
        progress: called with (done, total).

    Raises:
        ConfigError: a speaker or language that a list cannot hold.
        DatasetError: nothing could be written down.
    """
    if language != AUTO and language not in LANGUAGES:
        raise ConfigError(f"language is {language!r}", f"auto or one of {', '.join(LANGUAGES)}")
    if not speaker.strip() or any(character in "|\t\n" for character in speaker):
        raise ConfigError(f"speaker is {speaker!r}", "a name without | and tabs")
    rows = read_rows(list_path) if list_path.is_file() else []
    written = {row.path for row in rows}
    write_atomic(list_path, "".join(row.line() for row in rows))
    report = Report("transcribe")
    with list_path.open("a", encoding="utf-8", newline="\n") as stream:
        for number, recording in enumerate(recordings, 1):
            name = path_in_list(recording, list_path)
            if name in written:
                report.reused += 1
            else:
                _add_row(recording, ListRow(name, speaker, language, ""), transcriber, stream, report)
            progress(number, len(recordings))
    report.require_usable(str(list_path))
    return report


def _add_row(recording: Path, row: ListRow, transcriber: Transcriber, stream: Any, report: Report) -> None:
    """Write down one recording, or note why not."""
    try:
        audio = load_audio(recording)
        wanted = None if row.language == AUTO else LANGUAGES[row.language]
        heard = transcriber.transcribe(resample(audio.samples, audio.rate, ENGINE_RATE), wanted)
        row = checked(row._replace(language=wanted or heard.language, text=heard.text), report.done + 1)
    except AudioError as error:
        report.skip(recording.name, "audio not usable", error.what)
    except DatasetError as error:
        report.skip(recording.name, "nothing to write down", error.what)
    else:
        stream.write(row.line())
        stream.flush()
        report.done += 1
