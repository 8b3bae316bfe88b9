"""The judge of teaching: tokens become the voice's sound, and what is heard is compared with the text."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from errors import DatasetError
from prepare_datasets.distill_stage import NamedPrompt, read_voices
from tools.recordings.transcription import Heard
from tools.teaching.listening import Listener
from TTS_infer_pack.TTS import TTS

TEXT = "Nobody knows the other way."


@pytest.fixture(scope="module")
def tts() -> TTS:
    """The voice pack."""
    return TTS()


class Scripted:
    """Hears what it is told to, and keeps the sound."""

    def __init__(self, text: str) -> None:
        self.text, self.heard = text, np.zeros(0)

    def transcribe(self, samples: Any, language: str | None) -> Heard:
        assert language == "en"
        self.heard = samples
        return Heard(self.text, "en")


@pytest.mark.parametrize(("heard", "errors"), [(TEXT, 0.0), ("Nobody knows another way", 0.4), ("", 1.0)])
def test_errors_a_word(tts: TTS, heard: str, errors: float) -> None:
    recogniser = Scripted(heard)
    listener = Listener(tts.voice.models, recogniser, "en")
    tokens = torch.arange(50) * 7 % 1024
    found = listener(read_voices(tts, None)[0], tts.phones_of(TEXT, "en"), tokens)
    assert found == pytest.approx(errors)
    assert recogniser.heard.shape == (2 * 16000,), "50 tokens are two seconds"
    assert np.abs(recogniser.heard).max() > 0


def test_a_voice_without_a_clip_cannot_be_heard(tts: TTS) -> None:
    listener = Listener(tts.voice.models, Scripted(""), "en")
    with pytest.raises(DatasetError, match="reference clip"):
        listener(NamedPrompt("nobody", None), tts.phones_of(TEXT, "en"), torch.arange(50))
