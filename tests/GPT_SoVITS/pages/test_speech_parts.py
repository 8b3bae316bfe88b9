"""The parts that the inference tab is made of: recording, live stream, spectrogram, language model list."""

from __future__ import annotations

import asyncio
import json
import os
import struct
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("gradio")

from AR.models import lm_half  # noqa: E402
from errors import AudioError  # noqa: E402
from pages.controls import Controls  # noqa: E402
from pages.live import KEPT, LiveStore, wav_header  # noqa: E402
from pages.lm_group import change_model  # noqa: E402
from pages.lm_models import PACK_MODEL, PARAMETERS, LMEntry, choices, entries, size  # noqa: E402
from pages.speaking import Recording, speak  # noqa: E402
from pages.spectrogram import HEIGHT, LINE, WIDTH, levels, picture  # noqa: E402
from TTS_infer_pack import language_model  # noqa: E402

RATE = 16000


def controls(**changes: Any) -> list[Any]:
    good = Controls(
        None,
        " Hi. ",
        "en",
        "one two three",
        "English",
        "cut4",
        15,
        1,
        1,
        False,
        1.2,
        False,
        ["b.wav"],
        32,
        False,
        0.1,
        1.35,
        7,
        False,
        4,
        2,
        1.0,
        False,
        "",
    )
    return list((good.__dict__ | changes).values())


def test_the_request_says_what_the_tab_shows(context: Any, toy: Any) -> None:
    list(speak(context, *controls()))
    request = toy.requests[0]
    assert (request.prompt_text, request.text_lang, request.text_split_method) == ("Hi.", "en", "cut4")
    assert (request.aux_ref_audio_paths, request.speed_factor, request.batch_size) == (("b.wav",), 1.2, 4)
    assert (request.fragment_interval, request.seed, request.streaming_mode) == (0.1, 7, 2) and request.return_fragment


def test_reference_free_leaves_the_words_out_and_random_takes_a_new_seed(context: Any, toy: Any) -> None:
    for _ in range(3):
        list(speak(context, *controls(ref_free=True, keep_random=True)))
    assert {request.prompt_text for request in toy.requests} == {""}
    assert len({request.seed for request in toy.requests}) > 1


def test_a_fall_in_the_middle_is_told_at_the_end(context: Any, toy: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    warnings: list[str] = []
    monkeypatch.setattr("gradio.Warning", lambda message, **_: warnings.append(message))
    toy.set_t2s("qwen3", "Qwen/Qwen2-7B")
    outputs = list(speak(context, *controls()))
    assert warnings == ["there is no adapter. The AR model speaks instead."]
    assert "no trained adapter" in outputs[-1][1] and outputs[-1][0][0] == RATE


def test_a_sentence_that_begins_anew_replaces_what_went_wrong() -> None:
    recording = Recording(live=None)
    for index, level, again in ((0, 0.1, False), (1, 0.2, False), (1, 0.3, False), (1, 0.4, True), (2, 0.5, False)):
        recording.add(
            SimpleNamespace(samples=np.full(10, level, np.float32), sample_rate=RATE, index=index, again=again)
        )
    assert [round(float(piece[0]) / 32767, 1) for piece in recording.pieces] == [0.1, 0.4, 0.5]
    assert recording.starts == [0, 10, 20] and recording.seconds == 30 / RATE


def test_without_streaming_there_is_no_live_player(context: Any) -> None:
    *before, last = speak(context, *controls(streaming_mode=0))
    assert not any("src" in str(output[3]) for output in before), "it is played when it is whole"
    assert ".wav" in last[3] and "autoplay" in last[3]


def test_a_visitors_stop_ends_their_own_speech(context: Any, toy: Any) -> None:
    running = speak(context, *controls(text="a b c d"))
    next(running)
    next(running)
    context.stops.stop("somebody else")
    assert "Sentence 2" in next(running)[1]
    context.stops.stop("")  # outside of gradio there is one visitor without a name
    assert ["Stopped after 0." in output[1] for output in running] == [True] and toy.stopped.is_set()
    assert "0.4 s" in list(speak(context, *controls(text="a b c d")))[-1][1]


def test_an_error_stays_in_the_progress_line(context: Any) -> None:
    said: list[Any] = []
    with pytest.raises(AudioError):
        said.extend(output[1] for output in speak(context, *controls(text="please refuse")))
    assert said[-1] == "a.wav is silent; expected speech; fix: record again"


def test_stopping_lets_listeners_go(context: Any, toy: Any) -> None:
    running = speak(context, *controls(text="a b c d"))
    next(running)
    next(running)
    live = next(reversed(context.live._streams.values()))
    running.close()
    assert toy.closed.is_set() and live.finished


def test_a_live_recording_is_read_from_its_start_by_everyone() -> None:
    speech = LiveStore().open()

    async def listen() -> bytes:
        return b"".join([part async for part in speech.read()])

    async def scene() -> list[bytes]:
        early = asyncio.ensure_future(listen())
        await asyncio.sleep(0)
        speech.add(RATE, np.array([1, -2], dtype=np.int16))
        speech.add(RATE, np.array([3], dtype=np.int16))
        speech.finish()
        return [await early, await listen()]

    early, late = asyncio.run(scene())
    assert early == late == wav_header(RATE) + struct.pack("<3h", 1, -2, 3)


def test_the_store_forgets_the_oldest_and_lets_its_listeners_go() -> None:
    store = LiveStore()
    made = [store.open() for _ in range(KEPT + 1)]
    assert made[0].finished and not made[1].finished and len({speech.name for speech in made}) == KEPT + 1


def test_the_spectrogram_shows_pitch_and_sentences() -> None:
    t = np.arange(RATE) / RATE
    tone = (np.sin(2 * np.pi * 2000 * t) * 20000).astype(np.int16)
    found = levels(tone, RATE)
    assert abs(int(found[:, WIDTH // 2].argmax()) / found.shape[0] - 2000 / (RATE / 2)) < 0.02
    image = picture(tone, RATE, [0, RATE // 2])
    assert image.getpixel((WIDTH // 2, HEIGHT // 2)) == LINE and image.getpixel((WIDTH // 4, 5)) != LINE


@pytest.mark.parametrize("length", [1, 40, RATE * 600])
def test_any_length_has_a_picture(length: int) -> None:
    assert picture(np.zeros(length, dtype=np.int16), RATE, [0]).size[0] == WIDTH


def test_the_list_says_adapter_memory_and_fit(context: Any) -> None:
    label = LMEntry("Qwen/Qwen2-7B", False, 32 * 1024**3, False).label(context.say)
    assert label == "Qwen/Qwen2-7B · cannot speak yet: teach it · needs 32.0 GiB"
    assert "memory not known" in LMEntry("a", True, None, None).label(context.say)
    assert (size(17_000_000), size(2 * 1024**3)) == ("17 MB", "2.0 GiB")


def test_the_list_has_the_pack_the_folders_and_the_published_models(
    context: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(language_model, "LM_ROOT", tmp_path)
    for name, backbone in (("mine", "Qwen/Qwen3-0.6B"), ("odd", "Qwen/Qwen9-1T")):
        (tmp_path / name).mkdir()
        content = {"format": 1, "backbone": backbone, "phone_count": 732, "fingerprint": {}, "weights": "lora"}
        (tmp_path / name / "t2s_config.json").write_text(json.dumps(content), encoding="utf-8")
    (tmp_path / "elsewhere").mkdir()
    absent = {"format": 1, "backbone": "package:no_such_package", "phone_count": 732, "fingerprint": {}}
    (tmp_path / "elsewhere" / "t2s_config.json").write_text(json.dumps(absent), encoding="utf-8")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "t2s_config.json").write_text("no json", encoding="utf-8")
    found = {entry.name: entry for entry in entries("cpu")}
    assert list(found)[0] == PACK_MODEL and set(found) >= {*PARAMETERS, "mine", "odd", "broken"}
    count = PARAMETERS["Qwen/Qwen3-0.6B"]
    assert found["mine"].trained and found["mine"].needed == int(count * (2 if lm_half.available() else 4) * 1.15)
    exact = {entry.name: entry for entry in entries("cpu", "float32")}
    assert exact["mine"].needed == int(count * 4 * 1.15)
    assert exact[PACK_MODEL].needed == found[PACK_MODEL].needed, "small models are always in float32"
    assert found["Qwen/Qwen3-0.6B"].trained and not found["Qwen/Qwen2-7B"].trained
    assert found["broken"].needed is None and found["broken"].fits is None
    assert "elsewhere" not in found, "its weights are in a package that is not installed"
    assert ("/my/own", "/my/own") in choices("cpu", "auto", "/my/own", context.say)


def test_a_list_that_is_left_without_a_choice_changes_nothing(
    context: Any, toy: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []
    put = toy.set_t2s
    monkeypatch.setattr(toy, "set_t2s", lambda *what: asked.append(what) or put(*what))
    skipped, _, status = change_model(context, True, "mine")
    assert asked == [("qwen3", "mine")] and "mine" in status and change_model(context, True, " mine ")[2] == skipped
    toy.configs.qwen3_strict = True
    assert change_model(context, True, "/etc")[0] is False and asked[1:] == [("ar",)]  # only then is the box unticked

    loaded: list[str] = []
    toy.configs.t2s_weights_path = str(tmp_path / "a.ckpt")
    monkeypatch.setattr(toy, "init_t2s_weights", loaded.append)
    (tmp_path / "a.ckpt").write_bytes(b"")
    os.utime(tmp_path / "a.ckpt", (1, 1))
    context.voice.take_weights("gpt", str(tmp_path / "a.ckpt"))
    assert not loaded
    os.utime(tmp_path / "a.ckpt")  # trained again
    context.voice.take_weights("gpt", str(tmp_path / "a.ckpt"))
    assert loaded == [str(tmp_path / "a.ckpt")]
