"""The loop of the stages that make files for each clip: go on where it stopped, leave bad clips out, count."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from prepare_datasets.job import Job
from prepare_datasets.journal import Journal
from prepare_datasets.list_file import Clip
from prepare_datasets.report import Report, SkippedClip


@dataclass(frozen=True)
class FileStage:
    """What a stage does to one clip.

    Attributes:
        name: what the log lines call the stage.
        journal: the public folder that its journal is named after.
        digest: stands for everything that a clip's files are made from; raises SkippedClip where that is missing.
        outputs: the clip's files.
        make: writes them; raises SkippedClip for a clip that cannot be used.
        source: where the clips come from, for the message when none is usable.
    """

    name: str
    journal: str
    digest: Callable[[Clip], str]
    outputs: Callable[[Clip], Sequence[Path]]
    make: Callable[[Clip], None]
    source: str = "the list"


def make_files(job: Job, stage: FileStage) -> Report:
    """Make what is not there yet of the job's clips; a clip that is no longer usable loses its files.

    Raises:
        DatasetError: no clip was usable.
    """
    report = Report(stage.name)
    journal = Journal(job.folder, stage.journal, job.part)
    for number, clip in enumerate(job.mine, 1):
        outputs = stage.outputs(clip)
        try:
            digest = stage.digest(clip)
            if all(path.is_file() for path in outputs) and journal.get(clip.name, digest) is not None:
                report.reused += 1
            else:
                stage.make(clip)
                journal.add(clip.name, digest)
                report.done += 1
        except SkippedClip as skipped:
            report.skip(clip.name, skipped.reason, skipped.detail)
            for path in outputs:
                path.unlink(missing_ok=True)
        job.progress(number, len(job.mine))
    if job.mine:
        report.require_usable(stage.source)
    return report
