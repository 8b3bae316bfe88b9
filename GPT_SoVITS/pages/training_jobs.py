"""A training as a job: its settings file is written into the voice's folder, and the recipe started with it.

The settings are those of the base's recipe, with what the visitor chose put in. Every recipe goes on from the state
that it finds in its output folder, so starting the same training again is how it is resumed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from config import REPO_ROOT
from errors import ConfigError, RequestError
from module.training.settings import parse_settings
from module.versions import VersionSpec
from pages.context import PageContext, WeightRoots
from pages.dataset_jobs import environment, python_command
from pages.jobs import JobSpec
from pages.training_bases import PRESETS, Base
from pages.voice_folder import NAME, VoiceFolder
from prepare_datasets.journal import write_atomic

TRAIN_KIND = "train"
STAGES = ("lm", "s1", "s2")
"""Language model, AR model, SoVITS."""
GRACE_SECONDS = 120.0
"""A stopped training finishes its step and saves its state."""
FINE_TUNING_RATE = 2e-4
"""Learning rate at most: recipes that make a model from nothing start higher."""
LIMITS = {
    "epochs": (1, 10_000),
    "batch_size": (1, 512),
    "minutes": (0, 100_000),
    "save_every": (1, 10_000),
    "lora_rank": (1, 512),
}
ALWAYS = frozenset({"epochs", "batch_size", "minutes"})
"""Settings of every training."""
OF_STAGE = {"lm": {"preset", "backbone"}, "s1": {"save_every", "if_dpo"}, "s2": {"save_every"}}
OF_ADAPTER = frozenset({"lora_rank", "grad_ckpt"})


@dataclass(frozen=True)
class TrainingWish:
    """What a visitor chose, as it came from the page.

    Attributes:
        stage: one of :data:`STAGES`.
        name: of the weights to make.
        minutes: the training ends after so many, 0: the epochs decide.
        save_every: epochs between two weight files (s1, s2).
        device: "cpu", "cuda:0", ...
        preset, backbone: of the language model; an empty backbone is the preset's.
        if_dpo: with the preference loss (s1).
        lora_rank, grad_ckpt: rank of an adapter, and less memory for more time (s2 of the versions that train one).
    """

    stage: str
    name: str
    epochs: int
    batch_size: int
    minutes: float
    save_every: int
    device: str
    preset: str = ""
    backbone: str = ""
    if_dpo: bool = False
    lora_rank: int = 32
    grad_ckpt: bool = False


def settings_that_count(stage: str, spec: VersionSpec | None) -> frozenset[str]:
    """Which settings of a wish mean something for a stage of a version (None: none is chosen)."""
    adapter = stage == "s2" and spec is not None and spec.trains_adapter
    return ALWAYS | OF_STAGE.get(stage, set()) | (OF_ADAPTER if adapter else set())


@dataclass(frozen=True)
class Plan:
    """A training that is ready to start: settings, their file, the command's arguments, and where it writes."""

    settings: dict[str, Any]
    file: Path
    script: str
    arguments: tuple[str, ...]
    output: Path


def check(context: PageContext, wish: TrainingWish, spec: VersionSpec) -> None:
    """Refuse what could only fail later.

    Args:
        context: the page's.
        wish: what a visitor chose.
        spec: version of the weights to start from.

    Raises:
        RequestError: in the visitor's language.
    """
    if wish.stage not in STAGES:
        raise RequestError(context.say("training.bad_stage"))
    if not NAME.fullmatch(wish.name):
        raise RequestError(context.say("training.bad_name"))
    counting = settings_that_count(wish.stage, spec)
    for key, (low, high) in LIMITS.items():
        if key not in counting:
            continue
        value = getattr(wish, key)
        if not isinstance(value, int | float) or not low <= value <= high:
            raise RequestError(
                context.say("training.bad_number", name=context.say(f"training.{key}"), low=low, high=high)
            )
    if "preset" in counting and wish.preset not in PRESETS:
        raise RequestError(context.say("training.bad_preset"))


def training_job(
    context: PageContext, wish: TrainingWish, voice: VoiceFolder, base: Base, title: str, after: str = ""
) -> JobSpec:
    """Write the settings and give the job that trains with them, once the job ``after`` is done.

    Raises:
        GSVError: the base's weights or recipe cannot be read.
        OSError: the settings cannot be written.
    """
    plan = PLANS[wish.stage](wish, voice, base, context.weights)
    if plan.file.suffix == ".json":
        content = json.dumps(plan.settings, indent=2)
    else:
        content = yaml.safe_dump(plan.settings, sort_keys=False)
    write_atomic(plan.file, content)
    facts = {"voice": voice.name, "stage": wish.stage, "output": str(plan.output), "weights": wish.name}
    return JobSpec(
        title,
        TRAIN_KIND,
        python_command(plan.script, *plan.arguments),
        wish.device,
        environment(wish.device),
        after,
        GRACE_SECONDS,
        facts,
    )


def _recipe(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
        raw = json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise ConfigError(f"recipe {path} cannot be read", "a file of this checkout", "check it out again") from error
    return {section: dict(values) if isinstance(values, Mapping) else values for section, values in raw.items()}


def plan_s2(wish: TrainingWish, voice: VoiceFolder, base: Base, roots: WeightRoots) -> Plan:
    """SoVITS, whole or an adapter: the network and the audio are as in the base's own file."""
    from process_ckpt import load_sovits_new  # late: torch

    raw, own = _recipe(base.s2_recipe), load_sovits_new(base.s2)["config"]
    train = (
        raw["train"]
        | {
            "epochs": wish.epochs,
            "batch_size": wish.batch_size,
            "max_minutes": wish.minutes,
            "max_steps": 0,
            "save_every_epoch": wish.save_every,
            "if_save_every_weights": True,
            "torch_threads": 0,
            "learning_rate": min(raw["train"]["learning_rate"], FINE_TUNING_RATE),
            "pretrained_s2G": str(base.s2),
            "pretrained_s2D": str(base.s2_disc or ""),
            "log_interval": 10,
        }
        | ({"lora_rank": wish.lora_rank, "grad_ckpt": wish.grad_ckpt} if base.spec.trains_adapter else {})
    )
    train.pop("acoustic_steps", None)  # only where a network starts from nothing
    train["segment_size"] = own.get("train", {}).get("segment_size", train["segment_size"])
    settings = raw | {
        "train": train,
        "data": {**own["data"], "exp_dir": str(voice.folder)},
        "model": {**own["model"], "version": base.version},
        "version": base.version,
        "name": wish.name,
        "save_weight_dir": str(roots.root / f"SoVITS_weights{base.spec.folder_suffix}"),
    }
    output = parse_settings(settings, REPO_ROOT).state_dir
    file = _settings_file(output, "json")
    script = "GPT_SoVITS/s2_train_v3_lora.py" if base.spec.trains_adapter else "GPT_SoVITS/s2_train.py"
    return Plan(settings | {"s2_ckpt_dir": str(output / "tb")}, file, script, (f"--config={file}",), output)


def plan_s1(wish: TrainingWish, voice: VoiceFolder, base: Base, roots: WeightRoots) -> Plan:
    """AR model: the network is as in the base's own file."""
    from process_ckpt import load_s1  # late: torch

    raw = _recipe(base.s1_recipe)
    train, optimizer = dict(raw["train"]), dict(raw["optimizer"])
    train |= {
        "epochs": wish.epochs,
        "batch_size": wish.batch_size,
        "max_minutes": wish.minutes,
        "exp_name": wish.name,
        "save_every_n_epoch": wish.save_every,
        "threads": 0,
        "half_weights_save_dir": str(roots.root / f"GPT_weights{base.spec.folder_suffix}"),
        "if_dpo": wish.if_dpo,
    }
    optimizer |= {"schedule": "steps", "lr": min(optimizer["lr"], FINE_TUNING_RATE)}
    settings = raw | {
        "train": train,
        "optimizer": optimizer,
        "model": dict(load_s1(base.s1)["config"]["model"]),
        "guided": {"weight": 0.0},  # what is trained already has its alignment
        "pretrained_s1": str(base.s1),
    }
    return _s1_train(settings, voice, voice.folder / f"logs_s1_{base.name}")


def plan_lm(wish: TrainingWish, voice: VoiceFolder, base: Base, roots: WeightRoots) -> Plan:
    """Language model: the preset, for the tokens of the base's SoVITS."""
    raw = _recipe(PRESETS[wish.preset].path)
    model, train = dict(raw["qwen3"]), dict(raw["train"])
    model["sovits_path"] = str(base.s2)
    model["symbols"] = base.spec.symbols
    if wish.backbone:
        model["start_from" if "start_from" in model else "model_name"] = wish.backbone
    train |= {
        "epochs": wish.epochs,
        "batch_size": wish.batch_size,
        "max_minutes": wish.minutes,
        "exp_name": wish.name,
        "output_root": str(roots.lm),
    }
    stem = wish.preset if not wish.backbone else f"{wish.preset}_{Path(wish.backbone).name}"
    return _s1_train(raw | {"qwen3": model, "train": train}, voice, voice.folder / f"logs_{stem}")


def _settings_file(output: Path, kind: str) -> Path:
    """Beside the output, by its name: what waits in the queue keeps its settings when another training is queued."""
    return output.with_name(f"{output.name.replace('logs', 'train', 1)}.{kind}")


def _s1_train(settings: dict[str, Any], voice: VoiceFolder, output: Path) -> Plan:
    file = _settings_file(output, "yaml")
    arguments = (f"--config={file}", f"--exp={voice.folder}", f"--output={output}")
    return Plan(settings, file, "GPT_SoVITS/s1_train.py", arguments, output)


PLANS: dict[str, Callable[[TrainingWish, VoiceFolder, Base, WeightRoots], Plan]] = {
    "s2": plan_s2,
    "s1": plan_s1,
    "lm": plan_lm,
}
