"""What voice conversion is asked: a recording, its words, and the clip of the wanted voice. Checked when it is built.

Knows names, ranges and audio files; knows nothing about models.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import soundfile

from audio_io import LONGEST_FILE, Audio, PathLike, check_file, load_audio
from errors import AudioError, LimitError, RequestError
from text.language import MODES
from TTS_infer_pack.request import MAX_PROMPT_TEXT, MAX_TEXT, RANGES, WHOLE, checked_number

SHORTEST = 0.3
"""Seconds of a recording at least."""
MOST_CHANNELS, HIGHEST_RATE = 8, 192_000
STAGE = "recording"
"""Where the tokens come from, in the place of a text-to-semantic stage."""


@dataclass(frozen=True)
class ConversionRequest:
    """One recording to speak in another voice.

    Attributes:
        recording: who speaks there does not matter.
        text, text_lang: its words and their language mode; no words: a recogniser hears them.
        ref_audio_path: clip of the voice that is wanted; empty for the pack's own.
        prompt_text, prompt_lang: the clip's words; versions that make a mel need them.
        sample_steps, cfg_rate: as in ``SynthesisRequest``.
        seed: same seed, same speech; -1 draws one.

    Raises:
        RequestError, LimitError: a value that cannot be used.
        AudioError: the recording is too short.
    """

    recording: Audio = field(repr=False)
    text: str = ""
    text_lang: str = "auto"
    ref_audio_path: str = ""
    prompt_text: str = ""
    prompt_lang: str = ""
    sample_steps: int | None = None
    cfg_rate: float | None = None
    seed: int = -1

    # what surfaces ask any request
    streaming_mode = WHOLE
    streams = False
    subtitles = False
    t2s = STAGE
    qwen3_model_name = None

    def __post_init__(self) -> None:
        if self.recording.seconds < SHORTEST:
            raise AudioError(f"the recording lasts {self.recording.seconds:.2f} s", f"at least {SHORTEST:g} s")
        for name, limit in (("text", MAX_TEXT), ("prompt_text", MAX_PROMPT_TEXT)):
            if len(getattr(self, name)) > limit:
                raise LimitError(f"{name} has {len(getattr(self, name))} characters", f"at most {limit}")
        for name in ("text_lang", "prompt_lang"):
            value = getattr(self, name)
            if value not in MODES and not (value == "" and name == "prompt_lang"):
                raise RequestError(f"unknown {name} {value[:64]!r}", "one of " + ", ".join(MODES))
        for name in ("sample_steps", "cfg_rate", "seed"):
            object.__setattr__(self, name, checked_number(name, getattr(self, name), *RANGES[name]))


def read_recording(path: PathLike) -> Audio:
    """A recording to convert. What its header announces is checked before it is decoded.

    Raises:
        AudioError: missing, not audio, too long, too wide or silent.
    """
    path = check_file(path)
    try:
        facts = soundfile.info(str(path))
    except (soundfile.SoundFileError, RuntimeError, OSError) as error:
        raise AudioError(f"{path.name} is no readable audio file", "wav, flac, ogg or mp3", "convert it") from error
    if facts.channels > MOST_CHANNELS or facts.samplerate > HIGHEST_RATE:
        raise AudioError(
            f"{path.name} has {facts.channels} channels at {facts.samplerate} Hz",
            f"at most {MOST_CHANNELS} channels and {HIGHEST_RATE} Hz",
        )
    if facts.frames > LONGEST_FILE * facts.samplerate:
        raise AudioError(
            f"{path.name} lasts {facts.frames / facts.samplerate:.0f} s",
            f"at most {LONGEST_FILE:.0f} s",
            "cut it into several recordings",
        )
    return load_audio(path)
