"""The WebSocket: sentences as text arrives, one stream of sound, cancel, errors that do not end the session."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from AR import plausible
from http_api.dialects.websocket import MOST_TURNS
from http_api.engines import VoiceEngine
from http_api.sentences import SentenceBuffer
from http_api.settings import Limits

client = pytest.importorskip("websockets.sync.client")
from websockets.exceptions import InvalidStatus  # noqa: E402

PATH = "/v1/audio/speech/stream"


class Line:
    """A connection that collects what comes."""

    def __init__(self, server: Any, path: str = PATH, **more: Any) -> None:
        self._context = client.connect(server.url.replace("http", "ws") + path, proxy=None, **more)
        self._line: Any = None

    def __enter__(self) -> Line:
        self._line = self._context.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._line.close()

    def send(self, kind: str, **values: Any) -> None:
        self._line.send(json.dumps({"type": kind, **values}))

    def until(self, kind: str) -> tuple[list[dict[str, Any]], bytes]:
        """Messages up to that kind, and the sound between them."""
        messages: list[dict[str, Any]] = []
        audio = b""
        while not messages or messages[-1]["type"] != kind:
            got = self._line.recv(timeout=20)
            if isinstance(got, bytes):
                audio += got
            else:
                messages.append(json.loads(got))
        return messages, audio


def test_sentences_are_spoken_while_the_text_is_written(server: Any) -> None:
    with Line(server) as line:
        line.send("session.config", voice="alice", response_format="pcm", seed=1)
        for word in "Hello there, my friend. How are".split(" "):
            line.send("input.text", text=word + " ")
        first, audio = line.until("audio.done")  # the second sentence is not written yet
        assert [one["type"] for one in first] == ["audio.start", "audio.done"]
        assert first[0]["sentence_text"] == "Hello there, my friend." and first[0]["sample_rate"] == 24000
        assert len(np.frombuffer(audio, "<i2")) == pytest.approx(
            first[1]["seconds"] * 24000, abs=500
        )  # the resampler holds 12 ms back
        line.send("input.text", text="you today?")
        line.send("input.done")
        rest, more = line.until("session.done")
    assert [one.get("sentence_index") for one in rest] == [1, 1, None] and rest[1]["t2s"] == "ar"
    assert len(more) > 5000


WRITTEN = "Hello there, my  friend. It is 5 miles to the sea! And back?"
WORDS = ["Hello", "there", "my", "friend", "It", "is", "5", "miles", "to", "the", "sea", "And", "back"]


def test_words_and_their_times(server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plausible, "MIN_TOKENS_PER_PHONE", 0.5)  # the random voice ends by chance
    with Line(server) as line:
        line.send("session.config", voice="alice", seed=7, subtitles=True)
        for turn in range(2):  # the second counts from 0 again
            for piece in re.findall(r"\S+\s*", WRITTEN):
                line.send("input.text", text=piece)
            line.send("input.done")
            messages, audio = line.until("session.done")
            words = [word for one in messages if one["type"] == "audio.words" for word in one["words"]]
            assert [word["text"] for word in words] == WORDS, turn
            assert all(WRITTEN[word["from"] : word["to"]] == word["text"] for word in words)
            assert all(one["end"] <= other["start"] for one, other in pairwise(words))
            assert words[-1]["end"] <= len(audio) / 2 / 24000 + 0.05
            seconds = [one["seconds"] for one in messages if one["type"] == "audio.done"]
            begins = {one["sentence_index"]: one["words"][0]["start"] for one in messages if "words" in one}
            for index in range(3):
                assert sum(seconds[:index]) <= begins[index] < sum(seconds[: index + 1])
        line.send("session.config", voice="alice", seed=7)
        line.send("input.text", text=WRITTEN)
        line.send("input.done")
        assert all(one["type"] != "audio.words" for one in line.until("session.done")[0])


@pytest.mark.parametrize("kind", ["mp3", "opus", "wav"])
def test_one_stream_for_all_sentences(server: Any, sound: Any, kind: str) -> None:
    with Line(server) as line:
        line.send("session.config", voice="bob", response_format=kind, seed=1)
        line.send("input.text", text="Hello there. My good friend. Is it you? ")
        line.send("input.done")
        messages, audio = line.until("session.done")
    spoken = sum(one["seconds"] for one in messages if one["type"] == "audio.done")
    assert abs(sound(audio).seconds - spoken) < 0.15
    if kind == "wav":
        assert audio.count(b"RIFF") == 1


def test_cancel_is_silence_at_once(server: Any) -> None:
    with Line(server) as line:
        line.send("session.config", voice="alice", streaming_mode=3)
        line.send("input.text", text="Hello there my good old friend. " * 60)
        line.until("audio.start")
        line.send("input.cancel")
        messages, _ = line.until("audio.cancelled")
        assert sum(one["type"] == "audio.start" for one in messages) < 20
        server.wait_idle(1)
        line.send("input.text", text="And now this. ")
        line.send("input.done")
        after, audio = line.until("session.done")
        assert after[0]["sentence_text"] == "And now this." and after[0]["sentence_index"] == 0 and audio


def test_errors_leave_the_session_open(server: Any) -> None:
    with Line(server) as line:
        line.send("session.config", voice="nobody")
        assert "no voice" in line.until("error")[0][-1]["error"]["message"]
        line.send("what is this")
        line.until("error")
        line._line.send("{not json")
        line.until("error")
        line.send("input.text", text=5)
        line.until("error")
        line.send("input.text", text="Hello there. ")
        line.send("session.close")
        assert line.until("session.done")[1]


def test_a_fault_of_the_server_is_told_and_the_next_sentence_spoken(
    server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: Any, request: Any, *more: Any) -> Iterator[Any]:
        if "one" in request.text:
            raise RuntimeError("a fault in /home/me/secret")
        yield from speak(self, request, *more)

    speak = VoiceEngine.stream
    monkeypatch.setattr(VoiceEngine, "stream", fail)
    with Line(server) as line:
        line.send("input.text", text="This one fails. Hello there. ")
        line.send("input.done")
        messages, audio = line.until("session.done")
    assert [one["type"] for one in messages] == ["error", "audio.start", "audio.done", "session.done"] and audio
    assert messages[0]["sentence_index"] == 0 and "secret" not in str(messages[0])


def test_texts_do_not_pile_up(serve: Callable[..., Any]) -> None:
    running = serve(limits=Limits(running=1, queue=4))
    with Line(running) as line:
        for _ in range(MOST_TURNS + 1):
            line.send("input.text", text="Hello there my good old friend. " * 30)
            line.send("input.done")
        error = line.until("error")[0][-1]["error"]
        assert error["code"] == "429" and "wait" in error["message"]
        line.send("input.cancel")
        line.until("audio.cancelled")
        line.send("input.text", text="And now this. ")
        line.send("input.done")
        assert line.until("session.done")[1]


def test_going_away_frees_the_place(server: Any) -> None:
    with Line(server) as line:
        line.send("input.text", text="Hello there my good old friend. " * 60)
        line.until("audio.start")
    server.wait_idle(1)


def test_key_and_origin(serve: Callable[..., Any]) -> None:
    running = serve(key="a-long-enough-key", origins=("http://localhost:8000",))
    for more in ({}, {"additional_headers": {"Authorization": "Bearer wrong"}}):
        with pytest.raises(InvalidStatus), Line(running, **more):
            pass
    with pytest.raises(InvalidStatus):
        with Line(running, f"{PATH}?api_key=a-long-enough-key", origin="https://evil.example"):
            pass
    with Line(running, f"{PATH}?api_key=a-long-enough-key", origin="http://localhost:8000") as line:
        line.send("input.done")
        line.until("session.done")


# -- sentences alone --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pieces", "sentences"),
    [
        (["Hello the", "re. How", " are you? Fine"], ["Hello there.", "How are you?", "Fine"]),
        (["It is 3", ".14 or so. ", "Yes"], ["It is 3.14 or so.", "Yes"]),
        (["Dr. Smith and Mr. J. Doe came. ", "They left."], ["Dr. Smith and Mr. J. Doe came.", "They left."]),
        (["你好。今天", "天气很好！是吗"], ["你好。", "今天天气很好！", "是吗"]),
        (['He said "go!" ', "and went."], ['He said "go!"', "and went."]),
        (["One\ntwo\n\n", "..."], ["One", "two"]),
        (["Wait... what? "], ["Wait...", "what?"]),
        (["It is 5 p.m. ", "He left."], ["It is 5 p.m.", "He left."]),
        (["At 5 p.m. ", "he left. ", "No. ", "Not No. ", "7."], ["At 5 p.m. he left.", "No.", "Not No. 7."]),
        (["In the U.S. Senate, e.g. ", "today. "], ["In the U.S. Senate, e.g. today."]),
    ],
)
def test_sentence_buffer(pieces: list[str], sentences: list[str]) -> None:
    text = "".join(pieces)
    for fed in (pieces, list(text)):  # as they come, and letter by letter
        buffer = SentenceBuffer()
        found = [sentence for piece in fed for sentence in buffer.feed(piece)] + buffer.rest()
        assert [one.text for one in found] == sentences
        assert all(text[one.at : one.at + len(one.text)] == one.text for one in found)


def test_a_text_without_an_end_is_cut() -> None:
    found = SentenceBuffer().feed("many words, " * 100)
    assert len(found) > 1 and all(len(one.text) <= 400 for one in found)
