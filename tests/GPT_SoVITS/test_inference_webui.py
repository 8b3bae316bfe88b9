"""The inference page over a real socket: with a stand-in speaker in the quick suite, with the pack under ``slow``."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import soundfile

gr = pytest.importorskip("gradio")
gradio_client = pytest.importorskip("gradio_client")

import inference_webui as page_module  # noqa: E402
from config import LOOPBACK, PACK_DIR, REPO_ROOT  # noqa: E402
from errors import AudioError, CheckpointError  # noqa: E402

RATE = 16000
STATUS = "**Voice:** v2 on cpu: a/toy.ckpt, /b/toy.pth"
ARGUMENTS: dict[str, Any] = {
    "ref_wav_path": None, "prompt_text": "", "prompt_language": "en", "text": "Hello there.", "text_language": "en",
    "how_to_cut": "cut5", "top_k": 15, "top_p": 1, "temperature": 1, "ref_free": False, "speed": 1, "if_freeze": False,
    "inp_refs": None, "sample_steps": 32, "if_sr": False, "pause_second": 0.3, "repetition_penalty": 1.35, "seed": 7,
    "keep_random": False,
}


class Toy:
    """A speaker that counts: one 0.1 s piece a word, and knows whether it was closed before its end."""

    def __init__(self, pause: float = 0.0) -> None:
        self.pause = pause
        self.last_fallback: Any = None
        self.configs = SimpleNamespace(
            version="v2", device="cpu", t2s_weights_path=str(REPO_ROOT / "a" / "toy.ckpt"),
            vits_weights_path="/b/toy.pth", sampling={"top_k": 5, "text_split_method": "cut2"})
        self.requests: list[dict[str, Any]] = []
        self.closed = threading.Event()

    def run(self, inputs: dict[str, Any]) -> Iterator[tuple[int, np.ndarray]]:
        self.requests.append(inputs)
        if "refuse" in inputs["text"]:
            raise AudioError("a.wav is silent", "speech", "record again")
        try:
            for _ in inputs["text"].split():
                time.sleep(self.pause)
                yield RATE, np.full(RATE // 10, inputs["seed"] % 100, dtype=np.int16)
        except GeneratorExit:
            self.closed.set()
            raise


def values(**changes: Any) -> list[Any]:
    """The page's inputs by position."""
    assert list(ARGUMENTS) == [field.name for field in fields(page_module.Controls)]
    return list((ARGUMENTS | changes).values())


@contextmanager
def serving(voice: page_module.Voice) -> Iterator[Any]:
    """A client of a page over ``voice`` that is served on a free port."""
    page = page_module.build_page(voice)
    try:
        yield gradio_client.Client(page_module.serve(page, 0), verbose=False, analytics_enabled=False)
    finally:
        page.close(verbose=False)


@pytest.fixture(scope="module")
def toy() -> Toy:
    return Toy(pause=0.05)


@pytest.fixture(scope="module")
def client(toy: Toy) -> Iterator[Any]:
    """One page with the stand-in speaker for all tests here."""
    with serving(page_module.Voice(lambda: toy)) as client:
        yield client


def test_speaks_over_http(client: Any) -> None:
    path, summary = client.predict(*values(text="one two three"), api_name="/get_tts_wav")
    samples, rate = soundfile.read(path, dtype="int16")
    assert (rate, len(samples), set(samples.tolist())) == (RATE, 3 * RATE // 10, {7})
    assert "0.3 s of speech" in summary and "seed 7" in summary
    assert client.predict(api_name="/status") == STATUS


def test_request_has_the_public_keys() -> None:
    toy = Toy()
    list(page_module.speak(page_module.Voice(lambda: toy), *values(prompt_text=" Hi. ", inp_refs=["b.wav"], speed=1.2)))
    assert toy.requests == [{
        "text": "Hello there.", "text_lang": "en", "ref_audio_path": "", "aux_ref_audio_paths": ["b.wav"],
        "prompt_text": "Hi.", "prompt_lang": "en", "top_k": 15, "top_p": 1.0, "temperature": 1.0,
        "repetition_penalty": 1.35, "text_split_method": "cut5", "speed_factor": 1.2, "fragment_interval": 0.3,
        "seed": 7, "return_fragment": True,
    }]


def test_reference_free_leaves_the_text_out_and_random_takes_a_new_seed() -> None:
    controls = page_module.Controls(*values(prompt_text="Hi.", ref_free=True, keep_random=True))
    assert controls.request(1)["prompt_text"] == ""
    assert len({controls.chosen_seed() for _ in range(5)}) > 1


def test_arguments_can_be_named(client: Any, toy: Toy) -> None:
    client.predict(**(ARGUMENTS | {"text": "by name"}), api_name="/get_tts_wav")
    assert toy.requests[-1]["text"] == "by name"


def test_users_errors_are_one_line_and_the_page_goes_on(client: Any) -> None:
    with pytest.raises(Exception, match="a.wav is silent; expected speech; fix: record again"):
        client.predict(*values(text="refuse"), api_name="/get_tts_wav")
    with pytest.raises(Exception, match=page_module.NO_PIECE):
        client.predict(*values(text=""), api_name="/get_tts_wav")
    assert client.predict(*values(), api_name="/get_tts_wav")[1]


def test_the_packs_recommendations_fill_the_sliders() -> None:
    found = page_module.Voice(Toy).recommended(list(page_module.PACK_VALUES))
    assert found[0] == 5 and found[4] == "cut2" and found[1] == gr.skip()


def test_missing_weights_are_told_and_tried_again() -> None:
    answers: list[Any] = [CheckpointError("s1.ckpt is missing"), Toy()]

    def factory() -> Any:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    voice = page_module.Voice(factory)
    assert "s1.ckpt is missing" in voice.status()
    assert voice.status() == STATUS


def test_stopping_closes_the_speaker(client: Any, toy: Toy) -> None:
    job = client.submit(*values(text="word " * 200), api_name="/get_tts_wav")
    deadline = time.monotonic() + 30
    while not job.outputs() and not job.done() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert job.outputs() and not job.done()
    job.cancel()
    assert toy.closed.wait(5)


def test_closing_the_handler_closes_the_speaker() -> None:
    toy = Toy()
    handler = page_module.speak(page_module.Voice(lambda: toy), *values(text="a b c"))
    next(handler)
    handler.close()
    assert toy.closed.is_set()


def test_a_voice_is_loaded_once() -> None:
    made: list[Toy] = []

    def factory() -> Toy:
        time.sleep(0.05)
        made.append(Toy())
        return made[-1]

    voice = page_module.Voice(factory)
    threads = [threading.Thread(target=voice.load) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1


def test_page_listens_on_loopback_only(client: Any) -> None:
    assert client.src.startswith(f"http://{LOOPBACK}:")


def test_taken_port_is_a_sentence(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_module, "load_tts", Toy)
    monkeypatch.setattr(page_module.Voice, "load_in_background", lambda self: None)
    with socket.socket() as taken:
        taken.bind((LOOPBACK, 0))
        taken.listen()
        assert page_module.start("webui_port_main", ["--port", str(taken.getsockname()[1])]) == 2
    assert "cannot be opened" in capsys.readouterr().err


@pytest.mark.parametrize("variable", ["is_share", "device"])
def test_bad_environment_ends_with_code_2(variable: str, capsys: pytest.CaptureFixture[str],
                                          monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, "yes")
    assert page_module.start("webui_port_main", []) == 2
    assert variable in capsys.readouterr().err


def test_import_loads_no_model() -> None:
    roots = f"{REPO_ROOT}:{REPO_ROOT / 'GPT_SoVITS'}"
    code = ("import sys, types; sys.modules['gradio'] = types.ModuleType('gradio')\n"  # its own import takes seconds
            "import inference_webui, webui; sys.exit('torch' in sys.modules)")
    run = subprocess.run([sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": roots}, check=False)
    assert run.returncode == 0


@pytest.mark.slow
@pytest.mark.skipif(not (PACK_DIR / "pack.json").is_file(), reason="the voice pack is not in this checkout")
def test_the_pack_speaks_over_http() -> None:
    with serving(page_module.Voice()) as client:
        assert "gsv-tiny" in client.predict(api_name="/status")
        path, summary = client.predict(*values(text="Hello there. How are you?"), api_name="/get_tts_wav")
    samples, rate = soundfile.read(path)
    assert len(samples) > rate and np.abs(samples).max() > 0.05, summary
