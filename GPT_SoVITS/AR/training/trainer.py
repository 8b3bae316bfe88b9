"""The s1 training run: batches, steps, evaluation, early stopping, training state, exports.

Knows the network, its data and ``accelerate``; where weights are written to a file, and in which layout, is the
caller's affair (``export_weights``).
"""

from __future__ import annotations

import dataclasses
import hashlib
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader
from tqdm import tqdm

from AR.data.clips import Clip
from AR.data.collate import Batch, collate
from AR.data.rows import Batching, Row, epoch_batches, share_of_process, small_set_repeat
from AR.errors import T2SError
from AR.hardware import mixed_precision, training_attention
from AR.models.t2s_model import Text2SemanticDecoder
from AR.training.config import S1Config
from AR.training.ema import WeightAverage
from AR.training.loss import T2STrainingModule
from AR.training.processes import agreed
from AR.training.schedule import guided_weight, learning_rate
from AR.training.state import read_state, write_state

logger = logging.getLogger(__name__)
LOG_EVERY = 10
"""Steps between two values of the curves; each of the first so many steps has its own."""
FLUSH_SECONDS = 5
"""How long a value may wait to be written: a page shows the curves while they grow."""
OnStep = Callable[[int, Mapping[str, Tensor]], None]
ExportWeights = Callable[[str, Mapping[str, Tensor], str], None]
"""Called with a label ("best", "last", "e10"), the weights by checkpoint names, and an info text ("GPT-e10")."""


@dataclass
class Position:
    """Where a run stands: ``batch`` batches into ``epoch``, after ``step`` steps and ``minutes`` of training.

    ``evaluated_at`` is the step of the last evaluation: the same weights are not judged twice.
    """

    epoch: int = 0
    batch: int = 0
    step: int = 0
    minutes: float = 0.0
    best: float = float("inf")
    bad_evaluations: int = 0
    evaluated_at: int = -1


def make_accelerator(precision: str) -> Any:
    """accelerate's Accelerator; mixed precision only where the device has it."""
    try:
        from accelerate import Accelerator
    except ImportError as error:
        raise T2SError("accelerate is not installed; training needs it: pip install accelerate") from error
    mixed = mixed_precision(not precision.startswith("32"))
    if mixed == "bf16" and not precision.startswith("bf16"):
        mixed = "fp16" if torch.cuda.is_available() else "no"
    return Accelerator(cpu=not torch.cuda.is_available(), mixed_precision=mixed)


def make_optimizer(module: torch.nn.Module, config: S1Config) -> torch.optim.AdamW:
    """AdamW; weight decay on matrices only."""
    trained = [p for p in module.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in trained if p.dim() >= 2], "weight_decay": config.optimizer.weight_decay},
        {"params": [p for p in trained if p.dim() < 2], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=config.optimizer.lr, betas=(0.9, config.optimizer.beta2))


class S1Training:
    """One training run. ``run()`` trains until it is over or asked to stop and returns the best held-out loss.

    Args:
        config: settings.
        model: the network to train, new or pretrained.
        clips: (training, held-out).
        output: folder of the run; a state found there is gone on from.
        export_weights: writes weights to a file.
        on_step: called after every step with its number and losses.
    """

    def __init__(
        self,
        config: S1Config,
        model: Text2SemanticDecoder,
        clips: tuple[list[Clip], list[Clip]],
        output: Path,
        export_weights: ExportWeights,
        on_step: OnStep | None = None,
    ) -> None:
        self.config, self.output, self.on_step, self.export_weights = config, output, on_step, export_weights
        self.train_clips, self.held_clips = clips
        self.stop_asked = False
        self.accelerator = make_accelerator(config.train.precision)
        self.with_bert = any(clip.bert_path is not None for clip in self.train_clips)
        # without text features only the bias of this layer is ever used
        model.bert_proj.weight.requires_grad_(self.with_bert)
        module = T2STrainingModule(
            model, config.train.label_smoothing, config.guided, config.train.token_noise, config.train.if_dpo
        )
        self.module, self.optimizer = self.accelerator.prepare(module, make_optimizer(module, config))
        self.plain: T2STrainingModule = self.accelerator.unwrap_model(self.module)
        self.average = WeightAverage(self.plain.model, config.train.ema_decay)
        self.position = Position()
        train = config.train
        self.batching = Batching(
            batch_tokens=train.batch_tokens or 400 * train.batch_size,
            batch_size=train.batch_size,
            join_probability=config.data.join_probability,
            max_row_tokens=config.data.max_row_tokens,
            repeat=small_set_repeat(len(self.train_clips)),
            splice_probability=config.data.splice_probability,
            easy_epochs=config.data.easy_epochs,
            repeat_probability=config.data.repeat_probability,
        )
        if self.with_bert:
            self.batching = self.batching.as_recorded()  # BERT has seen no made-up sentence
        torch.manual_seed(train.seed + 1000 * self.accelerator.process_index)
        self._resume()
        self.total_steps = config.optimizer.decay_steps or train.epochs * len(self._batches(0))
        self.saved_at = self.position.minutes
        self.writer = self._writer()

    # -- state

    @property
    def state_path(self) -> Path:
        return self.output / "state.pt"

    def _fingerprint(self) -> str:
        """Changes with the data: then a position within an epoch means nothing any more."""
        lengths = [(c.name, len(c.phones), len(c.tokens)) for c in self.train_clips]
        return hashlib.sha256(repr(lengths).encode()).hexdigest()[:16]

    def save_state(self) -> None:
        """Write all that the run needs to go on."""
        self.saved_at = self.position.minutes
        if not self.accelerator.is_main_process:
            return
        cuda = torch.cuda.is_available()
        scaler = self.accelerator.scaler
        write_state(
            self.state_path,
            {
                "model": self.plain.model.state_dict(),
                "optimizer": self.optimizer.state_dict(),
                "average": self.average.state_dict(),
                "scaler": scaler.state_dict() if scaler is not None else {},
                "position": dataclasses.asdict(self.position),
                "rng": torch.get_rng_state(),
                "cuda_rng": torch.cuda.get_rng_state() if cuda else None,
                "model_config": dataclasses.asdict(self.config.model),
                "data": self._fingerprint(),
            },
        )

    def _resume(self) -> None:
        """Go on from the state in the output folder, if there is one."""
        state = read_state(self.state_path)
        if state is None:
            return
        if state["model_config"] != dataclasses.asdict(self.config.model):
            raise T2SError(f"{self.state_path} is of a model of another shape; remove it or use another output folder")
        self.plain.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.average.load_state_dict(state["average"])
        if self.accelerator.scaler is not None and state["scaler"]:
            self.accelerator.scaler.load_state_dict(state["scaler"])
        self.position = Position(**state["position"])
        if state["data"] != self._fingerprint():
            logger.warning("the data changed since the last run: this epoch starts again from its first batch")
            self.position.batch = 0
        rank = self.accelerator.process_index
        if rank:
            torch.manual_seed(self.config.train.seed + 1000 * rank + self.position.step)
        else:
            torch.set_rng_state(state["rng"])
            if state["cuda_rng"] is not None and torch.cuda.is_available():
                torch.cuda.set_rng_state(state["cuda_rng"])
        logger.info("going on from %s: epoch %d, step %d", self.state_path, self.position.epoch, self.position.step)

    def export(self, label: str) -> None:
        """Hand out the averaged weights under ``label``."""
        if self.accelerator.is_main_process:
            with self.average.applied():
                self.export_weights(label, self.plain.model.checkpoint_weights(), f"GPT-e{self.position.epoch}")

    # -- loop

    def run(self) -> float:
        """Train to the end; returns the best held-out loss (inf without held-out clips)."""
        train, position = self.config.train, self.position
        self.clock = time.monotonic() - 60.0 * position.minutes
        over = self._over()
        while position.epoch < train.epochs and not over:
            over = self._epoch()
            if position.batch == 0 and not over:
                over = self._after_epoch()
        if not self.stop_asked:
            self._evaluate()
        self.save_state()
        self.export("last")
        if self.writer is not None:
            self.writer.close()
        logger.info("ended at epoch %d, step %d, %.1f minutes", position.epoch, position.step, position.minutes)
        return position.best

    def _epoch(self) -> bool:
        """The rest of the present epoch; True when the run is to end in the middle of it."""
        position, config = self.position, self.config
        batches = self._batches(position.epoch)
        self.plain.token_noise = 0.0 if position.epoch < config.data.easy_epochs else config.train.token_noise
        if position.batch >= len(batches):  # resumed with larger batches: what is left of this epoch is nothing
            position.epoch, position.batch = position.epoch + 1, 0
            return False
        bar = tqdm(
            self._loader(batches[position.batch :]),
            desc=f"epoch {position.epoch}",
            total=len(batches),
            initial=position.batch,
            disable=None if self.accelerator.is_main_process else True,
        )
        over = False
        for batch in bar:
            losses = self._step(batch)
            position.step += 1
            position.batch += 1
            minutes = torch.tensor([(time.monotonic() - self.clock) / 60.0], dtype=torch.float64)
            position.minutes = float(agreed(self.accelerator, minutes))
            if position.step % LOG_EVERY == 0 or position.step < LOG_EVERY:
                shown = {"loss": "token_loss", "top3": "top3", "preference": "preference"}
                bar.set_postfix({k: f"{losses[name].item():.3f}" for k, name in shown.items() if name in losses})
                self._scalars("train", losses)
            if self.on_step is not None:
                self.on_step(position.step, losses)
            if position.batch == len(batches):
                position.epoch, position.batch = position.epoch + 1, 0
            self._maybe_save()
            over = self._over()
            if over:
                break
        return over

    def _batches(self, epoch: int) -> list[list[Row]]:
        """This process's batches of an epoch."""
        batches = epoch_batches(self.train_clips, self.batching, self.config.train.seed, epoch)
        return share_of_process(batches, self.accelerator.process_index, self.accelerator.num_processes)

    def _loader(self, batches: list[list[Row]]) -> DataLoader[Any]:
        # a generator of its own: the loader must not draw from the one that the state restores
        return DataLoader(
            batches,  # type: ignore[arg-type]
            batch_size=None,
            collate_fn=partial(collate, with_bert=self.with_bert),
            num_workers=self.config.data.num_workers,
            generator=torch.Generator(),
        )

    def _progress(self) -> float:
        """0..1: how much of the learning-rate decay is over."""
        if self.config.optimizer.schedule == "time":
            return self.position.minutes / self.config.train.max_minutes
        warmup = self.config.optimizer.warmup_steps
        return (self.position.step - warmup) / max(1, self.total_steps - warmup)

    def _step(self, batch: Batch) -> dict[str, Tensor]:
        """One optimizer step."""
        self.module.train()
        rate = learning_rate(self.config.optimizer, self.position.step, self._progress())
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        with self.accelerator.autocast(), training_attention(self.accelerator.device):
            losses = self.module(
                batch.to(self.accelerator.device), guided_weight(self.config.guided, self.position.step)
            )
        self.accelerator.backward(losses["loss"])
        self.accelerator.clip_grad_norm_(self.module.parameters(), self.config.train.gradient_clip)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.average.update()
        return {name: value.detach() for name, value in losses.items()} | {"lr": torch.tensor(rate)}

    def _maybe_save(self) -> None:
        train = self.config.train
        by_step = train.checkpoint_steps and self.position.step % train.checkpoint_steps == 0
        if by_step or self.position.minutes - self.saved_at >= train.checkpoint_minutes:
            self.save_state()
            self.export("last")

    def _over(self) -> bool:
        """Asked to stop, or out of time (all processes agree)."""
        limit = self.config.train.max_minutes
        over = self.stop_asked or (limit > 0 and self.position.minutes >= limit)
        return bool(agreed(self.accelerator, torch.tensor([float(over)])) > 0)

    # -- evaluation

    def _after_epoch(self) -> bool:
        """Evaluation and exports that are due; True when early stopping ends the run."""
        train, position = self.config.train, self.position
        if train.save_every_n_epoch and position.epoch % train.save_every_n_epoch == 0:
            self.export(f"e{position.epoch}")
        if position.epoch % train.eval_every_n_epoch:
            return False
        self._evaluate()
        self.save_state()
        if train.patience and position.bad_evaluations >= train.patience:
            logger.info("no better held-out loss in %d evaluations: stopping early", position.bad_evaluations)
            return True
        return False

    def _evaluate(self) -> None:
        """Held-out loss of the averaged weights; the best ones are exported as ``best``.

        All processes go by the mean of what they found: they must agree on when the run ends.
        """
        position = self.position
        if not self.held_clips or position.evaluated_at == position.step:
            return
        position.evaluated_at = position.step
        how = dataclasses.replace(self.batching.as_recorded(), repeat=1)
        total = torch.zeros(3, dtype=torch.float64)
        self.plain.eval()
        with self.average.applied(), torch.no_grad():
            for rows in epoch_batches(self.held_clips, how, self.config.train.seed, 0):
                losses = self.plain(collate(rows, self.with_bert).to(self.accelerator.device))
                count = float(losses["count"])
                total += torch.tensor([count * float(losses["token_loss"]), count * float(losses["top3"]), count])
        loss, top3 = agreed(self.accelerator, total[:2] / total[2]).tolist()
        better = loss < position.best
        position.best = min(loss, position.best)
        position.bad_evaluations = 0 if better else position.bad_evaluations + 1
        if better:
            self.export("best")
        self._scalars("held_out", {"token_loss": torch.tensor(loss), "top3": torch.tensor(top3)})
        logger.info(
            "epoch %d, step %d, %.1f min: held-out loss %.4f (best %.4f), top-3 %.3f",
            position.epoch,
            position.step,
            position.minutes,
            loss,
            position.best,
            top3,
        )

    # -- what is shown

    def _writer(self) -> Any:
        if not self.accelerator.is_main_process:
            return None
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            logger.warning("tensorboard is not installed: no scalars are written")
            return None
        return SummaryWriter(str(self.output / "tb"), purge_step=self.position.step, flush_secs=FLUSH_SECONDS)

    def _scalars(self, group: str, values: Mapping[str, Tensor]) -> None:
        if self.writer is not None:
            for name, value in values.items():
                self.writer.add_scalar(f"{group}/{name}", value.item(), self.position.step)
