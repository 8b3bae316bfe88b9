"""Recipe of stage s1: trains the text-to-semantic model on a prepared folder ``logs/<exp>/``.

    python GPT_SoVITS/s1_train.py --config configs/s1.yaml --exp logs/my_voice --output logs/my_voice/logs_s1

A configuration with a section ``qwen3`` trains a language model for that stage (s1_train_lm.py), all others the AR
transformer, as told here.

Read it downwards: settings, data, model, the loop, what is saved. The output folder holds ``state.pt`` (from which the
same command goes on after any interruption), ``tb/`` (TensorBoard) and the exported weights ``<name>-best.ckpt``,
``<name>-last.ckpt`` and ``<name>-e<epoch>.ckpt`` in the public layout. Several processes: ``accelerate launch``.
"""

from __future__ import annotations

import argparse
import dataclasses
import logging
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
import yaml
from torch import Tensor

import process_ckpt
import s1_parts
from AR.data.clips import Clip, DataPaths
from AR.errors import T2SError
from AR.models.t2s_model import Text2SemanticDecoder
from AR.plausible import span_of
from AR.training.config import S1Config, parse_config
from AR.training.trainer import ExportWeights, OnStep, S1Training
from config import REPO_ROOT
from errors import ConfigError, GSVError, TrainingError
from s1_parts import find_path

logger = logging.getLogger("s1_train")
CONFIG_KIND = "a YAML file such as those in GPT_SoVITS/configs"


# ---- settings and data -----------------------------------------------------------------------------------------------


def load_config(name: str, changes: Sequence[str] = ()) -> S1Config:
    """Read a YAML file; ``changes`` are "section.key=value" and win over it.

    Raises:
        ConfigError: no such file, not YAML, an unknown key or a value that cannot be.
    """
    path = find_path(name, CONFIG_KIND)
    try:
        return parse_config(read_yaml(path, changes))
    except (AttributeError, TypeError) as error:
        raise ConfigError(f"{path} is no usable YAML ({' '.join(str(error).split())})", "public s1 layout") from error
    except T2SError as error:
        raise ConfigError(f"{path}: {error}") from error


def read_yaml(path: Path, changes: Sequence[str] = ()) -> dict[str, Any]:
    """Content of a YAML file with ``changes`` ("section.key=value") made.

    Raises:
        ConfigError: not YAML, or no mapping.
    """
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
        for change in changes:
            key, _, value = change.partition("=")
            *sections, leaf = key.split(".")
            target = raw
            for section in sections:
                target = target.setdefault(section, {})
            target[leaf] = yaml.safe_load(value)
    except (yaml.YAMLError, OSError, UnicodeDecodeError, AttributeError, TypeError) as error:
        raise ConfigError(f"{path} is no usable YAML ({' '.join(str(error).split())})", "public s1 layout") from error
    if not isinstance(raw, dict):
        raise ConfigError(f"{path} is no usable YAML", "a mapping of sections")
    return raw


def load_clips(config: S1Config, exp: Path | None) -> tuple[list[Clip], list[Clip]]:
    """(training, held-out) clips of ``exp``, or of the paths that the configuration names.

    Raises:
        DatasetError: no usable clip, with the counted reasons.
    """
    if exp is None and not (config.train_phoneme_path and config.train_semantic_path):
        raise ConfigError("no data given", "--exp or train_phoneme_path and train_semantic_path in the YAML")
    folder = exp or REPO_ROOT / Path(config.train_phoneme_path).parent
    paths = DataPaths.of_experiment(folder)
    if exp is None:
        paths = dataclasses.replace(
            paths, name2text=REPO_ROOT / config.train_phoneme_path, semantic=REPO_ROOT / config.train_semantic_path
        )
    symbols = "v2" if config.model.phoneme_vocab_size >= 732 else "v1"
    return s1_parts.load_clips(paths, symbols, config.data)


# ---- model and run --------------------------------------------------------------------------------------------------


def build_model(config: S1Config) -> Text2SemanticDecoder:
    """A new network, or the one of ``pretrained_s1``."""
    torch.manual_seed(config.train.seed)
    model = Text2SemanticDecoder(config.raw)
    if config.pretrained_s1:
        path = REPO_ROOT / config.pretrained_s1
        weights = {k.removeprefix("model."): v for k, v in process_ckpt.load_s1(path)["weight"].items()}
        try:
            model.load_weights(weights)
        except T2SError as error:
            raise TrainingError(f"{path}: {error}", fix="use the model section that the file was made with") from error
    return model


def exporter(config: S1Config, output: Path, clips: Sequence[Clip] = ()) -> ExportWeights:
    """Writes ``<exp_name>-<label>.ckpt`` in the public layout, with the span of the training ``clips``."""
    train = config.train
    folder = REPO_ROOT / train.half_weights_save_dir if train.half_weights_save_dir else output

    span = span_of([len(clip.phones) for clip in clips], [len(clip.tokens) for clip in clips])
    facts = {**config.raw, "span": span._asdict()} if clips else config.raw

    def export(label: str, weights: Mapping[str, Tensor], info: str) -> None:
        process_ckpt.save_s1(folder / f"{train.exp_name}-{label}.ckpt", weights, facts, info)

    return export


def prepare(config: S1Config, exp: Path | None, output: Path, on_step: OnStep | None = None) -> S1Training:
    """Everything that ``run()`` needs: data, model, and the state of an interrupted run where there is one.

    Raises:
        GSVError: data, a checkpoint or a training state that cannot be used.
    """
    clips = load_clips(config, exp)
    model = build_model(config)
    try:
        return S1Training(config, model, clips, output, exporter(config, output, clips[0]), on_step)
    except T2SError as error:
        raise TrainingError(str(error)) from error


# ---- entry point -----------------------------------------------------------------------------------------------------


def parse_arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """Command line; the public ``-c``/``--config_file`` is understood too."""
    parser = argparse.ArgumentParser(description="Train the text-to-semantic (GPT, s1) stage.")
    parser.add_argument("-c", "--config", "--config_file", default="configs/s1.yaml", help="YAML settings")
    parser.add_argument("--exp", type=Path, help="prepared folder logs/<exp>")
    parser.add_argument("--output", type=Path, help="folder of the run (default: <exp>/logs_s1)")
    parser.add_argument("--max_minutes", type=float, help="stop after so much training time")
    parser.add_argument("--threads", type=int, help="CPU threads")
    parser.add_argument("--set", action="append", default=[], metavar="SECTION.KEY=VALUE", help="change a setting")
    return parser.parse_args(argv)


def output_folder(config: S1Config, given: Path | None, exp: Path | None) -> Path:
    """``--output``, ``output_dir`` of the YAML, or ``<exp>/logs_s1``."""
    if given is not None:
        return given
    if config.output_dir:
        return REPO_ROOT / config.output_dir
    return (exp or REPO_ROOT / Path(config.train_phoneme_path).parent) / "logs_s1"


def trains_language_model(name: str, changes: Sequence[str]) -> bool:
    """True where the configuration has a section ``qwen3``, or the environment says ``qwen3_enable_training``."""
    if "qwen3" in read_yaml(find_path(name, CONFIG_KIND), changes):
        return True
    return bool(_qwen3_environment().get("qwen3_enable_training", False))


def _qwen3_environment() -> dict[str, Any]:
    """What the environment says about this training; config.py is only needed where it says anything."""
    if not os.environ.get("qwen3_enable_training", "").strip():
        return {}
    from config import read_environment

    return read_environment(None, "qwen3_enable_training", "qwen3_model_name")


def train_language_model(args: argparse.Namespace, changes: Sequence[str]) -> int:
    """Train a language model in place of the AR transformer; an s1 configuration gives way to the default one."""
    import s1_train_lm

    path = find_path(args.config, CONFIG_KIND)
    raw, model_name = read_yaml(path, changes), ""
    if "qwen3" not in raw:
        path = find_path(s1_train_lm.DEFAULT_CONFIG, CONFIG_KIND)
        raw, model_name = read_yaml(path, changes), str(_qwen3_environment().get("qwen3_model_name", ""))
        logger.info("qwen3_enable_training is set: training a language model with %s", path)
    if args.exp is None:
        raise ConfigError("no data given", "--exp logs/<exp>", "name a prepared folder")
    config = s1_train_lm.load_lm_config(raw, path, model_name)
    s1_train_lm.run(config, args.exp, args.output or args.exp / "logs_s1_qwen3")
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Run the stage; 0 when it ended well, 2 after an error of the user's."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    args = parse_arguments(argv)
    changes = list(args.set)
    for key in ("max_minutes", "threads"):
        if getattr(args, key) is not None:
            changes.append(f"train.{key}={getattr(args, key)}")
    try:
        if trains_language_model(args.config, changes):
            return train_language_model(args, changes)
        config = load_config(args.config, changes)
        if config.train.threads:
            torch.set_num_threads(config.train.threads)
        training = prepare(config, args.exp, output_folder(config, args.output, args.exp))
        s1_parts.stop_on_signals(training)
        training.run()
    except GSVError as error:
        logger.error("%s", error)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
