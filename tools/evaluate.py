"""Error rate, voice similarity and speed of a voice on held-out sentences.

    python tools/evaluate.py --items-file tests/data/eval_en.tsv --audio-root ../shared/corpus

Three systems, each listened to by the same judge (Whisper base): ``teacher`` (the recordings), ``resynth`` (their
tokens through s2) and ``tts`` (the whole pipeline, once per ``--backend``). Prints a table, the worst sentences, and
one JSON line at the end. Needs ``pip install -e ".[eval]"``; without these packages it says so and exits with 3.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from errors import ConfigError, GSVError, MissingDependencyError
from tools.evaluation.items import Item, read_items
from tools.evaluation.judges import ResemblyzerJudge, WhisperJudge
from tools.evaluation.report import SystemResult, json_line, table, worst_lines
from tools.evaluation.run import Listener, evaluate
from tools.evaluation.scoring import CHARACTER_LANGUAGES
from tools.evaluation.systems import FullSynthesis, Reference, Resynthesis, System, Teacher, read_tokens

logger = logging.getLogger(__name__)

ROOT = Path(__file__).resolve().parents[1]
MODES = ("teacher", "resynth", "tts")


def arguments(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    add = parser.add_argument
    add("--items-file", type=Path, default=ROOT / "tests/data/eval_en.tsv", help="sentences: path TAB speaker TAB text")
    add("--audio-root", type=Path, help="folder of the recordings (default: beside the table)")
    add("--items", type=int, help="only the first N sentences")
    add("--language", default="en")
    add("--modes", default="teacher,resynth,tts", help="which of teacher, resynth, tts (comma-separated)")
    add("--backend", default="ar", help="for tts: ar, qwen3 or both (comma-separated)")
    add("--hubert", type=Path, help="HuBERT folder (default: the pack's)")
    add("--s2", type=Path, help="SoVITS checkpoint (default: the pack's)")
    add("--s1", type=Path, help="GPT checkpoint (default: the pack's)")
    add("--lm", default="", help="language models for --backend qwen3: folders or names (comma-separated)")
    add("--ref", help="reference clip (default: the pack's); 'self': for resynth, each recording its own")
    add("--ref-text", default="", help="words of --ref")
    add("--ref-language", default="en")
    add("--tokens", type=Path, help="for resynth: a 6-name2semantic.tsv in place of HuBERT")
    add("--seed", type=int, default=1234)
    add("--request", type=json.loads, default={}, help="more TTS.run values as JSON, such as '{\"top_k\": 5}'")
    add("--worst", type=int, default=5, help="how many of the worst sentences to show for each system")
    add("--save", type=Path, help="keep the audio in this folder")
    add("--no-similarity", action="store_true", help="leave out the voice judge")
    add("--threads", type=int, default=2, help="CPU threads of the judge")
    options = parser.parse_args(argv)
    unknown = set(options.modes.split(",")) - set(MODES)
    if unknown:
        parser.error(f"--modes: unknown {', '.join(sorted(unknown))}; known are {', '.join(MODES)}")
    return options


def tts_settings(options: argparse.Namespace) -> dict[str, Any]:
    """The settings of ``TTS_Config`` that the command line names."""
    named = {
        "cnhuhbert_base_path": options.hubert,
        "vits_weights_path": options.s2,
        "t2s_weights_path": options.s1,
    }
    return {
        name: str(Path(value).resolve()) if isinstance(value, Path) else value for name, value in named.items() if value
    }


def find_reference(options: argparse.Namespace) -> Reference | None:
    """The reference that the command line or else the voice pack names; None where there is neither."""
    if options.ref == "self":
        return None
    if options.ref:
        return Reference(Path(options.ref), options.ref_text, options.ref_language)
    from config import PACK_DIR
    from TTS_infer_pack.pack import PACK_FILE, read_pack

    default = read_pack(PACK_DIR).default_reference if (PACK_DIR / PACK_FILE).is_file() else None
    return Reference(Path(default.path), default.text, default.lang) if default else None


def make_systems(options: argparse.Namespace, reference: Reference | None) -> list[System]:
    """The systems that the command line asks for, models loaded.

    Raises:
        GSVError: models that are missing or do not fit.
    """
    modes = options.modes.split(",")
    systems: list[System] = [Teacher()] if "teacher" in modes else []
    if "resynth" in modes:
        systems.append(_resynthesis(options, reference))
    if "tts" in modes:
        from TTS_infer_pack.TTS import TTS, TTS_Config

        if options.ref == "self":
            raise ConfigError("--ref self has no meaning for tts", "a clip and its --ref-text, or no --ref at all")
        tts = TTS(TTS_Config(**tts_settings(options)))
        for backend in options.backend.split(","):
            for name in options.lm.split(",") if backend == "qwen3" else [""]:
                systems.append(
                    FullSynthesis(tts, backend, reference, options.language, options.seed, options.request, name)
                )
    return systems


def _resynthesis(options: argparse.Namespace, reference: Reference | None) -> Resynthesis:
    s2, hubert = options.s2, options.hubert
    if s2 is None or (hubert is None and options.tokens is None):
        from TTS_infer_pack.TTS import TTS_Config

        config = TTS_Config(**tts_settings(options))
        s2, hubert = s2 or Path(config.vits_weights_path), hubert or Path(config.cnhuhbert_base_path)
    if reference is None and options.ref != "self":
        raise ConfigError("re-synthesis needs a reference clip", "--ref CLIP, or --ref self")
    tokens = read_tokens(options.tokens) if options.tokens else None
    return Resynthesis(s2, hubert, reference.path if reference else None, tokens, options.language, options.seed)


def run(options: argparse.Namespace) -> list[SystemResult]:
    """Speak and judge everything that the command line asks for."""
    items: list[Item] = read_items(options.items_file, options.audio_root, options.items)
    transcriber = WhisperJudge(options.threads)
    comparer = None
    if not options.no_similarity:
        try:
            comparer = ResemblyzerJudge()
        except MissingDependencyError as error:
            logger.warning("no voice similarity: %s", error)
    reference = find_reference(options)
    voice = reference.path if reference else None
    listener = Listener(transcriber, options.language, comparer, voice, options.save)
    results = []
    for system in make_systems(options, reference):
        with tqdm(desc=system.name, total=len(items), unit="sentence", disable=None) as bar:
            results.append(evaluate(system, items, listener, bar.update))
    return results


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns 0, 2 for something the user can mend, 3 when the judge is not installed."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    options = arguments(argv)
    started = time.perf_counter()
    try:
        results = run(options)
    except MissingDependencyError as error:
        logger.error("evaluation skipped: %s", error)
        return 3
    except GSVError as error:
        logger.error("error: %s", error)
        return 2
    unit = "CER" if options.language in CHARACTER_LANGUAGES else "WER"
    print(table(results, unit))
    for result in results:
        print(worst_lines(result, options.worst))
    print(
        json_line(
            results,
            unit=unit,
            language=options.language,
            seed=options.seed,
            items_file=str(options.items_file),
            seconds=round(time.perf_counter() - started, 1),
        )
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
