"""How well does a voice speak: errors, voice, naturalness and intonation on held-out sentences, with intervals.

    python tools/evaluate.py --audio-root ../shared --seeds 1234,2 --sets en,ja,hard --backend ar,qwen3 --lm gsv-tiny \
        --pack old=../old-pack --pack new=GPT_SoVITS/pretrained_models/gsv-tiny --out work/evaluation --html work/page

Systems, each listened to by the same judges: ``teacher`` (the recordings), ``resynth`` (their tokens through s2) and
``tts`` (the whole pipeline, once per ``--backend``, ``--lm`` and ``--pack``). Prints a table for each set of sentences,
the worst sentences, and one JSON line at the end. Needs ``pip install -e ".[eval]"``; without these packages it says so
and exits with 3. What each figure means is in docs/evaluation.md.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import torch
from tqdm import tqdm

from errors import ConfigError, GSVError, MissingDependencyError
from side_tables import read_tokens
from tools.evaluation.intonation import IntonationJudge
from tools.evaluation.judges import ResemblyzerJudge, WhisperJudge
from tools.evaluation.naturalness import DNSMOSJudge
from tools.evaluation.options import Sentences, arguments, read_sentences
from tools.evaluation.page import write_page
from tools.evaluation.report import TableResult, as_dict, json_line, table, worst_lines
from tools.evaluation.run import Listener, evaluate
from tools.evaluation.store import Store
from tools.evaluation.systems import FullSynthesis, Reference, Resynthesis, System, Teacher
from tools.evaluation.voices import VoiceUnderTest, make_voices
from tools.evaluation.words import CHARACTER_LANGUAGES

logger = logging.getLogger(__name__)
Judge = TypeVar("Judge")


def tts_settings(options: argparse.Namespace) -> dict[str, Any]:
    """The settings of ``TTS_Config`` that the command line names."""
    named = {
        "cnhuhbert_base_path": options.hubert,
        "vits_weights_path": options.s2,
        "t2s_weights_path": options.s1,
    }
    return {name: str(path.resolve()) for name, path in named.items() if path}


def make_systems(options: argparse.Namespace) -> list[System]:
    """The systems that the command line asks for; their models are loaded when they first speak.

    Raises:
        GSVError: settings that do not fit.
    """
    own_voice = options.ref == "self"
    reference = None
    if options.ref and not own_voice:
        reference = Reference(Path(options.ref), options.ref_text, options.ref_language)
    voices = make_voices(options.pack, tts_settings(options), reference)
    wanted = voices[0].reference
    systems: list[System] = [Teacher(wanted.path if wanted else None)] if "teacher" in options.modes else []
    if "resynth" in options.modes:
        tokens = read_tokens(options.tokens) if options.tokens else None
        systems += [Resynthesis(voice, own_voice, tokens) for voice in voices]
    if "tts" in options.modes:
        if own_voice:
            raise ConfigError("--ref self has no meaning for tts", "a clip and its --ref-text, or no --ref at all")
        systems += [system for voice in voices for system in _full_systems(options, voice)]
    names = [system.name for system in systems]
    if len(set(names)) < len(names):
        raise ConfigError("two systems have the same name", "language models whose folders have names that differ")
    return systems


def _full_systems(options: argparse.Namespace, voice: VoiceUnderTest) -> list[System]:
    return [
        FullSynthesis(voice, backend, options.request, name)
        for backend in options.backend
        for name in ((options.lm or [""]) if backend == "qwen3" else [""])
    ]


def _optional(name: str, left_out: Sequence[str], make: Callable[[], Judge]) -> Judge | None:
    """A judge that may be missing, with a word about it; None where it is, or where it is not wanted."""
    if name in left_out:
        return None
    try:
        return make()
    except MissingDependencyError as error:
        logger.warning("no %s: %s", name, error)
        return None


def make_listener(options: argparse.Namespace, store: Store) -> Listener:
    """The judges that the command line asks for.

    Raises:
        MissingDependencyError: the one that writes down is not installed; the others may be missing.
    """
    left_out = options.without
    return Listener(
        store,
        WhisperJudge(options.threads, options.judge),
        _optional("similarity", left_out, ResemblyzerJudge),
        _optional("mos", left_out, lambda: DNSMOSJudge(options.threads)),
        _optional("intonation", left_out, IntonationJudge),
    )


def run(options: argparse.Namespace, store: Store) -> list[TableResult]:
    """Speak and judge everything that the command line asks for; ``--json`` is written after each system."""
    torch.set_num_threads(options.threads)
    sentences = read_sentences(options)
    listener, systems = make_listener(options, store), make_systems(options)
    results: list[TableResult] = []
    for name, items in sentences:
        results.append(TableResult(name, unit_of(items)))
        recorded = any(item.path is not None for item in items)
        for system in systems:
            if system.mode != "tts" and not recorded:
                logger.info("%s has no recordings: %s is left out", name, system.name)
                continue
            takes = len(items) * (len(options.seeds) if system.seeded else 1)
            with tqdm(desc=f"{name} {system.name}", total=takes, unit="take", disable=None) as bar:
                results[-1].systems.append(evaluate(system, items, options.seeds, listener, bar.update))
            if options.json:
                _write_json(options.json, as_dict(results, **_facts(options, sentences)))
    return results


def unit_of(items: Sequence[Any]) -> str:
    """What errors are counted by: CER where a sentence is in a language without spaces, else WER."""
    return "CER" if any(item.language in CHARACTER_LANGUAGES for item in items) else "WER"


def _facts(options: argparse.Namespace, sentences: Sequence[Sentences]) -> dict[str, Any]:
    return {
        "seeds": options.seeds,
        "sentences": {name: len(items) for name, items in sentences},
        "packs": options.pack,
        "judge": str(options.judge or "whisper base"),
    }


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def _print(results: Sequence[TableResult], options: argparse.Namespace, seconds: float) -> None:
    for result in results:
        for part in (result, *(result.within(category) for category in result.categories)):
            print(table(part) + "\n")
    for result in results:
        for system in result.systems:
            print(worst_lines(system, options.worst))
    facts = _facts(options, read_sentences(options))
    print(json_line(results, **facts, seconds=round(seconds, 1)))


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns 0, 2 for something the user can mend, 3 when the judge is not installed."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    options = arguments((__doc__ or "").split("\n", maxsplit=1)[0], argv)
    started = time.perf_counter()
    try:
        with tempfile.TemporaryDirectory(prefix="evaluation-") as temporary:
            store = Store(options.out or Path(temporary))
            results = run(options, store)
            if options.html:
                write_page(options.html, results, store)
    except MissingDependencyError as error:
        logger.error("evaluation skipped: %s", error)
        return 3
    except GSVError as error:
        logger.error("error: %s", error)
        return 2
    _print(results, options, time.perf_counter() - started)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
