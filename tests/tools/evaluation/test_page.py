"""The page: whole, safe, the worst first, with audio that plays."""

from __future__ import annotations

import logging
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import soundfile

from errors import OutputError
from tools.evaluation.page import write_page
from tools.evaluation.report import SystemResult, TableResult, Take
from tools.evaluation.scoring import ErrorCount
from tools.evaluation.store import Store

VOID = {"meta", "br"}


class Reader(HTMLParser):
    """Collects text and players; every element must be closed in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.players: list[str] = []
        self.words: list[str] = []
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        if tag not in VOID:
            self.open.append(tag)
        if tag == "audio":
            self.players.append(dict(attrs)["src"] or "")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def results(store: Store) -> list[TableResult]:
    """Two systems, two sentences; the second one went worse, and one take is not in the store."""
    keys = [store.keep_audio((1000 * np.sin(np.arange(11025) / (9 + n))).astype(np.int16), 22050) for n in range(3)]
    systems = [
        SystemResult(
            name,
            [
                Take(0, "Good <b>one</b>.", "good", ErrorCount(words=2), 0.5, audio=keys[0]),
                Take(
                    1, "Bad one.", "x & y", ErrorCount(2, 0, 0, 2), 0.5, audio=key, seed=7, retries=2, category="long"
                ),
            ],
        )
        for name, key in (("tts-ar", keys[1]), ("tts-lm", "lost"))
    ]
    return [TableResult("hard", "WER", systems)]


def test_a_page_that_a_browser_can_read(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    store = Store(tmp_path / "store")
    with caplog.at_level(logging.WARNING):
        page = write_page(tmp_path / "page", results(store), store)
    reader = Reader()
    reader.feed(page.read_text(encoding="utf-8"))
    reader.close()
    assert reader.open == [] and "b" not in reader.tags
    text = " ".join(reader.words)
    assert text.index("Bad one.") < text.index("Good <b>one</b>.") and "x & y" in text and "retries 2" in text
    assert "tts-lm makes 1.00 (1.00 to 1.00) times the errors of tts-ar" in text
    assert len(reader.players) == 3 and "lost" in caplog.text
    for source in reader.players:
        samples, rate = soundfile.read(page.parent / source)
        assert rate == 24000 and abs(len(samples) / rate - 0.5) < 0.05 and np.abs(samples).max() > 0.01
    outside = [word for word in ("http://", "https://", "src='/") if word in page.read_text(encoding="utf-8")]
    assert not outside


def test_a_second_run_writes_it_again_and_a_file_in_the_way_is_an_error(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    first = write_page(tmp_path / "page", results(store), store).read_text(encoding="utf-8")
    assert write_page(tmp_path / "page", results(store), store).read_text(encoding="utf-8") == first
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot be written"):
        write_page(tmp_path / "file", results(store), store)
