"""Train an adapter (LoRA) for the s2 stage of v3, v4, v5dev or v5turbo, on top of the published base model.

    python GPT_SoVITS/s2_train_v3_lora.py --config GPT_SoVITS/configs/s2v3.json
    accelerate launch --num_processes 2 GPT_SoVITS/s2_train_v3_lora.py --config my.json

The configuration is the public JSON layout, with the rank as ``train.lora_rank``. Training states lie in
``<data.exp_dir>/logs_s2_<version>_lora_<rank>``: a run that was stopped or killed goes on from there when it is started
again. The other versions are trained by ``s2_train.py``.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from config import REPO_ROOT
from errors import ConfigError
from module.training.loading import load_data
from module.training.loop import StopFlag, fit, make_accelerator, run_recipe
from module.training.lora_run import LoraRun
from module.training.settings import S2Settings
from module.versions import VERSIONS


def train(settings: S2Settings, root: Path = REPO_ROOT, stop: StopFlag | None = None) -> Path | None:
    """Train until the epochs, steps or minutes of the settings are used up, or ``stop`` is set.

    Returns:
        the adapter file of the end; None where a stop from outside ended the run early.

    Raises:
        GSVError: the data set, the base model or a setting cannot be used, or the losses are no numbers any more.
    """
    if settings.spec.mel is None:
        raise ConfigError(
            f"{settings.version} is not trained by s2_train_v3_lora.py",
            " or ".join(name for name, spec in VERSIONS.items() if spec.trains_adapter),
            "python GPT_SoVITS/s2_train.py with the same configuration",
        )
    accelerator = make_accelerator(settings)
    dataset = load_data(settings)
    run = LoraRun(settings, accelerator, dataset.ssl_dim, root)
    return fit(run, run.step, dataset, stop or StopFlag())


def main(argv: Sequence[str] | None = None) -> int:
    """Command line; see :func:`module.training.loop.run_recipe` for the exit codes."""
    return run_recipe(train, "Train an adapter (LoRA) for the s2 stage of v3 or later.", "s2v3.json", argv)


if __name__ == "__main__":
    sys.exit(main())
