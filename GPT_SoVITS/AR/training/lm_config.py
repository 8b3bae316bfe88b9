"""Settings of the language model training: a YAML with a section ``qwen3`` beside ``train``, ``optimizer``, ``data``.

Parsed once; unknown keys are refused by name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from AR.errors import T2SError
from AR.models.lm_folder import TEXT_MODES
from AR.training.config import SPANS, SPEAKER_FROM, DataSection, GuidedSection, require_choices, section

SECTIONS = ("qwen3", "train", "optimizer", "data", "guided")
TUNINGS = ("lora", "full", "frozen")
KEPT = ("best", "last")


@dataclass(frozen=True)
class ModelSection:
    """Which language model, and what of it is trained; the adapter and its embeddings always are.

    Attributes:
        start_from: a trained folder, or its name in a model list, to train further, on data of the same SoVITS model.
            It decides what ``model_name`` to ``tuning`` and ``lora_*`` say below; empty: a new adapter.
        model_name: hub id, folder, or "package:<name>" for weights that a Python package carries.
        gguf_file: file within the folder, for GGUF weights.
        new_model: instead of a pretrained one, a new model of this shape: keys of a transformers configuration with
            ``model_type``; its vocabulary is the tokenizer's.
        tokenizer: tokenizer folder of a new model; empty: a BPE of ``tokenizer_size`` is trained on the texts.
        text_mode: "bpe+phones", "phones" or "bpe".
        symbols: phone symbols, "v1" or "v2".
        layers: only the first so many layers of a pretrained model are used: faster (0: all).
        tuning: "lora", "full" (always, for a new model) or "frozen" (adapter only).
        lora_rank, lora_alpha, lora_dropout: of the LoRA.
        lora_targets: "all-linear", or module names separated by commas.
        stream_dropout: probability with which each text stream of a row is dropped (never both).
        position_gain: height at which the codes of the place in a stream begin, as a factor on the embeddings' scale;
            they are trained from there. 0: there are none and never will be, so that an exported stage is a plain
            causal LM, which vLLM serves without a plugin (tools/export_lm.py).
        adapter_steps: first so many steps train the adapter alone.
        warm_start: AR checkpoint (.ckpt) whose phone and semantic embeddings are the start of the adapter's.
        teacher: a trained folder, or its name in a model list, that speaks the same tokens: its probabilities are
            learned beside the tokens of the data, which it may have drawn itself (4-distill.py).
        teacher_share: how much of the loss they make up, 0..1.
        sovits_path: SoVITS weights whose quantizer made the tokens; their fingerprint goes into the folder.
        gradient_checkpointing: less memory, more time.
    """

    start_from: str = ""
    model_name: str = "Qwen/Qwen3-0.6B"
    gguf_file: str = ""
    tokenizer: str = ""
    tokenizer_size: int = 1024
    text_mode: str = "bpe+phones"
    symbols: str = "v2"
    layers: int = 0
    tuning: str = "lora"
    lora_rank: int = 16
    lora_alpha: int = 32
    lora_dropout: float = 0.05
    lora_targets: str = "all-linear"
    stream_dropout: float = 0.15
    position_gain: float = 1.0
    adapter_steps: int = 0
    warm_start: str = ""
    teacher: str = ""
    teacher_share: float = 0.8
    sovits_path: str = ""
    gradient_checkpointing: bool = False


@dataclass(frozen=True)
class LMTrainSection:
    """Length, batches and checkpoints of a run.

    Attributes:
        epochs, max_steps: the run ends with the first of them (max_steps 0: no limit).
        max_minutes: and after so much training time, over all restarts (0: no limit).
        batch_size, batch_tokens: rows and padded positions in a batch, at most.
        gradient_accumulation: batches per optimizer step.
        precision: "32" or "bf16": the latter only acts on devices that have it.
        token_noise: share of the tokens heard that are replaced by random ones in training.
        ema_decay: averaging of the trained weights; 0 turns it off.
        eval_steps: steps between evaluations on held-out clips.
        patience: evaluations in a row without a better loss after which the run ends; 0: never.
        checkpoint_minutes: minutes between training states.
        threads: CPU threads; 0 leaves torch's own choice.
        exp_name: folder below ``output_root`` for the trained model.
        save_half: the trained model is stored in float16.
        keep: which weights the trained folder holds, those of the "best" held-out loss or the "last" ones. With little
            data that loss may rise while what is spoken still becomes clearer.
    """

    seed: int = 1234
    epochs: int = 20
    max_steps: int = 0
    max_minutes: float = 0.0
    batch_size: int = 32
    batch_tokens: int = 4000
    gradient_accumulation: int = 1
    precision: str = "bf16"
    gradient_clip: float = 1.0
    label_smoothing: float = 0.05
    token_noise: float = 0.0
    ema_decay: float = 0.0
    eval_steps: int = 200
    patience: int = 0
    checkpoint_minutes: float = 5.0
    threads: int = 0
    exp_name: str = "qwen3"
    output_root: str = "GPT_weights_qwen3"
    save_half: bool = True
    keep: str = "best"


@dataclass(frozen=True)
class LMOptimizerSection:
    """AdamW.

    Attributes:
        lr: of the backbone (LoRA or all of it).
        adapter_lr: of the adapter and its embeddings.
        end_share: learning rates end at this share of their height.
        schedule: "steps", or "time": the cosine ends with ``max_minutes``.
    """

    lr: float = 2e-4
    adapter_lr: float = 1e-3
    end_share: float = 0.05
    warmup_steps: int = 100
    weight_decay: float = 0.01
    beta2: float = 0.98
    schedule: str = "steps"


@dataclass(frozen=True)
class LMTrainConfig:
    """The whole configuration."""

    qwen3: ModelSection
    train: LMTrainSection
    optimizer: LMOptimizerSection
    data: DataSection
    guided: GuidedSection
    new_model: Mapping[str, Any] = field(default_factory=dict)


def is_lm_config(raw: Mapping[str, Any]) -> bool:
    """True where the content of a YAML file is about the language model stage."""
    return "qwen3" in raw


def parse_lm_config(raw: Mapping[str, Any]) -> LMTrainConfig:
    """From the content of a YAML file.

    Raises:
        T2SError: an unknown key or a value that cannot be.
    """
    unknown = sorted(set(raw) - set(SECTIONS))
    if unknown:
        raise T2SError(f"unknown keys {unknown}; known are {sorted(SECTIONS)}")
    model = dict(raw.get("qwen3") or {})
    new_model = model.pop("new_model", None) or {}
    if not isinstance(new_model, Mapping):
        raise T2SError("qwen3.new_model has to be a mapping of configuration keys")
    config = LMTrainConfig(
        qwen3=section(ModelSection, "qwen3", model),
        train=section(LMTrainSection, "train", raw.get("train")),
        optimizer=section(LMOptimizerSection, "optimizer", raw.get("optimizer")),
        data=section(DataSection, "data", raw.get("data")),
        guided=section(GuidedSection, "guided", raw.get("guided")),
        new_model=dict(new_model),
    )
    _check(config)
    return config


def _check(config: LMTrainConfig) -> None:
    require_choices(
        {
            "qwen3.text_mode": (config.qwen3.text_mode, TEXT_MODES),
            "qwen3.symbols": (config.qwen3.symbols, ("v1", "v2")),
            "qwen3.tuning": (config.qwen3.tuning, TUNINGS),
            "train.keep": (config.train.keep, KEPT),
            "train.precision": (config.train.precision, ("32", "bf16")),
            "optimizer.schedule": (config.optimizer.schedule, ("steps", "time")),
            "data.speaker_from": (config.data.speaker_from, SPEAKER_FROM),
            "guided.span": (config.guided.span, SPANS),
        }
    )
    if config.optimizer.schedule == "time" and config.train.max_minutes <= 0:
        raise T2SError("optimizer.schedule 'time' needs train.max_minutes above 0")
    if not 0 <= config.qwen3.stream_dropout <= 0.5:
        raise T2SError("qwen3.stream_dropout has to be 0..0.5")
    if not 0 <= config.qwen3.teacher_share <= 1:
        raise T2SError("qwen3.teacher_share has to be 0..1")
    if config.qwen3.position_gain < 0:
        raise T2SError("qwen3.position_gain has to be 0 or more")
    if config.new_model and "model_type" not in config.new_model:
        raise T2SError("qwen3.new_model needs a model_type, such as qwen3")
    if config.guided.weight > 0 and config.qwen3.gradient_checkpointing:
        raise T2SError("guided attention and gradient_checkpointing cannot be used together")
    if min(config.train.epochs, config.train.batch_size, config.train.gradient_accumulation) < 1:
        raise T2SError("train.epochs, batch_size and gradient_accumulation have to be at least 1")
