"""Words and their times as subtitles: JSON, SRT and WebVTT.

Knows words and seconds; knows nothing of networks or HTTP.
"""

from __future__ import annotations

import contextlib
import html
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from errors import OutputError, RequestError
from TTS_infer_pack.request import AudioChunk
from TTS_infer_pack.word_times import MARKUP, SpokenWord

LINE = 42
"""Most characters of a cue's line, as players and broadcasters advise; characters of double width count twice."""
PAUSE = 0.6
"""Seconds of silence that begin a new cue."""
ENDS = frozenset(".!?。！？…\n")
SHORTEST = 0.001
"""Seconds of a cue at least: players drop a cue that ends where it begins."""


class SpeechClock:
    """Tells the words of chunks by the seconds of the whole speech, as whoever hears the chunks one by one hears them.

    A segment that begins anew is timed from where it does.

    Args:
        before: seconds of sound before the first chunk.
    """

    def __init__(self, before: float = 0.0) -> None:
        self._seconds = self._begun = before
        self._index = -1

    def add(self, chunk: AudioChunk) -> tuple[SpokenWord, ...]:
        """The words of the next chunk; () before the last piece of a segment."""
        if chunk.index != self._index or chunk.again:
            self._index, self._begun = chunk.index, self._seconds
        self._seconds += len(chunk.samples) / chunk.sample_rate
        return tuple(word.later(self._begun) for word in chunk.words)


def as_rows(words: Sequence[SpokenWord]) -> list[dict[str, Any]]:
    """Words for JSON: ``text``, ``start`` and ``end`` in seconds, and their characters ``from`` and ``to``."""
    return [
        {"text": w.text, "start": round(w.start, 3), "end": round(w.end, 3), "from": w.first, "to": w.last}
        for w in words
    ]


def as_json(words: Sequence[SpokenWord], text: str) -> str:
    """The text and its words, as :func:`as_rows`."""
    return json.dumps({"text": text, "words": as_rows(words)}, ensure_ascii=False, indent=1) + "\n"


def as_srt(words: Sequence[SpokenWord], text: str) -> str:
    """SubRip: cues of a line each, cut at the ends of sentences, at pauses and between words."""
    cues = [
        f"{number}\n{_clock(start, ',')} --> {_clock(end, ',')}\n{line}\n"
        for number, (start, end, line) in enumerate(_lines(words, text, _plain), start=1)
    ]
    return "\n".join(cues)


def as_vtt(words: Sequence[SpokenWord], text: str) -> str:
    """WebVTT: the same cues, in which each word has its own time."""
    cues = [
        f"{_clock(start, '.')} --> {_clock(end, '.')}\n{line}\n" for start, end, line in _lines(words, text, _timed)
    ]
    return "\n".join(["WEBVTT\n", *cues])


FORMATS: Mapping[str, Callable[[Sequence[SpokenWord], str], str]] = {"json": as_json, "srt": as_srt, "vtt": as_vtt}
"""(words, text of the request) -> content of a file, by its suffix."""


def format_of(path: Path) -> str:
    """The format that a file's name asks for.

    Raises:
        RequestError: another suffix.
    """
    kind = path.suffix.lower().lstrip(".")
    if kind not in FORMATS:
        raise RequestError(
            f"subtitles cannot be written as {path.name!r}", "a name that ends in ." + ", .".join(FORMATS)
        )
    return kind


def write_subtitles(path: Path, words: Sequence[SpokenWord], text: str) -> None:
    """Write words as the file's suffix says; the file appears whole or not at all.

    Raises:
        RequestError: another suffix.
        OutputError: the file cannot be written.
    """
    content = FORMATS[format_of(path)](words, text)
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.tmp{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(content, encoding="utf-8")
        os.replace(temporary, path)
    except OSError as error:
        what = f"{path} cannot be written ({error.strerror})"
        raise OutputError(what, "a writable folder with free space", "choose another path") from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


# -- cues ------------------------------------------------------------------------------------------------------------

Cue = tuple[float, float, str]
"""Seconds from, to, and the line."""


def _lines(words: Sequence[SpokenWord], text: str, line: Callable[[Sequence[SpokenWord], str], str]) -> Iterator[Cue]:
    """Cues that do not overlap."""
    groups = list(_grouped(words, text))
    for number, group in enumerate(groups):
        following = groups[number + 1][0].start if number + 1 < len(groups) else float("inf")
        start = group[0].start
        yield start, max(start + SHORTEST, min(group[-1].end, following)), line(group, text)


def _grouped(words: Sequence[SpokenWord], text: str) -> Iterator[list[SpokenWord]]:
    """Words of one cue each."""
    group: list[SpokenWord] = []
    for word in words:
        if group:
            between = text[group[-1].last : word.first]
            long = _width(text[group[0].first : word.last]) > LINE
            if long or word.start - group[-1].end > PAUSE or not ENDS.isdisjoint(between):
                yield group
                group = []
        group.append(word)
    if group:
        yield group


def _width(text: str) -> int:
    return sum(2 if ord(character) > 0x2E7F else 1 for character in text)


def _tail(group: Sequence[SpokenWord], text: str) -> str:
    """Marks after a cue's last word, up to a space or the next word."""
    end = group[-1].last
    while end < len(text) and not text[end].isspace() and not text[end].isalnum():
        end += 1
    return text[group[-1].last : end].split("[", 1)[0]


def _plain(group: Sequence[SpokenWord], text: str) -> str:
    line = MARKUP.sub("", text[group[0].first : group[-1].last]) + _tail(group, text)
    return " ".join(line.split())


def _timed(group: Sequence[SpokenWord], text: str) -> str:
    """A line in which every word but the first has its time, in angle brackets."""
    parts = [html.escape(group[0].text, quote=False)]
    for before, word in pairwise(group):
        between = html.escape(MARKUP.sub("", text[before.last : word.first]), quote=False)
        parts += [between, f"<{_clock(word.start, '.')}>", html.escape(word.text, quote=False)]
    parts.append(html.escape(_tail(group, text), quote=False))
    return " ".join("".join(parts).split())


def _clock(seconds: float, point: str) -> str:
    """hh:mm:ss and milliseconds after ``point``."""
    whole, thousandths = divmod(round(seconds * 1000), 1000)
    return f"{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02}{point}{thousandths:03}"
