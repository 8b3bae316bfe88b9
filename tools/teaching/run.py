"""The steps of a run, each an existing command in a process of its own: speak, learn, judge.

The run's folder is locked while it or one of its children lives, so that a run that is started again does not meet one
that was killed only in part.
"""

from __future__ import annotations

import fcntl
import json
import logging
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

import yaml

import process_ckpt
from AR.models.lm_folder import is_lm_folder
from AR.training.lm_config import LMTrainConfig, parse_lm_config
from config import REPO_ROOT
from errors import TrainingError
from tools.evaluation.options import SETS
from tools.teaching.plan import PRESETS, PROCESSOR_PRESETS
from tools.teaching.wish import STEPS, Decided, Wish, as_sections

logger = logging.getLogger("teach")

STAGES_FOLDER = "GPT_weights_qwen3"
CONFIG_FILE = "lm.yaml"
TEXTS_FILE = "texts.txt"
RESULT_FILE = "evaluation.json"
NOT_INSTALLED = 3
"""Exit status of tools/evaluate.py without its packages."""
V2_PHONES = 732


def training_config(wish: Wish, preset_name: str) -> LMTrainConfig:
    """The trainer's settings for a wish and a memory preset."""
    own = process_ckpt.load_s1(wish.gpt)["config"]["model"]
    small = {"max_minutes": wish.minutes} if wish.minutes else {}
    raw = {
        "qwen3": {
            "model_name": wish.backbone,
            "gguf_file": wish.gguf_file,
            "layers": wish.layers,
            "tuning": wish.tuning,
            "symbols": "v2" if int(own["phoneme_vocab_size"]) >= V2_PHONES else "v1",
            "warm_start": str(Path(wish.gpt).resolve()),
            "sovits_path": str(Path(wish.sovits).resolve()),
        },
        "train": {
            "epochs": wish.epochs,
            "exp_name": wish.name,
            "eval_steps": 100,
            "checkpoint_minutes": min(5.0, max(1.0, wish.minutes / 5)) if wish.minutes else 5.0,
            "token_noise": 0.1,
            **small,
        },
        "optimizer": {"adapter_lr": 0.002, "schedule": "time" if wish.minutes else "steps"},
        "data": {"held_out": 0.02, "held_out_max": 100},
    }
    preset = next(one for one in (*PRESETS, *PROCESSOR_PRESETS) if one.name == preset_name)
    return preset.on(parse_lm_config(raw))


@contextmanager
def locked(folder: Path) -> Iterator[IO[str]]:
    """The run's folder, for this run alone; children that are given the file hold the lock too.

    Raises:
        TrainingError: another run works in it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w", encoding="ascii") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise TrainingError(
                f"a run works in {folder} already", "one at a time", "wait for it, or end it and try again"
            ) from error
        yield file


class Runner:
    """Runs the steps that are not done yet.

    Args:
        decided: the run.
        start: starts a command and gives its exit status; for tests.
    """

    def __init__(self, decided: Decided, start: Callable[[Sequence[str]], int] | None = None) -> None:
        self.decided, self.wish = decided, decided.wish
        self.start = start or self._start
        self.stopped = False
        self._lock: IO[str] | None = None

    @property
    def stage(self) -> Path:
        """Where the taught stage is."""
        return REPO_ROOT / STAGES_FOLDER / self.wish.name

    def run(self, texts: Sequence[str]) -> bool:
        """All steps; False where it was asked to stop before the end.

        Raises:
            TrainingError: a step failed; its own messages say why.
        """
        commands = {"speak": self.speak_command, "learn": self.learn_command, "judge": self.judge_command}
        with locked(self.wish.folder) as lock:
            self._lock = lock
            _write_lines(self.wish.folder / TEXTS_FILE, texts)
            for number, step in enumerate(STEPS, 1):
                if step in self.decided.done:
                    logger.info("step %d of %d, %s: done before", number, len(STEPS), step)
                    continue
                command = commands[step]()
                if command is None:
                    continue
                logger.info("step %d of %d, %s", number, len(STEPS), step)
                status = self.start(command)
                if self.stopped:
                    logger.info("stopped; the same command goes on from here")
                    return False
                if step == "judge" and status == NOT_INSTALLED:
                    logger.info('the evaluation needs pip install -e ".[eval]"; the stage is ready without it')
                    continue
                if status != 0:
                    raise TrainingError(f"step {step} ended with status {status}", "0", "see what it said above")
                self.decided = replace(self.decided, done=(*self.decided.done, step))
                self.decided.write()
        return True

    def speak_command(self) -> list[str]:
        """The voice speaks the texts."""
        command = _python("tools/teaching/speak.py" if self.wish.listen else "GPT_SoVITS/prepare_datasets/4-distill.py")
        if self.wish.listen:
            command += ["--listen", self.wish.listen]
        command += ["--takes", str(self.wish.takes)]
        command += ["--texts", str(self.wish.folder / TEXTS_FILE), "--exp", str(self.wish.folder)]
        command += ["--language", self.wish.language, "--gpt_model", self.wish.gpt, "--sovits_model", self.wish.sovits]
        if self.wish.references:
            command += ["--references", self.wish.references]
        return [*command, "--seeds", *map(str, self.decided.spoken_seeds)]

    def learn_command(self) -> list[str]:
        """The language model learns from what was said."""
        path = self.wish.folder / CONFIG_FILE
        config = training_config(self.wish, self.decided.preset)
        path.write_text(yaml.safe_dump(as_sections(config), sort_keys=False), encoding="utf-8")
        return [*_python("GPT_SoVITS/s1_train.py"), "--config", str(path), "--exp", str(self.wish.folder)]

    def judge_command(self) -> list[str] | None:
        """Both speak sentences that neither has seen; None where the project has no sentences of the language."""
        if not is_lm_folder(self.stage):
            raise TrainingError(f"there is no trained stage in {self.stage}", "one", "see what the training said")
        language = self.wish.language.removeprefix("all_")
        sets = [name for name, (_, spoken) in SETS.items() if spoken == language and name == language]
        if not sets:
            logger.info("no evaluation: the project has no held-out sentences of %s", language)
            return None
        command = [*_python("tools/evaluate.py"), "--modes", "tts", "--backend", "ar,qwen3", "--lm", str(self.stage)]
        command += ["--sets", ",".join(sets), "--seeds", self.wish.seeds, "--threads", "1"]
        command += ["--s1", self.wish.gpt, "--s2", self.wish.sovits]
        if self.wish.sentences:
            command += ["--limit", str(self.wish.sentences)]
        if self.wish.references:
            path, _, spoken, text = Path(self.wish.references).read_text(encoding="utf-8").splitlines()[0].split("|", 3)
            command += ["--ref", path, "--ref-text", text, "--ref-language", spoken]
        out = self.wish.folder / "evaluation"
        return [*command, "--out", str(out), "--json", str(self.wish.folder / RESULT_FILE)]

    def _start(self, command: Sequence[str]) -> int:
        """Run a command to its end; SIGINT and SIGTERM are handed on, and it ends in its own time."""
        passed = (self._lock.fileno(),) if self._lock is not None else ()
        child = subprocess.Popen(list(command), cwd=REPO_ROOT, pass_fds=passed)

        def stop(signum: int, frame: object) -> None:
            self.stopped = True
            child.send_signal(signum)

        before = {name: signal.signal(name, stop) for name in (signal.SIGINT, signal.SIGTERM)}
        try:
            return child.wait()
        finally:
            for name, handler in before.items():
                signal.signal(name, handler)


def _python(script: str) -> list[str]:
    return [sys.executable, str(REPO_ROOT / script)]


def _write_lines(path: Path, lines: Sequence[str]) -> None:
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def share(stage: Path, card: str, target: Path) -> Path:
    """A folder with the stage and a model card, ready to be uploaded.

    Raises:
        TrainingError: the folder exists.
    """
    if target.exists():
        raise TrainingError(f"{target} exists", "a new folder", "delete it, or share under another name")
    shutil.copytree(stage, target)
    (target / "README.md").write_text(card, encoding="utf-8")
    return target


def results_of(folder: Path) -> dict[str, Any] | None:
    """The evaluation of a run; None where there is none."""
    path = folder / RESULT_FILE
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None
