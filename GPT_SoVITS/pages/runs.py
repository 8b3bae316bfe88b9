"""Trainings of a voice: each a run with a name and a folder of its own, ``logs/<voice>/runs/<stage>-<name>/``.

    run.json          what was asked for, and how it went the last time
    train.json|yaml   settings of the recipe; trained.json: those of the last start
    log.txt           everything that the recipe said, start after start
    states/, tb/      training states and losses
    earlier/<time>/   weights and log of before a run was started anew

Knows folders and files; what a training is made of is ``training_jobs``' affair.
"""

from __future__ import annotations

import json
import logging
import re
import shutil
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from errors import RequestError
from pages.context import PageContext
from pages.training_wish import STAGES, TrainingWish
from pages.voice_folder import VoiceFolder
from prepare_datasets.journal import digest_of, write_atomic
from side_tables import ALIGNMENT_TABLE, SPEAKER_TABLE, TEXT_TABLE, TOKEN_TABLE

logger = logging.getLogger(__name__)

FOLDER = "runs"
RUN_FILE = "run.json"
TRAINED_FILE = "trained.json"
DATA_FILES = (TEXT_TABLE, TOKEN_TABLE, SPEAKER_TABLE, ALIGNMENT_TABLE)
AUDIO_FOLDER = "5-wav32k"


@dataclass(frozen=True)
class Run:
    """One training.

    Attributes:
        folder: its own.
        wish: what was asked for at its last start.
        base: name of the weights that it starts from.
        weights: folder that its weights are written to.
        data: fingerprint of what it was trained on the last time, "" before.
        ended: how its last start ended ("done", "failed", "stopped"), "" before.
    """

    folder: Path
    wish: TrainingWish
    base: str
    weights: Path
    data: str = ""
    ended: str = ""

    @property
    def key(self) -> str:
        """What names it within its voice."""
        return self.folder.name

    @property
    def voice(self) -> str:
        return self.folder.parent.parent.name

    @property
    def states(self) -> Path:
        return self.folder / "states"

    @property
    def log(self) -> Path:
        return self.folder / "log.txt"

    def settings_file(self, kind: str = "") -> Path:
        """Settings of the recipe; ``kind`` is "json" or "yaml", by default what the stage has."""
        return self.folder / f"train.{kind or ('json' if self.wish.stage == 's2' else 'yaml')}"

    def write(self) -> None:
        """Put it on disk.

        Raises:
            OSError: the folder cannot be written.
        """
        content = {
            "wish": asdict(self.wish),
            "base": self.base,
            "weights": str(self.weights),
            "data": self.data,
            "ended": self.ended,
        }
        write_atomic(self.folder / RUN_FILE, json.dumps(content, ensure_ascii=False, indent=1))

    def with_data(self, data: str) -> Run:
        """The run after a start on other data."""
        return replace(self, data=data)

    def trained_settings(self) -> dict[str, Any] | None:
        """Settings of its last start; None before."""
        return _json(self.folder / TRAINED_FILE)

    def weight_files(self) -> list[Path]:
        """What it has written so far; of a language model the folder."""
        return weight_files(self.wish.stage, self.wish.name, self.weights)


def run_folder(voice: VoiceFolder, stage: str, name: str) -> Path:
    """Where the run of that name lies."""
    return voice.folder / FOLDER / f"{stage}-{name}"


def weight_files(stage: str, name: str, folder: Path) -> list[Path]:
    """Weights of that name in ``folder``, whoever made them."""
    if stage == "lm":
        return [folder / name] if (folder / name).exists() else []
    what = re.escape(name)
    pattern = rf"{what}-(?:best|last|e\d+)\.ckpt" if stage == "s1" else rf"{what}_e\d+_s\d+(?:_l\d+)?\.pth"
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if re.fullmatch(pattern, path.name))


def read_run(folder: Path) -> Run | None:
    """The run in ``folder``, None where there is none that can be read."""
    content = _json(folder / RUN_FILE)
    if content is None:
        return None
    try:
        wish = TrainingWish(**content["wish"])
        run = Run(folder, wish, content["base"], Path(content["weights"]), content["data"], content["ended"])
    except (KeyError, TypeError) as error:
        logger.warning("%s holds no training: %s", folder / RUN_FILE, error)
        return None
    return run if wish.stage in STAGES else None


def runs_of(voice: VoiceFolder) -> list[Run]:
    """All runs of a voice, the newest first."""
    found = [run for folder in (voice.folder / FOLDER).glob("*/") if (run := read_run(folder)) is not None]
    return sorted(found, key=lambda run: (-_changed(run.folder / RUN_FILE), run.key))


def find_run(context: PageContext, voice: VoiceFolder, key: str) -> Run:
    """The run that a visitor chose.

    Raises:
        RequestError: there is none of that name any more.
    """
    found = next((run for run in runs_of(voice) if run.key == key), None)
    if found is None:
        raise RequestError(context.say("runs.gone"))
    return found


def all_runs(exp_root: Path) -> Iterator[Run]:
    """The runs of all voices."""
    for folder in exp_root.glob(f"*/{FOLDER}/*/"):
        run = read_run(folder)
        if run is not None:
            yield run


def is_taken(context: PageContext, stage: str, name: str, weights: Path) -> bool:
    """True where another run, of any voice, or weights on disk have that name."""
    if weight_files(stage, name, weights):
        return True
    return any(
        run.wish.stage == stage and run.wish.name.casefold() == name.casefold() and run.weights == weights
        for run in all_runs(context.settings.exp_root)
    )


def free_name(context: PageContext, stage: str, name: str, weights: Path) -> str:
    """``name``, or with the first number that makes it a new one."""
    number, tried = 1, name
    while is_taken(context, stage, tried, weights):
        number += 1
        tried = f"{name}-{number}"
    return tried


def data_fingerprint(voice: VoiceFolder, stage: str) -> str:
    """Changes with the prepared data that a stage learns from; the order of lines does not count."""
    parts: list[object] = []
    for name in DATA_FILES:
        path = voice.folder / name
        if path.is_file():
            parts += [name, *sorted(path.read_bytes().splitlines())]
    audio = voice.folder / AUDIO_FOLDER
    if stage == "s2" and audio.is_dir():
        parts += sorted(f"{path.name}:{path.stat().st_size}" for path in audio.iterdir() if path.is_file())
    return digest_of(*parts)


def make_new(run: Run) -> None:
    """Take away what a run has learned; its weights and its log are kept in ``earlier/``.

    Raises:
        OSError: something cannot be moved or removed.
    """
    shelf = run.folder / "earlier" / time.strftime("%Y%m%d-%H%M%S")
    shelf.mkdir(parents=True)
    for path in (*run.weight_files(), run.log):
        if path.exists():
            shutil.move(path, shelf / path.name)
    for folder in (run.states, run.folder / "tb"):
        shutil.rmtree(folder, ignore_errors=True)
    (run.folder / TRAINED_FILE).unlink(missing_ok=True)
    replace(run, data="", ended="").write()


def remove(run: Run) -> None:
    """Delete a run with its states and log; the weights that it wrote stay.

    Raises:
        OSError: something cannot be removed.
    """
    (run.folder / RUN_FILE).unlink()  # first: a half removed run is none
    shutil.rmtree(run.folder)


def _changed(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _json(path: Path) -> dict[str, Any] | None:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        logger.warning("%s cannot be read: %s", path, error)
        return None
    return content if isinstance(content, dict) else None
