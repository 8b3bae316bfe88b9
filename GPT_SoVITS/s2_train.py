"""Train the s2 stage (SoVITS): semantic tokens, phones and a reference become a waveform.

    python GPT_SoVITS/s2_train.py --config GPT_SoVITS/configs/s2.json
    accelerate launch --num_processes 2 GPT_SoVITS/s2_train.py --config my.json

The configuration is the public JSON layout; ``module/training/settings.py`` lists every key. Training states lie in
``<data.exp_dir>/logs_s2_<version>``: a run that was stopped or killed goes on from there when it is started again.
"""

from __future__ import annotations

import argparse
import logging
import math
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from accelerate import Accelerator, DistributedDataParallelKwargs
from torch.utils.data import DataLoader
from torch.utils.tensorboard import SummaryWriter
from tqdm import tqdm

from config import REPO_ROOT
from errors import GSVError, TrainingError
from module.training.clips import repetitions, require_clips, scan_clips
from module.training.dataset import Batch, S2Dataset, collate
from module.training.run import S2Run
from module.training.sampler import LengthBatchSampler
from module.training.settings import S2Settings, load_settings
from module.training.steps import S2Step
from text import cleaned_text_to_sequence

logger = logging.getLogger("s2_train")


def train(settings: S2Settings, root: Path = REPO_ROOT, stop: StopFlag | None = None) -> Path | None:
    """Train until the epochs, steps or minutes of the settings are used up, or ``stop`` is set.

    Returns:
        the weight file of the end; None where a stop from outside ended the run early.

    Raises:
        GSVError: the data set, a checkpoint or a setting cannot be used, or the losses are no numbers any more.
    """
    stop = stop or StopFlag()
    accelerator = make_accelerator(settings)
    dataset = load_data(settings)
    run = S2Run(settings, accelerator, dataset.ssl_dim, root)
    loader, sampler = make_loader(settings, dataset, accelerator)
    step = S2Step(settings, accelerator, run.generator, run.disc)
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
    """Several processes by ``accelerate launch``; half precision on a GPU where ``fp16_run`` is set."""
    train = settings.train
    precision = "no"
    if train.fp16_run and torch.cuda.is_available():
        precision = "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp16"
    if train.torch_threads:
        torch.set_num_threads(train.torch_threads)
    # The text branch of a batch without a part, and discriminators in the warm-up, get no gradients.
    unused = DistributedDataParallelKwargs(find_unused_parameters=True)
    accelerator = Accelerator(mixed_precision=precision, kwargs_handlers=[unused])
    torch.manual_seed(train.seed + accelerator.process_index)
    logger.info("device %s, %d process(es), precision %s", accelerator.device, accelerator.num_processes, precision)
    return accelerator


def load_data(settings: S2Settings) -> S2Dataset:
    """All usable clips of ``data.exp_dir``.

    Raises:
        DatasetError: there is none; the message counts the reasons.
    """
    train, data = settings.train, settings.data
    result = scan_clips(
        settings.exp_dir,
        lambda phones: cleaned_text_to_sequence(phones, settings.version),
        train.segment_size / data.sampling_rate,
    )
    dataset = S2Dataset(result, data, train.max_frames, train.cache_mb)
    require_clips(result, settings.exp_dir)
    return dataset


def make_loader(
    settings: S2Settings, dataset: S2Dataset, accelerator: Accelerator
) -> tuple[DataLoader[Batch], LengthBatchSampler]:
    """Batches of like length; each process gets its own share."""
    train = settings.train
    sampler = LengthBatchSampler(
        dataset.frames,
        train.batch_size,
        train.seed,
        repetitions(len(dataset)),
        accelerator.process_index,
        accelerator.num_processes,
    )
    loader: DataLoader[Batch] = DataLoader(
        dataset,  # type: ignore[arg-type]  # items are clips, collate makes the batch
        batch_sampler=sampler,
        collate_fn=collate,
        num_workers=train.num_workers,
        pin_memory=accelerator.device.type == "cuda",
        generator=torch.Generator(),  # its own: a loader made anew when resuming must not draw from the model's noise
    )
    return loader, sampler


def batches(run: S2Run, loader: DataLoader[Batch], sampler: LengthBatchSampler) -> Iterator[Batch]:
    """From where the run stands to the end of its last epoch."""
    while not done(run):
        sampler.set_position(run.position.epoch, run.position.batch)
        yield from loader


def advance(run: S2Run, batches_per_epoch: int) -> None:
    """Count one step; the average of the weights follows."""
    if run.average is not None:
        run.average.update()
    position = run.position
    position.step += 1
    position.batch += 1
    if position.batch >= batches_per_epoch:
        position.epoch, position.batch = position.epoch + 1, 0


def done(run: S2Run) -> bool:
    """Whether the epochs or steps of the settings are used up."""
    train = run.settings.train
    return run.position.epoch >= train.epochs or bool(train.max_steps and run.position.step >= train.max_steps)


def total_steps(settings: S2Settings, batches_per_epoch: int) -> int:
    """Steps of a whole run, for the progress bar."""
    steps = settings.train.epochs * batches_per_epoch
    return min(steps, settings.train.max_steps or steps)


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

    def __init__(self, run: S2Run, total: int) -> None:
        self.run, self.main = run, run.accelerator.is_main_process
        start = run.position.step
        self.bar = tqdm(total=total, initial=start, disable=not self.main, unit="step", dynamic_ncols=True)
        self.writer = SummaryWriter(str(run.settings.log_dir), purge_step=start) if self.main else None

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


def main(argv: Sequence[str] | None = None) -> int:
    """Command line; 0 when trained, 2 for an error that the user can mend, 130 when stopped by a signal."""
    parser = argparse.ArgumentParser(description="Train the s2 stage (SoVITS).")
    parser.add_argument("-c", "--config", type=Path, default=REPO_ROOT / "GPT_SoVITS" / "configs" / "s2.json")
    arguments = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    stop = StopFlag().install()
    try:
        path = train(load_settings(arguments.config, REPO_ROOT), stop=stop)
    except GSVError as error:
        logger.error("%s", error)
        return 2
    return 130 if path is None else 0


if __name__ == "__main__":
    sys.exit(main())
