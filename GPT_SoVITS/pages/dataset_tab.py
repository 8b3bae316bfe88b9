"""The data set tab: recordings become a list. Cut, clean, write down in one click; then proofread and save."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import gradio as gr

from errors import RequestError
from pages import dataset_jobs
from pages.context import PageContext
from pages.job_panel import build_job_panel, runner_of
from pages.jobs import JobRunner
from pages.proofreading import build_proofreading
from pages.separation_step import separate_job, separated
from pages.training_bases import devices
from pages.uploads import usable_upload
from pages.voice_folder import VoiceFolder, model_name, voice_folder
from pages.voice_list import build_voice_list
from prepare_datasets.list_file import LANGUAGES
from tools.recordings.files import find_recordings
from tools.recordings.slicing import SliceSettings
from tools.recordings.transcription import ENGINES

WHISPER_MODELS = ("tiny", "base", "small", "medium", "large-v3", "large-v3-turbo")
LIST_LANGUAGES = ("auto", *dict.fromkeys(LANGUAGES.values()))
SLICE_CONTROLS = ("threshold", "min_length", "min_interval", "hop_size", "max_sil_kept", "max_length")


@dataclass(frozen=True)
class DatasetWish:
    """What a visitor chose, in the order of the widgets."""

    voice: str
    uploads: Sequence[str] | None
    typed: str
    denoise: bool
    strength: float
    language: str
    whisper: str
    threshold: float
    min_length: float
    min_interval: float
    hop_size: float
    max_sil_kept: float
    max_length: float
    separate: bool = False
    engine: str = next(iter(ENGINES))

    def slicing(self) -> SliceSettings:
        """The slicer's settings.

        Raises:
            ConfigError: a value that cannot be.
        """
        values: dict[str, Any] = {name: int(getattr(self, name)) for name in SLICE_CONTROLS}
        return SliceSettings(**values | {"threshold": float(self.threshold)})


def build_dataset_tab(context: PageContext) -> None:
    """Adds the tab's widgets to the container that is open and wires them."""
    runner = runner_of(context)
    gr.Markdown(context.t("dataset.help"))
    with gr.Row():
        with gr.Column():
            widgets = _recording_widgets(context)
        with gr.Column():
            widgets |= _step_widgets(context)
            with gr.Accordion(context.t("dataset.slicing"), open=False):
                widgets |= _slicing_widgets(context)
    start = gr.Button(context.t("dataset.start"), variant="primary", elem_id="dataset-start")
    build_job_panel(context, runner, dataset_jobs.DATASET_KINDS, "dataset")

    def run(*values: Any) -> None:
        start_jobs(context, runner, DatasetWish(*values))

    start.click(
        context.guard(run), [widgets[name] for name in DatasetWish.__dataclass_fields__], None, api_visibility="private"
    )
    build_proofreading(context, widgets["voice"], widgets["language"])


def _recording_widgets(context: PageContext) -> dict[str, Any]:
    t = context.t
    return {
        "voice": build_voice_list(context, t("dataset.voice"), t("dataset.voice_info"), "dataset-voice"),
        "uploads": gr.File(
            label=t("dataset.recordings"),
            file_count="multiple",
            file_types=["audio"],
            type="filepath",
            elem_id="dataset-files",
        ),
        "typed": gr.Textbox(label=t("dataset.folder"), info=t("dataset.folder_info")),
    }


def _step_widgets(context: PageContext) -> dict[str, Any]:
    t = context.t
    languages = [(t(f"dataset.language_{code}"), code) for code in LIST_LANGUAGES]
    return {
        "language": gr.Dropdown(languages, value="auto", label=t("dataset.language"), elem_id="dataset-language"),
        "whisper": gr.Dropdown(
            list(WHISPER_MODELS),
            value="base",
            label=t("dataset.whisper"),
            info=t("dataset.whisper_info"),
            allow_custom_value=True,
        ),
        "engine": gr.Dropdown(list(ENGINES), value=next(iter(ENGINES)), label=t("dataset.engine")),
        "separate": gr.Checkbox(False, label=t("dataset.separate"), info=t("dataset.separate_info")),
        "denoise": gr.Checkbox(False, label=t("dataset.denoise"), info=t("dataset.denoise_info")),
        "strength": gr.Slider(0.1, 1, value=0.9, step=0.05, label=t("dataset.strength")),
    }


def _slicing_widgets(context: PageContext) -> dict[str, Any]:
    default = SliceSettings()
    return {
        name: gr.Number(
            getattr(default, name),
            label=f"{name}: {context.t(f'dataset.{name}')}",
            precision=None if name == "threshold" else 0,
        )
        for name in SLICE_CONTROLS
    }


def start_jobs(context: PageContext, runner: JobRunner, wish: DatasetWish) -> list[str]:
    """Queue what the visitor asked for, each step after the one before; returns the jobs' ids.

    Raises:
        GSVError: a name, path or setting that cannot be used.
    """
    voice = voice_folder(context, wish.voice)
    check_numbers(context, wish)
    recordings = chosen_recordings(context, wish, voice)
    if wish.language not in LIST_LANGUAGES:
        raise RequestError(context.say("dataset.bad_language"))
    if wish.engine not in ENGINES:
        raise RequestError(context.say("dataset.bad_engine"))
    whisper = model_name(context, wish.whisper)

    jobs = []
    if recordings and wish.separate:
        jobs.append(runner.submit(separate_job(voice, recordings)))
        recordings = [separated(voice)]
    if recordings:
        spec = dataset_jobs.slice_job(voice, recordings, wish.slicing())
        jobs.append(runner.submit(replace(spec, after=jobs[-1] if jobs else "")))
    source = voice.sliced
    if wish.denoise:
        after = jobs[-1] if jobs else ""
        jobs.append(runner.submit(dataset_jobs.denoise_job(voice, wish.strength, after)))
        source = voice.denoised
    after, device = jobs[-1] if jobs else "", devices()[0]
    spec = dataset_jobs.transcribe_job(voice, source, wish.language, whisper, device, after)
    spec = replace(spec, command=(*spec.command, f"--engine={wish.engine}"))
    return [*jobs, runner.submit(spec)]


def check_numbers(context: PageContext, wish: DatasetWish) -> None:
    """Refuse fields that were emptied, or hold no number.

    Raises:
        RequestError: which field.
    """
    for name in (*SLICE_CONTROLS, "strength"):
        value = getattr(wish, name)
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise RequestError(context.say("dataset.no_number", name=context.say(f"dataset.{name}")))


def chosen_recordings(context: PageContext, wish: DatasetWish, voice: VoiceFolder) -> list[Path]:
    """Uploaded and typed recordings; empty where the voice has its pieces already and nothing new was chosen.

    Raises:
        GSVError: no sound file, or a path that is not there or not allowed.
    """
    paths = [Path(usable_upload(name, context.say)) for name in wish.uploads or []]
    if (wish.typed or "").strip():
        paths.append(context.path(wish.typed))
    if paths:
        return [context.path(str(path)) for path in find_recordings(paths)]  # links within a folder lead out of it
    if not voice.sliced.is_dir():
        raise RequestError(context.say("dataset.no_recordings"))
    return []
