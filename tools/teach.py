"""Teach a language model a voice that exists, without recordings: the voice speaks texts, the model learns from that.

    python tools/teach.py --gpt me-e15.ckpt --sovits me_e8_s200.pth --backbone Qwen/Qwen3-0.6B --hours 20 \
        --references my_clips.list

Tells memory and time first, and does nothing more with --plan. The same command goes on after an interruption. At the
end the stage is in GPT_weights_qwen3/, and --share makes a folder of it that can be uploaded. docs/plugin.md has more.
"""

from __future__ import annotations

import argparse
import logging
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from AR.errors import LMUnavailable
from AR.hardware import has_fast_bfloat16
from AR.models import lm_backbone
from AR.models.lm_backbone import GIB
from AR.models.lm_folder import LMConfig
from config import REPO_ROOT
from errors import CheckpointError, GSVError
from tools.teaching import plan
from tools.teaching.card import measured_lines, model_card
from tools.teaching.run import Runner, results_of, share, training_config
from tools.teaching.wish import Decided, Wish

logger = logging.getLogger("teach")
PROBE_TEXTS = 4
OPTIONS = (
    *("gguf_file", "layers", "language", "hours", "epochs", "minutes", "tuning", "seeds", "sentences"),
    *("takes", "listen"),
)


def build_parser() -> argparse.ArgumentParser:
    """The command line's arguments."""
    parser = argparse.ArgumentParser(description="Teach a language model a voice that exists, without recordings.")
    add = parser.add_argument
    add("--gpt", required=True, help="GPT weights of the voice (.ckpt)")
    add("--sovits", required=True, help="SoVITS weights of the voice (.pth)")
    add("--backbone", required=True, help="hub id or folder of a causal LM, such as Qwen/Qwen3-0.6B")
    add("--gguf_file", default="", help="file within the backbone's folder, for GGUF weights")
    add("--layers", type=int, default=0, help="use only the first so many layers of the backbone")
    add("--name", help="of the stage (default: the SoVITS file's and the backbone's)")
    add("--texts", default="", help="a text a line (default: the project's list of the language)")
    add("--language", default="en", help="language mode of the texts (default: en)")
    add("--references", default="", help="list of reference clips, path|speaker|language|text a line")
    add("--takes", type=int, default=1, help="a text is spoken anew at most so often, the best is kept (default: 1)")
    add("--listen", default="", help="a recogniser finds the best take: size, folder or hub id of a Whisper model")
    add("--hours", type=float, default=20.0, help="of speech to learn from (default: 20)")
    add("--epochs", type=int, default=8, help="how often it is gone through (default: 8)")
    add("--minutes", type=float, default=0.0, help="training ends after so many (default: no limit)")
    add("--tuning", choices=("lora", "full"), default="lora", help="full: all weights; for small backbones")
    add("--seeds", default="1234,2", help="of the evaluation (default: 1234,2)")
    add("--sentences", type=int, default=0, help="of the evaluation (default: all)")
    add("--plan", action="store_true", help="tell what it will take, and end")
    add("--share", type=Path, help="at the end, a new folder with the stage and a model card")
    return parser


def wish_of(args: argparse.Namespace) -> Wish:
    """What is asked for; files are named by their absolute paths from here on."""
    names = (args.gpt, args.sovits, args.texts, args.references)
    gpt, sovits, texts, references = (str(Path(name).resolve()) if name else "" for name in names)
    backbone = str(Path(args.backbone).resolve()) if Path(args.backbone).is_dir() else args.backbone
    name = args.name or f"{Path(sovits).stem}-{Path(backbone.removeprefix('package:')).name}".lower()
    rest = {key: getattr(args, key) for key in OPTIONS}
    return Wish(name=name, gpt=gpt, sovits=sovits, backbone=backbone, texts=texts, references=references, **rest)


def measured_speaking(wish: Wish, texts: Sequence[str]) -> float:
    """Seconds that the voice takes for a second of speech, measured on a few texts of the list.

    Raises:
        GSVError: weights, references or texts that cannot be used: known now, not after hours.
    """
    from prepare_datasets.distill_stage import Distillation, Distiller, read_voices
    from tools.teaching.listening import judge_for
    from TTS_infer_pack.TTS import TTS, TTS_Config

    tts = TTS(TTS_Config(t2s_weights_path=wish.gpt, vits_weights_path=wish.sovits, use_qwen3=False))
    voices = read_voices(tts, Path(wish.references) if wish.references else None)
    judge = judge_for(tts, wish.listen, wish.language) if wish.listen else None
    distiller = Distiller(tts, Distillation(wish.folder, wish.language, takes=wish.takes), judge=judge)
    shown = list(texts[:: max(1, len(texts) // PROBE_TEXTS)][:PROBE_TEXTS])
    distiller._read(shown[0])  # tables of the frontend are read at the first text
    started = time.perf_counter()
    rows = list(distiller._speak_batch(range(len(shown)), shown, voices, 0, 1))
    seconds = time.perf_counter() - started
    tokens = sum(len(row.tokens.split()) for row in rows)
    return seconds / max(1.0, tokens / plan.TOKEN_RATE)


def decide(wish: Wish, texts: Sequence[str]) -> tuple[Decided, list[str]]:
    """Choose a memory preset and how often the list is spoken; the lines that are told before anything starts.

    Raises:
        GSVError: a voice, list or backbone that cannot be used.
    """
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    half = device.type == "cuda" and has_fast_bfloat16(device)
    try:
        shape = lm_backbone.find_backbone(LMConfig(wish.backbone, wish.gguf_file), Path()).shape
    except LMUnavailable as error:
        raise CheckpointError(str(error), "a causal LM", "see the table of reasons in docs/qwen3.md") from error
    config = training_config(wish, plan.PRESETS[0].name)
    free = lm_backbone.free_memory(device)
    fit = plan.choose_preset(config, shape, free, half, plan.presets_for(device.type))
    seeds = plan.seeds_for(texts, wish.language, wish.hours)
    hours = plan.list_seconds(texts, wish.language) * len(seeds) / 3600
    speed = plan.measured_operations(device, torch.bfloat16 if half else torch.float32)
    count = plan.parameters_of(shape)
    if wish.layers:  # the word table is read, not computed with
        count = count * wish.layers // shape.get_text_config().num_hidden_layers
    tuning = "full" if wish.tuning == "full" else fit.preset.tuning
    work = plan.training_operations(hours, wish.epochs, count, tuning, fit.preset.gradient_checkpointing)
    learning = work / (speed * plan.SHARE_OF_PEAK)
    speaking = measured_speaking(wish, texts) * hours * 3600
    room = "unknown" if free is None else f"{free / GIB:.1f} GiB"
    lines = [
        f"texts: {len(texts)} ({wish.language}), spoken {len(seeds)} times: about {hours:.1f} hours of speech",
        f"memory for training on {device}: about {fit.gib:.1f} GiB computed, preset {fit.preset.name}; free: {room}",
        f"time: speaking about {plan.told_time(speaking)} (measured on {PROBE_TEXTS} texts), "
        f"learning about {plan.told_time(min(learning, wish.minutes * 60 or learning))} (computed from a measured "
        f"matrix product, {speed / 1e12:.2f} TFLOP/s)",
        f"the stage will be GPT_weights_qwen3/{wish.name}, everything else in {wish.folder}",
    ]
    if not fit.fits:
        raise CheckpointError(
            f"training {wish.backbone} needs about {fit.gib:.1f} GiB even with the smallest preset, {room} are free",
            "a smaller backbone or another device",
        )
    return Decided(wish, fit.preset.name, tuple(seeds)), lines


def teach(args: argparse.Namespace) -> bool:
    """Plan, run, report; False where it was asked to stop before the end.

    Raises:
        GSVError: what cannot be used, or a step that failed.
    """
    wish = wish_of(args)
    decided = Decided.read(wish)
    texts = wish.read_texts()
    if decided is None:
        decided, lines = decide(wish, texts)
        for line in lines:
            logger.info("%s", line)
    if args.plan:
        return True
    decided.write()
    runner = Runner(decided)
    if not runner.run(texts):
        return False
    results = results_of(wish.folder)
    for line in measured_lines(results):
        logger.info("%s", line)
    logger.info("the stage is %s", runner.stage.relative_to(REPO_ROOT))
    if args.share:
        card = model_card(runner.decided, runner.stage, len(texts), results)
        logger.info("ready to be uploaded: %s", share(runner.stage, card, args.share))
    return True


def main(argv: Sequence[str] | None = None, run: Any = teach) -> int:
    """Entry point; 0 when it ended well, 2 after an error of the user's, 130 when it was stopped."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    try:
        return 0 if run(build_parser().parse_args(argv)) else 130
    except GSVError as error:
        logger.error("%s", error)
        return 2


if __name__ == "__main__":
    sys.exit(main())
