"""The language model training run on transformers' ``Trainer``: losses, schedule, evaluation, states, best folder.

Only what is trained goes into a training state. A state counts when its ``trainer_state.json`` is there, which is
written last; a run that was killed while writing goes on from the state before.
"""

from __future__ import annotations

import importlib.util
import json
import logging
import math
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.utils.data import DataLoader
from transformers import Trainer, TrainerCallback, TrainingArguments

from AR.data.clips import Clip
from AR.data.collate import Batch
from AR.data.lm_collate import Item, ItemBatches, ItemData, LMCollator
from AR.data.rows import Batching, epoch_batches, small_set_repeat
from AR.errors import T2SError
from AR.hardware import has_fast_bfloat16, training_attention, training_device
from AR.models.qwen3_t2s_model import Qwen3T2SModel
from AR.plausible import LearnedSpan, span_of
from AR.training.ema import WeightAverage
from AR.training.lm_config import LMTrainConfig
from AR.training.lm_loss import LMTrainingModule
from AR.training.lm_teacher import Teacher
from AR.training.processes import agreed
from AR.training.schedule import guided_weight
from AR.training.state import last_state, step_of

logger = logging.getLogger(__name__)
WEIGHTS_FILE, AVERAGE_FILE, CLOCK_FILE = "trained.safetensors", "average.safetensors", "clock.json"


class LMTrainer(Trainer):  # type: ignore[misc]
    """One run; ``fit()`` goes on from the last state in ``output`` and trains to the end.

    Args:
        config: settings.
        model: with its backbone prepared (lm_model.py).
        clips: (training, held-out).
        output: folder of the training states.
        export: called with facts about the training when the trained folder is to be written.
        teacher: a model to learn from.
    """

    def __init__(
        self,
        config: LMTrainConfig,
        model: Qwen3T2SModel,
        clips: tuple[list[Clip], list[Clip]],
        output: Path,
        export: Callable[[Mapping[str, Any]], None],
        teacher: Teacher | None = None,
    ) -> None:
        self.lm_config, self.lm_model, self.export, self.output = config, model, export, output
        self.train_clips, self.held_clips = clips
        self.minutes = self.minutes_before = self.saved_at = 0.0
        self.begun = time.monotonic()
        self.best, self.bad_evaluations, self.evaluated_at = float("inf"), 0, -1
        train = config.train
        self.batching = Batching(
            train.batch_tokens,
            train.batch_size,
            config.data.join_probability,
            config.data.max_row_tokens,
            small_set_repeat(len(self.train_clips)),
            config.data.splice_probability,
            config.data.easy_epochs,
            config.data.repeat_probability,
        )
        if not model.config.uses_phones:
            self.batching = self.batching.as_recorded()  # made-up sentences are known by their phones alone
        self.collate = LMCollator(model.tokenizer, model.config, config.guided.weight > 0)
        self.teacher = teacher
        module = LMTrainingModule(model, config, teacher)
        super().__init__(
            model=module,
            args=_arguments(config, output),
            train_dataset=ItemData(self.train_clips),
            data_collator=self._collate_training,
            callbacks=[_Control(self)],
        )
        self.stop_asked, self.easy_batches = False, 0
        self.average = WeightAverage(_Trained(model), train.ema_decay)

    # -- data

    def _collate_training(self, items: Sequence[Item]) -> dict[str, Any]:
        """A training batch; for a teacher, as it reads the rows as well."""
        batch = self.collate(items)
        return batch if self.teacher is None else batch | self.teacher.collate(items)

    def get_train_dataloader(self) -> DataLoader[Any]:
        """All batches of the run as one pass, so that a resumed run finds its place exactly."""
        config, share = self.lm_config, (self.args.process_index, self.args.world_size)
        batches = ItemBatches(
            self.train_clips,
            self.batching,
            self.lm_model.config,
            config.qwen3.stream_dropout,
            config.train.seed,
            config.train.epochs,
            share,
        )
        self.easy_batches = batches.batches_of(config.data.easy_epochs)
        return DataLoader(
            self.train_dataset,
            batch_sampler=batches,
            collate_fn=self._collate_training,
            num_workers=config.data.num_workers,
            generator=torch.Generator(),
        )

    def _prepare_inputs(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        return {
            name: value.to(self.args.device) if isinstance(value, Tensor | Batch) else value
            for name, value in inputs.items()
        }

    def floating_point_ops(self, inputs: Any) -> int:
        return 0

    # -- steps

    def compute_loss(self, model: nn.Module, inputs: Any, *args: Any, **kwargs: Any) -> Tensor:
        """The loss of one batch."""
        step, train = self.state.global_step, self.lm_config.train
        easy = step * train.gradient_accumulation < self.easy_batches
        self.accelerator.unwrap_model(model).token_noise = 0.0 if easy else train.token_noise
        with training_attention(self.args.device):
            return model(inputs, guided_weight(self.lm_config.guided, step))  # type: ignore[no-any-return]

    def create_optimizer(self, model: Any = None) -> torch.optim.Optimizer:
        """AdamW with a rate for the backbone and one for the adapter; weight decay on matrices only."""
        settings = self.lm_config.optimizer
        groups = []
        for backbone, rate in ((True, settings.lr), (False, settings.adapter_lr)):
            named = [(n, p) for n, p in self.lm_model.named_parameters() if p.requires_grad]
            chosen = [p for n, p in named if n.startswith("decoder.") == backbone]
            for matrices, decay in ((True, settings.weight_decay), (False, 0.0)):
                params = [p for p in chosen if (p.dim() >= 2) == matrices]
                if params:
                    groups.append({"params": params, "lr": rate, "weight_decay": decay, "backbone": backbone})
        self.optimizer = torch.optim.AdamW(groups, lr=settings.lr, betas=(0.9, settings.beta2))
        return self.optimizer

    def create_scheduler(self, num_training_steps: int, optimizer: Any = None) -> Any:
        """Warm-up and cosine; the backbone waits for ``adapter_steps``."""
        optimizer = optimizer or self.optimizer
        wait = self.lm_config.qwen3.adapter_steps
        shapes = [self._shape(num_training_steps, wait if group["backbone"] else 0) for group in optimizer.param_groups]
        self.lr_scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, shapes)
        return self.lr_scheduler

    def _shape(self, total: int, wait: int) -> Callable[[int], float]:
        settings, limit = self.lm_config.optimizer, self.lm_config.train.max_minutes

        def share(step: int) -> float:
            if step < wait:
                return 0.0
            warm = min(1.0, (step - wait + 1) / max(1, settings.warmup_steps))
            progress = self.minutes / limit if settings.schedule == "time" else step / max(1, total)
            cosine = 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))
            return warm * (settings.end_share + (1 - settings.end_share) * cosine)

        return share

    def look_around(self) -> None:
        """Set ``minutes``, the training time over all restarts, and hear who was asked to stop.

        The first process's clock counts for all, and one that is asked to stop stops all: else their learning rates
        would differ, and some would wait for others that have ended.
        """
        minutes = self.minutes_before + (time.monotonic() - self.begun) / 60
        if self.args.world_size > 1:
            mine = torch.tensor([[minutes, float(self.stop_asked)]], device=self.args.device)
            gathered = self.accelerator.gather(mine)
            minutes, self.stop_asked = float(gathered[0, 0]), bool(gathered[:, 1].any())
        self.minutes = minutes

    # -- evaluation

    def evaluate(self, *args: Any, **kwargs: Any) -> dict[str, float]:
        """Held-out loss of the averaged weights; writes the trained folder when it is the best, or as ``keep`` says."""
        if not self.held_clips or self.evaluated_at == self.state.global_step:
            return {}
        self.evaluated_at = self.state.global_step
        with self.average.applied():
            # the mean over all processes, so that they agree on when the run ends
            loss = float(agreed(self.accelerator, torch.tensor([self._held_out_loss()], dtype=torch.float64)))
            better = loss < self.best
            self.best, self.bad_evaluations = (loss, 0) if better else (self.best, self.bad_evaluations + 1)
            if better or self.lm_config.train.keep == "last":
                self._export(loss)
        if self.is_world_process_zero():
            logger.info(
                "step %d, %.1f min: held-out loss %.4f (best %.4f)",
                self.state.global_step,
                self.minutes,
                loss,
                self.best,
            )
        metrics = {"eval_loss": loss}
        self.log(dict(metrics))
        self.control = self.callback_handler.on_evaluate(
            self.args,
            self.state,
            self.control,  # type: ignore[has-type]  # set by the parent class
            metrics,
        )
        return metrics

    @torch.no_grad()
    def _held_out_loss(self) -> float:
        """Nats per token with all text streams there."""
        module = self.accelerator.unwrap_model(self.model)
        module.eval()
        config = self.lm_model.config
        how = Batching(self.batching.batch_tokens, self.batching.batch_size, 0.3, self.batching.max_row_tokens)
        total, count = 0.0, 0
        for rows in epoch_batches(self.held_clips, how, self.lm_config.train.seed, 0):
            batch = self._prepare_inputs(self.collate([Item(row, config.uses_bpe, config.uses_phones) for row in rows]))
            tokens = int((batch["labels"] != -100).sum())
            with self.compute_loss_context_manager():
                total += float(module(batch)) * tokens
            count += tokens
        module.train()
        return total / max(1, count)

    def _export(self, loss: float | None = None) -> None:
        if self.args.should_save:
            facts = {
                "steps": self.state.global_step,
                "minutes": round(self.minutes, 1),
                "clips": len(self.train_clips),
                "span": _span_of(self.train_clips)._asdict(),
                "held_out_loss": None if loss is None else round(loss, 4),
            }
            self.export(facts)

    # -- states

    def _save(self, output_dir: str | None = None, state_dict: Any = None) -> None:
        folder = Path(output_dir or self.args.output_dir)
        folder.mkdir(parents=True, exist_ok=True)
        weights = {n: p.detach().cpu().contiguous() for n, p in self.lm_model.named_parameters() if p.requires_grad}
        save_file(weights, folder / WEIGHTS_FILE)
        if self.average.average:
            save_file({n: t.cpu().contiguous() for n, t in self.average.average.items()}, folder / AVERAGE_FILE)
        clock = {
            "minutes": self.minutes,
            "best": self.best,
            "bad_evaluations": self.bad_evaluations,
            "evaluated_at": self.evaluated_at,
            "updates": self.average.updates,
        }
        (folder / CLOCK_FILE).write_text(json.dumps(clock), encoding="utf-8")

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        folder = Path(resume_from_checkpoint)
        weights = load_file(folder / WEIGHTS_FILE)
        live = {n: p for n, p in self.lm_model.named_parameters() if p.requires_grad}
        if {n: t.shape for n, t in weights.items()} != {n: p.shape for n, p in live.items()}:
            raise T2SError(f"{folder} is of a run with other settings; remove it or use another output folder")
        with torch.no_grad():
            for name, tensor in weights.items():
                live[name].copy_(tensor)
        clock = json.loads((folder / CLOCK_FILE).read_text(encoding="utf-8"))
        self.minutes = self.minutes_before = self.saved_at = float(clock["minutes"])
        self.best = float(clock["best"])
        self.bad_evaluations = int(clock["bad_evaluations"])
        self.evaluated_at = int(clock.get("evaluated_at", -1))
        if self.average.average:
            averages = load_file(folder / AVERAGE_FILE)
            self.average.load_state_dict({"updates": int(clock["updates"]), "average": averages})
        logger.info("going on from %s, %.1f minutes", folder, self.minutes_before)

    def fit(self) -> float:
        """Train to the end; returns the best held-out loss (inf without held-out clips)."""
        last = last_state(self.output)
        if last is not None and step_of(last) >= self._steps():  # transformers would take one step more
            logger.info("the run in %s is at its end", self.output)
            self._load_from_checkpoint(str(last))
            return self.best
        self.begun = time.monotonic()
        self.train(resume_from_checkpoint=str(last) if last else None)
        if self.held_clips and not self.stop_asked:
            self.evaluate()
        # who stops a run that keeps the last weights wants those of now, not those of the evaluation before
        newer = self.lm_config.train.keep == "last" and self.evaluated_at != self.state.global_step
        if not self.held_clips or math.isinf(self.best) or newer:
            with self.average.applied():
                self._export()
        self._save_checkpoint(self.model, trial=None)
        return self.best

    def _steps(self) -> int:
        """Optimizer steps of the whole run."""
        train = self.lm_config.train
        return train.max_steps or max(1, math.ceil(len(self.get_train_dataloader()) / train.gradient_accumulation))


class _Trained(nn.Module):
    """View of a model's trained parameters under their own names, for averaging."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self._named = {n: p for n, p in model.named_parameters() if p.requires_grad}

    def named_parameters(self, *args: Any, **kwargs: Any) -> Any:
        return iter(self._named.items())


class _Control(TrainerCallback):  # type: ignore[misc]
    """Averaging after each step, and when to evaluate, save and stop."""

    def __init__(self, run: LMTrainer) -> None:
        self.run = run

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> Any:
        run = self.run
        train = run.lm_config.train
        run.average.update()
        run.look_around()
        if state.global_step < args.logging_steps:
            control.should_log = True  # each of the first steps: a short run has a curve too
        if run.held_clips and state.global_step % train.eval_steps == 0:
            control.should_evaluate = True
        if run.minutes - run.saved_at >= train.checkpoint_minutes:
            control.should_save, run.saved_at = True, run.minutes
        out_of_time = train.max_minutes > 0 and run.minutes >= train.max_minutes
        if run.stop_asked or out_of_time:
            control.should_training_stop = True
        return control

    def on_evaluate(self, args: Any, state: Any, control: Any, **kwargs: Any) -> Any:
        run = self.run
        patience = run.lm_config.train.patience
        if patience and run.bad_evaluations >= patience:
            logger.info("no better held-out loss in %d evaluations: stopping early", patience)
            control.should_training_stop = True
        return control


def _arguments(config: LMTrainConfig, output: Path) -> TrainingArguments:
    train = config.train
    cuda = torch.cuda.is_available()
    return TrainingArguments(
        output_dir=str(output),
        num_train_epochs=1,
        max_steps=train.max_steps or -1,
        seed=train.seed,
        gradient_accumulation_steps=train.gradient_accumulation,
        max_grad_norm=train.gradient_clip,
        bf16=train.precision == "bf16" and has_fast_bfloat16(training_device()),
        use_cpu=not cuda,
        eval_strategy="no",
        save_strategy="no",
        save_total_limit=2,
        logging_steps=10,
        report_to=_reporters(),
        remove_unused_columns=False,
        label_names=["labels"],
    )


def _reporters() -> list[str]:
    return ["tensorboard"] if importlib.util.find_spec("tensorboard") else []


def _span_of(clips: Sequence[Clip]) -> LearnedSpan:
    return span_of([len(clip.phones) for clip in clips], [len(clip.tokens) for clip in clips])
