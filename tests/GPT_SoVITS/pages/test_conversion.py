"""The voice conversion tab over a real socket and in a real browser, with the tiny pack as the speaker."""

from __future__ import annotations

import io
import json
import os
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

pytest.importorskip("gradio", reason="the page is an extra")

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
def page(
    new_toy: Any, toy_context: Any, served: Any, shared_tts: TTS, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """A main page without a recogniser, with the voice Alice."""
    uploads, root = tmp_path / "uploads", tmp_path / "voices"
    uploads.mkdir()
    (root / "Alice").mkdir(parents=True)
    buzz(root / "Alice" / "reference.wav", 4.0, 250.0)
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(uploads))
    monkeypatch.setattr(conversion_tab, "find_recogniser", lambda: None)
    monkeypatch.setattr(conversion_tab, "project_voices", lambda: VoiceLibrary(root))
    context = toy_context(new_toy(), tmp_path, exp_root=tmp_path / "logs")
    context = replace(
        context,
        uploads=uploads,
        voice=Voice(lambda tell: shared_tts),
        new_runner=lambda: JobRunner(tmp_path / "logs" / "jobs"),
    )
    with served(context, main_page=True) as url:
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
def test_a_recording_is_converted_in_the_browser(page: str, visit: Any, snap: Any, tmp_path: Path) -> None:
    """As a visitor does it: upload, type the words, choose a voice, convert, download."""
    from playwright.sync_api import expect

    someone = visit(page)
    someone.get_by_role("tab", name="Convert").click()
    recording = buzz(tmp_path / "my recording.wav", 3.3, 120.0)
    someone.locator("#conversion-recording input[type=file]").set_input_files(recording)
    someone.locator("#conversion-recording").get_by_label("Clear").wait_for()
    someone.fill("#conversion-text textarea", SAID)
    voices = someone.locator("#conversion-voice input")
    voices.click()
    someone.get_by_role("option", name="Alice").click()
    someone.click("#convert")
    expect(someone.locator("#conversion-progress textarea")).to_have_value(
        re.compile(r"3\.3 s converted in [\d.]+ s, seed \d+"), timeout=PATIENCE
    )
    link = someone.locator("#conversion-speech a[download]").first
    link.wait_for(state="attached")
    samples, rate = soundfile.read(io.BytesIO(someone.request.get(link.evaluate("link => link.href")).body()))
    assert abs(len(samples) / rate - 3.3) < 0.02 * 3.3 and np.abs(samples).max() > 0.01
    assert snap(someone, "conversion").stat().st_size < 600_000
