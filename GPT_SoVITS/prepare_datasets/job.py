"""What every stage gets (clips, folder, part, progress) and how the parts of its public file become one."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from errors import ConfigError
from prepare_datasets.journal import write_atomic
from prepare_datasets.list_file import Clip
from prepare_datasets.report import Progress, no_progress

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Job:
    """One stage's work, or one worker's share of it.

    Attributes:
        clips: all clips of the list, also those of other parts.
        folder: the training folder ``logs/<exp>``.
        part: this worker's number, 0 <= part < parts.
        parts: number of workers.
        progress: called with (done, total) of this share.
    """

    clips: list[Clip]
    folder: Path
    part: int = 0
    parts: int = 1
    progress: Progress = no_progress

    def __post_init__(self) -> None:
        if not 0 <= self.part < self.parts:
            raise ConfigError(f"part {self.part} of {self.parts} does not exist", f"0 to {max(self.parts - 1, 0)}")

    @property
    def mine(self) -> list[Clip]:
        """This worker's clips."""
        return self.clips[self.part :: self.parts]


@dataclass(frozen=True)
class TextFile:
    """A public result file with a line per clip, the clip's name first.

    Attributes:
        stem: for example ``2-name2text``; parts are called ``<stem>-<i><suffix>``.
        suffix: for example ``.txt``.
        header: first line of the whole file; parts have none.
    """

    stem: str
    suffix: str
    header: str = ""

    @classmethod
    def named(cls, name: str, header: str = "") -> TextFile:
        """The file of that whole name."""
        return cls(Path(name).stem, Path(name).suffix, header)

    def part_path(self, folder: Path, part: int) -> Path:
        """Where one worker's lines lie."""
        return folder / f"{self.stem}-{part}{self.suffix}"

    def publish(self, job: Job, rows: Mapping[str, str]) -> Path | None:
        """Write a worker's lines, and the whole file when this was the last worker.

        Args:
            job: tells the folder, the part, and the order of the clips.
            rows: name -> the rest of the line, for this worker's clips.

        Returns:
            The whole file, or None while other parts are missing.
        """
        if job.parts == 1:
            return self._write_whole(job, rows)
        lines = (f"{clip.name}\t{rows[clip.name]}\n" for clip in job.mine if clip.name in rows)
        write_atomic(self.part_path(job.folder, job.part), "".join(lines))
        parts = [self.part_path(job.folder, part) for part in range(job.parts)]
        missing = [path.name for path in parts if not path.is_file()]
        if missing:
            logger.info("%s: waiting for the other parts (%s)", self.stem, ", ".join(missing))
            return None
        merged: dict[str, str] = {}
        for path in parts:
            for line in path.read_text(encoding="utf-8").split("\n"):
                name, tab, rest = line.partition("\t")
                if tab:
                    merged[name] = rest
        return self._write_whole(job, merged)

    def _write_whole(self, job: Job, rows: Mapping[str, str]) -> Path:
        lines = [self.header] if self.header else []
        lines += [f"{clip.name}\t{rows[clip.name]}" for clip in job.clips if clip.name in rows]
        path = job.folder / f"{self.stem}{self.suffix}"
        write_atomic(path, "".join(f"{line}\n" for line in lines))
        logger.info("%s: %d clips", path, len(lines) - bool(self.header))
        return path
