"""Which files a user means by files and folders, and how the tools go through them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from errors import AudioError
from prepare_datasets.cli import progress_bar
from prepare_datasets.report import Report

AUDIO_SUFFIXES = frozenset({".wav", ".flac", ".ogg", ".opus", ".mp3", ".aif", ".aiff", ".w64", ".au"})
"""What libsndfile reads; a folder's other files are passed over."""


def find_recordings(paths: Iterable[Path]) -> list[Path]:
    """The files among ``paths`` and the audio files of the folders among them, each once, in a fixed order.

    Raises:
        AudioError: a path is missing, or there is nothing to work on.
    """
    found: dict[Path, None] = {}
    given = list(paths)
    for path in given:
        if path.is_dir():
            inside = (file for file in sorted(path.iterdir()) if file.suffix.lower() in AUDIO_SUFFIXES)
            found.update((file, None) for file in inside if file.is_file() and not file.name.startswith("."))
        elif path.is_file():
            found[path] = None
        else:
            raise AudioError(f"{path} does not exist", "audio files or folders of them", "check the path")
    if not found:
        shown = ", ".join(str(path) for path in given) or "nothing"
        raise AudioError(f"no recording in {shown}", "wav, flac, ogg or mp3 files", "add recordings")
    return list(found)


def process_recordings(
    title: str, inputs: Sequence[Path], recordings: Sequence[Path], work: Callable[[Path], object]
) -> Report:
    """Do ``work`` with each recording, under a progress bar; one that is no usable audio is counted and passed over.

    Args:
        title: names the bar and the report.
        inputs: what the user gave, for the message.
        recordings: what was found there.
        work: raises AudioError for a recording that it cannot use.

    Raises:
        GSVError: no recording could be used.
    """
    report = Report(title)
    with progress_bar(title) as progress:
        for number, path in enumerate(recordings, 1):
            try:
                work(path)
                report.done += 1
            except AudioError as error:
                report.skip(path.name, error.what)
            progress(number, len(recordings))
    report.require_usable(", ".join(str(path) for path in inputs))
    return report


def require_distinct(recordings: Iterable[Path]) -> None:
    """Results are named after the recordings, so no two may share a name.

    Raises:
        AudioError: two do.
    """
    seen: dict[str, Path] = {}
    for path in recordings:
        other = seen.setdefault(path.stem, path)
        if other is not path:
            raise AudioError(
                f"{other} and {path} have the same name", "names that differ before the ending", "rename one of them"
            )
