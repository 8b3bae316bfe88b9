"""Settings of the s1 training, read from the public YAML layout: parsed once, unknown keys refused by name.

Keys that the public files have and that mean nothing here are listed in ``WITHOUT_EFFECT``.
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from AR.errors import T2SError
from AR.models.config import T2SModelConfig

logger = logging.getLogger(__name__)
SCALED_ADAM_TO_ADAMW = 0.05
"""Public files name no optimizer: their rates are for ScaledAdam, whose steps are relative to the parameter size."""

WITHOUT_EFFECT: dict[str, frozenset[str]] = {
    "train": frozenset({"if_save_latest", "if_save_every_weights"}),
    "data": frozenset({"max_eval_sample", "pad_val"}),
}
SECTIONS = ("train", "optimizer", "data", "model", "inference", "guided")
SPEAKER_FROM = ("none", "prefix", "single")
SPANS = ("all", "text")
PATHS = ("output_dir", "train_semantic_path", "train_phoneme_path", "pretrained_s1")


@dataclass(frozen=True)
class TrainSection:
    """Length, batches and checkpoints of a run.

    Attributes:
        epochs: passes over the data, at most.
        batch_size: rows in a batch, at most.
        batch_tokens: padded positions (phones and tokens) in a batch, at most; 0: batch_size x 400.
        precision: "32", "16-mixed" or "bf16-mixed"; the mixed ones only act on devices that have them.
        gradient_clip: norm to which gradients are clipped.
        label_smoothing: share of the target spread over all tokens.
        token_noise: share of the tokens heard that are replaced by random ones in training.
        ema_decay: averaging of weights; 0 turns it off.
        patience: after so many evaluations in a row without a better held-out loss the run ends; 0: never.
        eval_every_n_epoch: epochs between evaluations.
        save_every_n_epoch: epochs between exported weights ``<exp_name>-e<N>.ckpt``; 0: only the best and the last.
        checkpoint_minutes: minutes between training states (and after every evaluation).
        checkpoint_steps: steps between training states as well; 0: by time only.
        max_minutes: the run stops after so much training time, over all its restarts; 0: no limit.
        threads: CPU threads; 0 leaves torch's own choice.
        half_weights_save_dir: where exported weights go; empty: the output folder.
        if_dpo: adds the preference loss (training/preference.py): fewer repeated and lost words for twice the time and
            memory of a step.
    """

    seed: int = 1234
    epochs: int = 20
    batch_size: int = 8
    batch_tokens: int = 0
    precision: str = "32"
    gradient_clip: float = 1.0
    label_smoothing: float = 0.0
    token_noise: float = 0.0
    ema_decay: float = 0.0
    patience: int = 0
    eval_every_n_epoch: int = 1
    save_every_n_epoch: int = 1
    checkpoint_minutes: float = 5.0
    checkpoint_steps: int = 0
    max_minutes: float = 0.0
    threads: int = 0
    exp_name: str = "s1"
    half_weights_save_dir: str = ""
    if_dpo: bool = False


@dataclass(frozen=True)
class OptimizerSection:
    """AdamW and its learning rate.

    Attributes:
        name: "adamw". Absent in public files, whose rates are then scaled for AdamW.
        decay_steps: length of the cosine in steps; 0: all steps of the run.
        schedule: "steps", or "time": the cosine ends with ``max_minutes`` (a resumed run then is not the same
            to the last digit as an uninterrupted one).
    """

    name: str = ""
    lr: float = 5e-4
    lr_init: float = 1e-5
    lr_end: float = 2e-5
    warmup_steps: int = 200
    decay_steps: int = 0
    weight_decay: float = 0.01
    beta2: float = 0.98
    schedule: str = "steps"


@dataclass(frozen=True)
class DataSection:
    """What is trained on.

    Attributes:
        max_sec, min_phone_rate, max_phone_rate: filters.
        held_out: share of clips kept for evaluation, at most ``held_out_max`` of them.
        join_probability: share of rows with another clip of the same speaker in front.
        splice_probability: share of rows whose clip goes on, from a phone in its middle, as another clip does; needs
            alignment.tsv and no 3-bert folder. New sentences for small data sets.
        repeat_probability: share of rows in which a part of the clip is said several times in a row; as above.
        easy_epochs: the first so many epochs have neither spliced nor repeating rows nor ``token_noise``: a new network
            that is not let to hear itself well does not find out which phone it is speaking.
        max_row_tokens: longest joined row, in phones and tokens.
        speaker_from: where there is no speakers.tsv: "none" (no joining), "prefix" (name up to the last "_"),
            "single" (all clips are one speaker).
        num_workers: processes that prepare batches.
    """

    max_sec: float = 54.0
    min_phone_rate: float = 3.0
    max_phone_rate: float = 25.0
    held_out: float = 0.03
    held_out_max: int = 100
    join_probability: float = 0.5
    splice_probability: float = 0.0
    repeat_probability: float = 0.0
    easy_epochs: float = 0.0
    max_row_tokens: int = 1000
    speaker_from: str = "none"
    num_workers: int = 0


@dataclass(frozen=True)
class GuidedSection:
    """Guided attention (training/loss.py).

    Attributes:
        weight: at the start; 0 turns guidance off.
        final_weight: after ``decay_steps`` steps (0 steps: the weight stays).
        layers: layers with guided heads, counted from 0.
        heads: how many heads of these layers (the first ones).
        width: of the diagonal, as a share of the clip.
        span: "all": the head's whole attention is guided; "text": only how it divides its attention among phones.
    """

    weight: float = 0.0
    final_weight: float = 0.0
    decay_steps: int = 0
    layers: tuple[int, ...] = ()
    heads: int = 1
    width: float = 0.15
    span: str = "all"


@dataclass(frozen=True)
class S1Config:
    """The whole configuration; ``raw`` is what goes into the exported files."""

    train: TrainSection
    optimizer: OptimizerSection
    data: DataSection
    guided: GuidedSection
    model: T2SModelConfig
    raw: dict[str, Any] = field(default_factory=dict)
    output_dir: str = ""
    train_semantic_path: str = ""
    train_phoneme_path: str = ""
    pretrained_s1: str = ""


S = TypeVar("S")


def section(kind: type[S], name: str, values: Any, ignored: frozenset[str] = frozenset()) -> S:
    """A section of a configuration as the dataclass ``kind``; absent keys keep their defaults.

    Raises:
        T2SError: no mapping, a key that is neither of ``kind`` nor ``ignored``, or a value of another type.
    """
    values = values or {}
    if not isinstance(values, Mapping):
        raise T2SError(f"section '{name}' has to be a mapping, not {type(values).__name__}")
    known = {f.name: f for f in dataclasses.fields(kind)}  # type: ignore[arg-type]  # every section is a dataclass
    unknown = sorted(set(values) - set(known) - ignored)
    if unknown:
        raise T2SError(f"unknown keys {unknown} in section '{name}'; known are {sorted(known)}")
    made = {key: typed(f"{name}.{key}", value, known[key].default) for key, value in values.items() if key in known}
    return kind(**made)


def require_choices(given: Mapping[str, tuple[str, Sequence[str]]]) -> None:
    """Check settings of few words: (value, known values) by name.

    Raises:
        T2SError: a value that is not known.
    """
    for key, (value, known) in given.items():
        if value not in known:
            raise T2SError(f"{key} is {value!r}; known are {', '.join(known)}")


def typed(key: str, value: Any, default: Any) -> Any:
    """``value`` as the type of ``default``; YAML reads 1e-4 as text, so numbers are read from text too."""
    try:
        if isinstance(default, bool):
            if not isinstance(value, bool):
                raise TypeError
            return value
        if isinstance(default, tuple):
            return tuple(int(item) for item in value)
        if isinstance(default, int) and float(value) != int(float(value)):
            raise ValueError
        return type(default)(float(value)) if isinstance(default, int | float) else type(default)(value or "")
    except (TypeError, ValueError) as error:
        raise T2SError(f"{key} has to be of type {type(default).__name__}, not {value!r}") from error


def parse_config(raw: Mapping[str, Any]) -> S1Config:
    """From the content of a YAML file.

    Raises:
        T2SError: an unknown key or a value that cannot be; the message names it and what is known.
    """
    unknown = sorted(set(raw) - set(SECTIONS) - set(PATHS))
    if unknown:
        raise T2SError(f"unknown keys {unknown}; known are {sorted(SECTIONS + PATHS)}")
    config = S1Config(
        train=section(TrainSection, "train", raw.get("train"), WITHOUT_EFFECT["train"]),
        optimizer=_adamw(section(OptimizerSection, "optimizer", raw.get("optimizer")), raw.get("optimizer") or {}),
        data=section(DataSection, "data", raw.get("data"), WITHOUT_EFFECT["data"]),
        guided=section(GuidedSection, "guided", raw.get("guided")),
        model=T2SModelConfig.from_dict(raw, strict=True),
        raw=dict(raw),
        **{key: str(raw.get(key) or "") for key in PATHS},
    )
    _check(config)
    return config


def _adamw(section: OptimizerSection, given: Mapping[str, Any]) -> OptimizerSection:
    if section.name or "lr" not in given:
        return dataclasses.replace(section, name=section.name or "adamw")
    factor = SCALED_ADAM_TO_ADAMW
    logger.info("optimizer.name is not set: learning rates are taken for ScaledAdam's and used x %g", factor)
    rates = {key: getattr(section, key) * factor for key in ("lr", "lr_init", "lr_end")}
    return dataclasses.replace(section, name="adamw", **rates)


def _check(config: S1Config) -> None:
    require_choices(
        {
            "train.precision": (config.train.precision, ("32", "16", "16-mixed", "bf16", "bf16-mixed")),
            "optimizer.name": (config.optimizer.name, ("adamw",)),
            "optimizer.schedule": (config.optimizer.schedule, ("steps", "time")),
            "data.speaker_from": (config.data.speaker_from, SPEAKER_FROM),
            "guided.span": (config.guided.span, SPANS),
        }
    )
    if config.optimizer.schedule == "time" and config.train.max_minutes <= 0:
        raise T2SError("optimizer.schedule 'time' needs train.max_minutes above 0")
    if config.guided.weight > 0:
        if not config.guided.layers or max(config.guided.layers) >= config.model.n_layer:
            raise T2SError(f"guided.layers has to name layers in 0..{config.model.n_layer - 1}")
        if not 1 <= config.guided.heads <= config.model.head:
            raise T2SError(f"guided.heads has to be 1..{config.model.head}")
    if min(config.train.epochs, config.train.batch_size) < 1:
        raise T2SError("train.epochs and train.batch_size have to be at least 1")
