"""Voice conversion over HTTP: length, voices, formats, and what is refused."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

PATH = "/v1/audio/conversions"
RATE = 16000
SAID = {"text": "This is what is said in it.", "language": "en", "seed": "3", "response_format": "wav"}


def recording(seconds: float, rate: int = RATE, channels: int = 1) -> bytes:
    t = np.arange(int(seconds * rate)) / rate
    samples = np.sign(np.sin(2 * np.pi * 140 * t)) * 0.3 * (np.sin(9 * t) > -0.5)
    data = io.BytesIO()
    soundfile.write(data, np.repeat(samples[:, None], channels, axis=1), rate, format="WAV")
    return data.getvalue()


def convert(server: Any, data: bytes, **fields: str) -> Any:
    return server.client.post(PATH, files={"file": ("me.wav", data)}, data=SAID | fields)


def test_the_answer_is_as_long_as_the_recording_in_the_voice_that_was_asked_for(
    server: Any, wav: Callable[[bytes], tuple[int, np.ndarray]]
) -> None:
    answers = [convert(server, recording(12.34), voice=voice) for voice in ("alice", "bob", "alice")]
    sounds = [wav(answer.content) for answer in answers]
    assert all(abs(len(samples) / rate - 12.34) < 0.001 for rate, samples in sounds)
    assert np.array_equal(sounds[0][1], sounds[2][1]) and not np.array_equal(sounds[0][1], sounds[1][1])
    headers = answers[0].headers
    assert (headers["x-voice"], headers["x-seed"], headers["x-t2s"]) == ("Alice", "3", "recording")


def test_other_formats_and_rates(server: Any, sound: Any) -> None:
    answer = convert(server, recording(3.0, 44100, 2), voice="alice", response_format="mp3", sample_rate="24000")
    heard = sound(answer.content)
    assert heard.container == "mp3" and heard.rate == 24000 and abs(heard.seconds - 3.0) < 0.1


def test_without_words_the_recogniser_hears_them(serve: Any, harness: Any, tiny_pack: Path) -> None:
    heard = []

    def hear(samples: np.ndarray, mode: str | None) -> tuple[str, str]:
        heard.append((round(len(samples) / 16000), mode))
        return "Hello there", "en"

    for listener, status in ((hear, 200), (None, 400)):
        factory = harness.pack_factory(tiny_pack)
        factory._hear = listener
        answer = convert(serve(factory), recording(3.0), text="", language="auto")
        assert answer.status_code == status, answer.text
    assert heard == [(3, None)]
    assert "words of the recording" in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("status", "data", "fields"),
    [
        (422, b"MZ" * 5000, {}),
        (422, recording(0.1), {}),
        (422, recording(601, 8000), {}),
        (422, recording(1.0, RATE, 12), {}),
        (400, recording(2.0), {"voice": "nobody"}),
        (400, recording(2.0), {"language": "martian"}),
        (400, recording(2.0), {"seed": "many"}),
        (400, recording(2.0), {"response_format": "avi"}),
        (400, recording(2.0), {"ref_audio_path": "/etc/passwd"}),
        (413, recording(2.0), {"text": "word " * 5000}),
        (413, b"RIFF" * 3_000_000, {}),
    ],
)
def test_what_cannot_be_converted_is_refused(server: Any, status: int, data: bytes, fields: dict[str, str]) -> None:
    answer = convert(server, data, **fields)
    assert answer.status_code == status, answer.text
    assert "/tmp" not in answer.text


def test_a_body_that_is_no_form_is_refused(server: Any) -> None:
    assert server.client.post(PATH, json=SAID).status_code == 400
    assert server.client.post(PATH, data=SAID, files={"other": b"a"}).status_code == 400
