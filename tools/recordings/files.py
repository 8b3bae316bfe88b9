"""Which files a user means by files and folders, and how the tools of this folder are started from a terminal."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from errors import AudioError, GSVError, OutputError

AUDIO_SUFFIXES = frozenset({".wav", ".flac", ".ogg", ".opus", ".mp3", ".aif", ".aiff", ".w64", ".au"})
"""What libsndfile reads; a folder's other files are passed over."""

logger = logging.getLogger(__name__)


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


def run_tool(work: Callable[[], str]) -> int:
    """Body of a tool: log the line that ``work`` returns, or the user's error as one line.

    Returns:
        The exit code: 0, 2 when the user has something to mend, 130 when stopped by Ctrl+C.
    """
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    try:
        logger.info("%s", work())
    except KeyboardInterrupt:
        logger.error("stopped")
        return 130
    except OSError as error:
        problem = OutputError(f"{error.filename or 'a file'}: {error.strerror}", "a folder that can be written")
        logger.error("error: %s", problem)
        return 2
    except GSVError as error:
        logger.error("error: %s", error)
        return 2
    return 0


def require_distinct(recordings: Iterable[Path]) -> None:
    """Results are named after the recordings, so no two may share a name.

    Raises:
        AudioError: two do.
    """
    seen: dict[str, Path] = {}
    for path in recordings:
        other = seen.setdefault(path.stem, path)
        if other is not path:
            raise AudioError(f"{other} and {path} have the same name", "names that differ before the ending",
                             "rename one of them")  # fmt: skip
