"""Subtitle files: well formed, in order, with the original text in them."""

from __future__ import annotations

import json
import re
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from errors import OutputError, RequestError
from TTS_infer_pack.request import AudioChunk
from TTS_infer_pack.subtitles import SpeechClock, as_json, as_srt, as_vtt, format_of, write_subtitles
from TTS_infer_pack.word_times import SpokenWord

TEXT = 'He said <b>, "well & good". Then a long sentence went on and on until nobody heard it! 好的。'
WORDS = tuple(
    SpokenWord(match[0], 3600 + at * 0.4, 3600 + at * 0.4 + 0.3, *match.span())
    for at, match in enumerate(re.finditer(r"\w+|&", TEXT))
)
TIME = r"(\d{2}):(\d{2}):(\d{2})[,.](\d{3})"


def seconds(parts: tuple[str, ...]) -> float:
    hours, minutes, whole, thousandths = map(int, parts)
    return hours * 3600 + minutes * 60 + whole + thousandths / 1000


def cues(content: str) -> list[tuple[float, float, str]]:
    found = re.findall(rf"^{TIME} --> {TIME}\n(.+)$", content, re.MULTILINE)
    return [(seconds(one[:4]), seconds(one[4:8]), one[8]) for one in found]


def test_srt() -> None:
    content = as_srt(WORDS, TEXT)
    blocks = content.strip().split("\n\n")
    assert [block.split("\n")[0] for block in blocks] == [str(at + 1) for at in range(len(blocks))]
    found = cues(content)
    assert len(found) == len(blocks) > 3 and found[0][0] == 3600
    assert all(start < end for start, end, _ in found) and all(a[1] <= b[0] for a, b in pairwise(found))
    assert found[0][2] == 'He said <b>, "well & good".' and found[-1][2] == "好的。"
    assert all(len(line) <= 46 for _, _, line in found)
    assert "".join("".join(line for _, _, line in found).split()) == "".join(TEXT.split())


def test_vtt_has_the_time_of_each_word_and_no_markup_of_the_text() -> None:
    content = as_vtt(WORDS, TEXT)
    assert content.startswith("WEBVTT\n\n")
    found = cues(content)
    assert [cue[:2] for cue in found] == [cue[:2] for cue in cues(as_srt(WORDS, TEXT))]
    assert "b&gt;," in found[0][2] and "said &lt;<" in found[0][2] and "&amp;" in found[0][2]
    for start, end, line in found:
        inner = [seconds(one) for one in re.findall(f"<{TIME}>", line)]
        assert inner == sorted(set(inner)) and all(start < at < end for at in inner)
    assert len(re.findall("<0", content)) == len(WORDS) - len(found)


def test_json() -> None:
    content = json.loads(as_json(WORDS, TEXT))
    assert content["text"] == TEXT and len(content["words"]) == len(WORDS)
    assert all(TEXT[word["from"] : word["to"]] == word["text"] for word in content["words"])


def test_words_of_no_length_have_cues_that_players_show() -> None:
    word = SpokenWord("He", 1.0, 1.0, 0, 2)
    ((start, end, line),) = cues(as_srt([word], "He"))
    assert start < end and line == "He"
    assert as_srt([], "He") == "" and as_vtt([], "He") == "WEBVTT\n"


def test_a_segment_that_begins_anew_is_told_from_there() -> None:
    word = SpokenWord("He", 0.5, 0.7, 0, 2)

    def chunk(index: int, length: float, again: bool = False, words: tuple[SpokenWord, ...] = ()) -> AudioChunk:
        return AudioChunk(np.zeros(int(length * 100)), 100, index, "", 1, "", again, words=words)

    clock = SpeechClock()
    for part in (chunk(0, 1.0), chunk(1, 2.0), chunk(1, 1.0, again=True)):
        assert clock.add(part) == ()
    (timed,) = clock.add(chunk(1, 1.0, words=(word,)))
    assert (timed.start, timed.end) == (3.5, 3.7)


def test_files(tmp_path: Path) -> None:
    for kind in ("srt", "vtt", "json"):
        write_subtitles(tmp_path / "new" / f"a.{kind}", WORDS, TEXT)
    assert {path.name for path in (tmp_path / "new").iterdir()} == {"a.srt", "a.vtt", "a.json"}
    with pytest.raises(RequestError, match=r"\.srt"):
        format_of(tmp_path / "a.txt")
    (tmp_path / "file").touch()
    with pytest.raises(OutputError):
        write_subtitles(tmp_path / "file" / "a.srt", WORDS, TEXT)
