"""The command line of ``tools/evaluate.py``: what is spoken, by whom, who listens, what is written."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from config import REPO_ROOT
from errors import RequestError
from side_tables import TOKEN_TABLE
from tools.evaluation.items import Item, read_items

MODES = ("teacher", "resynth", "tts")
JUDGES = ("similarity", "mos", "intonation")
DATA = REPO_ROOT / "tests" / "data"
SETS = {"en": ("eval_en.tsv", "en"), "ja": ("eval_ja.tsv", "ja"), "hard": ("eval_hard.tsv", "en")}
"""The project's own tables of sentences, and the language of rows that name none."""


class Sentences(NamedTuple):
    """A table of sentences."""

    name: str
    items: list[Item]


def arguments(description: str, argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=description)
    _add_sentences(parser.add_argument_group("what is said"))
    _add_systems(parser.add_argument_group("who speaks"))
    _add_listening(parser.add_argument_group("who listens, and what is kept"))
    options = parser.parse_args(argv)
    _check_words(parser, "--modes", options.modes, MODES)
    _check_words(parser, "--sets", options.sets, tuple(SETS))
    _check_words(parser, "--without", options.without, JUDGES)
    return options


def _add_sentences(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("--sets", type=_words, default=["en"], help="the project's tables: en, ja, hard (comma-separated)")
    add(
        "--items-file",
        type=Path,
        action="append",
        help="a table of your own instead (may be repeated): columns path, speaker, text, language, category",
    )
    add("--audio-root", type=Path, help="folder of the recordings (default: beside the table)")
    add("--limit", "--items", type=int, help="only N sentences of each table, as many of each category")
    add("--language", default="en", help="of rows of --items-file that name none")
    add("--seeds", type=_numbers, default=[1234], help="comma-separated; sentence n is spoken with seed + n")


def _add_systems(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("--modes", type=_words, default=list(MODES), help="which of teacher, resynth, tts (comma-separated)")
    add("--backend", type=_words, default=["ar"], help="for tts: ar, qwen3 or both (comma-separated)")
    add("--lm", type=_words, default=[], help="language models for --backend qwen3: folders or names")
    add(
        "--pack",
        "--voice-dir",
        action="append",
        default=[],
        help="a voice pack as FOLDER or NAME=FOLDER (default: the checkout's); several are compared",
    )
    add("--hubert", type=Path, help="HuBERT folder (default: the pack's)")
    add("--s2", type=Path, help="SoVITS checkpoint (default: the pack's)")
    add("--s1", type=Path, help="GPT checkpoint (default: the pack's)")
    add("--ref", help="reference clip (default: the pack's); 'self': for resynth, each recording its own")
    add("--ref-text", default="", help="words of --ref")
    add("--ref-language", default="en")
    add("--tokens", type=Path, help=f"for resynth: a {TOKEN_TABLE} in place of HuBERT")
    add("--request", type=json.loads, default={}, help="more TTS.run values as JSON, such as '{\"top_k\": 5}'")


def _add_listening(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("--judge", type=Path, help="folder of another faster-whisper model (default: Whisper base)")
    add("--without", type=_words, default=[], help="judges to leave out: similarity, mos, intonation")
    add("--out", "--save", type=Path, help="folder that keeps speech and measurements: a second run goes on with them")
    add("--json", type=Path, help="write the results to this file, after each system anew")
    add("--html", type=Path, help="write a page with players into this folder")
    add("--worst", type=int, default=5, help="how many of the worst sentences to print for each system")
    add("--threads", type=int, default=2, help="CPU threads of everything")


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def _numbers(text: str) -> list[int]:
    numbers = [int(word) for word in _words(text)]
    if not numbers or len(set(numbers)) < len(numbers) or min(numbers) < 0:
        raise argparse.ArgumentTypeError("different whole numbers from 0, such as 1234,2")
    return numbers


def _check_words(parser: argparse.ArgumentParser, name: str, given: Sequence[str], known: Sequence[str]) -> None:
    if unknown := sorted(set(given) - set(known)):
        parser.error(f"{name}: unknown {', '.join(unknown)}; known are {', '.join(known)}")


def read_sentences(options: argparse.Namespace) -> list[Sentences]:
    """The tables that the command line names.

    Raises:
        DatasetError: a table that cannot be read.
        RequestError: two tables of one name, or one in several languages that are not counted alike.
    """
    if options.items_file:
        named = [(path.stem.removeprefix("eval_"), path, options.language) for path in options.items_file]
    else:
        named = [(name, DATA / SETS[name][0], SETS[name][1]) for name in dict.fromkeys(options.sets)]
    tables = [
        Sentences(name, read_items(path, options.audio_root, options.limit, language)) for name, path, language in named
    ]
    if len({table.name for table in tables}) < len(tables):
        raise RequestError("two tables have the same file name", "names that differ", "rename one of them")
    return tables
