"""Run what is left of the voice pack's recipe within a time budget: one command, stopped and resumed at will.

    python tools/pack/train_all.py --work work/pack --minutes 120 --device cpu

Inputs (lists, targets of the encoder, features, tokens) are made first and count on top of the budget; each is made
once. The budget is then divided among the trainings: encoder, SoVITS (acoustic on all voices and on the pack's own,
then decoder; all at once on a GPU), AR and language model. On a GPU, or with ``--lanes 2``, SoVITS and the two
text-to-semantic stages train side by side. A training that has had its share is not begun again by the same command;
``--more`` gives all of them a further round.
Every step is a command of this project that goes on from its own checkpoints; this file only knows their order, their
arguments and the clock.
"""

from __future__ import annotations

import argparse
import json
import logging
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from config import REPO_ROOT
from errors import ConfigError, GSVError, TrainingError
from side_tables import SPEAKER_TABLE, TEXT_TABLE
from tools.pack.bundle import unpack

logger = logging.getLogger(__name__)

Command = list[str]
CONFIGS = REPO_ROOT / "GPT_SoVITS" / "configs"
STAGES = REPO_ROOT / "GPT_SoVITS" / "prepare_datasets"
JOINT = "s2_gsv_tiny_joint.json"
LANGUAGES = "en,ja"
PACK_REFERENCES = ("mix_alpha_kumo/en_01613", "jm_kumo/ja_00108")
"""The voice that follows the pitch best (training/README.md), and another one, Japanese."""
SAMPLING = '{"top_k": 5, "temperature": 0.7, "repetition_penalty": 1.0, "text_split_method": "cut4"}'


@dataclass(frozen=True)
class Recipe:
    """What the stages are told.

    Attributes:
        corpora: folders with ``corpus.list``.
        work: folder of everything that is made.
        device: "cpu" or "cuda".
        threads: of each training on a CPU.
        start_from: an older pack whose encoder and generator are the beginning, or None.
        output: folder of the finished pack.
        rows: rows of a SoVITS batch; 0: as the presets say.
    """

    corpora: tuple[Path, ...]
    work: Path
    device: str
    threads: int
    start_from: Path | None
    output: Path
    rows: int = 0

    def at(self, *parts: str) -> str:
        """A path below the work folder."""
        return str(self.work.joinpath(*parts))

    def older(self, *parts: str) -> list[str]:
        """``--start-from`` with a part of the older pack, or nothing."""
        return ["--start-from", str(self.start_from.joinpath(*parts))] if self.start_from else []


@dataclass(frozen=True)
class Stage:
    """One step of the recipe.

    Attributes:
        name: key of the state file, and of the log.
        commands: recipe and minutes -> argument lists, run one after the other.
        share: part of the lane's budget; 0: as long as it takes.
    """

    name: str
    commands: Callable[[Recipe, float], Sequence[Command]]
    share: float = 0.0


def python(script: Path | str, *arguments: str) -> Command:
    """A script of this checkout as an argument list."""
    return [sys.executable, str(REPO_ROOT / script), *arguments]


def _split(recipe: Recipe, _: float) -> list[Command]:
    corpora = [part for corpus in recipe.corpora for part in ("--corpus", str(corpus))]
    tests = [part for name in ("en", "ja") for part in ("--test", str(REPO_ROOT / f"tests/data/eval_{name}.tsv"))]
    words = ["--languages", LANGUAGES, *tests, "--limit", "jf_alpha=100", "--out", recipe.at("lists")]
    return [python("tools/pack/split_corpus.py", *corpora, *words)]


def _ssl(recipe: Recipe, *more: str) -> Command:
    lists = ["--list", recipe.at("lists", "train.list"), "--valid", recipe.at("lists", "valid.list")]
    folders = ["--work", recipe.at("ssl"), "--output", recipe.at("ssl", "hubert")]
    return python("GPT_SoVITS/ssl_train.py", *lists, *folders, "--threads", str(recipe.threads), *more)


def _targets(recipe: Recipe, _: float) -> list[Command]:
    """Everything that AR and language model need: targets as features, their tokens, phones, alignment."""
    train, exp = recipe.at("lists", "train.list"), recipe.at("targets")
    early = ["--list", train, "--valid", recipe.at("lists", "valid.list"), "--ssl-work", recipe.at("ssl")]
    out = ["--list", train, "--out", exp]
    return [
        _ssl(recipe, "--prepare-only"),
        python("tools/pack/early_start.py", *early, "--exp", exp),
        python(STAGES / "1-get-text.py", *out),
        python(STAGES / "3-get-semantic.py", *out, "--s2", recipe.at("targets", "s2_init.pth")),
        _copy(recipe.at("ssl", "alignment.tsv"), exp),
    ]


def _copy(source: str, folder: str) -> Command:
    return [sys.executable, "-c", "import shutil, sys; shutil.copy(*sys.argv[1:])", source, folder]


def _encoder(recipe: Recipe, minutes: float) -> list[Command]:
    return [_ssl(recipe, "--minutes", f"{minutes:.2f}", *recipe.older("hubert"))]


def _tokens(recipe: Recipe, _: float) -> list[Command]:
    """What the trained encoder hears in the clips: SoVITS learns from its tokens and from the targets'."""
    train, exp, ssl = recipe.at("lists", "train.list"), recipe.at("sovits"), recipe.at("ssl")
    out = ["--list", train, "--out", exp]
    return [
        python(STAGES / "2-get-hubert-wav32k.py", *out, "--hubert", f"{ssl}/hubert", "--device", recipe.device),
        python(STAGES / "3-get-semantic.py", *out, "--s2", recipe.at("targets", "s2_init.pth")),
    ]


def _start(recipe: Recipe, _: float) -> list[Command]:
    """Both kinds of tokens in one folder, and the generator to begin with."""
    exp, targets = recipe.at("sovits"), recipe.at("targets")
    folders = ["--early", targets, "--exp", exp, "--alignment", f"{targets}/alignment.tsv"]
    quantizer = ["--quantizer", recipe.at("ssl", "quantizer.safetensors")]
    return [
        *(_copy(f"{targets}/{name}", exp) for name in (TEXT_TABLE, SPEAKER_TABLE)),
        python("tools/pack/mix_tokens.py", *folders, *quantizer, *recipe.older("s2G.pth")),
    ]


def _focus(recipe: Recipe, _: float) -> list[Command]:
    """A folder in which the pack's own voice prevails, with tokens that other mouths would give it."""
    voice, exp = ["--voice", PACK_REFERENCES[0].split("/")[0]], recipe.at("focus")
    heard_by = ["--hubert", recipe.at("ssl", "hubert"), "--s2", recipe.at("targets", "s2_init.pth")]
    return [
        python("tools/pack/focus.py", "--exp", recipe.at("sovits"), *voice, "--others", "760", "--out", exp),
        python("tools/pack/vary_tokens.py", "--exp", exp, *voice, *heard_by),
    ]


def _s2_settings(recipe: Recipe, preset: str, minutes: float, exp: str) -> Path:
    """The preset with this run's folders, minutes and batch; written into the work folder.

    ``exp`` is the folder of the clips; states and weights are those of ``sovits`` whatever it is.
    """
    settings: dict[str, Any] = json.loads((CONFIGS / preset).read_text(encoding="utf-8"))
    changes = {"max_minutes": minutes, "pretrained_s2G": recipe.at("sovits", "s2_init.pth")}
    changes |= {"torch_threads": recipe.threads} if recipe.device == "cpu" else {}
    changes |= {"batch_size": recipe.rows} if recipe.rows else {}
    settings["train"] |= changes
    settings["data"]["exp_dir"] = recipe.at(exp)
    settings["s2_ckpt_dir"] = recipe.at("sovits")
    settings["state_dir"] = recipe.at("sovits", "logs_s2_v2")
    settings["save_weight_dir"] = recipe.at("sovits", "weights")
    path = recipe.work / preset
    path.write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")
    return path


def _sovits(preset: str, exp: str = "sovits") -> Callable[[Recipe, float], list[Command]]:
    def commands(recipe: Recipe, minutes: float) -> list[Command]:
        return [python("GPT_SoVITS/s2_train.py", "--config", str(_s2_settings(recipe, preset, minutes, exp)))]

    return commands


def _stage_1(recipe: Recipe, preset: str, folder: str, minutes: float, *more: str) -> Command:
    values = [f"train.max_minutes={minutes:.2f}", "optimizer.schedule=time", f"train.threads={recipe.threads}", *more]
    if recipe.device == "cuda":
        values.append("train.batch_tokens=24000")
    sets = [part for value in values for part in ("--set", value)]
    out = ["--exp", recipe.at("targets"), "--output", recipe.at("targets", folder)]
    return python("GPT_SoVITS/s1_train.py", "--config", str(CONFIGS / preset), *out, *sets)


def _ar(recipe: Recipe, minutes: float) -> list[Command]:
    return [_stage_1(recipe, "s1_gsv_tiny.yaml", "ar", minutes)]


def _lm(recipe: Recipe, minutes: float) -> list[Command]:
    codebook = f"qwen3.sovits_path={recipe.at('targets', 's2_init.pth')}"
    folder = f"train.output_root={recipe.at('targets', 'lm')}"
    return [_stage_1(recipe, "qwen3_gsv_tiny.yaml", "lm", minutes, codebook, folder)]


def _pack(recipe: Recipe, _: float) -> list[Command]:
    lines = (recipe.work / "lists" / "train.list").read_text(encoding="utf-8").splitlines()
    chosen = [next((line for line in lines if name in line), lines[0]) for name in PACK_REFERENCES]
    references = recipe.work / "references.list"
    references.write_text("\n".join(chosen) + "\n", encoding="utf-8")
    state = max((recipe.work / "sovits" / "logs_s2_v2").glob("G_*.pth"), key=lambda path: path.stat().st_mtime)
    parts = ["--hubert", recipe.at("ssl", "hubert"), "--quantizer", recipe.at("ssl", "quantizer.safetensors")]
    preset = JOINT if recipe.device == "cuda" else "s2_gsv_tiny_decoder.json"
    parts += ["--s2", str(state), "--s2-config", str(recipe.work / preset)]
    parts += ["--s1", recipe.at("targets", "ar", "s1-last.ckpt"), "--lm", recipe.at("targets", "lm", "gsv-tiny")]
    parts += ["--read-back", recipe.at("read_back.safetensors")]
    parts += ["--references", str(references), "--languages", LANGUAGES, "--sampling", SAMPLING]
    parts += ["--output", str(recipe.output)]
    tokens = ["--exp", recipe.at("targets"), "--s2", recipe.at("targets", "s2_init.pth")]
    return [
        python("tools/pack/read_back.py", *tokens, "--output", recipe.at("read_back.safetensors")),
        python("tools/pack/build_pack.py", *parts),
    ]


INPUTS = (Stage("lists", _split), Stage("targets", _targets))
ENCODER = (Stage("encoder", _encoder, 0.25), Stage("tokens", _tokens), Stage("start", _start))
SOVITS_LANES = {
    "cpu": (
        *ENCODER,
        Stage("acoustic", _sovits("s2_gsv_tiny_acoustic.json"), 0.20),
        Stage("focus", _focus),
        Stage("voice", _sovits("s2_gsv_tiny_acoustic.json", "focus"), 0.15),
        Stage("decoder", _sovits("s2_gsv_tiny_decoder.json", "focus"), 0.40),
    ),
    "cuda": (*ENCODER, Stage("joint", _sovits(JOINT), 0.75)),
}
SEMANTIC_LANE = (Stage("ar", _ar, 0.5), Stage("lm", _lm, 0.5))
PACK = Stage("pack", _pack)


class Progress:
    """What has been done, in ``state.json`` of the work folder: seconds that each stage ran, and which are over."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.stages: dict[str, dict[str, Any]] = {}
        if path.is_file():
            self.stages = json.loads(path.read_text(encoding="utf-8"))

    def is_over(self, stage: Stage) -> bool:
        """Whether the stage has had its share in this round."""
        return bool(self.stages.get(stage.name, {}).get("over"))

    def add(self, stage: Stage, seconds: float, over: bool) -> None:
        """Count a run of the stage."""
        spent = self.stages.get(stage.name, {}).get("seconds", 0.0) + seconds
        self.stages[stage.name] = {"seconds": round(spent, 1), "over": over}
        self.path.write_text(json.dumps(self.stages, indent=2) + "\n", encoding="utf-8")

    def begin_round(self) -> None:
        """Trainings may run again, and the pack is put together anew."""
        for stage in (*chain(*SOVITS_LANES.values()), *SEMANTIC_LANE, PACK):
            if stage.name in self.stages and (stage.share or stage is PACK):
                self.stages[stage.name]["over"] = False


def run_stage(stage: Stage, recipe: Recipe, minutes: float, progress: Progress) -> None:
    """One stage; what it writes goes to ``<work>/<stage>.log``.

    Raises:
        TrainingError: one of its commands failed.
    """
    logger.info("%s: begins%s", stage.name, f", {minutes:.1f} minutes" if stage.share else "")
    started = time.monotonic()
    log = recipe.work / f"{stage.name}.log"
    with log.open("ab") as stream:
        for command in stage.commands(recipe, minutes):
            code = subprocess.run(command, stdout=stream, stderr=stream, cwd=REPO_ROOT, check=False).returncode
            if code:
                progress.add(stage, time.monotonic() - started, over=False)
                raise TrainingError(f"{stage.name} ended with code {code}", "code 0", f"read {log}, then start again")
    progress.add(stage, time.monotonic() - started, over=True)
    logger.info("%s: done after %.1f minutes", stage.name, (time.monotonic() - started) / 60)


def run_lane(stages: Sequence[Stage], recipe: Recipe, minutes: float, progress: Progress) -> None:
    """Stages that are not over, each with its part of ``minutes``."""
    waiting = [stage for stage in stages if not progress.is_over(stage)]
    shares = sum(stage.share for stage in waiting)
    for stage in waiting:
        run_stage(stage, recipe, minutes * stage.share / shares if shares else 0.0, progress)


def run_all(recipe: Recipe, minutes: float, lanes: int, more: bool = False) -> None:
    """The whole recipe, or what is left of it.

    Args:
        recipe: folders, device, threads.
        minutes: budget of the trainings; making inputs comes on top.
        lanes: 2 trains SoVITS and the text-to-semantic stages side by side, each with the whole budget.
        more: give every training another round.

    Raises:
        TrainingError: a step failed; the others' work is kept.
    """
    recipe.work.mkdir(parents=True, exist_ok=True)
    progress = Progress(recipe.work / "state.json")
    if more:
        progress.begin_round()
    run_lane(INPUTS, recipe, 0.0, progress)
    sovits = SOVITS_LANES[recipe.device]
    if lanes == 1:
        run_lane((*sovits, *SEMANTIC_LANE), recipe, minutes, progress)
    else:
        with ThreadPoolExecutor(2) as pool:
            for lane in [pool.submit(run_lane, s, recipe, minutes, progress) for s in (sovits, SEMANTIC_LANE)]:
                lane.result()
    run_lane((PACK,), recipe, 0.0, progress)


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add(
        "--corpus",
        type=Path,
        action="append",
        help="folder with corpus.list (default: the two of ../shared)",
    )
    add("--bundle", type=Path, help="what bundle.py made on another machine, in place of corpora")
    add("--work", type=Path, default=REPO_ROOT / "work" / "pack", help="folder of everything that is made")
    add("--minutes", type=float, required=True, help="budget of the trainings")
    add("--device", choices=("cpu", "cuda"), default="cpu")
    add("--lanes", type=int, choices=(1, 2), help="trainings side by side (default: 1 on a CPU, 2 on a GPU)")
    add("--threads", type=int, default=1, help="of each training on a CPU")
    add("--rows", type=int, default=0, help="rows of a SoVITS batch (default: the presets')")
    add("--start-from", type=Path, help="older pack whose encoder and generator are the beginning")
    add("--output", type=Path, help="folder of the finished pack (default: <work>/gsv-tiny)")
    add("--more", action="store_true", help="another round for trainings that have had their share")
    args = parser.parse_args(argv)
    if args.minutes <= 0:
        raise ConfigError(f"--minutes {args.minutes:g}", "a number above 0")
    return args


def main(argv: Sequence[str] | None = None) -> int:
    """Command line entry; 2 for what a person can mend."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    try:
        args = parse(argv)
        shared = REPO_ROOT.parent / "shared"
        corpora = tuple(args.corpus or (shared / "corpus", shared / "corpus_long"))
        if args.bundle and not (args.work / "state.json").is_file():
            unpack(args.bundle, args.work, corpora)
        on_gpu = args.device == "cuda"
        recipe = Recipe(
            corpora=corpora,
            work=args.work.resolve(),
            device=args.device,
            threads=args.threads,
            start_from=args.start_from.resolve() if args.start_from else None,
            output=args.output or args.work.resolve() / "gsv-tiny",
            rows=args.rows,
        )
        run_all(recipe, args.minutes, args.lanes or (2 if on_gpu else 1), args.more)
    except GSVError as error:
        logger.error("%s", error)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
