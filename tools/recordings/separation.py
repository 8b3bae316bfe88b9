"""The voice taken out of recordings with music or other sounds, by audio-separator. Needs the extra "separate".

Models are files that the user has, or that audio-separator fetches into the same folder. Only kinds whose files hold
plain weights are opened (ONNX, and state dicts); Demucs models are pickled programs.
"""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from audio_io import check_file, load_audio
from config import PRETRAINED_ROOT
from errors import AudioError, ConfigError, MissingDependencyError, OutputError

Separate = Callable[[Path, Path], Path]
"""A recording and a folder -> the wav file of its voice in that folder."""

MODEL_FOLDER = PRETRAINED_ROOT / "audio-separator"
MODEL = "UVR-MDX-NET-Voc_FT.onnx"
SUFFIXES = (".onnx", ".ckpt", ".pth")
STEM = "Vocals"


def load_separator(model: str = MODEL, folder: Path = MODEL_FOLDER) -> Separate:
    """A function that writes the voice of a recording, with the model loaded.

    Args:
        model: name of a model file, as ``audio-separator --list_models`` has it.
        folder: where models lie, and where a missing one is put.

    Raises:
        ConfigError: a kind of model that is not opened, or one that cannot be had.
        MissingDependencyError: audio-separator is not installed.
    """
    if Path(model).name != model or not model.endswith(SUFFIXES):
        raise ConfigError(f"model {model!r} is not opened", f"a file name ending in {', '.join(SUFFIXES)}")
    try:
        from audio_separator.separator import Separator
    except ImportError as error:
        raise MissingDependencyError(
            "audio-separator is not installed", "what takes voices out", 'pip install -e ".[separate]"'
        ) from error
    work = tempfile.TemporaryDirectory(prefix="separated-")
    separator = Separator(
        log_level=logging.WARNING,
        model_file_dir=str(folder),
        output_dir=work.name,
        output_format="WAV",
        output_single_stem=STEM,
    )
    try:
        separator.load_model(model_filename=model)
    except Exception as error:  # noqa: BLE001 - the library raises what its downloader and runtimes raise
        work.cleanup()
        raise ConfigError(
            f"the separation model {model} cannot be loaded ({' '.join(str(error).split())[:200]})",
            f"its file in {folder}, or a network that reaches the model's home",
            "put the file there, or choose another model",
        ) from error

    def separate(path: Path, target_folder: Path) -> Path:
        name = f"voice-{os.getpid()}"
        try:
            separator.separate(str(check_file(path)), {STEM: name})
        except Exception as error:  # noqa: BLE001 - as above; one recording that fails is passed over
            raise AudioError(f"{path.name} cannot be separated ({error})", "a sound recording") from error
        made = Path(work.name) / f"{name}.wav"
        if not made.is_file():
            raise AudioError(f"{path.name} gave no voice", "a recording with a voice")
        load_audio(made)  # silence is no voice
        target = target_folder / f"{path.stem}.wav"
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            temporary = target.with_name(f".{target.stem}.{os.getpid()}.tmp.wav")
            temporary.write_bytes(made.read_bytes())  # the temporary folder may be on another disk
            os.replace(temporary, target)
        except OSError as error:
            raise OutputError(f"{target} cannot be written ({error})", "a writable folder") from error
        finally:
            made.unlink(missing_ok=True)
        return target

    return separate


def separate_recording(path: Path, folder: Path, separate: Separate) -> Path:
    """Write the voice of ``path`` as ``folder/<name>.wav``.

    Raises:
        AudioError: the recording cannot be used, or has no voice in it.
        ConfigError: the result would replace the recording.
    """
    if (folder / f"{path.stem}.wav").resolve() == path.resolve():
        raise ConfigError(f"{folder} is the folder of the recordings", "another folder", "change --output")
    return separate(path, folder)
