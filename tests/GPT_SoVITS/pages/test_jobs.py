"""JobRunner with real small subprocesses: queue, lanes, stop with children, progress, logs, errors, the end."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from errors import RequestError
from pages.job_output import KEPT_LINES, Transcript, error_of, parse_bar
from pages.jobs import JobRunner, JobSpec, JobState, JobView

PATIENCE = 60.0
SLEEP = "import time; print('ready', flush=True); time.sleep(600)"


@pytest.fixture
def runner(tmp_path: Path) -> Iterator[JobRunner]:
    made = JobRunner(tmp_path / "jobs", tmp_path)
    yield made
    made.close(grace_seconds=0.1)


def python(code: str, lane: str = "a", grace: float = PATIENCE, kind: str = "test") -> JobSpec:
    return JobSpec("a test", kind, (sys.executable, "-c", code), lane, grace_seconds=grace)


def until(runner: JobRunner, job_id: str, condition: Callable[[JobView], bool]) -> JobView:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        view = runner.view(job_id)
        if condition(view):
            return view
        time.sleep(0.02)
    raise AssertionError(f"never happened: {runner.view(job_id)}")


def says(word: str) -> Callable[[JobView], bool]:
    return lambda view: any(word in line for line in view.lines)


def gone(pid: int) -> bool:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.02)
    return False


def test_a_job_runs_to_its_end_and_leaves_a_log(runner: JobRunner, tmp_path: Path) -> None:
    code = "import sys; print('größer'); print('to stderr', file=sys.stderr); print(sys.stdin.read() == '')"
    view = runner.wait(runner.submit(python(code)), PATIENCE)
    assert (view.state, view.exit_code, view.error) == (JobState.DONE, 0, "")
    assert view.lines == ("größer", "to stderr", "True")
    assert view.log_path.read_text(encoding="utf-8").splitlines() == list(view.lines)
    assert view.log_path.is_relative_to(tmp_path / "jobs") and view.seconds > 0


def test_arguments_are_passed_as_they_are(runner: JobRunner, tmp_path: Path) -> None:
    words = ("a; touch broken", "$(touch broken)", "two words", "quote'\"", "*")
    spec = JobSpec("words", "test", (sys.executable, "-c", "import sys; print(sys.argv[1:])", *words), "a")
    assert runner.wait(runner.submit(spec), PATIENCE).lines == (str(list(words)),)
    assert not (tmp_path / "broken").exists()


def test_a_failure_has_its_exit_code_and_its_reason(runner: JobRunner) -> None:
    code = "import sys; print('error: no list; fix: name one'); sys.exit(2)"
    view = runner.wait(runner.submit(python(code)), PATIENCE)
    assert (view.state, view.exit_code, view.error) == (JobState.FAILED, 2, "no list; fix: name one")
    view = runner.wait(runner.submit(python("print('working'); raise ValueError('too small')")), PATIENCE)
    assert (view.state, view.exit_code, view.error) == (JobState.FAILED, 1, "ValueError: too small")
    view = runner.wait(runner.submit(python("import sys; sys.exit(3)")), PATIENCE)
    assert view.error == "exit code 3"


def test_a_program_that_is_not_there_fails_at_once_and_the_queue_goes_on(runner: JobRunner) -> None:
    missing = runner.submit(JobSpec("missing", "test", ("/nowhere/program",), "a"))
    after = runner.submit(python("print('after')"))
    assert runner.view(missing).state is JobState.FAILED and "program cannot be started" in runner.view(missing).error
    assert runner.wait(after, PATIENCE).state is JobState.DONE


def test_many_jobs_at_once_keep_their_lane(runner: JobRunner) -> None:
    """Steps that go with a failed one, programs that are not there: however it ends, one job a lane at a time."""
    code = "import os, time; os.mkdir('busy'); time.sleep(0.05); os.rmdir('busy')"
    failing = runner.submit(python("raise ValueError", "other"))
    jobs = []
    for _ in range(4):
        jobs.append(runner.submit(python(code)))
        runner.submit(replace(python(code), after=failing))
        runner.submit(JobSpec("missing", "test", ("/nowhere/program",), "a"))
    assert {runner.wait(job, PATIENCE).state for job in jobs} == {JobState.DONE}
    states = [view.state for view in runner.views()]
    assert states.count(JobState.FAILED) == 5 and states.count(JobState.STOPPED) == 4


def test_a_lane_holds_one_job_and_lanes_run_side_by_side(runner: JobRunner) -> None:
    first, second = runner.submit(python(SLEEP, "cuda:0")), runner.submit(python("print('second')", "cuda:0"))
    other = runner.submit(python("print('other')", "cuda:1"))
    assert runner.wait(other, PATIENCE).state is JobState.DONE
    assert runner.view(first).state is JobState.RUNNING and runner.view(second).state is JobState.QUEUED
    until(runner, first, says("ready"))
    runner.stop(first)
    assert runner.wait(first, PATIENCE).state is JobState.STOPPED
    assert runner.wait(second, PATIENCE).lines == ("second",)
    assert [view.id for view in runner.views()] == [other, second, first]
    assert runner.views("other kind") == []


def test_a_queued_job_that_is_stopped_never_starts(runner: JobRunner) -> None:
    first, second = runner.submit(python(SLEEP)), runner.submit(python("open('started', 'w')"))
    runner.stop(second)
    assert runner.view(second).state is JobState.STOPPED and runner.view(second).exit_code is None
    runner.stop(first)
    runner.stop(first)
    assert runner.wait(first, PATIENCE).state is JobState.STOPPED
    assert runner.view(second).seconds == 0


def test_a_step_waits_for_the_one_before_and_goes_with_it(runner: JobRunner) -> None:
    first = runner.submit(python("raise ValueError('bad list')"))
    second = runner.submit(replace(python("print(2)", "b"), after=first))
    third = runner.submit(replace(python("print(3)", "c"), after=second))
    assert runner.wait(third, PATIENCE).state is JobState.STOPPED
    assert runner.view(second).exit_code is None and "bad list" in runner.view(second).error
    first = runner.submit(python("import time; time.sleep(0.3)"))
    second = runner.submit(replace(python("print(2)", "b"), after=first))
    assert runner.view(second).state is JobState.QUEUED
    assert runner.wait(second, PATIENCE).state is JobState.DONE
    assert runner.view(first).state is JobState.DONE


def test_a_stopped_job_may_save_its_state(runner: JobRunner, tmp_path: Path) -> None:
    code = """import signal, sys, time
def save(*_):
    open('state', 'w').write('saved')
    sys.exit(0)
signal.signal(signal.SIGTERM, save)
print('ready')
time.sleep(600)"""
    job = runner.submit(python(code))
    until(runner, job, says("ready"))
    runner.stop(job)
    assert runner.wait(job, PATIENCE).state is JobState.STOPPED
    assert (tmp_path / "state").read_text() == "saved"


STUBBORN = """import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'], start_new_session=True)
print('child', child.pid)
time.sleep(600)"""


@pytest.mark.parametrize("grace", [0.2, PATIENCE], ids=["after its grace", "at the second stop"])
def test_a_stubborn_job_is_killed_with_its_children(runner: JobRunner, grace: float) -> None:
    job = runner.submit(python(STUBBORN, grace=grace))
    pid = int(until(runner, job, says("child")).lines[0].split()[1])
    runner.stop(job)
    if grace == PATIENCE:
        runner.stop(job)
    assert runner.wait(job, PATIENCE).state is JobState.STOPPED
    assert gone(pid)


def test_children_that_outlive_their_parent_do_not_hold_the_lane(runner: JobRunner) -> None:
    code = """import subprocess, sys
print('child', subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']).pid)"""
    view = runner.wait(runner.submit(python(code)), PATIENCE)
    assert view.state is JobState.DONE
    assert gone(int(view.lines[0].split()[1]))


def test_progress_of_every_bar_is_known_and_bars_do_not_fill_the_log(runner: JobRunner) -> None:
    code = """import logging, time
from tqdm import tqdm
for title in ('text', 'audio'):
    with tqdm(desc=title, unit='clip', total=40, disable=None, mininterval=0) as bar:
        for number in range(40 if title == 'text' else 10):
            bar.update()
        bar.set_postfix(loss='1.25')
        if title == 'text':
            tqdm.write('a line between')
print('ended')"""
    view = runner.wait(runner.submit(python(code)), PATIENCE)
    assert view.state is JobState.DONE, view
    assert [(bar.title, bar.fraction) for bar in view.bars] == [("text", 1.0), ("audio", 0.25)]
    assert "loss=1.25" in view.bars[1].detail and view.bars[1].done == "10"
    assert view.lines == ("a line between", "ended")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("text:  33%|###3      | 1/3 [00:01<00:02,  1.0s/clip]", ("text", 1 / 3)),
        (" 50%|█████     | 20/40 [00:09<00:09, total=3.1]", ("progress", 0.5)),
        ("epoch 3: 7%|▋  | 1.2k/17k [00:01<00:02, 1it/s]", ("epoch 3", 0.07)),
        ("loss is 50% lower", None),
        ("text: 0clip [00:00, ?clip/s]", None),
        ("", None),
    ],
)
def test_bars_are_told_from_lines(text: str, expected: tuple[str, float] | None) -> None:
    bar = parse_bar(text)
    assert (bar and (bar.title, bar.fraction)) == expected


def test_a_long_log_is_bounded_in_memory_and_whole_on_disk(tmp_path: Path) -> None:
    transcript = Transcript(tmp_path / "logs" / "job.log")
    whole = "".join(f"line {number}\n" for number in range(3 * KEPT_LINES)).encode()
    for start in range(0, len(whole), 1000):  # cut anywhere, as reading does
        transcript.feed(whole[start : start + 1000])
    transcript.feed(b"x" * 200_000)
    transcript.close()
    assert len(transcript.lines) == KEPT_LINES and max(map(len, transcript.lines)) <= 2000
    assert len((tmp_path / "logs" / "job.log").read_text().splitlines()) > 3 * KEPT_LINES


def test_the_reason_is_the_last_line_about_an_error() -> None:
    assert error_of(["2026-01-01 10:00:00,1 ERROR s1_train: no data; fix: prepare", "bye"]) == "no data; fix: prepare"
    assert error_of(["Traceback", "a.b.CustomError: what", "  note"]) == "a.b.CustomError: what"
    assert error_of(["only this"]) == "only this" and error_of([]) == ""


def test_closing_ends_everything_and_takes_no_more(tmp_path: Path) -> None:
    runner = JobRunner(tmp_path / "jobs", tmp_path)
    running, queued = runner.submit(python(STUBBORN)), runner.submit(python(SLEEP))
    pid = int(until(runner, running, says("child")).lines[0].split()[1])
    runner.close(grace_seconds=0.2)
    assert {runner.view(job).state for job in (running, queued)} == {JobState.STOPPED}
    assert gone(pid)
    with pytest.raises(RequestError, match="shutting down"):
        runner.submit(python("print(1)"))
    with pytest.raises(RequestError, match="no job"):
        runner.view("7")


def test_jobs_end_with_the_server(tmp_path: Path) -> None:
    """A server that ends by itself takes its jobs along."""
    server = JobRunner(tmp_path / "outer", Path(__file__).parents[3])
    code = f"""import sys, time
from pathlib import Path
from pages.jobs import JobRunner, JobSpec
runner = JobRunner(Path({str(tmp_path / "inner")!r}))
job = runner.submit(JobSpec('t', 't', (sys.executable, '-c', {SLEEP!r}), 'a', grace_seconds=600))
while not runner.view(job).lines:
    time.sleep(0.02)
print('pid', runner._jobs[job].process.pid)"""
    roots = [str(Path(__file__).parents[3]), str(Path(__file__).parents[3] / "GPT_SoVITS")]
    spec = JobSpec("server", "test", (sys.executable, "-c", code), "a", {"PYTHONPATH": ":".join(roots)})
    try:
        view = server.wait(server.submit(spec), PATIENCE)
        assert view.state is JobState.DONE, view
        assert gone(int(view.lines[-1].split()[1]))
    finally:
        server.close(0.1)
