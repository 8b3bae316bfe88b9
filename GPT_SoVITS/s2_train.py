"""Train the s2 stage (SoVITS) of v1, v2, v2Pro, v2ProPlus: semantic tokens, phones and a reference become a waveform.

    python GPT_SoVITS/s2_train.py --config GPT_SoVITS/configs/s2.json
    accelerate launch --num_processes 2 GPT_SoVITS/s2_train.py --config my.json

The configuration is the public JSON layout; ``module/training/settings.py`` lists every key. Training states lie in
``<data.exp_dir>/logs_s2_<version>``: a run that was stopped or killed goes on from there when it is started again.
The versions that make a mel (v3 and later) are trained by ``s2_train_v3_lora.py``.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from config import REPO_ROOT
from errors import ConfigError
from module.training.dataset import S2Dataset
from module.training.latents import DecoderClips
from module.training.loading import load_data
from module.training.loop import StopFlag, fit, make_accelerator, run_recipe
from module.training.on_device import DeviceClips
from module.training.run import S2Run
from module.training.settings import S2Settings
from module.training.steps import S2Step

logger = logging.getLogger(__name__)


def train(settings: S2Settings, root: Path = REPO_ROOT, stop: StopFlag | None = None) -> Path | None:
    """Train until the epochs, steps or minutes of the settings are used up, or ``stop`` is set.

    Returns:
        the weight file of the end; None where a stop from outside ended the run early.

    Raises:
        GSVError: the data set, a checkpoint or a setting cannot be used, or the losses are no numbers any more.
    """
    if settings.spec.mel is not None:
        raise ConfigError(
            f"{settings.version} is not trained by s2_train.py",
            "v1, v2, v2Pro or v2ProPlus",
            "python GPT_SoVITS/s2_train_v3_lora.py with the same configuration",
        )
    accelerator = make_accelerator(settings)
    if settings.train.data_on_device:
        clips: S2Dataset | DeviceClips | DecoderClips = DeviceClips(settings, accelerator.device)
        ssl_dim = int(settings.model["ssl_dim"])
    else:
        clips = load_data(settings)
        ssl_dim = clips.ssl_dim
    run = S2Run(settings, accelerator, ssl_dim, root)
    if isinstance(clips, DeviceClips) and run.decoder_alone:
        if settings.train.exact_rows and not run.has_mel_head:
            if not run.has_prior:
                raise ConfigError(
                    f"train.exact_rows is {settings.train.exact_rows}, and there is no prior that has learned anything",
                    "the state of a run with train.acoustic_steps, or a pretrained_s2G that speaks",
                    "run that first, or name such a file",
                )
            logger.info("%s has no mel head: one is fitted", settings.state_dir)
            run.fit_mel_head(clips)
        clips = run.decoder_clips(clips)
    return fit(run, S2Step(settings, accelerator, run.generator, run.disc), clips, stop or StopFlag())


def main(argv: Sequence[str] | None = None) -> int:
    """Command line; see :func:`module.training.loop.run_recipe` for the exit codes."""
    return run_recipe(train, "Train the s2 stage (SoVITS) of v1, v2, v2Pro or v2ProPlus.", "s2.json", argv)


if __name__ == "__main__":
    sys.exit(main())
