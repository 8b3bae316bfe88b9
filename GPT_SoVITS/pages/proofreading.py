"""The list of a voice as a table: read, heard, corrected, added to, saved.

A path in a row is one that somebody may have typed: it is checked like any other before it is saved, heard or learned.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np

from audio_io import load_audio, to_int16
from errors import DatasetError, RequestError
from pages.context import PageContext
from pages.guard import plain
from pages.voice_folder import VoiceFolder, voice_folder
from tools.recordings.files import AUDIO_SUFFIXES
from tools.recordings.list_rows import ListRow, audio_path, path_in_list, read_rows, write_rows

COLUMNS = ("keep", "path", "speaker", "language", "text")
PATH, TEXT = 1, 4
NO_LANGUAGE = "en"
"""Of a clip that is added by hand where the language is to be found out."""
Table = list[list[Any]]
QUIET: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}


def build_proofreading(context: PageContext, voice: gr.Dropdown, language: gr.Dropdown) -> None:
    """Adds the table and its buttons to the container that is open."""
    t = context.t
    gr.Markdown(t("dataset.proofread"))
    with gr.Row():
        load = gr.Button(t("dataset.load"), elem_id="list-load")
        add = gr.Button(t("dataset.add"), elem_id="list-add")
        save = gr.Button(t("dataset.save"), variant="primary", elem_id="list-save")
    table = gr.Dataframe(
        headers=[t(f"dataset.column_{name}") for name in COLUMNS],
        value=[],
        type="array",
        datatype=["bool", "str", "str", "str", "str"],
        column_count=len(COLUMNS),
        row_count=0,
        static_columns=[PATH],
        interactive=True,
        wrap=True,
        max_height=480,
        elem_id="list-table",
    )
    player = gr.Audio(
        label=t("dataset.player"), interactive=False, autoplay=True, buttons=["download"], elem_id="list-player"
    )
    asked = gr.State("")

    def shown(rows: Table) -> dict[str, Any]:
        return {"headers": [context.say(f"dataset.column_{column}") for column in COLUMNS], "data": rows}

    def show(name: str) -> tuple[dict[str, Any], str]:
        return shown(load_table(voice_folder(context, name))), ""

    def more(name: str, rows: Table, spoken: str) -> tuple[dict[str, Any], str]:
        chosen = voice_folder(context, name)
        added = with_new_clips(chosen, rows, spoken)
        count = len(added) - len(filled(rows))
        gr.Info(context.say("dataset.added", count=count) if count else context.say("dataset.none_added"))
        return shown(added), ""

    def keep(name: str, rows: Table, before: str) -> tuple[Any, str]:
        chosen = voice_folder(context, name)
        gone = deleted_rows(chosen, rows)
        if gone and before != str(gone):
            said = context.say("dataset.ask_delete", count=len(gone), names=", ".join(gone[:3]))
            gr.Warning(plain(said), title=context.say("dataset.save"))
            return gr.skip(), str(gone)
        count, without = save_table(context, chosen, rows)
        said = context.say("dataset.saved", count=count, path=chosen.list_path.name)
        gr.Info(plain(said + (" " + context.say("dataset.without_text", count=without) if without else "")))
        return shown(load_table(chosen)), ""

    def play(name: str, event: gr.SelectData) -> tuple[int, np.ndarray]:
        return play_row(context, voice_folder(context, name), str(event.row_value[PATH]))

    load.click(context.guard(show), voice, [table, asked], **QUIET)
    add.click(context.guard(more), [voice, table, language], [table, asked], **QUIET)
    save.click(context.guard(keep), [voice, table, asked], [table, asked], **QUIET)
    table.select(context.guard(play), voice, player, **QUIET)


def load_table(voice: VoiceFolder) -> Table:
    """The list as rows of the table, all of them kept.

    Raises:
        DatasetError: there is no list.
    """
    return [[True, *row] for row in read_rows(voice.list_path)]


def filled(rows: Table) -> Table:
    """Rows that name a clip: an empty table has a row of nothing."""
    return [row for row in rows if str(row[PATH] or "").strip()]


def with_new_clips(voice: VoiceFolder, rows: Table, language: str) -> Table:
    """``rows`` (those of the list where the table is empty), and a row to be typed in for every further piece.

    Args:
        voice: whose pieces; the denoised ones where there are any.
        rows: of the table.
        language: spoken in them.
    """
    known = filled(rows) or (load_table(voice) if voice.list_path.is_file() else [])
    folder = voice.denoised if voice.denoised.is_dir() else voice.sliced
    pieces = sorted(folder.iterdir()) if folder.is_dir() else []
    names = {str(row[PATH]) for row in known}
    paths = [path_in_list(piece, voice.list_path) for piece in pieces if piece.suffix.lower() in AUDIO_SUFFIXES]
    spoken = NO_LANGUAGE if language == "auto" else language
    return [*known, *([True, path, voice.name, spoken, ""] for path in paths if path not in names)]


def deleted_rows(voice: VoiceFolder, rows: Table) -> list[str]:
    """Clips of the list on disk that saving would take out of it."""
    if not voice.list_path.is_file():
        return []
    kept = {str(row[PATH]) for row in rows if _is_true(row[0])}
    return [row.path for row in read_rows(voice.list_path) if row.path not in kept]


def save_table(context: PageContext, voice: VoiceFolder, rows: Table) -> tuple[int, int]:
    """Write the rows that are kept; returns how many, and how many were left out because nothing was typed in yet.

    Raises:
        DatasetError: a row that cannot be trained on, or none left.
        RequestError: a row whose clip lies where the page may not read.
    """
    known = {row.path for row in read_rows(voice.list_path)} if voice.list_path.is_file() else set()
    chosen = [ListRow(*("" if value is None else str(value) for value in row[1:])) for row in rows if _is_true(row[0])]
    kept = [row for row in chosen if row.text.strip() or row.path in known]
    check_clips(context, voice.list_path, kept)
    return write_rows(voice.list_path, kept), len(chosen) - len(kept)


def check_clips(context: PageContext, list_path: Path, rows: list[ListRow]) -> None:
    """Refuse rows whose clips are outside of the folders that the page may read; links are followed.

    Raises:
        RequestError: which one.
    """
    for number, row in enumerate(rows, 1):
        try:
            context.path(str(audio_path(row, list_path)), must_exist=False)
        except RequestError as error:
            raise RequestError(context.say("dataset.bad_row", number=number, path=row.path)) from error


def _is_true(value: Any) -> bool:
    return str(value).strip().lower() in ("true", "1")


def play_row(context: PageContext, voice: VoiceFolder, path: str) -> tuple[int, np.ndarray]:
    """(rate, int16 samples [T]) of the clip that a row names: one of the list, or a piece that is not in it yet.

    Raises:
        DatasetError: there is no such row.
        GSVError: the clip is not there, not allowed, or not readable.
    """
    rows = read_rows(voice.list_path) if voice.list_path.is_file() else []
    pieces = {row[PATH] for row in with_new_clips(voice, [[True, *row] for row in rows], NO_LANGUAGE)}
    if path not in pieces:
        raise DatasetError(context.say("dataset.no_row", path=path))
    row = ListRow(path, "", "", "")
    audio = load_audio(context.path(str(audio_path(row, voice.list_path))))
    return audio.rate, to_int16(audio.samples)
