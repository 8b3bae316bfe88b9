"""A judge for taught speech: tokens become sound with the voice's SoVITS, a recogniser writes that down, errors count.

Needs ``pip install -e ".[asr]"``.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray

from AR.backend import SamplingParams
from audio_io import resample
from errors import DatasetError
from prepare_datasets.distill_stage import NamedPrompt
from tools.evaluation.scoring import score
from tools.recordings.transcription import ENGINE_RATE, ENGINES, Transcriber, load_transcriber
from TTS_infer_pack.models import VoiceModels
from TTS_infer_pack.reference import Reference, prepare_reference
from TTS_infer_pack.stage_request import Phones
from TTS_infer_pack.synthesis import Job, make_voice
from TTS_infer_pack.TTS import TTS

SOUND_SEED = 1
CLIPS_KEPT = 64


class Listener:
    """Errors a word in what was spoken, as a recogniser hears it.

    Args:
        models: networks of the voice that speaks.
        transcriber: the recogniser.
        language: language mode of the texts.
    """

    def __init__(self, models: VoiceModels, transcriber: Transcriber, language: str) -> None:
        self._models, self._transcriber = models, transcriber
        self._language = language.removeprefix("all_")
        self._reference = lru_cache(maxsize=CLIPS_KEPT)(self._prepared)

    def __call__(self, voice: NamedPrompt, text: Phones, tokens: torch.Tensor) -> float:
        """Errors a word (or character, for languages that are compared by these) of tokens [T_sem]; 0 for none.

        Raises:
            DatasetError: the voice has no clip whose timbre could be spoken with.
            GSVError: what reads or scores the language is not installed.
        """
        sound = self._sound(voice, text, tokens)
        heard = self._transcriber.transcribe(resample(sound, self._models.output_rate, ENGINE_RATE), self._language)
        return score(text.text, heard.text, self._language).rate / 100

    def _prepared(self, path: str) -> Reference:
        if not path:
            raise DatasetError("the voice has no reference clip, so it cannot be listened to", "--references")
        return prepare_reference(path, self._models)

    @torch.inference_mode()
    def _sound(self, voice: NamedPrompt, text: Phones, tokens: torch.Tensor) -> NDArray[np.float32]:
        """[T] at the models' rate."""
        reference, device = self._reference(voice.path), self._models.device
        job = Job(
            self._models,
            [text],
            voice.prompt,
            [reference.spec],
            SamplingParams(seed=SOUND_SEED),
            [[0]],
            speakers=[reference.speaker] if reference.speaker is not None else [],
            prompt_mel=reference.mel,
        )
        speak = make_voice(job)
        wave = speak(tokens.to(device)[None, None], text.ids.to(device)[None], SOUND_SEED)
        sound: NDArray[np.float32] = wave.float().cpu().numpy().reshape(-1)
        return sound


def judge_for(tts: TTS, model: str, language: str, engine: str = next(iter(ENGINES))) -> Listener:
    """A listener on the device of a voice.

    Raises:
        GSVError: the recogniser is not installed, or there is no such model.
    """
    device = tts.voice.models.device
    place = f"cuda:{device.index or 0}" if device.type == "cuda" else "cpu"
    return Listener(tts.voice.models, load_transcriber(engine, model, place), language)
