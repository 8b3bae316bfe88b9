"""What a wheel holds beyond modules: configs and the voice pack, where config.REPO_ROOT finds them.

An editable install needs none of it: there REPO_ROOT is the checkout itself.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

DATA_FOLDERS = ("GPT_SoVITS/configs", "GPT_SoVITS/pretrained_models/gsv-tiny")


class WheelData(BuildHookInterface):
    """Adds :data:`DATA_FOLDERS` to a standard wheel, each at its path in the checkout."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called by hatchling once a build; ``version`` is "standard" or "editable"."""
        if version != "standard":
            return
        for name in DATA_FOLDERS:
            if (Path(self.root) / name).is_dir():
                # pyproject's sources setting cuts one leading GPT_SoVITS/ from every path, so it stands here twice.
                build_data["force_include"][name] = f"GPT_SoVITS/{name}"
