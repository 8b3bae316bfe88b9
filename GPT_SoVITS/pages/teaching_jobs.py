"""The job that teaches a language model a voice that exists, without recordings: ``tools/teach.py`` with arguments."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from config import REPO_ROOT
from errors import RequestError
from pages.context import PageContext
from pages.dataset_jobs import environment, python_command
from pages.jobs import JobSpec
from pages.voice_folder import NAME
from tools.i18n import Message

TEACH_KIND = "teach"
SCRIPT = "tools/teach.py"
TEXTS_FOLDER = REPO_ROOT / "tools" / "teaching" / "texts"
GRACE_SECONDS = 120.0
"""A stopped training finishes its step and saves its state."""
LIMITS = {"hours": (0.01, 1000.0), "epochs": (1, 1000), "minutes": (0, 100_000), "takes": (1, 10)}


@dataclass(frozen=True)
class TeachingWish:
    """What a visitor chose, paths and names as they are used.

    Attributes:
        gpt, sovits: files of the voice.
        backbone: hub id or folder.
        name: of the stage to make.
        language: of the texts.
        device: "cpu", "cuda:0", ...
        hours: of speech that the voice speaks.
        epochs: the language model learns from all of it so many times.
        minutes: training ends after so many, 0: the epochs decide.
        takes: a text is spoken anew at most so often.
        texts, references: a text list and a list of reference clips, None: the project's, the voice's.
        plan_only: tell what it will take, and start nothing.
    """

    gpt: Path
    sovits: Path
    backbone: str
    name: str
    language: str
    device: str
    hours: float
    epochs: int
    minutes: float
    takes: int
    texts: Path | None = None
    references: Path | None = None
    plan_only: bool = False


def text_languages() -> list[str]:
    """Languages that the project has a text list of."""
    return sorted(path.stem for path in TEXTS_FOLDER.glob("*.txt"))


def check(context: PageContext, wish: TeachingWish) -> None:
    """Refuse what could only fail later.

    Raises:
        RequestError: in the visitor's language.
    """
    if not NAME.fullmatch(wish.name):
        raise RequestError(context.say("training.bad_name"))
    if wish.texts is None and wish.language not in text_languages():
        raise RequestError(context.say("teaching.no_texts", language=wish.language))
    for key, (low, high) in LIMITS.items():
        value = getattr(wish, key)
        if not isinstance(value, int | float) or not low <= value <= high:
            name = context.say(f"teaching.{key}")
            raise RequestError(context.say("training.bad_number", name=name, low=low, high=high))


def teaching_job(wish: TeachingWish, title: Message) -> JobSpec:
    """The command as a job; the same wish again goes on where it was stopped."""
    options: dict[str, object] = {
        "gpt": wish.gpt,
        "sovits": wish.sovits,
        "backbone": wish.backbone,
        "name": wish.name,
        "language": wish.language,
        "hours": wish.hours,
        "epochs": int(wish.epochs),
        "minutes": wish.minutes,
        "takes": int(wish.takes),
    }
    options |= {"texts": wish.texts} if wish.texts else {}
    options |= {"references": wish.references} if wish.references else {}
    arguments = [f"--{name}={value}" for name, value in options.items()]
    command = python_command(SCRIPT, *arguments, *(["--plan"] if wish.plan_only else []))
    facts = {"weights": wish.name}
    return JobSpec(
        title, TEACH_KIND, command, wish.device, environment(wish.device), grace_seconds=GRACE_SECONDS, facts=facts
    )
