"""The loop of s2 training, the same for every version: batches in, steps, progress, saving, stopping.

Knows when things happen; what a step is and what is saved belongs to the recipe and its run.
"""

from __future__ import annotations

import argparse
import logging
import math
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from accelerate import Accelerator, DistributedDataParallelKwargs
from torch.utils.data import DataLoader
from torch.utils.tensorboard import SummaryWriter
from tqdm import tqdm

from AR.hardware import mixed_precision
from config import REPO_ROOT
from errors import GSVError, TrainingError
from module.training.dataset import Batch, S2Dataset
from module.training.latents import DecoderClips
from module.training.loading import make_loader
from module.training.on_device import DeviceClips, DeviceLoader
from module.training.run import TrainingRun
from module.training.sampler import LengthBatchSampler
from module.training.settings import S2Settings, load_settings

logger = logging.getLogger(__name__)
FLUSH_SECONDS = 5
"""How long a value may wait to be written: a page shows the curves while they grow."""

Step = Callable[[Batch, int], dict[str, torch.Tensor]]
"""One training step on a batch, with the number of steps before it -> losses by name, detached; one is g/total."""


@dataclass
class StopFlag:
    """Set by a signal: the step in hand is finished, the state saved, and the run ends."""

    wanted: bool = False

    def install(self) -> StopFlag:
        """Listen for SIGINT and SIGTERM."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._set)
        return self

    def _set(self, *_: object) -> None:
        self.wanted = True


def fit(run: TrainingRun, step: Step, dataset: S2Dataset | DeviceClips | DecoderClips, stop: StopFlag) -> Path | None:
    """Train until the epochs, steps or minutes of the settings are used up, or ``stop`` is set.

    Returns:
        the weight file of the end; None where a stop from outside ended the run early.

    Raises:
        GSVError: the losses are no numbers any more, or nothing can be written.
    """
    settings, accelerator = run.settings, run.accelerator
    loader, sampler = make_loader(settings, dataset, accelerator)
    board = Board(run, total_steps(settings, len(sampler)))
    clock = Clock(settings)
    run.generator.network.train()
    for batch in batches(run, loader, sampler):
        rate = run.set_rate()
        losses = step(batch.to(accelerator.device), run.position.step)
        advance(run, len(sampler))
        board.write(losses, rate)
        if stop.wanted or clock.is_over or done(run):
            accelerator.set_trigger()
        if accelerator.check_trigger():
            break
        if clock.save_is_due:
            run.save()
        if run.position.batch == 0 and run.position.epoch % settings.train.save_every_epoch == 0:
            run.save()
            if settings.train.if_save_every_weights:
                run.export()
    run.save()
    board.close()
    return None if stop.wanted else run.export()


def make_accelerator(settings: S2Settings) -> Accelerator:
    """Several processes by ``accelerate launch``; half precision by ``fp16_run`` where it is fast."""
    train = settings.train
    precision = mixed_precision(train.fp16_run)
    if train.torch_threads:
        torch.set_num_threads(train.torch_threads)
    # The text branch of a batch without a part, and discriminators in the warm-up, get no gradients.
    unused = DistributedDataParallelKwargs(find_unused_parameters=True)
    accelerator = Accelerator(mixed_precision=precision, kwargs_handlers=[unused])
    torch.manual_seed(train.seed + accelerator.process_index)
    logger.info("device %s, %d process(es), precision %s", accelerator.device, accelerator.num_processes, precision)
    return accelerator


def batches(run: TrainingRun, loader: DataLoader[Batch] | DeviceLoader, sampler: LengthBatchSampler) -> Iterator[Batch]:
    """From where the run stands to the end of its last epoch.

    A position behind the end of an epoch was saved by a run that had more batches in one (fewer processes, smaller
    batches or more clips): that epoch counts as over.
    """
    if run.position.batch >= len(sampler):
        logger.info("epoch %d had more batches when the state was saved: it is over", run.position.epoch + 1)
        run.position.epoch, run.position.batch = run.position.epoch + 1, 0
    while not done(run):
        sampler.set_position(run.position.epoch, run.position.batch)
        yield from loader


def advance(run: TrainingRun, batches_per_epoch: int) -> None:
    """Count one step; the average of the weights follows."""
    if run.average is not None:
        run.average.update()
    position = run.position
    position.step += 1
    position.batch += 1
    if position.batch >= batches_per_epoch:
        position.epoch, position.batch = position.epoch + 1, 0


def done(run: TrainingRun) -> bool:
    """Whether the epochs or steps of the settings are used up."""
    train = run.settings.train
    return run.position.epoch >= train.epochs or bool(train.max_steps and run.position.step >= train.max_steps)


def total_steps(settings: S2Settings, batches_per_epoch: int) -> int:
    """Steps of a whole run, for the progress bar."""
    steps = settings.train.epochs * batches_per_epoch
    return min(steps, settings.train.max_steps or steps)


class Clock:
    """When to save and when to stop, by the minutes of the settings."""

    def __init__(self, settings: S2Settings) -> None:
        self.stop_after = settings.train.max_minutes * 60 or math.inf
        self.save_every = settings.train.save_every_minutes * 60 or math.inf
        self.started = self.saved = time.monotonic()

    @property
    def is_over(self) -> bool:
        """Whether ``max_minutes`` have passed."""
        return time.monotonic() - self.started >= self.stop_after

    @property
    def save_is_due(self) -> bool:
        """True once every ``save_every_minutes``."""
        due = time.monotonic() - self.saved >= self.save_every
        if due:
            self.saved = time.monotonic()
        return due


class Board:
    """Shows progress: a bar on the terminal, scalars for TensorBoard (main process only)."""

    def __init__(self, run: TrainingRun, total: int) -> None:
        self.run, self.main = run, run.accelerator.is_main_process
        start = run.position.step
        self.bar = tqdm(total=total, initial=start, disable=not self.main, unit="step", dynamic_ncols=True)
        self.writer: SummaryWriter | None = None
        if self.main:
            folder = str(run.settings.log_dir)
            self.writer = SummaryWriter(folder, purge_step=start, flush_secs=FLUSH_SECONDS)

    def write(self, losses: dict[str, torch.Tensor], rate: float) -> None:
        """Take in one step's losses.

        Raises:
            TrainingError: the losses are no numbers any more; the last saved state is untouched.
        """
        self.bar.update()
        step, every = self.run.position.step, self.run.settings.train.log_interval
        if step % every and step > 10:
            return
        values = {name: value.item() for name, value in losses.items()}
        if not math.isfinite(values["g/total"]):
            raise TrainingError(f"the loss is {values['g/total']} at step {step}", "a number", "lower learning_rate")
        self.bar.set_postfix({name.split("/")[1]: f"{v:.2f}" for name, v in values.items() if name.startswith("g/")})
        if self.writer is not None:
            for name, value in {**values, "learning_rate": rate}.items():
                self.writer.add_scalar(name, value, step)

    def close(self) -> None:
        """Finish the bar and the event file."""
        self.bar.close()
        if self.writer is not None:
            self.writer.close()


def run_recipe(
    train: Callable[[S2Settings, Path, StopFlag], Path | None],
    title: str,
    preset: str,
    argv: Sequence[str] | None,
) -> int:
    """Command line of a recipe; 0 when trained, 2 for an error that the user can mend, 130 when stopped by a signal.

    Args:
        train: the recipe; gets the settings, the folder that relative paths are taken from, and the stop flag.
        title: first line of the help.
        preset: file of ``GPT_SoVITS/configs`` that is used when none is named.
        argv: arguments; None for the process's.
    """
    parser = argparse.ArgumentParser(description=title)
    parser.add_argument("-c", "--config", type=Path, default=REPO_ROOT / "GPT_SoVITS" / "configs" / preset)
    arguments = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    stop = StopFlag().install()
    try:
        path = train(load_settings(arguments.config, REPO_ROOT), REPO_ROOT, stop)
    except GSVError as error:
        logger.error("%s", error)
        return 2
    return 130 if path is None else 0
