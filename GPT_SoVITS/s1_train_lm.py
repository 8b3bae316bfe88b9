"""Recipe of stage s1 with a language model in the slot; ``s1_train.py`` starts it when its configuration has a section
``qwen3`` or ``qwen3_enable_training`` is set.

    python GPT_SoVITS/s1_train.py --config configs/qwen3_lora_0.6b.yaml --exp logs/my_voice

The output folder holds the training states, from which the same command goes on; the trained model is
``GPT_weights_qwen3/<exp_name>/``, renewed whenever the held-out loss is the best so far.
"""

from __future__ import annotations

import dataclasses
import logging
import shutil
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch

import process_ckpt
from AR.data.clips import Clip, DataPaths
from AR.errors import LMUnavailable, T2SError
from AR.models.lm_folder import codebook_fingerprint
from AR.training.lm_config import LMTrainConfig, parse_lm_config
from config import REPO_ROOT
from errors import ConfigError, MissingDependencyError, TrainingError
from s1_parts import find_path, load_clips, stop_on_signals

logger = logging.getLogger("s1_train")
DEFAULT_CONFIG = "configs/qwen3_lora_0.6b.yaml"


def load_lm_config(raw: Mapping[str, Any], path: Path, model_name: str = "") -> LMTrainConfig:
    """Settings from the content of ``path``; ``model_name`` wins over the file's.

    Raises:
        ConfigError: an unknown key or a value that cannot be.
    """
    try:
        config = parse_lm_config(raw)
    except T2SError as error:
        raise ConfigError(f"{path}: {error}") from error
    if model_name:
        config = dataclasses.replace(config, qwen3=dataclasses.replace(config.qwen3, model_name=model_name))
    return config


def tokenizer_of(config: LMTrainConfig, clips: Sequence[Clip]) -> Any:
    """The tokenizer of a new model: the folder named, or a BPE of the texts; None for a pretrained model."""
    if not config.new_model or config.qwen3.start_from:
        return None
    if config.qwen3.tokenizer:
        from AR.models.lm_backbone import load_tokenizer

        return load_tokenizer(find_path(config.qwen3.tokenizer))
    from AR.training.lm_tokenizer import train_bpe

    return train_bpe((clip.text for clip in clips), config.qwen3.tokenizer_size)


def trained_folder(setting: str, name: str) -> Path | None:
    """The trained folder of that name; None for an empty one.

    Raises:
        TrainingError: there is none of that name; ``setting`` is where it stands.
    """
    if not name:
        return None
    from TTS_infer_pack.language_model import at_home, places

    known = places()
    found = known.find(at_home(name))
    if found is None:
        known_names = ", ".join(known.stages()) or "none is there"
        raise TrainingError(
            f"there is no trained language model {name}",
            f"{setting} as a folder with t2s_config.json, or one of: {known_names}",
        )
    return found


def codebook_of(config: LMTrainConfig) -> str:
    """Fingerprint of the quantizer that made the tokens; empty where no SoVITS file is named."""
    if not config.qwen3.sovits_path:
        logger.warning("qwen3.sovits_path is not set: the trained folder will not know whose tokens it speaks")
        return ""
    path = find_path(config.qwen3.sovits_path)
    weights = process_ckpt.load_sovits_new(path)["weight"]
    if process_ckpt.CODEBOOK_KEY not in weights:
        raise TrainingError(f"{path} has no quantizer", "SoVITS (s2G) weights")
    return codebook_fingerprint(weights[process_ckpt.CODEBOOK_KEY])


def prepare(config: LMTrainConfig, exp: Path, output: Path) -> Any:
    """Everything that ``fit()`` needs: data, model, and where the trained folder goes.

    Raises:
        GSVError: data, a model or a training state that cannot be used, or a package that is missing.
    """
    train, held = load_clips(DataPaths.of_experiment(exp), config.qwen3.symbols, config.data)
    try:
        from AR.training import lm_model
        from AR.training.lm_trainer import LMTrainer
        from AR.training.state import last_state

        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        start = trained_folder("qwen3.start_from", config.qwen3.start_from)
        codebook = codebook_of(config)
        model = lm_model.build(config, tokenizer_of(config, [*train, *held]), codebook, device, start)
        teacher = _teacher(config, codebook, device)
        if config.qwen3.warm_start and start is None and last_state(output) is None:
            lm_model.warm_start(model, process_ckpt.load_s1(find_path(config.qwen3.warm_start))["weight"])
        target = REPO_ROOT / config.train.output_root / config.train.exp_name
        save = partial(_save, model, target, config.train.save_half)
        return LMTrainer(config, model, (train, held), output, save, teacher)
    except LMUnavailable as error:
        raise TrainingError(str(error), fix="see the table of reasons in docs/qwen3.md") from error
    except T2SError as error:
        raise TrainingError(str(error)) from error
    except ImportError as error:
        raise MissingDependencyError(
            f"training a language model needs {error.name}", "transformers, accelerate, peft", "pip install -e .[train]"
        ) from error


def _teacher(config: LMTrainConfig, codebook: str, device: torch.device) -> Any:
    """The model to learn from, which must speak the same tokens from the same phones; None where none is named."""
    folder = trained_folder("qwen3.teacher", config.qwen3.teacher)
    if folder is None:
        return None
    from AR.models.qwen3_t2s_model import Qwen3T2SModel
    from AR.training.lm_teacher import Teacher

    model = Qwen3T2SModel.from_pretrained(folder, None, device, codebook=codebook, symbols=config.qwen3.symbols)
    logger.info("learning from %s", config.qwen3.teacher)
    return Teacher(model)


def _save(model: Any, target: Path, half: bool, facts: Mapping[str, Any]) -> None:
    """Replace the folder ``target`` as a whole: a run killed while writing leaves the old one."""
    new, old = (target.with_name(f".{target.name}.{kind}") for kind in ("new", "old"))
    for left_over in (new, old):
        shutil.rmtree(left_over, ignore_errors=True)
    model.save_pretrained(new, facts, half)
    if target.exists():
        target.rename(old)
    new.rename(target)
    shutil.rmtree(old, ignore_errors=True)
    logger.info("saved %s", target)


def run(config: LMTrainConfig, exp: Path, output: Path) -> float:
    """Train; SIGINT and SIGTERM save the state and end the run. Returns the best held-out loss."""
    if config.train.threads:
        torch.set_num_threads(config.train.threads)
    training = prepare(config, exp, output)
    stop_on_signals(training)
    best = float(training.fit())
    logger.info("ended after %.1f minutes, best held-out loss %.4f", training.minutes, best)
    return best
