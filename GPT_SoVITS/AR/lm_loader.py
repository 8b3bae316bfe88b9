"""From a model name that a user gave to a loaded language model stage, or to the reason why there is none.

A name may be: a folder with ``t2s_config.json``; the name of such a folder below one of the given roots; a backbone
(hub id or folder) for which one of them was trained; or a hub id of a repository that holds a trained stage.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch

from AR.errors import LMUnavailable
from AR.models import lm_backbone, plain_backbone
from AR.models.lm_folder import CONFIG_FILE, LMConfig, is_lm_folder
from AR.models.qwen3_t2s_model import Qwen3T2SModel

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class LMPlaces:
    """Where trained stages may lie.

    Attributes:
        roots: folders whose subfolders are trained stages.
        named: stages with names of their own, such as the voice pack's.
    """

    roots: Sequence[Path] = ()
    named: Mapping[str, Path] = field(default_factory=dict)

    def stages(self) -> dict[str, Path]:
        """All trained stages by name."""
        found = {name: path for name, path in self.named.items() if is_lm_folder(path)}
        for root in self.roots:
            for path in sorted(root.glob(f"*/{CONFIG_FILE}")):
                if not path.parent.name.startswith("."):  # being written
                    found.setdefault(path.parent.name, path.parent)
        return found

    def find(self, name: str) -> Path | None:
        """The trained stage for ``name``: a folder, a stage's name, or the newest one for a backbone of that name."""
        folder = Path(name).expanduser()
        if is_lm_folder(folder):
            return folder
        stages = self.stages()
        if name in stages:
            return stages[name]
        fitting = [path for path in stages.values() if _backbone_of(path) == name]
        return max(fitting, key=lambda path: (path / CONFIG_FILE).stat().st_mtime, default=None)


def _backbone_of(folder: Path) -> str:
    try:
        return LMConfig.read(folder).backbone
    except LMUnavailable:
        return ""


def check_packages(config: LMConfig) -> None:
    """Raise LMUnavailable where a Python package that a stage's backbone needs is not installed."""
    if config.backbone.startswith("package:"):
        lm_backbone.package_folder(config.backbone.removeprefix("package:"))
    if config.gguf_file:
        lm_backbone.check_gguf_reader()


def usable_stages(places: LMPlaces) -> list[str]:
    """Names for a model list: trained stages whose backbone is on this machine or can be asked for on the hub."""
    names = []
    for name, path in places.stages().items():
        try:
            check_packages(LMConfig.read(path))
        except LMUnavailable as error:
            logger.info("%s is not offered: %s", name, error)
            continue
        names.append(name)
    return names


def load_language_model(
    name: str,
    places: LMPlaces,
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
    codebook: str = "",
    symbols: str = "",
    packed: bool = False,
) -> Qwen3T2SModel:
    """Load the stage that ``name`` stands for, with a trained adapter.

    Args:
        name: see the top of this file.
        places: where trained stages may lie.
        device, dtype, packed: of the backbone, see ``Qwen3T2SModel.from_pretrained``.
        codebook, symbols: of the voice that will speak; compared with what the adapter was trained for.

    Raises:
        LMUnavailable: with the reason why not.
    """
    if not plain_backbone.preferred():  # an older one may not even be asked
        lm_backbone.import_transformers()
    folder = places.find(name)
    if folder is None:
        where = lm_backbone.on_disk(name)
        # nothing is downloaded for a backbone that could not speak anyway
        if where is None and CONFIG_FILE in lm_backbone.ask_hub(name):
            where = lm_backbone.download(name)
        if where is None or not is_lm_folder(where):
            known = ", ".join(places.stages()) or "none"
            raise LMUnavailable(
                "no_adapter",
                f"there is no trained adapter for {name} (trained ones: {known}); train "
                "one with s1_train.py or choose one of these",
            )
        folder = where
    return Qwen3T2SModel.from_pretrained(folder, None, device, dtype, codebook, symbols, packed)
