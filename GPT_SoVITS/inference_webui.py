"""The inference page: a text and a reference clip go in, speech comes out (port 9872).

Builds widgets and wires them to one :class:`Voice`, which loads a ``TTS`` when it is first needed; nothing loads on
import. It knows nothing about models. The page listens on the loopback address only.
"""

from __future__ import annotations

import argparse
import inspect
import logging
import random
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Protocol

import gradio as gr
import numpy as np

from config import LOOPBACK, REPO_ROOT, Config
from errors import ConfigError, GSVError
from text.cleaner import FRONTENDS

logger = logging.getLogger(__name__)

Chunks = Iterator[tuple[int, np.ndarray]]
"""(sample rate in Hz, int16 samples [T]) one after another; closing the iterator stops the speaking."""

LANGUAGE_NAMES = {"en": "English", "zh": "中文", "ja": "日本語", "ko": "한국어", "yue": "粵語", "auto": "Auto"}
CUTS = {
    "cut0": "No cut",
    "cut1": "Every 4 sentences",
    "cut2": "Every 50 characters",
    "cut3": "At Chinese full stops",
    "cut4": "At English full stops",
    "cut5": "At every punctuation mark",
}
PACK_VALUES = {
    "top_k": "top_k",
    "top_p": "top_p",
    "temperature": "temperature",
    "repetition_penalty": "repetition_penalty",
    "text_split_method": "how_to_cut",
    "speed_factor": "speed",
}
"""Request values that a voice pack may recommend, and the page's name for each."""
MAX_TEXT = 20_000
MAX_UPLOAD = "50mb"
QUEUE_LENGTH = 20
SEED_LIMIT = 2**31 - 1
NO_PIECE = "nothing to speak"


class Speaker(Protocol):
    """What the page needs of ``TTS``: its settings, why the last request fell back to the AR model, and ``run``."""

    configs: Any
    last_fallback: Any

    def run(self, inputs: dict[str, Any]) -> Chunks:
        """Speech for one request with the keys of the public HTTP API."""
        ...

    def set_t2s(self, kind: str, model_name: str | None = None) -> None:
        """Put the AR model ("ar") or a language model ("qwen3") into the text-to-semantic seat."""


def load_tts() -> Speaker:
    """The project's ``TTS`` with its default settings. Imports torch, so it is called late."""
    from TTS_infer_pack.TTS import TTS, TTS_Config

    return TTS(TTS_Config())


AR_SEAT = ("AR model (original)", "ar")


class Voice:
    """One speaker for all visitors, loaded once, on first use or by :meth:`load_in_background`.

    Args:
        factory: makes the speaker; may take seconds.
    """

    def __init__(self, factory: Callable[[], Speaker] = load_tts) -> None:
        self._factory = factory
        self._speaker: Speaker | None = None
        self._lock = threading.Lock()

    def load(self) -> Speaker:
        """The speaker; loads it if nobody has, and waits while another thread does.

        Raises:
            GSVError: the weights cannot be used. The next call tries again.
        """
        with self._lock:
            if self._speaker is None:
                start = time.perf_counter()
                self._speaker = self._factory()
                logger.info("voice loaded in %.1f s", time.perf_counter() - start)
            return self._speaker

    def load_in_background(self) -> None:
        """Start loading and return at once; a failure is logged and shown when somebody speaks."""

        def work() -> None:
            try:
                self.load()
            except GSVError as error:
                logger.error("%s", error)

        threading.Thread(target=work, name="load-voice", daemon=True).start()

    def status(self) -> str:
        """One line for the page: which model speaks. Loads it when that has not happened yet."""
        try:
            return f"**Voice:** {describe(self.load())}"
        except GSVError as error:
            return f"**No voice:** {error}"

    def seats(self) -> gr.Dropdown:
        """The list of text-to-semantic models: the AR model and the language models there are."""
        from TTS_infer_pack.language_model import language_model_names  # late: it imports torch

        names, chosen = language_model_names(), "ar"
        with suppress(GSVError):
            settings = self.load().configs
            chosen = settings.qwen3_model_name if settings.use_qwen3 else "ar"
        if chosen not in ("ar", *names):
            names.append(chosen)
        return gr.Dropdown([AR_SEAT, *((name, name) for name in names)], value=chosen)

    def take_seat(self, name: str) -> str:
        """Change the text-to-semantic model; returns the status line. gr.Error without a voice or in strict mode."""
        try:
            speaker = self.load()
            speaker.set_t2s("ar" if name == "ar" else "qwen3", None if name == "ar" else name)
        except GSVError as error:
            raise gr.Error(str(error), print_exception=False) from error
        if speaker.last_fallback is not None:
            gr.Warning(speaker.last_fallback.message)
        return self.status()

    def recommended(self, names: Sequence[str]) -> list[Any]:
        """For each request value in ``names``: what goes with the loaded weights, or gr.skip() to leave it alone."""
        try:
            sampling = self.load().configs.sampling
        except GSVError:
            sampling = {}
        return [sampling.get(name, gr.skip()) for name in names]


def describe(speaker: Speaker) -> str:
    """Which weights a speaker uses, with paths as seen from the repository root."""
    settings = speaker.configs
    names = [_short(settings.t2s_weights_path), _short(settings.vits_weights_path)]
    return f"{settings.version} on {settings.device}: {', '.join(names)}"


def _short(path: str) -> str:
    return str(Path(path).relative_to(REPO_ROOT)) if Path(path).is_relative_to(REPO_ROOT) else str(path)


@dataclass(frozen=True)
class Controls:
    """The page's inputs, in the order in which API clients pass them.

    The first 16 have the places that users of the GPT-SoVITS page know; what is new stands behind them. ``if_freeze``,
    ``sample_steps`` and ``if_sr`` belong to other model versions: they keep their places and are not shown.
    """

    ref_wav_path: str | None
    prompt_text: str
    prompt_language: str
    text: str
    text_language: str
    how_to_cut: str
    top_k: float
    top_p: float
    temperature: float
    ref_free: bool
    speed: float
    if_freeze: bool
    inp_refs: Sequence[str] | None
    sample_steps: float
    if_sr: bool
    pause_second: float
    repetition_penalty: float
    seed: float
    keep_random: bool

    def chosen_seed(self) -> int:
        """The typed seed, or a fresh one where "keep random" is on or the seed is negative."""
        if self.keep_random or self.seed is None or self.seed < 0:
            return random.randrange(SEED_LIMIT)
        return int(self.seed)

    def request(self, seed: int) -> dict[str, Any]:
        """These inputs under the keys of the public HTTP API."""
        return {
            "text": self.text or "",
            "text_lang": self.text_language,
            "ref_audio_path": self.ref_wav_path or "",
            "aux_ref_audio_paths": list(self.inp_refs or []),
            "prompt_text": "" if self.ref_free else (self.prompt_text or "").strip(),
            "prompt_lang": self.prompt_language,
            "top_k": self.top_k,
            "top_p": self.top_p,
            "temperature": self.temperature,
            "repetition_penalty": self.repetition_penalty,
            "text_split_method": self.how_to_cut,
            "speed_factor": self.speed,
            "fragment_interval": self.pause_second,
            "seed": seed,
            "return_fragment": True,
        }


def speak(voice: Voice, *values: Any) -> Iterator[tuple[Any, str]]:
    """Handler of the speak button: yields (nothing new, how far it is) and at the end (the sound, a summary).

    Closing it, which the stop button does, closes the speaker's own generator.

    Raises:
        gr.Error: one line for the visitor, for every error a visitor can cause.
    """
    controls = Controls(*values)
    seed = controls.chosen_seed()
    start, rate, pieces = time.perf_counter(), 0, list[np.ndarray]()
    try:
        speaker = voice.load()
        with closing(_generator(speaker.run(controls.request(seed)))) as chunks:
            for rate, samples in chunks:
                pieces.append(samples)
                yield gr.skip(), f"Speaking: {_seconds(pieces, rate):.1f} s so far"
    except GSVError as error:
        raise gr.Error(str(error), print_exception=False) from error
    if not pieces:
        raise gr.Error(NO_PIECE, print_exception=False)
    if speaker.last_fallback is not None:
        gr.Warning(speaker.last_fallback.message)
    yield (rate, np.concatenate(pieces)), (
        f"{_seconds(pieces, rate):.1f} s of speech in {time.perf_counter() - start:.1f} s, seed {seed}"
    )


def _generator(chunks: Chunks) -> Generator[tuple[int, np.ndarray], None, None]:
    """``chunks`` as a generator, whose ``close`` reaches the speaker's own generator."""
    yield from chunks


def _seconds(pieces: list[np.ndarray], rate: int) -> float:
    return sum(len(piece) for piece in pieces) / rate


def _language_choices() -> list[tuple[str, str]]:
    """(name, code) of each language there is a frontend for, and of "auto" where there is a choice."""
    codes = [*FRONTENDS, *(["auto"] if len(FRONTENDS) > 1 else [])]
    return [(LANGUAGE_NAMES.get(code, code), code) for code in codes]


def _reference_widgets(languages: list[tuple[str, str]]) -> dict[str, gr.components.Component]:
    gr.Markdown("### Reference\n3 to 10 seconds of the voice. Leave it empty to use the voice pack's own clip.")
    return {
        "ref_wav_path": gr.Audio(label="Reference audio", type="filepath", sources=["upload", "microphone"]),
        "prompt_text": gr.Textbox(label="Text of the reference", lines=2, max_length=MAX_TEXT),
        "prompt_language": gr.Dropdown(languages, value=languages[0][1], label="Language of the reference"),
        "ref_free": gr.Checkbox(False, label="Ignore the reference's text"),
        "inp_refs": gr.File(label="Further references (timbre is averaged)", file_count="multiple",
                            file_types=["audio"], type="filepath"),
    }


def _text_widgets(languages: list[tuple[str, str]]) -> dict[str, gr.components.Component]:
    gr.Markdown("### Text")
    cuts = [(name, key) for key, name in CUTS.items()]
    return {
        "text": gr.Textbox(label="Text to speak", lines=6, max_length=MAX_TEXT),
        "text_language": gr.Dropdown(languages, value=languages[0][1], label="Language of the text"),
        "how_to_cut": gr.Dropdown(cuts, value="cut5", label="Cut the text"),
    }


def _sampling_widgets() -> dict[str, gr.components.Component]:
    return {
        "top_k": gr.Slider(1, 100, value=15, step=1, label="top_k"),
        "top_p": gr.Slider(0.05, 1, value=1, step=0.05, label="top_p"),
        "temperature": gr.Slider(0.05, 2, value=1, step=0.05, label="temperature"),
        "repetition_penalty": gr.Slider(1, 2, value=1.35, step=0.05, label="repetition penalty"),
        "speed": gr.Slider(0.6, 1.65, value=1, step=0.05, label="Speed"),
        "pause_second": gr.Slider(0, 1, value=0.3, step=0.01, label="Pause between pieces (s)"),
        "seed": gr.Number(-1, precision=0, label="Seed (-1: a new one)"),
        "keep_random": gr.Checkbox(False, label="New seed each time"),
    }


def _unused_widgets() -> dict[str, gr.components.Component]:
    """Places that API clients know and the model versions of this page do not use."""
    return {
        "if_freeze": gr.Checkbox(False, label="if_freeze", visible=False),
        "sample_steps": gr.Number(32, label="sample_steps", visible=False),
        "if_sr": gr.Checkbox(False, label="if_sr", visible=False),
    }


def build_inference(voice: Voice) -> dict[str, gr.components.Component]:
    """Adds the inference widgets, wired to ``voice``, to the container that is open; gives the inputs by name."""
    languages = _language_choices()
    with gr.Row():
        with gr.Column():
            widgets = _reference_widgets(languages)
        with gr.Column():
            widgets |= _text_widgets(languages)
            with gr.Accordion("Sampling", open=False):
                widgets |= _sampling_widgets()
            widgets |= _unused_widgets()
    with gr.Row():
        speak_button = gr.Button("Speak", variant="primary")
        stop_button = gr.Button("Stop", variant="stop")
    audio = gr.Audio(label="Speech", format="wav", interactive=False)
    progress = gr.Textbox(label="Progress", interactive=False)
    ordered = {field.name: widgets[field.name] for field in fields(Controls)}

    def on_speak(*values: Any) -> Iterator[tuple[Any, str]]:
        yield from speak(voice, *values)

    # gradio takes the names of the API's arguments from here
    parameters = [inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD) for name in ordered]
    on_speak.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    running = speak_button.click(on_speak, list(ordered.values()), [audio, progress], api_name="get_tts_wav",
                                 concurrency_limit=1)
    stop_button.click(lambda: "Stopped", None, progress, cancels=[running], queue=False, api_visibility="private")
    return widgets


def build_page(voice: Voice) -> gr.Blocks:
    """The whole inference page over ``voice``."""
    with gr.Blocks(title="GPT-SoVITS", analytics_enabled=False, delete_cache=(3600, 86400)) as page:
        gr.Markdown("# GPT-SoVITS")
        status = gr.Markdown("**Voice:** loading ...")
        seat = gr.Dropdown([AR_SEAT], value="ar", label="Text-to-semantic model")
        seat.input(voice.take_seat, seat, status, api_name="set_t2s", concurrency_limit=1)
        page.load(voice.seats, None, seat, api_visibility="private", concurrency_limit=None)
        widgets = build_inference(voice)
        page.load(voice.status, None, status, api_name="status", concurrency_limit=None)
        page.load(lambda: voice.recommended(list(PACK_VALUES)), None, [widgets[name] for name in PACK_VALUES.values()],
                  api_visibility="private", concurrency_limit=None)
    return page.queue(max_size=QUEUE_LENGTH)


def serve(page: gr.Blocks, port: int) -> str:
    """Serve ``page`` on the loopback address from threads of its own and give its URL; port 0 takes a free one.

    Raises:
        ConfigError: the port is taken.
    """
    try:
        _, url, _ = page.launch(server_name=LOOPBACK, server_port=port or None, share=False, quiet=True,
                                inbrowser=False, prevent_thread_lock=True, max_file_size=MAX_UPLOAD)
    except OSError as error:
        raise ConfigError(f"port {port} cannot be opened on {LOOPBACK}", "a free port",
                          "end the program that uses it or choose another with --port") from error
    logger.info("page: %s", url)
    return url


def start(port_setting: str, argv: Sequence[str] | None = None) -> int:
    """Command line of a page: settings, page, server. Returns the exit code (2 for an error of the user's).

    Args:
        port_setting: name of the setting in :class:`config.Config` that holds this page's port.
        argv: arguments, sys.argv where None.
    """
    parser = argparse.ArgumentParser(description="The GPT-SoVITS page, for this computer only.")
    parser.add_argument("--port", help="port to listen on (default: the setting's)")
    arguments = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    try:
        settings = Config.from_environment(**{port_setting: arguments.port})
        if settings.is_share:
            raise ConfigError("is_share is set", f"a page on {LOOPBACK} only", "unset is_share")
        voice = Voice()
        page = build_page(voice)
        serve(page, getattr(settings, port_setting))
        voice.load_in_background()  # after the page is there, so that it opens at once
        page.block_thread()
    except GSVError as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(start("webui_port_infer_tts"))
