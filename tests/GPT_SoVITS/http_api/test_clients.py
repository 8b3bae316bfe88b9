"""The requests that real programs send, each as it is sent, with what each expects of the answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

RATE = 16000
TAVERN = {
    "text": "Hello there, my good friend.",
    "prompt_text": "A voice that is quite like this.",
    "ref_audio_path": "./参考音频/Bob.wav",
    "text_lang": "en",
    "prompt_lang": "en",
    "text_split_method": "cut5",
    "batch_size": 1,
    "media_type": "ogg",
    "streaming_mode": "true",
}


def test_sillytavern(server: Any, sound: Any) -> None:
    speakers = server.client.get("/speakers").json()
    assert isinstance(speakers, list) and {"default", "Alice", "Bob", "Carol"} == {one["name"] for one in speakers}
    answer = server.client.post("/", json=TAVERN)
    assert answer.status_code == 200 and answer.headers["content-type"] == "audio/ogg"
    heard = sound(answer.content)
    assert heard.codec == "vorbis" and heard.seconds > 0.5
    assert answer.content.count(b"vorbis") == 2 + answer.content.count(b"\x03vorbis"), "one stream: its three headers"
    assert answer.headers["x-voice"] == "Bob"


def test_sillytavern_adapter(server: Any, wav: Callable[..., Any], sound: Any) -> None:
    ask = {"text": "Hello there.", "card_name": "Some Card", "use_st_adapter": True, "media_type": "auto"}
    answer = server.client.post("/", json=ask | {"target_voice": "carol"})
    assert answer.headers["x-voice"] == "Carol" and wav(answer.content)[0] == RATE
    by_card = server.client.post("/", json=ask | {"card_name": "alice"}, headers={"Accept": "audio/mpeg, */*"})
    assert by_card.headers["x-voice"] == "Alice" and sound(by_card.content).container == "mp3"
    assert server.client.post("/", json=ask).headers["x-voice"] == "default"
    assert server.client.post("/", json=ask | {"target_voice": "nobody"}).status_code == 400


def test_gsvi(server: Any, wav: Callable[..., Any]) -> None:
    characters = server.client.get("/character_list").json()
    assert characters["Alice"] == ["default"]
    ask = {
        "text": "Hello there.",
        "cha_name": "Alice",
        "text_language": "多语种混合",
        "character_emotion": "default",
        "batch_size": "1",
        "speed": "1",
        "top_k": "6",
        "top_p": "0.8",
        "temperature": "0.8",
        "stream": "false",
        "format": "wav",
    }
    answer = server.client.get("/tts", params=ask)
    assert answer.status_code == 200 and answer.headers["x-voice"] == "Alice"
    assert len(wav(answer.content)[1]) > 0.5 * RATE


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_legado(server: Any, wav: Callable[..., Any], method: str) -> None:
    """A reading app: two keys, the content type counts, and the whole body is kept."""
    ask = {"text": "Hello there.", "text_language": "en"}
    if method == "GET":
        answer = server.client.get("", params=ask)
    else:
        answer = server.client.post("/", content='{"text": "Hello there.", "text_language": "en"}')
    assert answer.status_code == 200 and answer.headers["content-type"] == "audio/wav"
    assert len(wav(answer.content)[1]) > 0.5 * RATE


def test_legado_in_chinese(server: Any, wav: Callable[..., Any]) -> None:
    pytest.importorskip("rjieba")
    pytest.importorskip("pypinyin")
    answer = server.client.get("/", params={"text": "你好，朋友。", "text_language": "zh"})
    assert answer.status_code == 200, answer.text
    assert len(wav(answer.content)[1]) > 0.3 * RATE


def test_first_api(server: Any, wav: Callable[..., Any]) -> None:
    ask = {
        "refer_wav_path": "voices/Alice/reference.wav",
        "prompt_text": "A voice that is quite like this.",
        "prompt_language": "英文",
        "text": "Hello there; my good friend; it is me.",
        "text_language": "英文",
        "cut_punc": ";",
        "top_k": 15,
        "top_p": 1.0,
        "temperature": 1.0,
        "speed": 2.0,
        "inp_refs": ["voices/Bob/reference.wav"],
        "sample_steps": 32,
        "if_sr": False,
        "seed": 1,
    }
    fast = server.client.post("/", json=ask)
    assert fast.status_code == 200, fast.text
    slow = server.client.post("/", json=ask | {"speed": 1})
    assert len(wav(fast.content)[1]) < 0.8 * len(wav(slow.content)[1])
    refused = server.client.get("/", params={"text": "Hello", "text_language": "xx"})
    assert refused.status_code == 400 and refused.json()["code"] == 400


def test_first_api_switches(serve: Callable[..., Any], tiny_pack: Any) -> None:
    running = serve(allow=(tiny_pack,))
    answer = running.client.post(
        "/change_refer",
        json={"refer_wav_path": "bob.wav", "prompt_text": "A voice that is quite like this.", "prompt_language": "en"},
    )
    assert answer.json() == {"code": 0, "message": "Success"}
    files = {"gpt_model_path": str(tiny_pack / "s1.ckpt"), "sovits_model_path": str(tiny_pack / "s2G.pth")}
    assert running.client.post("/set_model", json=files).json()["code"] == 0
    ask = {"text": "Hello there.", "text_language": "en", "seed": "4"}
    by_default = running.client.get("/", params=ask).content
    by_name = running.client.get("/tts", params={"voice": "bob", "text": "Hello there.", "text_lang": "en", "seed": 4})
    assert by_default == by_name.content


def test_astrbot(serve: Callable[..., Any], tiny_pack: Any, wav: Callable[..., Any]) -> None:
    """Weights by GET, then /tts with every parameter as a lower-cased string, three tries."""
    running = serve(public_compatible=True, allow=(tiny_pack,))
    for path, file in (("/set_gpt_weights", "s1.ckpt"), ("/set_sovits_weights", "s2G.pth")):
        got = running.client.get(path, params={"weights_path": str(tiny_pack / file)})
        assert got.status_code == 200, got.text
    ask = {
        "text": "hello there.",
        "text_lang": "en",
        "ref_audio_path": "voices/alice/reference.wav",
        "prompt_text": "a voice that is quite like this.",
        "prompt_lang": "en",
        "aux_ref_audio_paths": "",
        "top_k": "5",
        "top_p": "1.0",
        "temperature": "1.0",
        "text_split_method": "cut5",
        "batch_size": "1",
        "batch_threshold": "0.75",
        "split_bucket": "true",
        "speed_factor": "1",
        "fragment_interval": "0.3",
        "seed": "-1",
        "media_type": "wav",
        "streaming_mode": "false",
        "parallel_infer": "true",
        "repetition_penalty": "1.35",
    }
    answers = [running.client.get("/tts", params=ask) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200] * 3, answers[0].text
    assert all(len(wav(answer.content)[1]) > 0.3 * RATE for answer in answers)


def test_open_webui(serve: Callable[..., Any], sound: Any) -> None:
    """A Bearer key, the whole body kept as mp3, voices by id and name, and ``error`` read from JSON."""
    running = serve(key="sk-of-open-webui")
    voices = running.client.get("/v1/audio/voices").json()["voices"]
    assert {one["id"]: one["name"] for one in voices}["Bob"] == "Bob"
    assert {"tts-1", "ar"} <= {one["id"] for one in running.client.get("/v1/models").json()["data"]}
    body = {"model": "tts-1", "input": "Hello there.", "voice": "bob"}
    for base in ("/v1", ""):
        heard = sound(running.client.post(f"{base}/audio/speech", json=body).content)
        assert (heard.container, heard.rate) == ("mp3", 24000) and heard.seconds > 0.5
    bad = running.client.post("/v1/audio/speech", json=body | {"voice": "nobody"})
    assert bad.status_code == 400 and "no voice" in bad.json()["error"]["message"]
    other = running.client.post("/v1/audio/speech", json=body, headers={"Authorization": "Bearer sk-another"})
    assert other.status_code == 401 and other.json()["error"]["type"] == "authentication_error"


def test_livekit(server: Any, sound: Any) -> None:
    """Warms up with GET /, then streams mp3 and takes 24 kHz mono for granted."""
    assert server.client.get("/").status_code == server.client.get("/v1/").status_code == 200
    body = {"model": "gpt-4o-mini-tts", "voice": "ash", "input": "Hello there, my good friend.", "speed": 1.0}
    with server.client.stream("POST", "/v1/audio/speech", json=body | {"response_format": "mp3"}) as answer:
        pieces = list(answer.iter_raw())
    heard = sound(b"".join(pieces))
    assert (heard.container, heard.rate, heard.channels) == ("mp3", 24000, 1) and len(pieces) > 1


@pytest.mark.parametrize("voice", ["alloy", "marin", "shimmer"])
def test_pipecat(server: Any, voice: str) -> None:
    """Raw samples at 24 kHz, under OpenAI's own voice names."""
    body = {"model": "gpt-4o-mini-tts", "voice": voice, "input": "Hello there.", "response_format": "pcm"}
    with server.client.stream("POST", "/v1/audio/speech", json=body) as answer:
        samples = np.frombuffer(b"".join(answer.iter_raw()), dtype="<i2")
    assert answer.headers["x-sample-rate"] == "24000" and np.abs(samples.astype(int)).max() > 300
    spoken = server.client.post(
        "/tts", json={"text": "Hello there.", "text_lang": "auto", "seed": int(answer.headers["x-seed"])}
    )
    assert abs(len(samples) / 24000 - (len(spoken.content) - 44) / 2 / RATE) < 0.01


def test_home_assistant(server: Any) -> None:
    """Reads the wav header in the first piece, and asks /audio/voices."""
    names = [one["name"] for one in server.client.get("/audio/voices").json()["voices"]]
    assert "Alice" in names
    body = {"model": "tts-1", "voice": "Alice", "input": "Hello there.", "response_format": "wav"}
    with server.client.stream("POST", "/v1/audio/speech", json=body) as answer:
        pieces = answer.iter_raw()
        first = next(pieces)
        rest = b"".join(pieces)
    assert first[:4] == b"RIFF" and first[8:16] == b"WAVEfmt " and len(first) > 44
    assert (int.from_bytes(first[22:24], "little"), int.from_bytes(first[24:28], "little")) == (1, 24000)
    assert len(first) + len(rest) > 24000


def test_probes(server: Any) -> None:
    for path in ("/tts", "/v1/audio/speech", "/audio/speech"):
        assert server.client.get(path).status_code in (400, 405)
    assert server.client.get("/health").json()["status"] == "ok"
    assert server.client.get("/nothing").status_code == 404
    assert "error" in server.client.get("/v1/nothing").json()
