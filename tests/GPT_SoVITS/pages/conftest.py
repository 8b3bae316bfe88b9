"""A page over a stand-in speaker that counts, served on a free port, and a browser: what the page's tests look at."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import os
import shutil
import threading
import time
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import pytest

from AR.fallback import FallbackInfo
from audio_io import load_audio
from config import LOOPBACK, REPO_ROOT
from errors import AudioError, CheckpointError
from pages.context import PageContext, PageSettings, WeightRoots
from pages.jobs import JobSpec
from pages.serve import launch, make_context
from pages.voice import Voice
from TTS_infer_pack.voice_library import VoiceLibrary

RATE = 16000
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
BROWSER_ARGUMENTS = ["--no-sandbox", "--autoplay-policy=no-user-gesture-required", "--disable-gpu"]
PATIENCE_SECONDS = float(os.environ.get("UI_PATIENCE", "60"))
COLOURS = 128
"""Of a screenshot: enough for the page, and a third of the bytes."""
SCREENSHOTS = "UI_SCREENSHOTS"
"""Variable with the folder for screenshots of the documents; without it they go to a temporary one."""


class NoRunner:
    """Takes jobs and starts none; ``live`` are the jobs that it says are there."""

    def __init__(self, *live: Any) -> None:
        self.specs: list[JobSpec] = []
        self.live = live

    def submit(self, spec: JobSpec) -> str:
        self.specs.append(spec)
        return f"job{len(self.specs)}"

    def views(self, *kinds: str) -> list[Any]:
        return [view for view in self.live if view.spec.kind in kinds]


class Piece(NamedTuple):
    """As much of an AudioChunk as the page looks at."""

    samples: np.ndarray
    sample_rate: int
    index: int
    text: str = ""
    again: bool = False


class Toy:
    """A speaker that counts: one 0.1 s piece a word, each a sentence; it knows whether it was closed before its end, or
    asked to stop.

    Its level is the seed's, or the reference clip's peak.
    """

    def __init__(self, pause: float = 0.0) -> None:
        self.pause = pause
        self.last_fallback: Any = None
        self.configs = SimpleNamespace(
            version="v2",
            device="cpu",
            t2s_weights_path=str(REPO_ROOT / "a" / "toy.ckpt"),
            vits_weights_path="/b/toy.pth",
            sampling={"top_k": 5, "text_split_method": "cut2"},
            use_qwen3=False,
            qwen3_model_name="Qwen/Qwen2-7B",
            qwen3_enable_inference=True,
            qwen3_strict=False,
            qwen3_precision="auto",
        )
        self.requests: list[Any] = []
        self.closed, self.stopped = threading.Event(), threading.Event()

    def stream(
        self,
        request: Any,
        should_stop: Callable[[], bool] = bool,
        on_fall: Callable[[FallbackInfo], None] | None = None,
    ) -> Iterator[Piece]:
        self.requests.append(request)
        if "refuse" in request.text:
            raise AudioError("a.wav is silent", "speech", "record again")
        if "crash" in request.text:
            raise ZeroDivisionError("secret inner words")
        self.last_fallback = self._load_fall()
        if self.last_fallback is not None and on_fall is not None:
            on_fall(self.last_fallback)
        level = (request.seed % 100) / 32767
        if request.ref_audio_path:
            level = float(np.abs(load_audio(request.ref_audio_path).samples).max())
        return self._pieces(request.text, level, should_stop)

    def _pieces(self, text: str, level: float, should_stop: Callable[[], bool]) -> Iterator[Piece]:
        try:
            for index, word in enumerate(text.split()):
                time.sleep(self.pause)
                if should_stop():
                    self.stopped.set()
                    return
                yield Piece(np.full(RATE // 10, level, dtype=np.float32), RATE, index, word)
        except GeneratorExit:
            self.closed.set()
            raise

    def set_t2s(self, kind: str, model_name: str | None = None) -> None:
        self.configs.use_qwen3 = kind == "qwen3"
        self.configs.qwen3_model_name = model_name or self.configs.qwen3_model_name
        self.last_fallback = self._load_fall()

    def _load_fall(self) -> FallbackInfo | None:
        name = self.configs.qwen3_model_name
        if self.configs.use_qwen3 and "7B" in name:
            return FallbackInfo("no_adapter", "there is no adapter. The AR model speaks instead.", name)
        return None

    def init_t2s_weights(self, weights_path: str) -> None:
        if "bad" in weights_path:
            raise CheckpointError(f"{weights_path} is no checkpoint", "a GPT checkpoint", "choose another file")
        self.configs.t2s_weights_path = weights_path

    def init_vits_weights(self, weights_path: str) -> None:
        self.configs.vits_weights_path = weights_path


class Visitor:
    """A client of a served page's API over plain HTTP, in a session of its own."""

    def __init__(self, url: str, cookie: str = "") -> None:
        self.url, self.session = url, f"visitor-{uuid.uuid4().hex}"
        self._headers = {"Content-Type": "application/json", "Accept-Language": "en-US", "Cookie": cookie}

    def _open(self, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode("utf-8")
        request = urllib.request.Request(f"{self.url}gradio_api/{path}", data, self._headers)
        return urllib.request.urlopen(request, timeout=300)

    def begin(self, name: str, *values: Any) -> tuple[str, Iterator[list[Any]]]:
        """Start an endpoint; gives the event's id and what it yields. An error is a RuntimeError with its sentence."""
        with self._open(f"call/{name}", {"data": list(values), "session_hash": self.session}) as answer:
            event = json.load(answer)["event_id"]
        return event, self._follow(f"call/{name}/{event}")

    def _follow(self, path: str) -> Iterator[list[Any]]:
        kind, begun = "", time.monotonic()
        with self._open(path) as lines:
            for line in lines:
                if time.monotonic() - begun > 120:  # heartbeats would keep a lost event waiting for ever
                    raise TimeoutError(f"{path} gave nothing for two minutes")
                field, _, value = line.decode("utf-8").strip().partition(": ")
                kind = value if field == "event" else kind
                if field == "data" and kind == "error":
                    raise RuntimeError(value)
                if field == "data" and kind != "heartbeat":
                    yield json.loads(value)

    def call(self, name: str, *values: Any) -> list[Any]:
        """What an endpoint gives at last."""
        return list(self.begin(name, *values)[1])[-1]

    def fetch(self, file: Any) -> Path:
        """A file of an answer; it lies on this machine."""
        return Path(file["path"])

    def cancel(self, name: str, event: str) -> None:
        """What the stop button does."""
        with urllib.request.urlopen(f"{self.url}config") as answer:
            functions = json.load(answer)["dependencies"]
        index = next(function["id"] for function in functions if function["api_name"] == name)
        self._open("cancel", {"session_hash": self.session, "fn_index": index, "event_id": event}).close()


def steady_lm(folder: Path) -> Path:
    """A trained folder of a tiny Qwen3 whose speech ends after a second or two, whatever is asked: 24 tokens and the
    end of speech are always equally likely, all others never come.
    """
    import torch

    source = Path(__file__).parents[1] / "AR" / "conftest.py"
    spec = importlib.util.spec_from_file_location("tiny_language_models", source)
    assert spec is not None and spec.loader is not None
    tiny = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tiny)
    model = tiny.tiny_lm("qwen3", phone_count=732)
    with torch.no_grad():
        for name, weight in model.decoder.named_parameters():
            if name.endswith(("o_proj.weight", "down_proj.weight")):
                weight.zero_()  # what goes in comes out, and below all that goes in is alike
        model.position_gain.zero_()
        for table in (model.marker_embedding, model.semantic_embedding):
            table.weight.fill_(1.0)
        model.head.weight.fill_(-1.0)
        model.head.weight[64::40] = 0.0  # the last one is the end of speech
    model.save_pretrained(folder, {"steps": 1})
    return folder


MakeContext = Callable[..., PageContext]


@pytest.fixture
def toy() -> Toy:
    return Toy()


@pytest.fixture
def context(toy: Toy, tmp_path: Path) -> PageContext:
    """Surroundings of an English page over the stand-in, whose weights lie in ``tmp_path``."""
    return make_toy_context(toy, tmp_path)


def make_toy_context(toy: Toy, folder: Path, **settings: Any) -> PageContext:
    chosen = PageSettings(**({"host": LOOPBACK, "port": 0, "language": "en_US"} | settings))
    made = make_context(chosen, folder, main_page=False, voice=Voice(lambda tell: toy))
    made.voice.load()
    library = VoiceLibrary(folder / "voices")
    return dataclasses.replace(made, weights=WeightRoots(folder, folder / "lm"), library=lambda: library)


@contextmanager
def serving(context: PageContext, main_page: bool = False) -> Iterator[str]:
    """The address of an inference page that is served, or of a main page.

    It is started in a thread of its own: Playwright keeps an event loop in the main one, which gradio stumbles over.
    """
    from pages.main_page import build_inference_page, build_main_page  # gradio is an extra

    def start() -> tuple[Any, str]:
        page = (build_main_page if main_page else build_inference_page)(context)
        return page, launch(page, context, 0)

    with ThreadPoolExecutor(1) as thread:
        page, url = thread.submit(start).result()
        try:
            yield url
        finally:
            thread.submit(page.close, verbose=False).result()


@pytest.fixture(scope="session")
def new_toy() -> type[Toy]:
    return Toy


@pytest.fixture(scope="session")
def served() -> Callable[..., Any]:
    return serving


@pytest.fixture(scope="session")
def toy_context() -> MakeContext:
    return make_toy_context


@pytest.fixture
def visitor() -> type[Visitor]:
    return Visitor


# -- the browser ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Debian's chromium, driven by Playwright; tests are skipped where one of them is missing."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is missing: make setup-dev")
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        pytest.skip("no chromium on this machine; fix: apt-get install chromium")
    with playwright.sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=path, args=BROWSER_ARGUMENTS)
        yield started
        started.close()


@pytest.fixture(scope="module")
def visit(browser: Any) -> Iterator[Callable[..., Any]]:
    """``visit(url)``: a page of a visitor of their own, waited for until its speak button is there."""
    visitors = []

    def open_page(url: str, locale: str = "en-US", ready: str = "#speak") -> Any:
        visitor = browser.new_context(locale=locale, viewport={"width": 1120, "height": 900})
        visitor.set_default_timeout(PATIENCE_SECONDS * 1000)
        visitors.append(visitor)
        page = visitor.new_page()
        page.goto(url, wait_until="commit")
        page.wait_for_selector(ready)
        return page

    yield open_page
    for visitor in visitors:
        visitor.close()


@pytest.fixture
def snap(tmp_path: Path) -> Callable[..., Path]:
    """``snap(page, name)``: a screenshot of the whole page, for docs/webui.md where the run is asked for them; with
    ``whole=False`` of what is on the screen.
    """
    from PIL import Image  # it comes with gradio

    def take(page: Any, name: str, whole: bool = True) -> Path:
        folder = Path(os.environ.get(SCREENSHOTS) or tmp_path)
        path = folder / f"{name}.png"
        page.screenshot(path=str(path), full_page=whole)
        with Image.open(path) as picture:
            small = picture.convert("RGB").quantize(COLOURS)
        small.save(path, optimize=True)
        return path

    return take
