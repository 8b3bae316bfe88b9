"""Subtitles over HTTP: beside the sound of a stream, and with the whole; both tell the same."""

from __future__ import annotations

import base64
import json
from itertools import pairwise
from typing import Any

import pytest

from AR import plausible

TEXT = "Hello there, my good friend. It is 5 miles to the sea."
WORDS = ["Hello", "there", "my", "good", "friend", "It", "is", "5", "miles", "to", "the", "sea"]
ASK = {"text": TEXT, "text_lang": "en", "voice": "alice", "seed": 7, "subtitles": True, "text_split_method": "cut4"}


@pytest.fixture(autouse=True)
def early_ends_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """The random voice ends by chance; what is done about that is tested elsewhere."""
    monkeypatch.setattr(plausible, "MIN_TOKENS_PER_PHONE", 0.5)


def events_of(server: Any, path: str, body: dict[str, Any]) -> list[dict[str, Any]]:
    with server.client.stream("POST", path, json=body) as answer:
        assert answer.headers["content-type"] == "text/event-stream"
        return [json.loads(line[6:]) for line in answer.iter_lines() if line.startswith("data: ")]


def test_the_whole_with_its_subtitles(server: Any) -> None:
    answer = server.client.post("/tts", json=ASK)
    assert answer.status_code == 200 and answer.headers["content-type"] == "application/json"
    told = answer.json()
    assert [word["text"] for word in told["words"]] == WORDS and told["text"] == TEXT
    assert all(TEXT[word["from"] : word["to"]] == word["text"] for word in told["words"])
    assert all(a["end"] <= b["start"] for a, b in pairwise(told["words"]))
    assert told["words"][-1]["end"] <= told["seconds"]
    assert told["srt"].startswith("1\n00:00:0") and told["vtt"].startswith("WEBVTT\n\n")
    plain = server.client.post("/tts", json=ASK | {"subtitles": False})
    assert plain.headers["content-type"] == "audio/wav" and base64.b64decode(told["audio"]) == plain.content


def test_a_stream_tells_the_same_words_as_the_whole(server: Any) -> None:
    whole = server.client.get("/tts", params=ASK | {"subtitles": "true"}).json()["words"]
    for mode in (1, 2, 3):
        events = events_of(server, "/tts", ASK | {"streaming_mode": mode, "media_type": "mp3"})
        told = [word for one in events if one["type"] == "speech.words" for word in one["words"]]
        assert [(w["text"], w["from"], w["to"]) for w in told] == [(w["text"], w["from"], w["to"]) for w in whole]
        for one, other in zip(told, whole, strict=True):
            assert one["start"] == pytest.approx(other["start"], abs=2e-3)
            assert one["end"] == pytest.approx(other["end"], abs=2e-3)
        assert [one["segment"] for one in events if one["type"] == "speech.words"] == [0, 1]
        assert events[-1]["type"] == "speech.audio.done"


def test_openai(server: Any) -> None:
    body = {"model": "tts-1", "voice": "alice", "input": TEXT, "response_format": "pcm", "seed": 7, "subtitles": True}
    whole = server.client.post("/v1/audio/speech", json=body).json()
    assert whole["media_type"] == "pcm" and whole["sample_rate"] == 24000
    events = events_of(server, "/v1/audio/speech", body | {"stream_format": "sse"})
    told = [word["text"] for one in events if one["type"] == "speech.words" for word in one["words"]]
    assert told == [word["text"] for word in whole["words"]] == WORDS


def test_subtitles_is_a_switch(server: Any) -> None:
    assert server.client.post("/tts", json=ASK | {"subtitles": "perhaps"}).status_code == 400
