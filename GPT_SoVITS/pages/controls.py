"""The inference tab's inputs in the order in which API clients pass them, and the request they make.

Knows names, ranges and the words that users of the public page pass; knows nothing about widgets or models.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from errors import RequestError
from pages.guard import check_text
from pages.uploads import usable_upload
from text.language import MODES
from text.language_names import mode_of

CUTS = ("cut0", "cut1", "cut2", "cut3", "cut4", "cut5")
STREAMING = (0, 1, 2, 3)
"""Values of ``streaming_mode``: the whole at once; or as it is made: by sentence, smooth pieces, fast pieces."""
SEED_LIMIT = 2**31 - 1

CUT_WORDS = {
    "不切": "cut0",
    "凑四句一切": "cut1",
    "凑50字一切": "cut2",
    "按中文句号。切": "cut3",
    "按英文句号.切": "cut4",
    "按标点符号切": "cut5",
    "No slice": "cut0",
    "Slice once every 4 sentences": "cut1",
    "Slice per 50 characters": "cut2",
    "Slice by Chinese punct": "cut3",
    "Slice by English punct": "cut4",
    "Slice by every punct": "cut5",
}

PACK_VALUES = {
    "top_k": "top_k",
    "top_p": "top_p",
    "temperature": "temperature",
    "repetition_penalty": "repetition_penalty",
    "text_split_method": "how_to_cut",
    "speed_factor": "speed",
}
"""Request values that a voice pack may recommend, and the page's name for each."""

Say = Callable[..., str]


@dataclass(frozen=True)
class Controls:
    """The inputs. The first 16 have the places that users of the GPT-SoVITS page know; what is new stands behind them.

    ``voice`` is the name of a saved one that was chosen, for the names of files. ``if_freeze`` is without effect here:
    it keeps its place and is not shown. ``sample_steps``, ``if_sr`` and ``cfg_rate`` are shown where the loaded version
    has them.
    """

    ref_wav_path: str | None
    prompt_text: str
    prompt_language: str
    text: str
    text_language: str
    how_to_cut: str
    top_k: float
    top_p: float
    temperature: float
    ref_free: bool
    speed: float
    if_freeze: bool
    inp_refs: Sequence[str] | None
    sample_steps: float
    if_sr: bool
    pause_second: float
    repetition_penalty: float
    seed: float | None
    keep_random: bool
    batch_size: float
    streaming_mode: int
    cfg_rate: float = 0.0
    subtitles: bool = False
    voice: str = ""

    def voice_name(self) -> str:
        """What a person calls the voice: that of the saved voice, else of the reference's file."""
        return self.voice or (Path(self.ref_wav_path).stem if self.ref_wav_path else "")

    def chosen_seed(self) -> int:
        """The typed seed, or a fresh one where "keep random" is on or the seed is negative or missing."""
        if self.keep_random or self.seed is None or self.seed < 0:
            return random.randrange(SEED_LIMIT)
        return int(self.seed)

    def request(self, seed: int, say: Say) -> dict[str, Any]:
        """These inputs under the keys of the public HTTP API.

        Raises:
            GSVError: a text that is too long, a file that is no sound, or a word that is not known.
        """
        reference = usable_upload(self.ref_wav_path, say) if self.ref_wav_path else ""
        return {
            "text": check_text(self.text or "", say),
            "text_lang": _known(self.text_language, mode_of, MODES, "page.unknown_language", say),
            "ref_audio_path": reference,
            "aux_ref_audio_paths": [usable_upload(path, say) for path in self.inp_refs or []],
            "prompt_text": "" if self.ref_free else check_text((self.prompt_text or "").strip(), say),
            "prompt_lang": _known(self.prompt_language, mode_of, MODES, "page.unknown_language", say),
            "top_k": self.top_k,
            "top_p": self.top_p,
            "temperature": self.temperature,
            "repetition_penalty": self.repetition_penalty,
            "text_split_method": _known(self.how_to_cut, _method_of, CUTS, "page.unknown_cut", say),
            "speed_factor": self.speed,
            "fragment_interval": self.pause_second,
            "seed": seed,
            "sample_steps": self.sample_steps,
            "cfg_rate": self.cfg_rate,
            "super_sampling": bool(self.if_sr),
            "batch_size": self.batch_size,
            "streaming_mode": self.streaming_mode,
            "subtitles": bool(self.subtitles),
            "return_fragment": True,  # so that the page knows where sentences begin
        }


def _method_of(name: str) -> str:
    """The cutting method that ``name`` stands for; one that is not known comes back in lower case."""
    return CUT_WORDS.get(name.strip(), name.strip().lower())


def _known(value: str | None, code_of: Callable[[str], str], codes: Sequence[str], key: str, say: Say) -> str:
    """The code for what a visitor chose or a client passed."""
    code = code_of(str(value))
    if code not in codes:
        raise RequestError(say(key, value=value, known=", ".join(codes)))
    return code
