"""What visitors upload as sound: kinds that are read as they are, and kinds that are made into wav files first."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import soundfile

from audio_io import load_audio, resample
from errors import AudioError, RequestError
from pages.context import PageContext
from pages.guard import AUDIO_SUFFIXES
from text.language import MODES

Say = Callable[..., str]
RECOGNISER, WHISPER = "faster-whisper", "base"
HEARD_AT = 16000
CONVERTED = (".m4a", ".aac", ".mp4")
"""Kinds that libsndfile does not read; PyAV does, where it is installed."""
RATE = 48000
LONGEST_SECONDS = 4 * 3600


def kinds() -> tuple[str, ...]:
    """Endings of what can be uploaded here."""
    return (*AUDIO_SUFFIXES, *(CONVERTED if find_spec("av") else ()))


def usable_upload(path: str, say: Say) -> str:
    """``path`` if it is a sound file that is read as it is, else that of a wav file beside it.

    Raises:
        AudioError: another kind of file, or a damaged one.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in kinds():
        raise AudioError(say("page.not_audio", name=Path(path).name, kinds=", ".join(kinds())))
    return path if suffix in AUDIO_SUFFIXES else str(_converted(Path(path), say))


def written_down(context: PageContext, path: str | None) -> tuple[str, str]:
    """What is said in a reference clip, and the mode of its language.

    Raises:
        GSVError: no clip, no recogniser, or a clip that cannot be read.
    """
    from tools.recordings.transcription import load_transcriber  # late: it may bring a large package

    if not path:
        raise RequestError(context.say("cards.no_clip"))
    audio = load_audio(usable_upload(path, context.say))
    heard = load_transcriber(RECOGNISER, WHISPER, "cpu").transcribe(resample(audio.samples, audio.rate, HEARD_AT), None)
    return heard.text, heard.language if heard.language in MODES else "auto"


def _converted(path: Path, say: Say) -> Path:
    """A mono wav file of ``path``, block by block.

    Raises:
        AudioError: it cannot be decoded, or is too long.
    """
    import av

    target, written = path.with_suffix(".wav"), 0
    try:
        with av.open(str(path)) as source, soundfile.SoundFile(target, "w", RATE, 1, "PCM_16") as file:
            resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE)
            for frame in source.decode(audio=0):
                for part in resampler.resample(frame):
                    samples = np.asarray(part.to_ndarray()).reshape(-1)
                    file.write(samples)
                    written += len(samples)
                if written > LONGEST_SECONDS * RATE:
                    raise AudioError(say("page.too_long", name=path.name, hours=LONGEST_SECONDS // 3600))
    except (av.error.FFmpegError, IndexError, ValueError) as error:
        target.unlink(missing_ok=True)
        raise AudioError(say("page.not_decoded", name=path.name)) from error
    if not written:
        raise AudioError(say("page.not_decoded", name=path.name))
    return target
