"""The public API over a real socket: every parameter, the order of its errors, formats, streaming, switching."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

RATE = 16000
ASK = {"text": "Hello there, my good friend.", "text_lang": "en", "seed": 3}
EVERY = ASK | {
    "ref_audio_path": "voices/alice/reference.wav",
    "aux_ref_audio_paths": ["voices/Bob/reference.wav"],
    "prompt_text": "A voice that is quite like this.",
    "prompt_lang": "en",
    "top_k": 15,
    "top_p": 1,
    "temperature": 1,
    "text_split_method": "cut5",
    "batch_size": 1,
    "batch_threshold": 0.75,
    "split_bucket": True,
    "speed_factor": 1.0,
    "fragment_interval": 0.3,
    "media_type": "wav",
    "streaming_mode": False,
    "parallel_infer": True,
    "repetition_penalty": 1.35,
    "sample_steps": 32,
    "super_sampling": False,
    "overlap_length": 2,
    "min_chunk_length": 16,
}
CONTAINERS = {
    "ogg": ("ogg", "vorbis", 16000),
    "opus": ("ogg", "opus", 48000),
    "aac": ("aac", "aac", 16000),
    "mp3": ("mp3", "mp3float", 16000),
    "flac": ("flac", "flac", 16000),
}


def lowered(values: dict[str, Any]) -> list[tuple[str, str]]:
    """Every parameter as a lower-cased string, as AstrBot sends them; lists as repeated keys."""
    pairs: list[tuple[str, str]] = []
    for name, value in values.items():
        pairs += [(name, str(one).lower()) for one in (value if isinstance(value, list) else [value])]
    return pairs


def test_get_and_post_say_the_same(server: Any, wav: Callable[..., Any]) -> None:
    posted = server.client.post("/tts", json=EVERY)
    assert posted.status_code == 200, posted.text
    assert posted.headers["content-type"] == "audio/wav" and posted.headers["x-t2s"] == "ar"
    rate, samples = wav(posted.content)
    assert rate == RATE and len(samples) > RATE and np.abs(samples.astype(int)).max() > 500
    assert int(posted.headers["content-length"]) == len(posted.content) == 44 + 2 * len(samples)
    got = server.client.get("/tts", params=lowered(EVERY))  # prompt and text are lower-cased too
    assert got.status_code == 200
    again = server.client.post("/tts", json=EVERY | {"text": ASK["text"].lower()})
    assert got.content == again.content or len(got.content) == len(again.content)
    assert server.client.get("/tts", params=[(k, str(v)) for k, v in ASK.items()]).content == (
        server.client.post("/tts", json=ASK).content
    )


@pytest.mark.parametrize("kind", CONTAINERS)
@pytest.mark.parametrize("mode", [0, 1])
def test_formats(server: Any, sound: Any, kind: str, mode: int) -> None:
    expected = len(server.client.post("/tts", json=ASK | {"media_type": "raw"}).content) / 2 / RATE
    answer = server.client.post("/tts", json=ASK | {"media_type": kind, "streaming_mode": mode})
    assert answer.status_code == 200 and answer.headers["content-type"].startswith("audio/")
    heard = sound(answer.content)
    assert (heard.container, heard.codec, heard.rate) == CONTAINERS[kind] and heard.channels == 1
    assert abs(heard.seconds - expected) < 0.16, "one frame of the codec at each end"
    assert int(answer.headers["x-sample-rate"]) in (heard.rate, RATE)


@pytest.mark.parametrize("mode", [1, 2, 3, "true", True])
def test_a_stream_is_the_whole(server: Any, mode: Any) -> None:
    whole = server.client.post("/tts", json=ASK | {"media_type": "raw"}).content
    with server.client.stream("POST", "/tts", json=ASK | {"streaming_mode": mode}) as answer:
        assert "content-length" not in answer.headers
        body = b"".join(answer.iter_raw())
    assert body[:4] == b"RIFF" and body[40:44] == b"\xff\xff\xff\xff"
    assert len(body) == 44 + len(whole)
    if mode in (1, "true"):
        assert body[44:] == whole


def test_first_segment_is_sent_before_the_last_is_spoken(server: Any) -> None:
    text = " ".join(["Hello there my friend."] * 6)
    sizes = []
    with server.client.stream("POST", "/tts", json=ASK | {"text": text, "streaming_mode": 1}) as answer:
        for piece in answer.iter_raw():
            sizes.append((len(piece), server.service.gate.running))
    assert len(sizes) > 2 and sizes[0][1] == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"text": ""}, "text is required"),
        ({"text": "", "text_lang": ""}, "text is required"),
        ({"text_lang": "", "media_type": "avi"}, "text_lang is required"),
        ({"text_lang": "xx"}, "text_lang: xx is not supported"),
        ({"prompt_text": "words", "prompt_lang": ""}, "prompt_lang is required"),
        ({"prompt_lang": "xx", "media_type": "avi"}, "prompt_lang: xx is not supported"),
        ({"media_type": "avi", "text_split_method": "cut9"}, "media_type: avi is not supported"),
        ({"text_split_method": "cut9"}, "text_split_method:cut9 is not supported"),
    ],
)
def test_errors_come_in_the_known_order(server: Any, change: dict[str, str], message: str) -> None:
    answer = server.client.post("/tts", json=ASK | change)
    assert answer.status_code == 400
    assert answer.json()["message"].startswith(message)


def test_no_parameters_is_a_clients_error(server: Any) -> None:
    for answer in (server.client.get("/tts"), server.client.post("/tts"), server.client.post("/tts", json={})):
        assert answer.status_code == 400 and answer.json()["message"] == "text is required"


def test_sample_rate_and_speed(server: Any, wav: Callable[..., Any]) -> None:
    rate, samples = wav(server.client.post("/tts", json=ASK | {"sample_rate": 24000}).content)
    plain = len(server.client.post("/tts", json=ASK | {"media_type": "raw"}).content) / 2
    assert rate == 24000 and abs(len(samples) / 24000 - plain / RATE) < 0.01


def test_a_seed_that_was_drawn_can_be_used_again(server: Any) -> None:
    first = server.client.post("/tts", json={"text": ASK["text"], "text_lang": "en"})
    again = server.client.post("/tts", json=ASK | {"seed": int(first.headers["x-seed"])})
    assert first.content == again.content


def test_voices_differ_and_paths_find_them(server: Any) -> None:
    def speak(**values: str) -> bytes:
        answer = server.client.post("/tts", json=ASK | values)
        assert answer.status_code == 200, answer.text
        return bytes(answer.content)

    alice, bob = speak(voice="alice"), speak(voice="Bob")
    assert alice != bob != speak()
    assert alice == speak(ref_audio_path="./参考音频/Alice.wav")
    words = {"prompt_text": "A voice that is quite like this.", "prompt_lang": "en"}
    assert alice == speak(ref_audio_path="VOICES\\ALICE\\reference.wav", **words)


# -- changing what speaks -------------------------------------------------------------------------------------------


def test_get_changes_nothing_by_default(server: Any) -> None:
    for path in ("/control?command=exit", "/set_refer_audio?refer_audio_path=a.wav", "/set_gpt_weights?weights_path=a"):
        answer = server.client.get(path)
        assert answer.status_code == 405 and "--public-compatible" in answer.json()["message"]
    assert not server.commands


def test_public_compatible_clients_switch_by_get(serve: Callable[..., Any], tiny_pack: Path) -> None:
    running = serve(public_compatible=True, allow=(tiny_pack,))
    speak = {"text": "Hello there.", "text_lang": "en", "seed": 1}
    before = running.client.get("/tts", params=speak).content
    assert running.client.get("/set_refer_audio", params={"refer_audio_path": "voices/bob/reference.wav"}).json() == {
        "message": "success"
    }
    after = running.client.get("/tts", params=speak).content
    assert after != before
    for kind, file in (("gpt", "S1.ckpt"), ("sovits", "s2g.pth")):
        answer = running.client.get(f"/set_{kind}_weights", params={"weights_path": str(tiny_pack / file)})
        assert answer.status_code == 200 and answer.json() == {"message": "success"}
    assert running.client.get("/health").json()["loaded_voices"] >= 2
    assert running.client.get("/tts", params=speak).content[44:]
    refused = running.client.get("/set_gpt_weights", params={"weights_path": "/etc/passwd.ckpt"})
    assert refused.status_code == 400 and "/etc" not in refused.text
    assert running.client.get("/control", params={"command": "exit"}).status_code == 200
    assert running.commands == ["exit"]
