"""The page in a real browser as somebody sees it who opens it for the first time: over a stand-in speaker."""

from __future__ import annotations

import dataclasses
import os
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

pytest.importorskip("gradio")
playwright = pytest.importorskip("playwright.sync_api")
tensorboard = pytest.importorskip("torch.utils.tensorboard")

from AR.training.state import write_state  # noqa: E402
from config import PACK_DIR  # noqa: E402
from pages.jobs import JobRunner  # noqa: E402
from pages.runs import Run, data_fingerprint, run_folder  # noqa: E402
from pages.training_wish import TrainingWish  # noqa: E402
from pages.voice_folder import VoiceFolder  # noqa: E402
from tools.i18n.translator import texts  # noqa: E402

pytestmark = pytest.mark.ui

RATE = 16000
playwright.expect.set_options(timeout=float(os.environ.get("UI_PATIENCE", "60")) * 1000)
DONE = re.compile(r"[\d.]+ s of speech in [\d.]+ s")
Visit = Callable[..., Any]


def prepared(folder: Path) -> VoiceFolder:
    """A voice with a list, prepared data, and an AR training that was stopped after seven of twelve epochs."""
    voice = VoiceFolder(folder / "anna")
    (voice.folder / "sliced").mkdir(parents=True)
    for number in range(3):
        soundfile.write(voice.sliced / f"clip {number}.wav", np.full(RATE, 0.1), RATE)
    voice.list_path.write_text("".join(f"sliced/clip {n}.wav|anna|en|Sentence {n}.\n" for n in range(3)))
    for name in ("2-name2text.txt", "6-name2semantic.tsv"):
        (voice.folder / name).write_text("x\n")
    wish = TrainingWish("s1", "anna", 12, 8, 0, 4, "cpu", "qwen3_further")
    weights = folder / "GPT_weights_v2"
    run = Run(run_folder(voice, "s1", "anna"), wish, PACK_DIR.name, weights, data_fingerprint(voice, "s1"), "stopped")
    run.write()
    write_state(run.states / "state.pt", {"position": {"epoch": 7, "step": 70, "minutes": 1.0}})
    writer = tensorboard.SummaryWriter(str(run.states / "tb"))
    for step in (1, 2, 3, 4, 5, 10, 20, 30, 40, 50, 60, 70):
        writer.add_scalar("train/token_loss", 5 - step / 20, step)
    writer.add_scalar("held_out/token_loss", 3.0, 70)
    writer.close()
    return voice


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a main page over the stand-in, in each visitor's language."""
    parts: Any = sys.modules[next(name for name in sys.modules if name.endswith("pages.conftest"))]
    folder = tmp_path_factory.mktemp("page")
    context = parts.make_toy_context(parts.Toy(pause=0.1), folder, language="auto", exp_root=folder / "logs")
    prepared(folder / "logs")
    runner = JobRunner(folder / "logs" / "jobs")
    with parts.serving(dataclasses.replace(context, new_runner=lambda: runner), main_page=True) as url:
        yield url
    runner.close(grace_seconds=0.1)


@pytest.fixture(scope="module")
def page(site: str, visit: Visit) -> Any:
    page = visit(site)
    page.set_viewport_size({"width": 1440, "height": 900})
    playwright.expect(page.locator("#voice-status")).to_contain_text("Speaking:")
    return page


def bottom(page: Any, selector: str) -> float:
    box = page.locator(selector).bounding_box()
    assert box is not None
    return float(box["y"] + box["height"])


def speak(page: Any, text: str) -> str:
    page.fill("#text textarea", text)
    page.locator("#text textarea").press("Control+Enter")
    field = page.locator("#progress textarea")
    playwright.expect(field).to_have_value(DONE)
    playwright.expect(page.locator("#history .speech-row").first).to_contain_text(text[:40])
    return str(field.input_value())


def test_all_that_is_needed_is_on_one_screen(page: Any, snap: Any) -> None:
    assert speak(page, "Everything on one screen.")
    for part in (
        "#text",
        "#speak",
        "#progress",
        "#live audio",
        "#voice-cards",
        "#voice-status",
        "#history .speech-row",
    ):
        assert bottom(page, part) <= 900, part
    assert page.locator("audio:visible").count() == 1, "one player"
    page.set_viewport_size({"width": 420, "height": 860})
    page.evaluate("scrollTo(0, 0)")
    assert bottom(page, "#speak") <= 860 and bottom(page, "#live audio") <= 860
    assert page.evaluate("document.documentElement.scrollWidth") <= 420, "nothing is wider than the screen"
    snap(page, "inference-narrow")
    page.set_viewport_size({"width": 1440, "height": 900})


def test_keys_text_and_the_list_of_speeches(page: Any, site: str, visit: Visit) -> None:
    speak(page, "Hello there. How are you?")
    row = page.locator("#history .speech-row").first
    playwright.expect(row.locator("a")).to_have_attribute("download", "Hello there How are you.wav")
    link = row.locator("a").evaluate("link => link.href")
    assert page.request.get(link).body()[:4] == b"RIFF"
    assert page.locator("#history .speech-row").count() >= 2
    row.locator("button").click()
    page.wait_for_function("() => document.querySelector('#live audio').duration > 0.4")
    page.reload()
    page.wait_for_selector("#speak")
    playwright.expect(page.locator("#text textarea")).to_have_value("Hello there. How are you?")
    playwright.expect(row).to_contain_text("Hello there. How are you?")
    assert page.request.get(row.locator("a").evaluate("link => link.href")).body()[:4] == b"RIFF"
    other = visit(site)  # another browser
    playwright.expect(other.locator("#history")).to_contain_text("Nothing yet")
    assert other.locator("#history .speech-row").count() == 0
    page.click("#example")
    playwright.expect(page.locator("#text textarea")).to_have_value(re.compile("bright morning"))


def test_what_was_spoken_until_stop_is_kept(page: Any) -> None:
    page.fill("#text textarea", "word " * 400)
    page.click("#speak")
    playwright.expect(page.locator("#progress textarea")).to_have_value(re.compile(r"Sentence [3-9]"))
    page.click("#stop")
    playwright.expect(page.locator("#progress textarea")).to_have_value(re.compile("Stopped after"))
    playwright.expect(page.locator("#history .speech-row").first).to_contain_text("stopped")
    page.wait_for_function("() => document.querySelector('#live audio').duration > 0.2")


def test_each_line_becomes_a_file(page: Any) -> None:
    page.fill("#text textarea", "One two.\nThree four.")
    page.get_by_text("Many lines to files").click()
    page.click("#lines-start")
    playwright.expect(page.locator("#lines-said")).to_contain_text("2 of 2 lines")
    link = page.locator("#lines-link a")
    playwright.expect(link).to_have_attribute("download", "One two.zip")
    assert page.request.get(link.evaluate("link => link.href")).body()[:2] == b"PK"


def test_a_reference_becomes_a_card(page: Any, tmp_path: Path) -> None:
    clip = tmp_path / "my clip.wav"
    soundfile.write(clip, 0.3 * np.sin(np.arange(2 * RATE) / 20), RATE)
    page.locator("#reference input[type=file]").set_input_files(clip)
    playwright.expect(page.locator("#reference-note")).to_contain_text("lasts 2.0 s")
    page.locator("#voice-name input, #voice-name textarea").first.fill("Anna")
    page.click("#voice-save")
    card = page.locator("#voice-cards").get_by_text("Anna")
    playwright.expect(card).to_be_visible()
    page.reload()
    page.wait_for_selector("#speak")
    card.click()
    playwright.expect(page.locator("#voice-remove")).to_be_visible()
    speak(page, "A saved voice speaks.")
    download = page.locator("#history .speech-row a").first
    playwright.expect(download).to_have_attribute("download", "Anna - A saved voice speaks.wav")
    page.click("#voice-remove")
    playwright.expect(page.locator(".toast-body", has_text="Press again").first).to_be_visible()
    page.click("#voice-remove")
    playwright.expect(card).to_have_count(0)


def test_language_and_theme_are_switched_and_stay(page: Any) -> None:
    page.click("#theme")
    dark = page.evaluate("document.body.classList.contains('dark')")
    page.locator("#page-language input").click()
    page.get_by_role("option", name="日本語").click()
    playwright.expect(page.locator("#speak")).to_have_text(texts("ja_JP")["inference.speak"])
    assert page.evaluate("document.body.classList.contains('dark')") == dark
    speak_word = page.locator("#progress textarea")
    page.fill("#text textarea", "こんにちは")
    page.click("#speak")
    playwright.expect(speak_word).to_have_value(re.compile("シード|seed"))
    page.click("#theme")
    page.locator("#page-language input").click()
    page.get_by_role("option", name="English").click()
    playwright.expect(page.locator("#speak")).to_have_text("Speak")


def test_others_see_who_speaks(page: Any, site: str, visit: Visit) -> None:
    other = visit(site)
    playwright.expect(other.locator("#voice-status")).to_contain_text("AR model (original)")
    page.locator("#lm-on input").check()
    playwright.expect(other.locator("#voice-status")).to_contain_text("language model gsv-tiny")
    playwright.expect(other.locator("#lm-on input")).to_be_checked()
    page.locator("#lm-on input").uncheck()
    playwright.expect(other.locator("#voice-status")).to_contain_text("AR model (original)")


def test_a_training_is_gone_on_with_from_the_list(page: Any, snap: Any) -> None:
    page.get_by_role("tab", name="Training").click()
    voice = page.locator("#training-voice input")
    voice.fill("anna")
    voice.press("Enter")
    page.wait_for_timeout(1000)
    runs = page.locator("#training-run input")
    runs.click()
    page.get_by_role("option", name=re.compile("anna.*epoch 7 of 12")).click()
    playwright.expect(page.locator("#training-start")).to_have_text("Go on from epoch 8")
    playwright.expect(page.locator("#training-epochs input")).to_have_value("12")
    playwright.expect(page.locator("#training-name input, #training-name textarea").first).to_be_disabled()
    playwright.expect(page.locator("#training-legend")).to_contain_text("loss on clips that are not trained on")
    axis = page.locator("#training-losses svg, #training-losses canvas").first
    playwright.expect(axis).to_be_visible()
    page.locator("#training-epochs input").fill("7")
    page.click("#training-start")
    playwright.expect(page.locator(".toast-body", has_text="Nothing to do").first).to_be_visible()
    page.click("#training-remove")
    playwright.expect(page.locator("#training-note")).to_contain_text('Press "Remove" again')
    snap(page, "training-run")
    page.click("#training-remove")
    playwright.expect(runs).to_have_value(re.compile("a new one"))
