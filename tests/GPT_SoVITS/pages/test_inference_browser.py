"""The inference page in a real browser: over a stand-in speaker, and the real server on the pack.

make test-ui                                       # both
UI_SCREENSHOTS=docs/images make test-ui            # and the screenshots of docs/webui.md
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

pytest.importorskip("gradio")
playwright = pytest.importorskip("playwright.sync_api")

from config import LOOPBACK, PACK_DIR, REPO_ROOT  # noqa: E402
from pages.lm_group import LM_LABEL  # noqa: E402
from tools.i18n.translator import texts  # noqa: E402

pytestmark = pytest.mark.ui

RATE = 16000
PATIENCE_SECONDS = float(os.environ.get("UI_PATIENCE", "60"))
playwright.expect.set_options(timeout=PATIENCE_SECONDS * 1000)  # its own 5 s are too short to load a model in
LONG_TEXT = "This is one of many sentences. " * 600
DONE = re.compile(r"[\d.]+ s of speech in [\d.]+ s")
START_SECONDS = 600
PACK_SPEAKS = pytest.mark.skipif(not (PACK_DIR / "pack.json").is_file(), reason="no voice pack in this checkout")

Visit = Callable[..., Any]


@pytest.fixture(scope="module")
def parts() -> Any:
    """The stand-ins of conftest.py."""
    return sys.modules[next(name for name in sys.modules if name.endswith("pages.conftest"))]


@pytest.fixture(scope="module")
def stand_in(parts: Any) -> Any:
    return parts.Toy(pause=0.15)


@pytest.fixture(scope="module")
def trained(parts: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a language model that somebody trained, outside the project."""
    return parts.steady_lm(tmp_path_factory.mktemp("models") / "steady")


@pytest.fixture(params=["stand-in", pytest.param("pack", marks=PACK_SPEAKS)], scope="module")
def site(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, parts: Any, stand_in: Any, trained: Path
) -> Iterator[str]:
    """Address of an inference page: over the stand-in in this process, then of the command that users start."""
    folder = tmp_path_factory.mktemp("site")
    if request.param == "pack":
        yield from _started(folder, "--allow", str(trained.parent))
        return
    with parts.serving(parts.make_toy_context(stand_in, folder, allow=(trained.parent,))) as url:
        yield url


def _started(folder: Path, *arguments: str) -> Iterator[str]:
    command = [sys.executable, "GPT_SoVITS/inference_webui.py", "en_US", "--port", "0", *arguments]
    log = folder / "log"
    roots = os.pathsep.join([str(REPO_ROOT), str(REPO_ROOT / "GPT_SoVITS")])
    with log.open("wb") as stream:
        server = subprocess.Popen(
            command, cwd=REPO_ROOT, stdout=stream, stderr=stream, env=os.environ | {"PYTHONPATH": roots}
        )
    try:
        deadline = time.monotonic() + START_SECONDS
        while not (found := re.search(r"opens on (http://[\d.:]+)", log.read_text(encoding="utf-8"))):
            assert server.poll() is None and time.monotonic() < deadline, log.read_text(encoding="utf-8")
            time.sleep(0.1)
        assert LOOPBACK in found[1]
        yield f"{found[1]}/"
    finally:
        server.terminate()
        server.wait(START_SECONDS)


def is_pack(request: pytest.FixtureRequest) -> bool:
    return "pack" in request.node.name


def ready(page: Any) -> Any:
    """``page``, when its voice is loaded."""
    playwright.expect(page.locator("#voice-status")).to_contain_text("Speaking:", timeout=START_SECONDS * 1000)
    return page


@pytest.fixture(scope="module")
def page(site: str, visit: Visit) -> Any:
    """One visitor, who does all there is to do; drawing a new page for each test would take most of the time."""
    page = visit(site)
    page.set_viewport_size({"width": 1440, "height": 900})
    return ready(page)


def say(page: Any, text: str) -> None:
    """Write and press Speak, again where it is not taken: a stopped speech that is still ending holds the button."""
    page.evaluate("document.querySelector('#progress textarea').value = ''")  # what is read next is new
    page.fill("#text textarea", text)
    for _ in range(10):
        page.click("#speak")
        try:
            playwright.expect(page.locator("#progress textarea")).not_to_have_value("", timeout=4000)
        except AssertionError:
            continue
        return


def progress(page: Any, pattern: re.Pattern[str]) -> str:
    field = page.locator("#progress textarea")
    playwright.expect(field).to_have_value(pattern)
    return str(field.input_value())


def spoken(page: Any, text: str) -> tuple[str, bytes]:
    """The summary and the wav of ``text``, by the page's own download link."""
    say(page, text)
    return heard(page)


def heard(page: Any) -> tuple[str, bytes]:
    """The same of what was asked for last."""
    summary = progress(page, DONE)
    seed = re.search(r"seed \d+", summary)
    row = page.locator("#history .speech-row").first
    playwright.expect(row).to_contain_text(seed[0] if seed else "")  # the list follows the summary
    link = row.locator("a[download]").first.evaluate("link => link.href")
    return summary, page.request.get(link).body()


def test_speaks_with_the_ar_model(page: Any, snap: Any, request: pytest.FixtureRequest) -> None:
    summary, sound = spoken(page, "Hello there. How are you today?")
    assert "AR model (original)" in summary and sound[:4] == b"RIFF" and len(sound) > 4000
    picture = page.locator("#spectrogram img")
    if not picture.is_visible():
        page.get_by_text("Spectrogram").click()
    playwright.expect(picture).to_be_visible()
    page.evaluate("scrollTo(0, 0)")
    playwright.expect(page.locator("#text-counter")).to_contain_text("31 / 20000")
    if is_pack(request):
        assert snap(page, "inference", whole=False).stat().st_size < 150_000


def test_speaks_with_the_language_model_and_switches_back(
    page: Any, snap: Any, trained: Path, request: pytest.FixtureRequest
) -> None:
    status, name = page.locator("#voice-status"), page.locator("#lm-name input")
    page.get_by_label(LM_LABEL).check()
    playwright.expect(name).to_be_visible()
    if is_pack(request) and not (PACK_DIR / "lm").is_dir():
        playwright.expect(status).to_contain_text("AR model, because gsv-tiny")
    else:
        playwright.expect(status).to_contain_text("language model gsv-tiny")
        assert "spoken by: language model gsv-tiny" in spoken(page, "Hello there.")[0]
    name.click()
    page.wait_for_selector("[role=option]")
    options = page.locator("[role=option]").all_inner_texts()
    assert any("Qwen/Qwen3-8B" in option and "GiB" in option for option in options)
    if is_pack(request):
        page.wait_for_timeout(500)  # the list fades in
        assert snap(page, "language-model", whole=False).stat().st_size < 150_000
    page.keyboard.press("Escape")
    name.blur()
    name.fill(str(trained))
    name.press("Enter")
    playwright.expect(status).to_contain_text(f"language model {trained}")
    summary, sound = spoken(page, "Hello there.")
    assert f"spoken by: language model {trained}" in summary and len(sound) > 4000
    playwright.expect(status).to_contain_text(f"language model {trained}")
    name.click()
    page.wait_for_selector("[role=option]")
    page.keyboard.press("Escape")
    page.get_by_label(LM_LABEL).uncheck()  # straight from the list, which is left without a choice
    playwright.expect(status).to_contain_text("AR model (original)")
    playwright.expect(name).to_be_hidden()
    assert "AR model (original)" in spoken(page, "Hello again.")[0]


def test_a_model_without_weights_warns_and_there_is_sound(page: Any, snap: Any, request: pytest.FixtureRequest) -> None:
    page.get_by_label(LM_LABEL).check()
    name = page.locator("#lm-name input")
    name.fill("Qwen/Qwen2-7B")
    name.press("Enter")
    playwright.expect(page.locator(".toast-body").first).to_contain_text("The AR model speaks instead")
    playwright.expect(page.locator("#voice-status")).to_contain_text("AR model, because Qwen/Qwen2-7B")
    if is_pack(request):
        assert snap(page, "fallback", whole=False).stat().st_size < 150_000
    summary, sound = spoken(page, "There is still sound.")
    assert "Qwen/Qwen2-7B" in summary and len(sound) > 2000
    page.get_by_label(LM_LABEL).uncheck()
    playwright.expect(page.locator("#voice-status")).to_contain_text("AR model (original)")


def test_stops_in_the_middle_of_a_long_text(page: Any, stand_in: Any, request: pytest.FixtureRequest) -> None:
    say(page, LONG_TEXT)
    progress(page, re.compile(r"Sentence \d+,"))
    page.click("#stop")
    progress(page, re.compile("Stopped"))
    assert is_pack(request) or stand_in.stopped.wait(PATIENCE_SECONDS)
    assert DONE.search(spoken(page, "And it goes on.")[0])


def test_is_heard_while_it_is_made(page: Any) -> None:
    say(page, LONG_TEXT)
    page.wait_for_function("() => { const a = document.querySelector('#live audio'); return a && a.currentTime > 0; }")
    assert not DONE.search(page.locator("#progress textarea").input_value())
    page.click("#stop")
    progress(page, re.compile("Stopped"))  # the button does nothing before that, and the next test needs it
    player = page.locator("#live audio")
    playwright.expect(player).to_have_attribute("src", re.compile(r"\.wav$"))  # what was spoken, silent
    assert player.evaluate("player => player.paused")
    playwright.expect(page.locator("#history .speech-row").first).to_contain_text("stopped")


def upload(page: Any, clip: Path) -> None:
    page.locator("#reference input[type=file]").set_input_files(clip)
    page.locator("#reference").get_by_label("Clear").wait_for()


def take_away(page: Any) -> None:
    """The reference clip; while there is one, there is no field for another."""
    page.locator("#reference").get_by_label("Clear").click()
    page.locator("#reference input[type=file]").wait_for(state="attached")


def test_a_bad_upload_is_a_sentence(page: Any, tmp_path: Path) -> None:
    bad = tmp_path / "voice.wav"
    bad.write_text("this is no sound")
    upload(page, bad)
    say(page, "Hello there.")
    toast = page.locator(".toast-body", has_text="voice.wav").first
    toast.wait_for()
    assert "Traceback" not in toast.inner_text()
    progress(page, re.compile("voice.wav is not a readable audio file"))  # it stays when the message is gone
    take_away(page)
    assert DONE.search(spoken(page, "And it goes on.")[0])


def test_two_visitors_at_once_get_their_own_voices(page: Any, visit: Visit, tmp_path: Path) -> None:
    """Two pages are open, with different clips, and speak at the same time; each gets what it gets alone."""
    pages = [page, ready(visit(page.url))]
    for visitor, level, pitch in zip(pages, (0.2, 0.4), (110, 220), strict=True):
        t = np.arange(4 * RATE) / RATE
        clip = tmp_path / f"{pitch}.wav"
        wave = level * np.sign(np.sin(2 * np.pi * pitch * t)) * (np.sin(2 * np.pi * 1.5 * t) > -0.5)
        soundfile.write(clip, wave, RATE)
        # gradio puts first values into an opened accordion once more, about 0.1 s after its fields are there, which
        # undid a seed that was typed at once; the answer to the upload comes after that
        visitor.get_by_text("Sampling and speed").click()
        seed = visitor.get_by_label("Seed (-1: a new one)")
        seed.wait_for()
        upload(visitor, clip)
        seed.fill("5")
    alone = [spoken(visitor, "One voice of two.") for visitor in pages]
    for visitor in pages:
        say(visitor, "One voice of two.")
    together = [heard(visitor) for visitor in pages]
    for summary, _ in (*alone, *together):
        assert "seed 5, spoken by: AR model (original)" in summary, "not what was asked for"
    assert [len(sound) for _, sound in together] == [len(sound) for _, sound in alone]
    assert [sound for _, sound in together] == [sound for _, sound in alone]
    assert alone[0][1] != alone[1][1]
    for visitor in pages:
        take_away(visitor)


def test_a_browsers_language_is_the_pages(
    served: Any, toy_context: Any, toy: Any, tmp_path: Path, visit: Visit
) -> None:
    with served(toy_context(toy, tmp_path, language="auto")) as url:
        for locale, language in (("zh-CN", "zh_CN"), ("ja-JP", "ja_JP"), ("ko-KR", "ko_KR"), ("de-DE", "en_US")):
            word = texts(language)["inference.speak"]
            playwright.expect(visit(url, locale).locator("#speak")).to_have_text(word)


def test_the_page_opens_before_its_parts_are_loaded(visit: Visit, tmp_path: Path) -> None:
    """Somebody who is quick sees what is loading, and gets the page without doing anything."""
    servers = _started(tmp_path)
    url = next(servers)
    try:
        visit(url, ready="#antechamber, #speak").wait_for_selector("#speak", timeout=START_SECONDS * 1000)
    finally:
        servers.close()
