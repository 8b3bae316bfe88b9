"""What both recipes of stage s1 (s1_train.py, s1_train_lm.py) do alike: find files, read clips, stop when asked."""

from __future__ import annotations

import logging
import signal
from functools import partial
from pathlib import Path
from typing import Protocol

from AR.data.clips import Clip, DataPaths, Filters, assign_speakers, read_clips, split_held_out
from AR.errors import T2SError
from AR.training.config import DataSection
from config import REPO_ROOT
from errors import ConfigError, DatasetError
from text import cleaned_text_to_sequence

logger = logging.getLogger("s1_train")


class Stoppable(Protocol):
    """A run that ends after the present step once it is asked to."""

    stop_asked: bool


def find_path(name: str, kind: str = "a file or folder") -> Path:
    """A path as given, or below the repository or GPT_SoVITS/.

    Raises:
        ConfigError: it is in none of these places; ``kind`` says what it should have been.
    """
    for folder in (Path(), REPO_ROOT, REPO_ROOT / "GPT_SoVITS"):
        if (folder / name).exists():
            return folder / name
    raise ConfigError(f"{name} not found", kind, "give its path")


def load_clips(paths: DataPaths, symbols: str, data: DataSection) -> tuple[list[Clip], list[Clip]]:
    """(training, held-out) clips, with phones as ids of the ``symbols`` version.

    Raises:
        DatasetError: no usable clip, with the counted reasons.
    """
    filters = Filters(data.max_sec, data.min_phone_rate, data.max_phone_rate)
    try:
        clips = read_clips(paths, partial(cleaned_text_to_sequence, version=symbols), filters)
    except T2SError as error:
        raise DatasetError(str(error), fix="look at the list file and the messages of the data set stages") from error
    if not paths.speakers.is_file():
        clips = assign_speakers(clips, data.speaker_from)
    train, held = split_held_out(clips, data.held_out, data.held_out_max)
    aligned = sum(clip.alignment is not None for clip in clips)
    speakers = len({clip.speaker for clip in clips if clip.speaker is not None})
    logger.info("%d clips to train, %d held out, %d speakers, %d aligned", len(train), len(held), speakers, aligned)
    return train, held


def stop_on_signals(training: Stoppable) -> None:
    """From now on SIGINT and SIGTERM ask ``training`` to stop."""

    def stop(signum: int, frame: object) -> None:
        logger.info("asked to stop: the state is saved after this step")
        training.stop_asked = True

    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, stop)
