"""The voice conversion tab over a real socket and in a real browser, with the tiny pack as the speaker."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

pytest.importorskip("gradio", reason="the page is an extra")

from config import PACK_DIR  # noqa: E402
from pages import conversion_tab  # noqa: E402
from pages.jobs import JobRunner  # noqa: E402
from pages.voice import Voice  # noqa: E402
from TTS_infer_pack.TTS import TTS  # noqa: E402
from TTS_infer_pack.voice_library import VoiceLibrary  # noqa: E402

RATE = 16000
PATIENCE = 1000 * float(os.environ.get("UI_PATIENCE", "60"))
"""Milliseconds that a step in the browser may take."""
SAID = "This is what is said."


def buzz(path: Path, seconds: float, hz: float) -> Path:
    t = np.arange(int(seconds * RATE)) / RATE
    soundfile.write(str(path), np.sign(np.sin(2 * np.pi * hz * t)) * 0.3 * (np.sin(9 * t) > -0.5), RATE)
    return path


@pytest.fixture
def site(
    new_toy: Any, toy_context: Any, served: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[Voice], Any]:
    """``with site(voice) as url``: a main page without a recogniser, over that speaker, with the voices of
    ``tmp_path/voices``.
    """
    uploads = tmp_path / "uploads"
    uploads.mkdir()
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(uploads))
    monkeypatch.setattr(conversion_tab, "find_recogniser", lambda: None)
    monkeypatch.setattr(conversion_tab, "project_voices", lambda: VoiceLibrary(tmp_path / "voices"))
    context = toy_context(new_toy(), tmp_path, exp_root=tmp_path / "logs")

    def serve(voice: Voice) -> Any:
        runner = JobRunner(tmp_path / "logs" / "jobs")
        return served(replace(context, uploads=uploads, voice=voice, new_runner=lambda: runner), main_page=True)

    return serve


@pytest.fixture
def page(site: Callable[[Voice], Any], shared_tts: TTS, tmp_path: Path) -> Iterator[str]:
    """The page over the tiny pack, with the voice Alice."""
    (tmp_path / "voices" / "Alice").mkdir(parents=True)
    buzz(tmp_path / "voices" / "Alice" / "reference.wav", 4.0, 250.0)
    with site(Voice(lambda tell: shared_tts)) as url:
        yield url


def file_of(path: Path) -> dict[str, Any]:
    return {"path": str(path), "meta": {"_type": "gradio.FileData"}}


def test_a_recording_comes_back_in_another_voice_as_long_as_it_was(page: str, visitor: Any, tmp_path: Path) -> None:
    someone = visitor(page)
    recording = file_of(buzz(tmp_path / "uploads" / "me.wav", 3.3, 120.0))
    clip = file_of(buzz(tmp_path / "uploads" / "clip.wav", 4.0, 400.0))
    sounds = []
    for voice, reference in (("default", None), ("alice", None), ("default", clip)):
        sound, said = someone.call("convert", recording, SAID, "en", voice, reference, "", "en", 7)
        samples, rate = soundfile.read(someone.fetch(sound))
        assert abs(len(samples) / rate - 3.3) < 0.001 and "seed 7" in said
        sounds.append(samples)
    assert not np.allclose(sounds[0], sounds[1]) and not np.allclose(sounds[0], sounds[2])


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ((None, SAID, "en", "default", None, "", "en", 1), "no recording"),
        (("me", "", "en", "default", None, "", "en", 1), "words of the recording are missing"),
        (("me", SAID, "en", "nobody", None, "", "en", 1), "there is no voice"),
        (("me", SAID, "martian", "default", None, "", "en", 1), "unknown text_lang"),
        (("text", SAID, "en", "default", None, "", "en", 1), "no readable audio"),
    ],
)
def test_what_cannot_be_converted_is_a_sentence(
    page: str, visitor: Any, tmp_path: Path, values: tuple[Any, ...], sentence: str
) -> None:
    buzz(tmp_path / "uploads" / "me.wav", 2.0, 120.0)
    (tmp_path / "uploads" / "text.wav").write_text("no sound")
    recording = file_of(tmp_path / "uploads" / f"{values[0]}.wav") if values[0] else None
    with pytest.raises(RuntimeError) as caught:
        visitor(page).call("convert", recording, *values[1:])
    assert sentence in json.loads(str(caught.value))["error"].replace("&#x27;", "'")


@pytest.mark.ui
@pytest.mark.skipif(not (PACK_DIR / "pack.json").is_file(), reason="no voice pack in this checkout")
def test_a_recording_is_converted_in_the_browser(
    site: Callable[[Voice], Any], visit: Any, snap: Any, tmp_path: Path
) -> None:
    """As a visitor does it, over the voice pack: upload, type the words, choose a saved voice, convert, download."""
    mine, wanted = (PACK_DIR / "reference" / f"reference_{number}.wav" for number in (1, 2))
    (tmp_path / "voices" / "Anna").mkdir(parents=True)
    shutil.copy(wanted, tmp_path / "voices" / "Anna" / "reference.wav")
    words = mine.with_suffix(".txt").read_text(encoding="utf-8").strip().partition("|")[2]
    seconds = soundfile.info(mine).duration
    with site(Voice()) as url:
        sound = convert_in_browser(visit(url), mine, words, snap)
    samples, rate = soundfile.read(io.BytesIO(sound))
    assert abs(len(samples) / rate - seconds) < 0.02 * seconds and np.abs(samples).max() > 0.01


def convert_in_browser(page: Any, recording: Path, words: str, snap: Any) -> bytes:
    """The file that the page offers in the end."""
    from playwright.sync_api import expect  # ``page`` is there, so it is installed

    page.get_by_role("tab", name="Convert").click()
    page.locator("#conversion-recording input[type=file]").set_input_files(recording)
    page.locator("#conversion-recording").get_by_label("Clear").wait_for()
    page.fill("#conversion-text textarea", words)
    page.locator("#conversion-voice input").click()
    page.get_by_role("option", name="Anna").click()
    page.click("#convert")
    done = re.compile(r"[\d.]+ s converted in [\d.]+ s, seed \d+")
    expect(page.locator("#conversion-progress textarea")).to_have_value(done, timeout=PATIENCE)
    link = page.locator("#conversion-speech a[download]").first
    link.wait_for(state="attached")
    assert snap(page, "conversion").stat().st_size < 150_000
    return bytes(page.request.get(link.evaluate("link => link.href")).body())
