"""A run as a job: its settings file is written into the run's folder, and the recipe started with it.

The settings are those of the base's recipe, with what the visitor chose put in. Every recipe goes on from the state
that it finds in the run's folder, so starting a run again is how it is resumed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from errors import ConfigError, RequestError
from pages.context import WeightRoots
from pages.dataset_jobs import environment, python_command
from pages.jobs import JobSpec, JobState
from pages.run_position import Position, position_of
from pages.runs import TRAINED_FILE, Run, data_fingerprint, read_run
from pages.training_bases import PRESETS, Base
from pages.voice_folder import VoiceFolder
from prepare_datasets.journal import write_atomic
from tools.i18n import Message

TRAIN_KIND = "train"
GRACE_SECONDS = 120.0
"""A stopped training finishes its step and saves its state."""
FINE_TUNING_RATE = 2e-4
"""Learning rate at most: recipes that make a model from nothing start higher."""


@dataclass(frozen=True)
class Plan:
    """A run that is ready to start: the recipe's settings, its script and the script's arguments."""

    settings: dict[str, Any]
    script: str
    arguments: tuple[str, ...]


def planned(run: Run, voice: VoiceFolder, base: Base) -> Plan:
    """What a start of ``run`` would do.

    Raises:
        GSVError: the base's weights or recipe cannot be read.
    """
    plan = PLANS[run.wish.stage](run, voice, base)
    return replace(plan, settings=json.loads(json.dumps(plan.settings)))  # as they come back from a file


def weights_folder(stage: str, base: Base, roots: WeightRoots) -> Path:
    """Where weights of a stage are written, and the inference tab looks for them."""
    kind = {"s1": "GPT_weights", "s2": "SoVITS_weights"}.get(stage)
    return roots.root / f"{kind}{base.spec.folder_suffix}" if kind else roots.lm


def training_job(run: Run, voice: VoiceFolder, base: Base, after: str = "") -> JobSpec:
    """Write the settings and give the job that trains with them, once the job ``after`` is done.

    Raises:
        GSVError: the base's weights or recipe cannot be read.
        OSError: the settings cannot be written.
    """
    plan, file = planned(run, voice, base), run.settings_file()
    if file.suffix == ".json":
        content = json.dumps(plan.settings, indent=2)
    else:
        content = yaml.safe_dump(plan.settings, sort_keys=False)
    run.write()
    write_atomic(file, content)
    notes = _Notes(run.folder, voice, plan.settings)
    wish = run.wish
    return JobSpec(
        title_of(run, position_of(run)),
        TRAIN_KIND,
        python_command(plan.script, *plan.arguments),
        wish.device,
        environment(wish.device),
        after,
        GRACE_SECONDS,
        {"voice": voice.name, "stage": wish.stage, "output": str(run.folder), "weights": wish.name, "run": run.key},
        log=run.log,
        on_start=notes.begin,
        on_end=notes.end,
    )


def title_of(run: Run, position: Position | None) -> Message:
    """What the list of jobs says: what is trained, and from which epoch on."""
    values: dict[str, object] = {"stage": Message(f"training.stage_{run.wish.stage}"), "name": run.wish.name}
    if position is None:
        return Message("training.train_job", values)
    return Message("training.train_job_from", values | {"epoch": position.epochs + 1})


class _Notes:
    """Writes down in a run's folder what it is trained on and how that ended."""

    def __init__(self, folder: Path, voice: VoiceFolder, settings: Mapping[str, Any]) -> None:
        self.folder, self.voice, self.settings = folder, voice, settings
        self.before: Position | None = None
        self.begun = False

    def begin(self) -> None:
        """Right before the recipe starts."""
        run = read_run(self.folder)
        if run is None:
            raise RequestError("the run is gone", "its folder", "start a new one")
        self.before, self.begun = position_of(run), True
        write_atomic(self.folder / TRAINED_FILE, json.dumps(self.settings, indent=1))
        run.with_data(data_fingerprint(self.voice, run.wish.stage)).write()

    def end(self, state: JobState) -> Message | None:
        """After its end; says so where nothing was trained."""
        run = read_run(self.folder)
        if run is None or not self.begun:
            return None
        replace(run, ended=state.value).write()
        after = position_of(run)
        if state is JobState.DONE and self.before is not None and after is not None and after.step == self.before.step:
            return Message("runs.nothing_trained", {"done": after.epochs, "step": after.step})
        return None


def _recipe(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
        raw = json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise ConfigError(f"recipe {path} cannot be read", "a file of this checkout", "check it out again") from error
    return {section: dict(values) if isinstance(values, Mapping) else values for section, values in raw.items()}


def plan_s2(run: Run, voice: VoiceFolder, base: Base) -> Plan:
    """SoVITS, whole or an adapter: the network and the audio are as in the base's own file."""
    from process_ckpt import load_sovits_new  # late: torch

    wish, raw, own = run.wish, _recipe(base.s2_recipe), load_sovits_new(base.s2)["config"]
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
        "save_weight_dir": str(run.weights),
        "state_dir": str(run.states),
        "s2_ckpt_dir": str(run.folder / "tb"),
    }
    script = "GPT_SoVITS/s2_train_v3_lora.py" if base.spec.trains_adapter else "GPT_SoVITS/s2_train.py"
    return Plan(settings, script, (f"--config={run.settings_file()}",))


def plan_s1(run: Run, voice: VoiceFolder, base: Base) -> Plan:
    """AR model: the network is as in the base's own file."""
    from process_ckpt import load_s1  # late: torch

    wish, raw = run.wish, _recipe(base.s1_recipe)
    train, optimizer = dict(raw["train"]), dict(raw["optimizer"])
    train |= {
        "epochs": wish.epochs,
        "batch_size": wish.batch_size,
        "max_minutes": wish.minutes,
        "exp_name": wish.name,
        "save_every_n_epoch": wish.save_every,
        "threads": 0,
        "half_weights_save_dir": str(run.weights),
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
    return _s1_train(settings, run, voice)


def plan_lm(run: Run, voice: VoiceFolder, base: Base) -> Plan:
    """Language model: the preset, for the tokens of the base's SoVITS."""
    wish = run.wish
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
        "output_root": str(run.weights),
    }
    return _s1_train(raw | {"qwen3": model, "train": train}, run, voice)


def _s1_train(settings: dict[str, Any], run: Run, voice: VoiceFolder) -> Plan:
    arguments = (f"--config={run.settings_file()}", f"--exp={voice.folder}", f"--output={run.states}")
    return Plan(settings, "GPT_SoVITS/s1_train.py", arguments)


PLANS: dict[str, Callable[[Run, VoiceFolder, Base], Plan]] = {"s2": plan_s2, "s1": plan_s1, "lm": plan_lm}
