"""The host's AR training: with ``qwen3_enable_training`` a language model is trained on the same data instead.

The trainer is that of the tree that installed the plugin, run by the interpreter that installed it.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .language_model import STAGES_FOLDER
from .settings import read

logger = logging.getLogger(__name__)

SCRIPT = "s1_train.py"
HOST_DEFAULT = "configs/s1longer.yaml"
TRAINER = Path("GPT_SoVITS") / "s1_train.py"
CONFIG_VARIABLE = "qwen3_train_config"
"""Environment variable: another configuration of the trainer than its small default."""
DEFAULT_CONFIG = "configs/qwen3_lora_0.6b.yaml"
V2_SYMBOLS = 732


def wanted(environment: Mapping[str, Any]) -> bool:
    """True in the host's AR training with the flag on."""
    script = getattr(sys.modules["__main__"], "__file__", None) or ""
    return os.path.basename(script) == SCRIPT and bool(environment.get("qwen3_enable_training"))


def config_argument(argv: list[str]) -> str:
    """The configuration that the host's script was started with."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("-c", "--config_file", default=HOST_DEFAULT)
    return str(parser.parse_known_args(argv)[0].config_file)


def trainer_command(config: Mapping[str, Any], root: Path, manifest: Mapping[str, Any], model_name: str) -> list[str]:
    """The command that trains on the data of a host's s1 configuration.

    Raises:
        ValueError: the tree that installed the plugin is gone, or the data are in two folders.
    """
    trainer = Path(manifest["home"]) / TRAINER
    if not trainer.is_file():
        raise ValueError(f"{trainer} is gone; install the plugin again from where the tree is now")
    texts = (root / str(config["train_phoneme_path"])).resolve()
    tokens = (root / str(config["train_semantic_path"])).resolve()
    if texts.parent != tokens.parent:
        raise ValueError(f"{texts} and {tokens} are in different folders")
    sizes = config.get("model") or {}
    changes = {
        "train.exp_name": (config.get("train") or {}).get("exp_name") or texts.parent.name,
        "train.output_root": root / STAGES_FOLDER,
        "qwen3.model_name": model_name,
        "qwen3.symbols": "v2" if int(sizes.get("phoneme_vocab_size", V2_SYMBOLS)) >= V2_SYMBOLS else "v1",
    }
    start = str(config.get("pretrained_s1") or "")
    if start and (root / start).is_file():
        changes["qwen3.warm_start"] = (root / start).resolve()
    command = [manifest["python"], str(trainer), "--config", os.environ.get(CONFIG_VARIABLE) or DEFAULT_CONFIG]
    command += ["--exp", str(texts.parent)]
    for name, value in changes.items():
        command += ["--set", f"{name}={value}"]
    return command


def run_instead(package: Path, root: Path, environment: Mapping[str, Any]) -> None:
    """Train the language model and end the process; where that cannot be, say why, and the host trains its AR model."""
    import yaml

    try:
        path = Path(config_argument(sys.argv[1:]))
        config = yaml.safe_load(path.read_text(encoding="utf-8"))
        manifest = json.loads((package / "manifest.json").read_text(encoding="utf-8"))
        name = read("qwen3_model_name", environment.get("qwen3_model_name") or "Qwen/Qwen3-0.6B")
        command = trainer_command(config, root, manifest, name)
    except (OSError, ValueError, KeyError, TypeError, yaml.YAMLError) as error:
        logger.warning("qwen3_enable_training: %s; the AR model is trained instead", error)
        return
    logger.warning("qwen3_enable_training: a language model is trained in place of the AR model: %s", command)
    variables = {
        name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "qwen3_enable_training")
    }
    child = subprocess.Popen(command, cwd=manifest["home"], env=variables)
    signal.signal(signal.SIGTERM, lambda *_: child.terminate())
    raise SystemExit(child.wait())
