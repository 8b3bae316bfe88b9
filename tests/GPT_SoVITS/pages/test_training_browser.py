"""The whole path in a real browser: three short recordings become a trained language model in the inference list."""

from __future__ import annotations

import dataclasses
import importlib.util
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
from tools.recordings.list_rows import ListRow, path_in_list, read_rows, write_rows  # noqa: E402
from tools.whisper_base import PARTS  # noqa: E402
from TTS_infer_pack import language_model  # noqa: E402

pytestmark = [
    pytest.mark.ui,
    pytest.mark.skipif(not (PACK_DIR / "pack.json").is_file(), reason="no voice pack in this checkout"),
]

PATIENCE = 1500_000
"""Milliseconds for a step on a busy machine."""
WORDS = "Late that night Mother came up and kissed all three children as they lay asleep."
CAN_HEAR = all(importlib.util.find_spec(package) for package in ("faster_whisper", *PARTS))


@pytest.fixture
def place(context: PageContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PageContext]:
    """The main page's surroundings, everything below ``tmp_path``."""
    monkeypatch.setattr(language_model, "LM_ROOT", tmp_path / "lm")
    runner = JobRunner(tmp_path / "logs" / "jobs")
    yield dataclasses.replace(
        context, settings=dataclasses.replace(context.settings, exp_root=tmp_path / "logs"),
        weights=WeightRoots(tmp_path, tmp_path / "lm"), new_runner=lambda: runner,
    )  # fmt: skip
    runner.close(grace_seconds=1)


@pytest.fixture
def site(place: PageContext, served: Callable[..., Any]) -> Iterator[str]:
    with served(place, main_page=True) as url:
        yield url


def recordings(folder: Path) -> list[Path]:
    """Three recordings of a voice: the pack's clip at three loudnesses, with quiet around."""
    folder.mkdir()
    clip = sorted((PACK_DIR / "reference").glob("*.wav"))[0]
    samples, rate = soundfile.read(clip)
    quiet = np.zeros(rate // 2)
    paths = [folder / f"recording {number}.wav" for number in range(3)]
    for path, share in zip(paths, (1.0, 0.8, 0.6), strict=True):
        soundfile.write(path, np.concatenate([quiet, share * samples, quiet]), rate)
    return paths


def choose(page: Any, selector: str, text: str) -> None:
    field = page.locator(f"{selector} input")
    field.fill(text)
    field.press("Enter")


def waits_for(page: Any, tab: str, text: str | re.Pattern[str]) -> None:
    playwright.expect(page.locator(f"#{tab}-jobs")).to_contain_text(text, timeout=PATIENCE)


@pytest.mark.skip(reason="never finished; since its page is served from a thread it was not run again (issue 6)")
def test_three_recordings_become_a_language_model_in_the_list(
    site: str, place: PageContext, visit: Callable[..., Any], snap: Any, tmp_path: Path
) -> None:
    page = visit(site)
    page.get_by_role("tab", name="Data set").click()
    choose(page, "#dataset-voice", "anna")
    page.set_input_files("#dataset-files input[type=file]", recordings(tmp_path / "in"))
    playwright.expect(page.locator("#dataset-files")).to_contain_text("recording 2", timeout=PATIENCE)
    page.click("#dataset-start")
    waits_for(page, "dataset", re.compile("Cut the recordings of anna – done"))
    written = tmp_path / "logs" / "anna" / "anna.list"
    if CAN_HEAR:
        waits_for(page, "dataset", re.compile("Write down what anna says – done"))
        assert len(read_rows(written)) == 3
    else:
        waits_for(page, "dataset", re.compile(r"failed.*\[asr\]"))
        pieces = sorted((tmp_path / "logs" / "anna" / "sliced").iterdir())
        write_rows(written, [ListRow(path_in_list(piece, written), "anna", "en", WORDS) for piece in pieces])
    snap(page, "dataset")

    page.click("#list-load")
    cell = page.locator("#list-table td:visible").filter(has_text="Late that night").first
    playwright.expect(cell).to_be_visible(timeout=PATIENCE)
    cell.click()
    playwright.expect(page.locator("#list-player a[download]")).to_be_attached(timeout=PATIENCE)
    page.click("#list-save")
    playwright.expect(page.get_by_text("3 rows saved")).to_be_visible(timeout=PATIENCE)

    page.get_by_role("tab", name="Training").click()
    playwright.expect(page.locator("#training-base input")).to_have_value("gsv-tiny", timeout=PATIENCE)
    choose(page, "#training-voice", "anna")
    page.click("#training-prepare")
    waits_for(page, "training", re.compile("Prepare the data of anna – (running|done)"))
    for name, value in (("name", "anna-lm"), ("epochs", "1"), ("batch-size", "8")):
        page.locator(f"#training-{name} input, #training-{name} textarea").first.fill(value)
    page.click("#training-start")
    waits_for(page, "training", re.compile("Prepare the data of anna – done"))
    for stage in ("text", "audio", "tokens"):
        assert f"{stage}: 3 clips" in _log(place, "prepare")
    waits_for(page, "training", re.compile("Train Language model: anna-lm – done"))
    assert (tmp_path / "lm" / "anna-lm" / "t2s_config.json").is_file()
    playwright.expect(page.locator("#training-losses svg, #training-losses canvas").first).to_be_visible(
        timeout=PATIENCE)  # fmt: skip
    page.reload()
    page.get_by_role("tab", name="Training").click()
    waits_for(page, "training", re.compile("Train Language model: anna-lm – done"))
    snap(page, "training")

    page.get_by_role("tab", name="Speak").click()
    page.check("#lm-on input")
    page.locator("#lm-name input").click(timeout=PATIENCE)
    playwright.expect(page.get_by_role("option", name=re.compile("^anna-lm"))).to_be_visible(timeout=PATIENCE)


def _log(place: PageContext, kind: str) -> str:
    assert place.new_runner is not None
    return place.new_runner().views(kind)[0].log_path.read_text(encoding="utf-8")
