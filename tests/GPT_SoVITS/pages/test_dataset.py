"""The data set tab without a browser: what is queued for which wishes, the table, playback, and what the panel says."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import soundfile

pytest.importorskip("gradio")

from errors import AudioError, ConfigError, DatasetError, GSVError, RequestError  # noqa: E402
from pages import dataset_jobs, dataset_tab, job_panel, training_wish  # noqa: E402
from pages.context import PageContext  # noqa: E402
from pages.dataset_tab import DatasetWish, start_jobs  # noqa: E402
from pages.jobs import JobRunner, JobSpec, JobState  # noqa: E402
from pages.loss_plot import COLOURS  # noqa: E402
from pages.proofreading import (  # noqa: E402
    COLUMNS,
    check_clips,
    deleted_rows,
    load_table,
    play_row,
    save_table,
    with_new_clips,
)
from pages.uploads import usable_upload, written_down  # noqa: E402
from pages.voice_folder import VoiceFolder, model_name, voice_folder, voice_names  # noqa: E402
from tests.GPT_SoVITS.pages.conftest import NoRunner  # noqa: E402
from tools.i18n.translator import texts  # noqa: E402
from tools.recordings.list_rows import ListRow  # noqa: E402

WISH = DatasetWish("anna", None, "", False, 0.9, "en", "base", -34, 4000, 300, 10, 500, 20000)
RATE = 16000


@pytest.fixture
def place(context: PageContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PageContext:
    """The page's surroundings with voices below ``tmp_path``/logs, on a computer without a GPU."""
    monkeypatch.setattr(dataset_tab, "devices", lambda: ["cpu"])
    return replace(context, settings=replace(context.settings, exp_root=tmp_path / "logs"))


def recording(path: Path, seconds: float = 1.0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.full(int(RATE * seconds), 0.1), RATE)
    return path


def start(context: PageContext, **changes: Any) -> list[JobSpec]:
    runner = NoRunner()
    start_jobs(context, runner, replace(WISH, **changes))  # type: ignore[arg-type]
    return runner.specs


def test_one_click_queues_every_step_after_the_one_before(place: PageContext, tmp_path: Path) -> None:
    uploads = [str(recording(tmp_path / "up" / f"{name}.wav")) for name in ("a", "b; rm x")]
    cut, clean, write = start(place, uploads=uploads, denoise=True, min_length=3000)
    assert [spec.kind for spec in (cut, clean, write)] == ["slice", "denoise", "transcribe"]
    assert [spec.after for spec in (cut, clean, write)] == ["", "job1", "job2"]
    assert len({spec.lane for spec in (cut, clean, write)}) == 1
    assert cut.command[0] == sys.executable and cut.command[2:4] == tuple(uploads)
    assert f"--output={place.settings.exp_root}/anna/sliced" in cut.command and "--min_length=3000" in cut.command
    assert str(place.settings.exp_root / "anna" / "denoised") in write.command
    assert f"--list={place.settings.exp_root}/anna/anna.list" in write.command and "--speaker=anna" in write.command
    assert str(cut.title) == "Cut the recordings of anna" and Path(cut.command[1]).is_file()


def test_the_same_voice_is_written_down_again_without_cutting(place: PageContext) -> None:
    recording(place.settings.exp_root / "anna" / "sliced" / "a.wav")
    [write] = start(place)
    assert write.kind == "transcribe" and write.after == ""
    assert str(place.settings.exp_root / "anna" / "sliced") in write.command


@pytest.mark.parametrize(
    ("changes", "kind", "words"),
    [
        ({}, RequestError, "upload recordings"),
        ({"voice": ""}, RequestError, "no name for a voice"),
        ({"voice": "../../etc"}, RequestError, "no name for a voice"),
        ({"voice": "--help"}, RequestError, "no name for a voice"),
        ({"voice": "jobs"}, RequestError, "no name for a voice"),
        ({"typed": "/etc"}, RequestError, "outside"),
        ({"typed": "logs/nowhere"}, RequestError, "not there"),
        ({"uploads": ["notes.txt"]}, AudioError, "notes.txt"),
        ({"language": "xx"}, RequestError, "language"),
        ({"whisper": "/etc/passwd"}, RequestError, "outside"),
        ({"whisper": ""}, RequestError, "path"),
        ({"threshold": 5}, ConfigError, "threshold"),
        ({"hop_size": None}, RequestError, "needs a number: ms between two looks"),
        ({"threshold": float("nan")}, RequestError, "needs a number: dB below"),
        ({"max_length": float("inf")}, RequestError, "needs a number: ms after which"),
        ({"strength": None}, RequestError, "needs a number"),
        ({"typed": "x" * 5000}, RequestError, "not there"),
        ({"voice": "x" * 5000}, RequestError, "no name for a voice"),
    ],
)
def test_wrong_wishes_queue_nothing(
    place: PageContext, tmp_path: Path, changes: dict[str, Any], kind: type[GSVError], words: str
) -> None:
    good = {"uploads": [str(recording(tmp_path / "a.wav"))]} if changes and "voice" not in changes else {}
    runner = NoRunner()
    with pytest.raises(kind, match=words):
        start_jobs(place, runner, replace(WISH, **(good | changes)))  # type: ignore[arg-type]
    assert not runner.specs


def test_voices_are_those_with_a_list_or_data(place: PageContext) -> None:
    assert voice_names(place) == []
    for name, file in (
        ("anna", "anna.list"),
        ("jobs", "x.log"),
        ("empty", "notes"),
        ("ben", "2-name2text.txt"),
        ("ben", "6-name2semantic.tsv"),
    ):
        path = place.settings.exp_root / name / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    assert sorted(voice_names(place)) == ["anna", "ben"]
    assert voice_folder(place, " anna ").list_path == place.settings.exp_root / "anna" / "anna.list"


def test_models_are_names_or_allowed_paths(place: PageContext, tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    allowed = replace(place, settings=replace(place.settings, allow=(tmp_path,)))
    assert [model_name(allowed, text) for text in ("base", "owner/model-1.5B")] == ["base", "owner/model-1.5B"]
    assert model_name(allowed, str(tmp_path / "model")) == str(tmp_path / "model")
    for text in ("/etc", "a/b/c", "../x", "~root"):
        with pytest.raises(RequestError):
            model_name(allowed, text)


@pytest.fixture
def anna(place: PageContext) -> VoiceFolder:
    """A voice with a list of two clips."""
    voice = voice_folder(place, "anna")
    for name in ("a", "b"):
        recording(voice.sliced / f"{name}.wav")
    voice.list_path.write_text("sliced/a.wav|anna|en|Helo.\nsliced/b.wav|anna|en|Noise.\n")
    return voice


def test_rows_are_corrected_dropped_and_saved(place: PageContext, anna: VoiceFolder) -> None:
    table = load_table(anna)
    assert table == [[True, "sliced/a.wav", "anna", "en", "Helo."], [True, "sliced/b.wav", "anna", "en", "Noise."]]
    table[0][4] = "Hello."
    table[1][0] = False
    assert deleted_rows(anna, table) == ["sliced/b.wav"], "asked about before it is done"
    assert save_table(place, anna, table) == (1, 0)
    assert anna.list_path.read_text() == "sliced/a.wav|anna|en|Hello.\n"
    for wrong in (
        [["true", "sliced/a.wav", "anna", "english", "Hi."]],
        [[False, *table[0][1:]]],
        [[True, "sliced/a.wav", "anna", "en", None]],
    ):
        with pytest.raises(DatasetError):
            save_table(place, anna, wrong)
    assert anna.list_path.read_text() == "sliced/a.wav|anna|en|Hello.\n", "a bad table leaves the list alone"


def test_a_row_is_heard_and_no_other_file(place: PageContext, anna: VoiceFolder) -> None:
    rate, samples = play_row(place, anna, "sliced/a.wav")
    assert rate == RATE and samples.dtype == np.int16 and len(samples) == RATE
    with pytest.raises(DatasetError, match="no row"):
        play_row(place, anna, "/etc/passwd")
    anna.list_path.write_text("/etc/hostname|anna|en|Hi.\n")
    with pytest.raises(RequestError, match="outside"):
        play_row(place, anna, "/etc/hostname")
    anna.list_path.unlink()
    with pytest.raises(DatasetError, match="transcribe first"):
        load_table(anna)


def test_without_a_recogniser_the_list_is_typed(place: PageContext, anna: VoiceFolder) -> None:
    recording(anna.sliced / "c.wav")
    (anna.sliced / "notes.txt").write_text("")
    table = with_new_clips(anna, [[None] * 5], "auto")
    assert [row[1] for row in table] == ["sliced/a.wav", "sliced/b.wav", "sliced/c.wav"]
    assert table[2] == [True, "sliced/c.wav", "anna", "en", ""] and play_row(place, anna, "sliced/c.wav")[0] == RATE
    assert save_table(place, anna, table) == (2, 1), "what nothing was typed for is left out, and told"
    table[2][4] = "Good evening."
    assert save_table(place, anna, table) == (3, 0) and len(load_table(anna)) == 3
    anna.list_path.unlink()
    assert len(with_new_clips(anna, [], "ja")) == 3 and with_new_clips(anna, [], "ja")[0][3] == "ja"


def test_rows_outside_of_the_allowed_folders_are_refused(place: PageContext, anna: VoiceFolder, tmp_path: Path) -> None:
    table = load_table(anna)
    (anna.sliced / "link.wav").symlink_to("/etc/hostname")
    for path in ("/etc/hostname", "../../../../../../etc/hostname", "sliced/link.wav"):
        before = anna.list_path.read_text()
        with pytest.raises(RequestError, match=f"Row 3 names a file that the page may not read: {path}"):
            save_table(place, anna, [*table, [True, path, "anna", "en", "Hi."]])
        assert anna.list_path.read_text() == before
        with pytest.raises(RequestError, match="Row 1"):
            check_clips(place, anna.list_path, [ListRow(path, "anna", "en", "Hi.")])


def test_links_in_a_chosen_folder_are_followed_first(place: PageContext, anna: VoiceFolder) -> None:
    (anna.sliced / "link.wav").symlink_to("/etc/hostname")
    with pytest.raises(RequestError, match="outside"):
        start(place, typed=str(anna.sliced))


@pytest.mark.parametrize("suffix", [".m4a", ".opus"])
def test_other_kinds_of_recordings_are_taken(place: PageContext, tmp_path: Path, suffix: str) -> None:
    av = pytest.importorskip("av")
    path = tmp_path / f"voice{suffix}"
    with av.open(str(path), "w") as file:
        stream = file.add_stream("aac" if suffix == ".m4a" else "libopus", rate=48000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.full((1, 48000), 0.1, np.float32), format="fltp", layout="mono")
        frame.rate = 48000
        for packet in (*stream.encode(frame), *stream.encode(None)):
            file.mux(packet)
    taken = Path(usable_upload(str(path), place.say))
    samples, rate = soundfile.read(taken)
    assert rate == 48000 and abs(len(samples) / rate - 1) < 0.1 and taken.stem == "voice"
    path.write_bytes(b"no sound")
    if suffix == ".m4a":
        with pytest.raises(AudioError, match="voice.m4a cannot be decoded"):
            usable_upload(str(path), place.say)


def test_a_reference_is_written_down(place: PageContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tools.recordings import transcription

    class Engine:
        def transcribe(self, samples: Any, language: str | None) -> Any:
            assert len(samples) == 16000 and language is None
            return transcription.Heard("Hello.", "en")

    monkeypatch.setattr(transcription, "load_transcriber", lambda *names: Engine())
    assert written_down(place, str(recording(tmp_path / "a.wav"))) == ("Hello.", "en")
    with pytest.raises(RequestError, match="no reference"):
        written_down(place, None)


def test_a_job_sees_the_one_device_it_may_use() -> None:
    assert "CUDA_VISIBLE_DEVICES" not in dataset_jobs.environment()
    assert dataset_jobs.environment("cuda:3")["CUDA_VISIBLE_DEVICES"] == "3"
    assert dataset_jobs.environment("cpu")["CUDA_VISIBLE_DEVICES"] == ""


@pytest.fixture
def runner(tmp_path: Path) -> Iterator[JobRunner]:
    made = JobRunner(tmp_path / "jobs", tmp_path)
    yield made
    made.close(grace_seconds=0.1)


def test_the_panel_tells_of_every_job_and_only_what_is_new(
    runner: JobRunner, context: PageContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr(job_panel.gr, "Info", told.append)
    seen, overview, bars, log, *_ = job_panel.panel_values(context.say, [], ())
    assert overview == "No jobs yet" and bars == log == ""
    code = "from tqdm import tqdm\nfor _ in tqdm(range(4), desc='<b>text'): pass\nraise ValueError('<i>bad list')"
    job = runner.submit(JobSpec("Cut <b>anna", "slice", (sys.executable, "-c", code), "a"))
    assert runner.wait(job, 60).state is JobState.FAILED
    seen, overview, bars, log, *_ = job_panel.panel_values(context.say, runner.views("slice"), seen)
    assert "❌" in overview and "bad list" in overview and "failed after" in overview and "Traceback" in log
    assert "4/4" in bars and "value='1.000'" in bars
    assert "<b>" not in overview + bars and "<i>" not in overview, "what a job says is text, not markup"
    _, *again = job_panel.panel_values(context.say, runner.views("slice"), seen)
    assert not any(isinstance(value, str) for value in again), "nothing is sent twice"
    job_panel.stop_job(context.say, runner, ("slice",), None)
    assert told == ["No jobs yet"]


def test_keys_that_the_code_puts_together_have_texts() -> None:
    composed = {
        *(f"jobs.{state.value}" for state in JobState),
        *(f"dataset.column_{name}" for name in COLUMNS),
        *(f"dataset.{name}" for name in dataset_tab.SLICE_CONTROLS),
        *(f"dataset.{kind}_job" for kind in dataset_jobs.DATASET_KINDS),
        *(f"dataset.language_{code}" for code in dataset_tab.LIST_LANGUAGES),
        *(f"training.stage_{stage}" for stage in training_wish.STAGES),
        *(f"training.{name}" for name in training_wish.LIMITS),
        *(f"runs.state_{state}" for state in ("live", "waiting", "done", "failed", "stopped")),
        *(f"training.curve_{name.replace('-', '_')}" for name in COLOURS),
        *(f"runs.ask_{what}" for what in ("anew", "remove")),
        *(f"training.preset_{fits}" for fits in ("fits", "too_big", "unknown")),
    }
    assert composed <= set(texts("en_US"))


def test_the_main_page_has_both_tabs(place: PageContext, runner: JobRunner) -> None:
    from pages.main_page import build_main_page

    page = build_main_page(replace(place, new_runner=lambda: runner))
    config = page.get_config_file()
    found = {component["props"].get("elem_id") for component in config["components"]}
    assert {
        "tab-dataset",
        "dataset-voice",
        "dataset-files",
        "dataset-start",
        "dataset-jobs",
        "list-table",
        "list-save",
        "tab-training",
        "training-voice",
        "training-base",
        "training-prepare",
        "training-start",
        "training-stop",
        "training-preset",
        "training-losses",
    } <= found
    public = [call for call in config["dependencies"] if call["api_visibility"] == "public"]
    assert not [call["api_name"] for call in public if "train" in str(call["api_name"])], "jobs start by button only"


def test_a_page_without_jobs_says_so() -> None:
    with pytest.raises(RequestError, match=r"webui\.py"):
        job_panel.runner_of(SimpleNamespace(new_runner=None))  # type: ignore[arg-type]


def test_separation_comes_first_and_the_recogniser_is_the_one_that_was_chosen(context: PageContext) -> None:
    folder = context.uploads / "in"  # a temporary folder that the page may read
    folder.mkdir()
    (folder / "song.wav").touch()
    runner = NoRunner()
    wish = replace(WISH, typed=str(folder), separate=True, engine="sense-voice")
    start_jobs(context, runner, wish)  # type: ignore[arg-type]
    assert [spec.kind for spec in runner.specs] == ["separate", "slice", "transcribe"]
    assert [spec.after for spec in runner.specs] == ["", "job1", "job2"]
    cut = runner.specs[1].command
    assert str(voice_folder(context, "anna").folder / "separated") in cut and str(folder / "song.wav") not in cut
    assert "--engine=sense-voice" in runner.specs[2].command
    with pytest.raises(RequestError):
        start_jobs(context, runner, replace(WISH, typed=str(folder), engine="ear"))  # type: ignore[arg-type]
