"""The data set tab: recordings become a list. Cut, clean, write down in one click; then proofread and save."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np

from audio_io import load_audio, to_int16
from errors import DatasetError, RequestError
from pages import dataset_jobs
from pages.context import PageContext
from pages.guard import check_audio_upload
from pages.job_panel import build_job_panel, runner_of
from pages.jobs import JobRunner
from pages.training_bases import devices
from pages.voice_folder import VoiceFolder, model_name, voice_folder
from pages.voice_list import build_voice_list
from prepare_datasets.list_file import LANGUAGES
from tools.recordings.files import find_recordings
from tools.recordings.list_rows import ListRow, audio_path, read_rows, write_rows
from tools.recordings.slicing import SliceSettings

WHISPER_MODELS = ("tiny", "base", "small", "medium", "large-v3", "large-v3-turbo")
LIST_LANGUAGES = ("auto", *dict.fromkeys(LANGUAGES.values()))
COLUMNS = ("keep", "path", "speaker", "language", "text")
SLICE_CONTROLS = ("threshold", "min_length", "min_interval", "hop_size", "max_sil_kept", "max_length")
Table = list[list[Any]]


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

    def slicing(self) -> SliceSettings:
        """The slicer's settings.

        Raises:
            ConfigError: a value that cannot be.
        """
        values: dict[str, Any] = {name: int(getattr(self, name) or 0) for name in SLICE_CONTROLS}
        return SliceSettings(**values | {"threshold": float(self.threshold or 0)})


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
    _proofreading(context, widgets["voice"])


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
    recordings = chosen_recordings(context, wish, voice)
    if wish.language not in LIST_LANGUAGES:
        raise RequestError(context.say("dataset.bad_language"))
    whisper = model_name(context, wish.whisper)

    jobs = []
    if recordings:
        jobs.append(runner.submit(dataset_jobs.slice_job(voice, recordings, wish.slicing())))
    source = voice.sliced
    if wish.denoise:
        after = jobs[-1] if jobs else ""
        jobs.append(runner.submit(dataset_jobs.denoise_job(voice, wish.strength, after)))
        source = voice.denoised
    after, device = jobs[-1] if jobs else "", devices()[0]
    spec = dataset_jobs.transcribe_job(voice, source, wish.language, whisper, device, after)
    return [*jobs, runner.submit(spec)]


def chosen_recordings(context: PageContext, wish: DatasetWish, voice: VoiceFolder) -> list[Path]:
    """Uploaded and typed recordings; empty where the voice has its pieces already and nothing new was chosen.

    Raises:
        GSVError: no sound file, or a path that is not there or not allowed.
    """
    paths = [Path(check_audio_upload(name, context.say)) for name in wish.uploads or []]
    if (wish.typed or "").strip():
        paths.append(context.path(wish.typed))
    if paths:
        return find_recordings(paths)
    if not voice.sliced.is_dir():
        raise RequestError(context.say("dataset.no_recordings"))
    return []


# ---- proofreading ---------------------------------------------------------------------------------------------------


def _proofreading(context: PageContext, voice: gr.Dropdown) -> None:
    """The table of the list: read, heard, corrected, saved."""
    t = context.t
    gr.Markdown(t("dataset.proofread"))
    with gr.Row():
        load = gr.Button(t("dataset.load"), elem_id="list-load")
        save = gr.Button(t("dataset.save"), variant="primary", elem_id="list-save")
    table = gr.Dataframe(
        headers=[t(f"dataset.column_{name}") for name in COLUMNS],
        value=[],
        type="array",
        datatype=["bool", "str", "str", "str", "str"],
        column_count=len(COLUMNS),
        row_count=0,
        static_columns=[1],
        interactive=True,
        wrap=True,
        max_height=480,
        elem_id="list-table",
    )
    player = gr.Audio(
        label=t("dataset.player"), interactive=False, autoplay=True, buttons=["download"], elem_id="list-player"
    )

    def show(name: str) -> dict[str, Any]:
        headers = [context.say(f"dataset.column_{column}") for column in COLUMNS]
        return {"headers": headers, "data": load_table(voice_folder(context, name))}

    def keep(name: str, rows: Table) -> dict[str, Any]:
        voice = voice_folder(context, name)
        gr.Info(context.say("dataset.saved", count=save_table(voice, rows), path=voice.list_path))
        return show(name)

    def play(name: str, event: gr.SelectData) -> tuple[int, np.ndarray]:
        return play_row(context, voice_folder(context, name), str(event.row_value[1]))

    load.click(context.guard(show), voice, table, api_visibility="private")
    save.click(context.guard(keep), [voice, table], table, api_visibility="private")
    table.select(context.guard(play), voice, player, api_visibility="private", show_progress="hidden")


def load_table(voice: VoiceFolder) -> Table:
    """The list as rows of the table, all of them kept.

    Raises:
        DatasetError: there is no list.
    """
    return [[True, *row] for row in read_rows(voice.list_path)]


def save_table(voice: VoiceFolder, rows: Table) -> int:
    """Write the rows that are kept; returns how many.

    Raises:
        DatasetError: a row that cannot be trained on, or none left.
    """
    kept = [ListRow(*("" if value is None else str(value) for value in row[1:])) for row in rows if _is_true(row[0])]
    return write_rows(voice.list_path, kept)


def _is_true(value: Any) -> bool:
    return str(value).strip().lower() in ("true", "1")


def play_row(context: PageContext, voice: VoiceFolder, path: str) -> tuple[int, np.ndarray]:
    """(rate, int16 samples [T]) of the clip that a row names.

    Raises:
        DatasetError: the list has no such row.
        GSVError: the clip is not there, not allowed, or not readable.
    """
    row = next((row for row in read_rows(voice.list_path) if row.path == path), None)
    if row is None:
        raise DatasetError(context.say("dataset.no_row", path=path))
    audio = load_audio(context.path(str(audio_path(row, voice.list_path))))
    return audio.rate, to_int16(audio.samples)
