"""The whole path in a real browser: three short recordings become a trained language model in the inference list."""

from __future__ import annotations

import dataclasses
import importlib.util
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

pytest.importorskip("gradio")
playwright = pytest.importorskip("playwright.sync_api")
for package in ("accelerate", "tensorboard"):
    pytest.importorskip(package)

from config import PACK_DIR  # noqa: E402
from pages.context import PageContext, WeightRoots  # noqa: E402
from pages.jobs import JobRunner  # noqa: E402
from pages.lm_group import LM_LABEL  # noqa: E402
from pages.voice import Voice  # noqa: E402
from tools.recordings.list_rows import ListRow, path_in_list, read_rows, write_rows  # noqa: E402
from tools.whisper_base import PARTS  # noqa: E402
from TTS_infer_pack import language_model  # noqa: E402

pytestmark = [
    pytest.mark.ui,
    pytest.mark.skipif(not (PACK_DIR / "pack.json").is_file(), reason="no voice pack in this checkout"),
]

PATIENCE = 5000 * float(os.environ.get("UI_PATIENCE", "60"))
"""Milliseconds for a step; a job or the loading of a model is one."""
WORDS = "Late that night Mother came up and kissed all three children as they lay asleep."
CORRECTED = "Late that night Mother came up and kissed the three children as they lay asleep."
CAN_HEAR = all(importlib.util.find_spec(package) for package in ("faster_whisper", *PARTS))
SPOKEN = re.compile(r"[\d.]+ s of speech in [\d.]+ s.*anna-lm")


@pytest.fixture
def place(context: PageContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PageContext]:
    """The main page's surroundings over the pack, everything that is written below ``tmp_path``."""
    monkeypatch.setattr(language_model, "LM_ROOT", tmp_path / "lm")
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(context.uploads))  # as serve.py does: the page reads uploads there alone
    runner = JobRunner(tmp_path / "logs" / "jobs")
    yield dataclasses.replace(
        context,
        settings=dataclasses.replace(context.settings, exp_root=tmp_path / "logs"),
        voice=Voice(),
        weights=WeightRoots(tmp_path, tmp_path / "lm"),
        new_runner=lambda: runner,
    )
    runner.close(grace_seconds=1)


@pytest.fixture
def page(place: PageContext, served: Callable[..., Any], visit: Callable[..., Any]) -> Iterator[Any]:
    """The main page in a browser, its voice loaded."""
    with served(place, main_page=True) as url:
        page = visit(url)
        page.set_default_timeout(PATIENCE)
        shows(page.locator("#voice-status"), "Speaking: AR model")
        yield page


def shows(place: Any, text: str | re.Pattern[str]) -> None:
    playwright.expect(place).to_contain_text(text, timeout=PATIENCE)


def recordings(folder: Path) -> list[Path]:
    """Three recordings of a voice: the pack's clip at three loudnesses, with quiet around."""
    folder.mkdir()
    clip = sorted((PACK_DIR / "reference").glob("*.wav"))[0]
    samples, rate = soundfile.read(clip)
    samples = samples[: 3 * rate]  # too short to be cut at a pause
    quiet = np.zeros(rate // 2)
    paths = [folder / f"recording {number}.wav" for number in range(3)]
    for path, share in zip(paths, (1.0, 0.8, 0.6), strict=True):
        soundfile.write(path, np.concatenate([quiet, share * samples, quiet]), rate)
    return paths


def choose(page: Any, selector: str, text: str) -> None:
    field = page.locator(f"{selector} input")
    field.fill(text)
    field.press("Enter")


def job_ends(page: Any, runner: JobRunner, tab: str, title: str) -> str:
    """Wait until the page says that the job of this title is done; gives its log.

    A job that went wrong is told at once, with its own last lines.
    """
    line = page.locator(f"#{tab}-jobs p", has_text=title).last
    shows(line, re.compile("done|failed|stopped"))
    log = next(view for view in runner.views() if str(view.spec.title) == title).log_path.read_text(encoding="utf-8")
    assert "done" in line.inner_text(), f"{line.inner_text()}\n{log[-2000:]}"
    return log


def test_three_recordings_become_a_language_model_in_the_list(
    page: Any, place: PageContext, snap: Any, tmp_path: Path
) -> None:
    assert place.new_runner is not None
    runner, voice = place.new_runner(), tmp_path / "logs" / "anna"
    make_list(page, runner, voice, tmp_path / "in")
    snap(page, "dataset")
    proofread(page, voice / "anna.list")
    train(page, runner)
    assert (tmp_path / "lm" / "anna-lm" / "t2s_config.json").is_file()
    snap(page, "training")
    speak_with_it(page)
    page.reload()  # jobs belong to the server
    page.get_by_role("tab", name="Training").click()
    shows(page.locator("#training-jobs"), "Train Language model: anna-lm")


def make_list(page: Any, runner: JobRunner, voice: Path, folder: Path) -> None:
    """Recordings are cut and written down."""
    page.get_by_role("tab", name="Data set").click()
    choose(page, "#dataset-voice", "anna")
    page.set_input_files("#dataset-files input[type=file]", recordings(folder))
    shows(page.locator("#dataset-files"), "recording 2")
    page.click("#dataset-start")
    job_ends(page, runner, "dataset", "Cut the recordings of anna")
    written = voice / "anna.list"
    if CAN_HEAR:
        job_ends(page, runner, "dataset", "Write down what anna says")
        assert len(read_rows(written)) == 3
        return
    shows(page.locator("#dataset-jobs"), re.compile(r"failed.*\[asr\]"))
    pieces = sorted((voice / "sliced").iterdir())
    write_rows(written, [ListRow(path_in_list(piece, written), "anna", "en", WORDS) for piece in pieces])


def proofread(page: Any, written: Path) -> None:
    """The list is shown, a row is heard and corrected, the list is saved."""
    page.click("#list-load")
    cell = page.locator("#list-table").get_by_role("gridcell").filter(has_text="Late that night").first
    playwright.expect(cell).to_be_visible(timeout=PATIENCE)
    cell.click()
    playwright.expect(page.locator("#list-player a[download]")).to_be_attached(timeout=PATIENCE)
    cell.dblclick()
    page.keyboard.press("Control+A")
    page.keyboard.type(CORRECTED)
    page.keyboard.press("Enter")
    page.click("#list-save")
    playwright.expect(page.get_by_text("3 rows saved")).to_be_visible(timeout=PATIENCE)
    assert CORRECTED in [row.text for row in read_rows(written)]


def train(page: Any, runner: JobRunner) -> None:
    """The data are prepared and a new small language model learns one step from them."""
    page.get_by_role("tab", name="Training").click()
    playwright.expect(page.locator("#training-base input")).to_have_value("gsv-tiny", timeout=PATIENCE)
    choose(page, "#training-voice", "anna")
    page.click("#training-prepare")
    shows(page.locator("#training-jobs"), "Prepare the data of anna")
    for name, value in (("name", "anna-lm"), ("epochs", "1"), ("batch-size", "8")):
        page.locator(f"#training-{name} input, #training-{name} textarea").first.fill(value)
    page.click("#training-start")  # it waits for the data
    shows(page.locator("#training-jobs"), "Train Language model: anna-lm")
    log = job_ends(page, runner, "training", "Prepare the data of anna")
    assert all(f"{stage}: 3 clips" in log for stage in ("text", "audio", "tokens"))
    job_ends(page, runner, "training", "Train Language model: anna-lm")
    playwright.expect(page.locator("#training-losses svg, #training-losses canvas").first).to_be_visible(
        timeout=PATIENCE
    )


def speak_with_it(page: Any) -> None:
    """The new model is in the list of the page that was open all the time, can be chosen, and there is speech."""
    status, name = page.locator("#voice-status"), page.locator("#lm-name input")
    page.get_by_role("tab", name="Speak").click()
    page.get_by_label(LM_LABEL).check()
    shows(status, "language model gsv-tiny")
    name.click()
    page.get_by_role("option", name=re.compile("^anna-lm")).click()
    shows(status, "language model anna-lm")
    page.fill("#text textarea", "Hello.")
    page.click("#speak")
    playwright.expect(page.locator("#progress textarea")).to_have_value(SPOKEN, timeout=PATIENCE)
    playwright.expect(page.locator("#history .speech-row a[download]").first).to_be_attached(timeout=PATIENCE)


def test_a_model_that_cannot_speak_yet_is_taught_from_where_it_was_chosen(
    page: Any, place: PageContext, snap: Any
) -> None:
    assert place.new_runner is not None
    page.set_viewport_size({"width": 1440, "height": 900})
    teach, name = page.locator("#lm-teach"), page.locator("#lm-name input")
    page.get_by_label(LM_LABEL).check()
    shows(page.locator("#voice-status"), "language model gsv-tiny")
    playwright.expect(teach).to_be_hidden()  # it can speak
    name.click()
    page.get_by_role("option").filter(has_text="Qwen3-1.7B").filter(has_text="teach it").click()
    playwright.expect(teach).to_be_visible(timeout=PATIENCE)
    snap(page, "teach", whole=False)
    teach.click(timeout=PATIENCE)
    playwright.expect(page.locator("#teaching-backbone input")).to_have_value("Qwen/Qwen3-1.7B", timeout=PATIENCE)
    choose(page, "#teaching-backbone", str(PACK_DIR / "lm" / "backbone"))  # no model hub in tests
    page.locator("#teaching-name textarea, #teaching-name input").first.fill("anna-lm")
    page.click("#teaching-tell")
    log = job_ends(page, place.new_runner(), "teaching", "What teaching anna-lm will take")
    assert "memory for training on cpu" in log and "time: speaking about" in log, log
