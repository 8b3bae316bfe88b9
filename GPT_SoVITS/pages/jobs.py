"""Commands that the page starts: queued, watched, stopped, and remembered while the server runs.

A job is a subprocess given as an argument list. Jobs of one lane run one after another (a lane is a device for
trainings, so that no two share one), lanes run side by side. State lives here and not in a page: a page that is
reloaded finds everything as it is. All jobs end with the server.
"""

from __future__ import annotations

import atexit
import itertools
import logging
import os
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from config import REPO_ROOT
from errors import GSVError, RequestError
from pages.job_output import Bar, Transcript, error_of
from pages.job_process import JobProcess
from tools.i18n import Message

logger = logging.getLogger(__name__)

KEPT_JOBS = 100
"""Finished jobs that are remembered."""
DRAIN_SECONDS = 5.0
"""How long the output of a dead command may take to arrive."""


class JobState(Enum):
    """Where a job stands; the values are parts of translation keys."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    STOPPED = "stopped"

    @property
    def is_over(self) -> bool:
        """True where nothing more will happen."""
        return self not in (JobState.QUEUED, JobState.RUNNING)


@dataclass(frozen=True)
class JobSpec:
    """What is to run.

    Attributes:
        title: shown to the user; a message is told to each looker in their own language.
        kind: what sort of job it is, for pages that look for theirs ("slice", "prepare", "train", ...).
        command: program and arguments.
        lane: jobs of one lane never run at the same time.
        environment: variables on top of the server's own.
        after: id of a job that has to be done first; where it fails or is stopped, this one never starts.
        grace_seconds: time that a stopped command has to save its state before it is killed.
        facts: whatever the page wants to find again with the job.
        log: file that the output is appended to; None: a new one in the runner's folder.
        on_start: called right before the command starts.
        on_end: called after its end; may give a remark that is shown in the place of the state.
    """

    title: Message | str
    kind: str
    command: tuple[str, ...]
    lane: str
    environment: Mapping[str, str] = field(default_factory=dict)
    after: str = ""
    grace_seconds: float = 5.0
    facts: Mapping[str, str] = field(default_factory=dict)
    log: Path | None = None
    on_start: Callable[[], None] | None = None
    on_end: Callable[[JobState], Message | None] | None = None


@dataclass(frozen=True)
class JobView:
    """A job at one moment.

    Attributes:
        exit_code: of the command; None before its end, and where it never started.
        error: why it failed, or never started, in one line; empty otherwise.
        blocked_by: title of the job that it waited for and that was not done.
        remark: what its end was, where that is more than its state says.
        bars: progress bars in the order of their appearance.
        lines: the newest log lines.
        seconds: running time so far, or in all.
    """

    id: str
    spec: JobSpec
    state: JobState
    exit_code: int | None
    error: str
    bars: tuple[Bar, ...]
    lines: tuple[str, ...]
    log_path: Path
    seconds: float
    blocked_by: Message | str = ""
    remark: Message | None = None


class _Job:
    """The runner's own record of a job; changed under the runner's lock only."""

    def __init__(self, job_id: str, spec: JobSpec, log_path: Path) -> None:
        self.id, self.spec = job_id, spec
        self.transcript = Transcript(spec.log or log_path, append=spec.log is not None)
        self.state = JobState.QUEUED
        self.process: JobProcess | None = None
        self.exit_code: int | None = None
        self.error = ""
        self.blocked_by: Message | str = ""
        self.remark: Message | None = None
        self.stop_asked = False
        self.started = self.ended = 0.0
        self.over = threading.Event()

    def view(self) -> JobView:
        until = self.ended or time.monotonic()
        seconds = until - self.started if self.started else 0.0
        return JobView(
            self.id,
            self.spec,
            self.state,
            self.exit_code,
            self.error,
            self.transcript.bars,
            self.transcript.lines,
            self.transcript.path,
            seconds,
            self.blocked_by,
            self.remark,
        )


class JobRunner:
    """Runs jobs. Safe for several threads; close it, or leave that to the end of the process.

    Args:
        log_folder: where each job's log file goes.
        folder: working directory of the commands.
    """

    def __init__(self, log_folder: Path, folder: Path = REPO_ROOT) -> None:
        self._log_folder, self._folder = log_folder, folder
        self._jobs: dict[str, _Job] = {}
        self._numbers = itertools.count(1)
        self._lock = threading.RLock()
        self._closed = False
        atexit.register(self.close)

    # -- what pages call

    def submit(self, spec: JobSpec) -> str:
        """Queue a job; it starts at once where its lane is free. Returns its id.

        Raises:
            RequestError: the runner is closed.
            OSError: the log file cannot be written.
        """
        with self._lock:
            if self._closed:
                raise RequestError("the server is shutting down", "a running server", "start it again")
            job_id = f"{time.strftime('%Y%m%d-%H%M%S')}-{next(self._numbers)}-{spec.kind}"
            self._jobs[job_id] = _Job(job_id, spec, self._log_folder / f"{job_id}.log")
            self._forget_old()
            self._start_waiting()
            return job_id

    def view(self, job_id: str) -> JobView:
        """A job as it stands.

        Raises:
            RequestError: no such job.
        """
        return self._find(job_id).view()

    def views(self, *kinds: str) -> list[JobView]:
        """Jobs of these kinds (all where none is named), the newest first."""
        with self._lock:
            jobs = [job for job in self._jobs.values() if not kinds or job.spec.kind in kinds]
        return [job.view() for job in reversed(jobs)]

    def stop(self, job_id: str) -> None:
        """Ask a job to end; asked a second time, or after its grace, it is killed with all its children.

        Raises:
            RequestError: no such job.
        """
        job = self._find(job_id)
        with self._lock:
            again, job.stop_asked = job.stop_asked, True
            if job.state is JobState.QUEUED:
                self._end(job, JobState.STOPPED)
            process = job.process
        if process is None or job.over.is_set():
            return
        if again:
            process.kill_tree()
            return
        process.ask_to_end()
        threading.Thread(target=self._kill_late, args=(job, process), name=f"stop-{job.id}", daemon=True).start()

    def wait(self, job_id: str, timeout: float | None = None) -> JobView:
        """The view of a job once it is over, or as it stands after ``timeout`` seconds."""
        job = self._find(job_id)
        job.over.wait(timeout)
        return job.view()

    def close(self, grace_seconds: float = 10.0) -> None:
        """Stop everything: commands are asked, given ``grace_seconds`` to save their state, and killed."""
        with self._lock:
            self._closed = True
            live = [job for job in self._jobs.values() if not job.state.is_over]
        for job in live:
            self.stop(job.id)
        deadline = time.monotonic() + grace_seconds
        for job in live:
            if not job.over.wait(max(0.0, deadline - time.monotonic())) and job.process is not None:
                job.process.kill_tree()
                job.over.wait(DRAIN_SECONDS)
        atexit.unregister(self.close)

    # -- inside

    def _find(self, job_id: str) -> _Job:
        with self._lock:
            job = self._jobs.get(job_id)
        if job is None:
            raise RequestError(f"there is no job {job_id}", "a job of this server", "look at the list of jobs")
        return job

    def _forget_old(self) -> None:
        over = [job.id for job in self._jobs.values() if job.state.is_over]
        for job_id in over[: max(0, len(over) - KEPT_JOBS)]:
            del self._jobs[job_id]

    def _start_waiting(self) -> None:
        """Start every queued job whose lane is free and whose turn it is, the oldest first."""
        with self._lock:
            if self._closed:
                return
            busy = {job.spec.lane for job in self._jobs.values() if job.state is JobState.RUNNING}
            for job in [job for job in self._jobs.values() if job.state is JobState.QUEUED]:
                before = self._jobs.get(job.spec.after)
                if before is not None and before.state is not JobState.DONE:
                    if before.state.is_over:
                        job.blocked_by, job.error = before.spec.title, before.error
                        self._end(job, JobState.STOPPED)
                        return  # an end looks at all waiting jobs again
                elif job.spec.lane not in busy:
                    if not self._start(job):
                        return  # likewise
                    busy.add(job.spec.lane)

    def _start(self, job: _Job) -> bool:
        variables = {**os.environ, "PYTHONUNBUFFERED": "1", **job.spec.environment}
        if job.spec.log is not None:
            job.transcript.add(f"---- {time.strftime('%Y-%m-%d %H:%M:%S')} {job.spec.title}")
        try:
            if job.spec.on_start is not None:
                job.spec.on_start()
            job.process = JobProcess(job.spec.command, self._folder, variables)
        except (OSError, GSVError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            job.error = f"{Path(job.spec.command[0]).name} cannot be started: {reason}"
            job.transcript.add(job.error)
            self._end(job, JobState.FAILED)
            return False
        job.state, job.started = JobState.RUNNING, time.monotonic()
        logger.info("job %s started: %s", job.id, job.spec.title)
        threading.Thread(target=self._attend, args=(job, job.process), name=f"job-{job.id}", daemon=True).start()
        return True

    def _attend(self, job: _Job, process: JobProcess) -> None:
        """Thread of a running job: reads it, waits for it, and clears away what it leaves."""

        def read() -> None:
            for data in process.read():
                job.transcript.feed(data)

        reader = threading.Thread(target=read, name=f"read-{job.id}", daemon=True)
        reader.start()
        code = process.wait()
        process.kill_tree()  # children that outlive their parent
        reader.join(DRAIN_SECONDS)
        with self._lock:
            job.exit_code = code
            if job.stop_asked:
                state = JobState.STOPPED
            else:
                state = JobState.DONE if code == 0 else JobState.FAILED
            if state is JobState.FAILED:
                job.error = error_of(list(job.transcript.lines)) or f"exit code {code}"
            self._end(job, state)

    def _end(self, job: _Job, state: JobState) -> None:
        """Note the end of a job and let the next one begin."""
        if job.spec.on_end is not None:
            try:
                job.remark = job.spec.on_end(state)
            except (OSError, GSVError) as error:
                logger.warning("the end of job %s cannot be noted: %s", job.id, error)
        with self._lock:
            job.state, job.ended = state, time.monotonic()
            job.transcript.close()
        logger.info("job %s %s (%s)", job.id, state.value, job.error or f"exit code {job.exit_code}")
        job.over.set()
        self._start_waiting()

    @staticmethod
    def _kill_late(job: _Job, process: JobProcess) -> None:
        if not job.over.wait(job.spec.grace_seconds):
            logger.warning("job %s did not end within %.0f s and is killed", job.id, job.spec.grace_seconds)
            process.kill_tree()
