"""Runs of a voice: none touches another, changes are asked about, nothing to do is said, old ones go on."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

pytest.importorskip("gradio")

from AR.training.state import write_state  # noqa: E402
from errors import RequestError  # noqa: E402
from pages.context import PageContext  # noqa: E402
from pages.job_panel import panel_values, stop_job  # noqa: E402
from pages.jobs import JobRunner, JobSpec, JobState  # noqa: E402
from pages.run_panel import form_of, panel_of, remove_run  # noqa: E402
from pages.run_position import Position, position_of  # noqa: E402
from pages.runs import find_run, read_run, runs_of  # noqa: E402
from pages.training_start import Started, start_preparation, start_training  # noqa: E402
from pages.voice_folder import VoiceFolder, voice_folder  # noqa: E402
from tests.GPT_SoVITS.pages import test_training as tab  # noqa: E402
from tests.GPT_SoVITS.pages.test_training import GIVEN, NoRunner, settings_of  # noqa: E402

base, place, anna = tab.base, tab.place, tab.anna
S1 = GIVEN | {"stage": "s1"}


def begin(place: PageContext, runner: Any, given: dict[str, Any] = S1, how: Any = "ask") -> Started:
    return start_training(place, runner, given, how)


def live_job(spec: JobSpec) -> Any:
    return SimpleNamespace(id="job1", spec=spec, state=JobState.QUEUED)


def train(spec: JobSpec, epoch: int = 2, step: int = 20, state: JobState = JobState.STOPPED) -> Any:
    """What a start of an AR training leaves; gives the remark at its end."""
    assert spec.on_start is not None and spec.on_end is not None
    spec.on_start()
    path = Path(spec.facts["output"]) / "states" / "state.pt"
    write_state(path, {"position": {"epoch": epoch, "step": step, "minutes": 1.5}, "model": torch.zeros(3)})
    return spec.on_end(state)


@pytest.fixture
def begun(place: PageContext, anna: VoiceFolder) -> Started:
    """An AR training of anna's that was stopped after two of three epochs."""
    runner = NoRunner()
    started = begin(place, runner)
    train(runner.specs[0])
    return started


def test_queued_trainings_of_a_voice_do_not_touch_each_other(place: PageContext, anna: VoiceFolder) -> None:
    runner = NoRunner()
    wishes = [S1 | {"name": "a", "epochs": 1}, S1 | {"name": "b", "epochs": 2}, S1 | {"name": "c", "epochs": 3}]
    for wish in wishes:
        begin(place, runner, wish)
    assert [settings_of(spec)["train"]["epochs"] for spec in runner.specs] == [1, 2, 3]
    assert len({spec.facts["output"] for spec in runner.specs}) == len({spec.log for spec in runner.specs}) == 3
    outputs = [next(word for word in spec.command if word.startswith("--output=")) for spec in runner.specs]
    assert len(set(outputs)) == 3 and len({settings_of(spec)["train"]["exp_name"] for spec in runner.specs}) == 3


def test_without_a_name_each_new_training_gets_one(place: PageContext, anna: VoiceFolder) -> None:
    runner = NoRunner()
    keys = [begin(place, runner, S1 | {"epochs": epochs}).key for epochs in (1, 2, 3)]
    assert keys == ["s1-anna", "s1-anna-2", "s1-anna-3"]
    assert begin(place, runner, S1 | {"stage": "s2"}).key == "s2-anna", "other weights, other files"


def test_names_of_weights_are_not_taken_twice(place: PageContext, anna: VoiceFolder) -> None:
    begin(place, NoRunner(), S1 | {"name": "mine"})
    ben = voice_folder(place, "ben")
    ben.folder.mkdir()
    for name in ("2-name2text.txt", "6-name2semantic.tsv"):
        (ben.folder / name).write_text("x\n")
    for voice in ("anna", "ben"):
        with pytest.raises(RequestError, match="mine: there are weights or a training of that name"):
            begin(place, NoRunner(), S1 | {"voice": voice, "name": "mine"})
    weights = place.weights.root / "GPT_weights_v2"
    weights.mkdir()
    (weights / "old-e4.ckpt").write_text("")
    (weights / "older-e4.ckpt").write_text("")
    with pytest.raises(RequestError, match="old: there are weights"):
        begin(place, NoRunner(), S1 | {"name": "old"})
    begin(place, NoRunner(), S1 | {"name": "ol"})


def test_the_same_run_is_not_queued_twice(place: PageContext, anna: VoiceFolder) -> None:
    runner = NoRunner()
    key = begin(place, runner).key
    busy = NoRunner(live_job(runner.specs[0]))
    for again in ({}, {"run": key}):
        with pytest.raises(RequestError, match="anna waits or runs already"):
            begin(place, busy, S1 | again)
    assert not busy.specs
    begin(place, busy, S1 | {"epochs": 7})
    assert busy.specs[0].facts["run"] == "s1-anna-2", "another training is one"


def test_going_on_says_from_where_and_the_form_is_filled(place: PageContext, anna: VoiceFolder, begun: Started) -> None:
    [run] = runs_of(anna)
    assert position_of(run) == Position(2, 20, 1.5) and run.ended == "stopped"
    _, note, start, go_on, anew, remove, _ = panel_of(place, NoRunner(), "anna", begun.key)  # type: ignore[arg-type]
    assert "2 of 3 epochs are done (20 steps)" in note.value and start.value == "Go on from epoch 3"
    assert start.visible and anew.visible and remove.visible and not go_on.visible
    form = form_of(place, anna, begun.key)
    assert (form["epochs"]["value"], form["stage"]["value"], form["name"]["value"]) == (3, "s1", "anna")
    assert form["epochs"]["interactive"] and not form["base"]["interactive"] and form["if_dpo"]["value"]
    runner = NoRunner()
    begin(place, runner, S1 | {"run": begun.key})
    [spec] = runner.specs
    assert str(spec.title) == "Train AR model (GPT): anna, from epoch 3 on"
    assert spec.title.told(lambda key, **values: f"{key}:{values}").startswith("training.train_job_from")  # type: ignore[union-attr]


def test_nothing_to_do_is_said(place: PageContext, anna: VoiceFolder, begun: Started) -> None:
    for change, words in (({"epochs": 2}, "has had 2 epochs, and 2 are asked"), ({"minutes": 1}, "1.5 of 1 minutes")):
        with pytest.raises(RequestError, match=f"Nothing to do: anna.*{words}"):
            begin(place, NoRunner(), S1 | {"run": begun.key} | change)
    runner = NoRunner()
    begin(place, runner, S1 | {"run": begun.key})
    remark = train(runner.specs[0], state=JobState.DONE)
    assert "nothing was trained" in str(remark), "whatever the reason, a green done means that something was"
    assert train(runner.specs[0], step=30, state=JobState.DONE) is None


def test_changed_data_are_asked_about(place: PageContext, anna: VoiceFolder, begun: Started) -> None:
    (anna.folder / "2-name2text.txt").write_text("x\ny\n")
    runner, given = NoRunner(), S1 | {"run": begun.key}
    asked = begin(place, runner, given)
    assert "anna was trained on something else: The data have changed since." in asked.question and not runner.specs
    _, note, start, go_on, *_ = panel_of(place, runner, "anna", begun.key, asked.question, "go_on")  # type: ignore[arg-type]
    assert asked.question in note.value and go_on.visible and not start.visible
    assert not begin(place, runner, given, "go_on").question and len(runner.specs) == 1
    train(runner.specs[0])
    assert not begin(place, runner, given).question, "from now on these are its data"


def test_lines_in_another_order_are_the_same_data(place: PageContext, anna: VoiceFolder) -> None:
    path, runner = anna.folder / "2-name2text.txt", NoRunner()
    path.write_text("x\ny\n")
    key = begin(place, runner).key
    train(runner.specs[0])
    path.write_text("y\nx\n")
    assert not begin(place, runner, S1 | {"run": key}).question


def test_changed_settings_are_asked_about(place: PageContext, anna: VoiceFolder, begun: Started) -> None:
    given = S1 | {"run": begun.key}
    asked = begin(place, NoRunner(), given | {"batch_size": 2, "if_dpo": False}).question
    assert "Batch size: 4 → 2" in asked and "Preference loss (DPO): True → False" in asked
    assert not begin(place, NoRunner(), given | {"epochs": 9, "save_every": 1, "minutes": 5}).question
    with pytest.raises(RequestError, match="begun on other weights or with another preset"):
        begin(place, NoRunner(), given | {"stage": "s2"})


def test_a_run_is_started_anew_and_what_it_made_is_kept(place: PageContext, anna: VoiceFolder, begun: Started) -> None:
    [run] = runs_of(anna)
    run.weights.mkdir()
    for name in ("anna-e2.ckpt", "anna-best.ckpt", "anna-other-e2.ckpt"):
        (run.weights / name).write_text(name)
    run.log.write_text("first")
    runner = NoRunner()
    assert not begin(place, runner, S1 | {"run": begun.key}, "anew").question
    assert str(runner.specs[0].title) == "Train AR model (GPT): anna" and position_of(runs_of(anna)[0]) is None
    [shelf] = (run.folder / "earlier").iterdir()
    assert sorted(path.name for path in shelf.iterdir()) == ["anna-best.ckpt", "anna-e2.ckpt", "log.txt"]
    assert [path.name for path in run.weights.iterdir()] == ["anna-other-e2.ckpt"]


def test_a_run_is_removed_but_not_its_weights(place: PageContext, anna: VoiceFolder, begun: Started) -> None:
    [run] = runs_of(anna)
    run.weights.mkdir()
    (run.weights / "anna-e2.ckpt").write_text("")
    runner = NoRunner()
    begin(place, runner, S1 | {"run": begun.key})
    with pytest.raises(RequestError, match="waits or runs"):
        remove_run(place, NoRunner(live_job(runner.specs[0])), anna, begun.key)  # type: ignore[arg-type]
    assert "anna is removed" in remove_run(place, NoRunner(), anna, begun.key)  # type: ignore[arg-type]
    assert not run.folder.exists() and (run.weights / "anna-e2.ckpt").exists()
    with pytest.raises(RequestError, match="gone"):
        find_run(place, anna, begun.key)
    with pytest.raises(RequestError, match="gone"):
        begin(place, NoRunner(), S1 | {"run": "../../x"})


def test_data_are_not_prepared_under_a_training(place: PageContext, anna: VoiceFolder, begun: Started) -> None:
    runner = NoRunner()
    start_preparation(place, runner, GIVEN)  # type: ignore[arg-type]
    preparing = NoRunner(live_job(runner.specs[0]))
    with pytest.raises(RequestError, match="being prepared already"):
        start_preparation(place, preparing, GIVEN)  # type: ignore[arg-type]
    with pytest.raises(RequestError, match="being prepared: go on when"):
        begin(place, preparing, S1 | {"run": begun.key})
    begin(place, preparing)
    assert preparing.specs[0].after == "job1"
    with pytest.raises(RequestError, match="learns from the data of anna"):
        start_preparation(place, NoRunner(live_job(preparing.specs[0])), GIVEN)  # type: ignore[arg-type]


def test_positions_of_the_other_stages(place: PageContext, anna: VoiceFolder) -> None:
    runner = NoRunner()
    begin(place, runner)
    begin(place, runner, S1 | {"stage": "s2"})
    begin(place, runner, S1 | {"stage": "lm"})
    found = {run.wish.stage: run for run in runs_of(anna)}
    assert all(position_of(run) is None for run in found.values())
    states = found["s2"].states
    states.mkdir()
    torch.save({"iteration": 5, "step": 44, "model": {}}, states / "G_233333333333.pth")
    state = found["lm"].states / "checkpoint-30"
    state.mkdir(parents=True)
    (state / "trainer_state.json").write_text(json.dumps({"global_step": 30, "max_steps": 40}))
    (state / "clock.json").write_text(json.dumps({"minutes": 2.0}))
    assert position_of(found["s2"]) == Position(4, 44)
    assert position_of(replace(found["lm"], wish=replace(found["lm"].wish, epochs=8))) == Position(6, 30, 2.0)
    (states / "G_233333333333.pth").write_text("damaged")
    assert position_of(found["s2"]) is None


def test_folders_that_hold_no_run_are_passed_over(place: PageContext, anna: VoiceFolder, begun: Started) -> None:
    for name, content in (("s1-x", "{"), ("s1-y", '{"wish": {"unknown": 1}}'), ("s1-z", "[]")):
        folder = anna.folder / "runs" / name
        folder.mkdir()
        (folder / "run.json").write_text(content)
    assert [run.key for run in runs_of(anna)] == [begun.key] and read_run(anna.folder) is None


# ---- jobs ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def runner(tmp_path: Path) -> Iterator[JobRunner]:
    made = JobRunner(tmp_path / "jobs")
    yield made
    made.close(grace_seconds=1)


@pytest.fixture
def waiting() -> Callable[..., JobSpec]:
    def spec(title: str, **more: Any) -> JobSpec:
        return JobSpec(
            title, "train", (sys.executable, "-c", "input() if 0 else __import__('time').sleep(60)"), "cpu", **more
        )

    return spec


def test_one_of_several_is_stopped(place: PageContext, runner: JobRunner, waiting: Callable[..., JobSpec]) -> None:
    first, second, third = (runner.submit(waiting(title)) for title in ("one", "two", "three"))
    values = panel_values(place.say, runner.views(), ())
    which, stop = values[-2:]
    assert [label for label, _ in which.choices] == ["one", "two", "three"] and which.value == first
    assert which.visible and stop.visible
    stop_job(place.say, runner, ("train",), second)
    assert [runner.view(job).state for job in (first, second, third)] == [
        JobState.RUNNING,
        JobState.STOPPED,
        JobState.QUEUED,
    ]
    stop_job(place.say, runner, ("train",), None)
    assert runner.wait(first, 20).state is JobState.STOPPED and not runner.view(third).state.is_over


def test_a_run_keeps_one_log_and_hooks_are_called(tmp_path: Path, runner: JobRunner) -> None:
    said: list[Any] = []
    spec = JobSpec(
        "one",
        "train",
        (sys.executable, "-c", "print('hello')"),
        "cpu",
        log=tmp_path / "log.txt",
        on_start=lambda: said.append("start"),
        on_end=lambda state: said.append(state),
    )
    for _ in range(2):
        runner.wait(runner.submit(spec), 20)
    assert said == ["start", JobState.DONE] * 2
    assert (tmp_path / "log.txt").read_text().count("hello") == 2


def test_what_waited_in_vain_says_for_what(place: PageContext, runner: JobRunner) -> None:
    first = runner.submit(JobSpec("prepare", "train", (sys.executable, "-c", "raise SystemExit(1)"), "data"))
    second = runner.submit(JobSpec("train", "train", (sys.executable, "-c", ""), "cpu", after=first))
    assert runner.wait(second, 20).state is JobState.STOPPED
    overview = panel_values(place.say, runner.views(), ())[1]
    assert "train – not started, because this was not done: prepare" in overview
