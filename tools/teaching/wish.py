"""What is to be taught, as somebody asked for it, and what was decided once when the run began."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from config import REPO_ROOT
from errors import ConfigError, DatasetError
from prepare_datasets.distill_stage import read_texts

TEXTS_FOLDER = Path(__file__).resolve().parent / "texts"
PLAN_FILE = "teach.json"
STEPS = ("speak", "learn", "judge")


@dataclass(frozen=True)
class Wish:
    """One language model for one voice.

    Attributes:
        name: of the stage to make.
        gpt, sovits: files of the voice.
        backbone: hub id, folder, or "package:<name>".
        gguf_file: file within the backbone, for GGUF weights.
        layers: only the first so many layers of the backbone (0: all).
        texts: file with a text a line; empty: the project's own list of the language.
        language: of the texts, a language mode.
        references: list of reference clips, ``path|speaker|language|text``; empty: the voice's own.
        hours: of speech that the voice speaks.
        epochs: the language model learns from all of it so many times.
        minutes: but not longer than so many (0: no limit).
        tuning: "lora" or "full".
        seeds: of the evaluation, comma-separated.
        sentences: of each table in the evaluation (0: all).
        takes: a text is spoken anew at most so often, and the best take is kept.
        listen: model of a recogniser that finds the best take; empty: the first that did not collapse is it.
    """

    name: str
    gpt: str
    sovits: str
    backbone: str
    gguf_file: str = ""
    layers: int = 0
    texts: str = ""
    language: str = "en"
    references: str = ""
    hours: float = 20.0
    epochs: int = 8
    minutes: float = 0.0
    tuning: str = "lora"
    seeds: str = "1234,2"
    sentences: int = 0
    takes: int = 1
    listen: str = ""

    @property
    def folder(self) -> Path:
        """Where the run keeps everything but the stage itself."""
        return REPO_ROOT / "logs" / f"teach_{self.name}"

    def read_texts(self) -> list[str]:
        """The texts to speak.

        Raises:
            DatasetError: no list, or one that cannot be read.
        """
        if self.texts:
            return read_texts(Path(self.texts))
        own = TEXTS_FOLDER / f"{self.language.removeprefix('all_')}.txt"
        if not own.is_file():
            known = ", ".join(sorted(path.stem for path in TEXTS_FOLDER.glob("*.txt")))
            raise DatasetError(
                f"the project has no text list for {self.language}", f"one of {known}", "give your own with --texts"
            )
        return read_texts(own)


@dataclass(frozen=True)
class Decided:
    """A run's wish and what followed from it; written down, so that an interrupted run goes on as it began.

    Attributes:
        wish: what was asked for.
        preset: name of the memory preset.
        spoken_seeds: the texts are spoken once with each.
        done: steps that are complete.
    """

    wish: Wish
    preset: str
    spoken_seeds: tuple[int, ...]
    done: tuple[str, ...] = field(default=())

    def write(self) -> None:
        """Into the run's folder."""
        self.wish.folder.mkdir(parents=True, exist_ok=True)
        path = self.wish.folder / PLAN_FILE
        path.write_text(json.dumps(asdict(self), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, wish: Wish) -> Decided | None:
        """What was decided before for a run of this name; None for a new one.

        Raises:
            ConfigError: it was begun with other settings.
        """
        path = wish.folder / PLAN_FILE
        if not path.is_file():
            return None
        content = json.loads(path.read_text(encoding="utf-8"))
        before = Wish(**content["wish"])
        changed = [name for name, value in asdict(wish).items() if getattr(before, name) != value]
        if changed:
            what = ", ".join(f"{name} was {getattr(before, name)!r}" for name in changed)
            raise ConfigError(
                f"{wish.name} was begun with other settings ({what})",
                "the same ones, to go on",
                f"choose another --name, or delete {wish.folder}",
            )
        return cls(wish, content["preset"], tuple(content["spoken_seeds"]), tuple(content["done"]))


def as_sections(config: Any) -> dict[str, Mapping[str, Any]]:
    """A training configuration as the sections of its YAML file."""
    sections: dict[str, Mapping[str, Any]] = asdict(config)
    sections.pop("new_model", None)
    return {name: _plain(values) for name, values in sections.items()}


def _plain(value: Any) -> Any:
    """Tuples as lists: YAML files are read safely."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value
