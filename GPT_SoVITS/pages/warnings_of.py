"""What a visitor is warned of before and while something is spoken: references and languages that will not do well."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import gradio as gr
import soundfile

from config import PACK_DIR
from errors import RequestError
from pages.context import PageContext
from pages.controls import Controls
from pages.guard import plain

BEST_SECONDS = (3.0, 10.0)
WORDS_A_SECOND = 8.0
"""More words than that are in no second of speech; characters of Chinese, Japanese and Korean count as words."""
NO_WORDS_A_SECOND = 25.0
"""What is refused: such a text is not that of the clip, and takes all the memory that there is."""
LOOKED_AT = 2000
"""Characters of a text whose language is found out."""
WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|[^\W\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]+")


def unmarked(text: str) -> str:
    """``text`` without Markdown's stars, for fields that show it as it is."""
    return text.replace("**", "")


def warn(context: PageContext, speaker: Any, controls: Controls) -> None:
    """Say at once what will be wrong with the speech that is asked for."""
    notes = [
        language_note(context, speaker, str(controls.text_language), controls.text or ""),
        reference_note(context, controls.ref_wav_path, "" if controls.ref_free else controls.prompt_text or ""),
    ]
    for note in filter(None, notes):
        gr.Warning(plain(note), title=context.say("inference.warning_title"))


def reference_note(context: PageContext, path: str | None, words: str = "") -> str:
    """What is wrong with a reference clip; empty where nothing is, or where it cannot be read at all.

    Raises:
        RequestError: the text is far longer than the clip.
    """
    if not path:
        return ""
    try:
        info = soundfile.info(path)
    except (soundfile.SoundFileError, RuntimeError, OSError):
        return ""
    seconds = info.frames / info.samplerate
    if not BEST_SECONDS[0] <= seconds <= BEST_SECONDS[1]:
        return context.say("inference.reference_length", seconds=f"{seconds:.1f}", name=Path(path).name)
    count = len(WORD.findall(words))
    if count > NO_WORDS_A_SECOND * seconds:
        raise RequestError(context.say("inference.reference_words", words=count, seconds=f"{seconds:.1f}"))
    if count > WORDS_A_SECOND * seconds:
        return context.say("inference.reference_words", words=count, seconds=f"{seconds:.1f}")
    return ""


def trained_languages(speaker: Any) -> tuple[str, ...]:
    """Languages that the loaded voice was trained for; empty where that is not known."""
    from module.versions import VERSIONS  # late: it comes with torch
    from TTS_infer_pack.pack import PACK_FILE, read_pack

    settings = speaker.configs
    folder = Path(settings.vits_weights_path).parent
    if folder.resolve() == PACK_DIR.resolve() and (folder / PACK_FILE).is_file():
        return read_pack(folder).languages
    spec = VERSIONS.get(settings.version)
    return ("zh", "ja", "en") if spec is not None and spec.symbols == "v1" else ()


def language_note(context: PageContext, speaker: Any, mode: str, text: str = "") -> str:
    """Which languages of a text the loaded voice has not learned; empty where it has, or where that is not known.

    Without a text, what the mode itself is for.
    """
    from text.language import MODES, runs_for_mode
    from text.language_names import mode_of
    from text.registry import spoken_in

    known, code = trained_languages(speaker), mode_of(mode)
    if not known or code not in MODES:
        return ""
    if text:
        runs = runs_for_mode(text[:LOOKED_AT], code)
        spoken = [run.language for run in runs if any(character.isalpha() for character in run.text)]
    else:
        spoken = [] if code.startswith("auto") else [language for language in spoken_in(code) if language != "en"]
    strange = [language for language in dict.fromkeys(spoken) if language not in known]
    if not strange:
        return ""
    named = [", ".join(context.say(f"dataset.language_{code}") for code in codes) for codes in (strange, known)]
    return context.say("inference.untrained", strange=named[0], known=named[1])
