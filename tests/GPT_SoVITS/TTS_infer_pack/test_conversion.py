"""Voice conversion: where a recording is cut, how its words are shared out, and how long the speech becomes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch

from audio_io import Audio, load_audio
from errors import AudioError, LimitError, RequestError
from TTS_infer_pack.conversion import Part, cut_at_pauses, part_tokens, share_out
from TTS_infer_pack.conversion_request import ConversionRequest, read_recording
from TTS_infer_pack.TTS import TTS

RATE = 16000
WORDS = "This is what is said in it."


def recording(*pieces: tuple[str, float], rate: int = RATE) -> Audio:
    """("speech" or "pause", seconds) each, one after the other."""
    made = []
    for kind, seconds in pieces:
        t = np.arange(int(seconds * rate)) / rate
        made.append(np.sin(2 * np.pi * 170 * t) * (0.4 if kind == "speech" else 0.001))
    return Audio(np.concatenate(made).astype(np.float32), rate)


def request_of(audio: Audio, **values: Any) -> ConversionRequest:
    return ConversionRequest(audio, **({"text": WORDS, "text_lang": "en", "seed": 1} | values))


# -- where it is cut --------------------------------------------------------------------------------------------------


def test_a_short_recording_is_one_part() -> None:
    audio = recording(("speech", 3), ("pause", 1), ("speech", 3))
    assert [(part.start, part.stop) for part in cut_at_pauses(audio)] == [(0, len(audio.samples))]


def test_a_long_one_is_cut_in_the_middle_of_its_longest_pauses() -> None:
    audio = recording(("speech", 5), ("pause", 0.2), ("speech", 3), ("pause", 0.6), ("speech", 7), ("pause", 0.4))
    parts = cut_at_pauses(audio)
    assert [round(part.stop / RATE, 2) for part in parts] == [8.5, 16.2]
    assert [part.start for part in parts] == [0, parts[0].stop]


def test_without_pauses_no_part_is_too_long_and_nothing_is_lost() -> None:
    audio = recording(("speech", 47.013))
    parts = cut_at_pauses(audio)
    assert all(part.stop - part.start <= 10 * RATE for part in parts)
    assert parts[0].start == 0 and parts[-1].stop == len(audio.samples)
    assert all(a.stop == b.start for a, b in zip(parts, parts[1:], strict=False))


def test_words_go_to_the_parts_in_which_they_are_said() -> None:
    parts = [Part(0, 1, 300), Part(1, 2, 0), Part(2, 3, 500)]
    shared = share_out("One two three. Four five six, seven eight nine.", parts)
    assert [share.text for share in shared] == ["One two three.", "", "Four five six, seven eight nine."]
    assert [share.around for share in shared] == [
        "One two three. Four five",
        "",
        "two three. Four five six, seven eight nine.",
    ]
    shared = share_out("今日はいい天気です。散歩に行きましょう。", [Part(0, 1, 90), Part(1, 2, 100)])
    assert [share.text for share in shared] == ["今日はいい天気です。", "散歩に行きましょう。"]


@pytest.mark.parametrize("text", [WORDS, "一二三。四五六七八九十", "a", ""])
def test_no_word_is_lost_whatever_the_parts(text: str) -> None:
    for count in (1, 2, 7):
        parts = [Part(number, number + 1, 100 * (number + 1)) for number in range(count)]
        shared = share_out(text, parts)
        assert len(shared) == count
        assert "".join("".join(share.text for share in shared).split()) == "".join(text.split())
        assert all(share.text in share.around for share in shared)


# -- how it is spoken -------------------------------------------------------------------------------------------------


def spoken(tts: TTS, request: ConversionRequest, **more: Any) -> Audio:
    chunks = list(tts.convert(request, **more))
    return Audio(np.concatenate([chunk.samples for chunk in chunks]), chunks[0].sample_rate)


@pytest.fixture
def tts(shared_tts: TTS) -> TTS:
    return shared_tts


@pytest.mark.parametrize("seconds", [0.31, 1.234, 9.99, 21.7])
@pytest.mark.parametrize("rate", [8000, 44100])
def test_the_speech_is_as_long_as_the_recording(tts: TTS, seconds: float, rate: int) -> None:
    audio = recording(("speech", seconds), rate=rate)
    out = spoken(tts, request_of(audio))
    assert abs(out.seconds - audio.seconds) < 1e-3
    assert np.abs(out.samples).max() <= 1


def test_a_stretch_without_speech_stays_silent_and_no_recogniser_is_asked_for_it(tts: TTS) -> None:
    audio = recording(("speech", 5), ("pause", 30), ("speech", 5))
    heard: list[float] = []

    def hear(samples: np.ndarray, mode: str | None) -> tuple[str, str]:
        heard.append(len(samples) / 16000)
        return WORDS, "en"

    out = spoken(tts, request_of(audio, text=""), hear=hear)
    assert len(heard) == 2 and sum(heard) < 20
    assert not out.samples[16 * out.rate : 25 * out.rate].any()


def test_the_recogniser_is_told_the_language_and_its_words_are_those_of_the_chunks(tts: TTS) -> None:
    asked: list[str | None] = []

    def hear(samples: np.ndarray, mode: str | None) -> tuple[str, str]:
        asked.append(mode)
        return "Hello there", "en"

    audio = recording(("speech", 2))
    for mode in ("auto", "en"):
        chunks = list(tts.convert(request_of(audio, text="", text_lang=mode), hear=hear))
        assert [chunk.text for chunk in chunks] == ["Hello there"]
    assert asked == [None, "en"]


def test_without_words_and_recogniser_it_is_said_what_is_missing(tts: TTS) -> None:
    with pytest.raises(RequestError, match="words of the recording are missing"):
        tts.convert(request_of(recording(("speech", 2)), text=" "))


def test_the_same_seed_gives_the_same_speech_and_another_clip_another_voice(tts: TTS, clip: Path) -> None:
    audio = recording(("speech", 2))
    first, again = (spoken(tts, request_of(audio)).samples for _ in range(2))
    assert np.array_equal(first, again)
    other = spoken(tts, request_of(audio, ref_audio_path=str(clip))).samples
    assert not np.allclose(first, other)


def test_words_that_cannot_be_read_are_told_and_the_rest_is_spoken(tts: TTS) -> None:
    audio = recording(("speech", 9.5), ("pause", 0.4), ("speech", 9.5))
    said = iter([("♪ ♪", "en"), ("Hello there", "en"), ("Hello", "en")])
    chunks = list(tts.convert(request_of(audio, text="", text_lang="en"), hear=lambda samples, mode: next(said)))
    assert chunks[0].warning and not chunks[1].warning
    assert all(np.abs(chunk.samples).max() > 0 for chunk in chunks)


def test_a_stop_ends_it_between_two_parts(tts: TTS) -> None:
    audio = recording(("speech", 25))
    seen = []
    for chunk in tts.convert(request_of(audio), should_stop=lambda: len(seen) > 0):
        seen.append(chunk)
    assert len(seen) == 1


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (RequestError, {"text_lang": "martian"}),
        (RequestError, {"seed": -5}),
        (RequestError, {"cfg_rate": float("nan")}),
        (LimitError, {"text": "word " * 5000}),
        (LimitError, {"prompt_text": "word " * 500}),
    ],
)
def test_values_that_cannot_be_used_are_refused(kind: type[Exception], values: dict[str, Any]) -> None:
    with pytest.raises(kind):
        request_of(recording(("speech", 1)), **values)


def test_recordings_that_cannot_be_used_are_refused(tmp_path: Path) -> None:
    with pytest.raises(AudioError, match="at least"):
        request_of(recording(("speech", 0.1)))
    wide = tmp_path / "wide.wav"
    soundfile.write(str(wide), np.zeros((1000, 12)), RATE)
    with pytest.raises(AudioError, match="12 channels"):
        read_recording(wide)
    long = tmp_path / "long.flac"
    soundfile.write(str(long), np.zeros(601 * 8000, dtype=np.int16), 8000)
    with pytest.raises(AudioError, match="601 s"):
        read_recording(long)
    (tmp_path / "text.wav").write_text("no sound")
    with pytest.raises(AudioError, match="no readable"):
        read_recording(tmp_path / "text.wav")


def test_tokens_are_those_that_training_hears(shared_tts: TTS, clip: Path) -> None:
    """The same as the data set stage's, but for the silence that is added."""
    from prepare_datasets.audio import read_recording, ssl_input

    models = shared_tts.voice.models
    with torch.inference_mode():
        learned = models.vits.extract_latent(models.hubert(torch.from_numpy(ssl_input(read_recording(clip)))))[0, 0]
        spoken_from = part_tokens(load_audio(clip), models)
    count = learned.numel() - 5
    assert spoken_from.numel() > learned.numel()
    assert float((spoken_from[:count] == learned[:count]).float().mean()) > 0.9
