"""The language models that the page offers, and what it says of each: trained adapter, memory needed, does it fit.

Facts of published models are a table; everything else is read from folders. Loads no weights.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from pages.weights import Choice

logger = logging.getLogger(__name__)

Say = Callable[..., str]

PACK_MODEL = "gsv-tiny"
PARAMETERS = {
    "Qwen/Qwen2-0.5B": 494_032_768,
    "Qwen/Qwen2-1.5B": 1_543_714_304,
    "Qwen/Qwen2-7B": 7_070_619_136,
    "Qwen/Qwen3-0.6B": 596_049_920,
    "Qwen/Qwen3-1.7B": 1_720_574_976,
    "Qwen/Qwen3-4B": 4_022_468_096,
    "Qwen/Qwen3-8B": 7_568_405_504,
}
"""Parameters of the decoder stack, without the output head over words, computed from the published shapes."""
GIB = 1024**3


@dataclass(frozen=True)
class LMEntry:
    """A line of the list.

    Attributes:
        name: what ``qwen3_model_name`` becomes.
        trained: an adapter for it is on this machine.
        needed: bytes in memory, None where that is not known before loading.
        fits: there is so much free; None where one of the two is not known.
    """

    name: str
    trained: bool
    needed: int | None
    fits: bool | None

    def label(self, say: Say) -> str:
        """The line as the visitor reads it."""
        parts = [say("lm.adapter" if self.trained else "lm.cannot_speak")]
        parts.append(say("lm.memory_unknown") if self.needed is None else say("lm.memory", size=size(self.needed)))
        if self.trained and self.fits is not None:  # that one that cannot speak fits would mislead
            parts.append(say("lm.fits" if self.fits else "lm.too_big"))
        return f"{self.name} · {' · '.join(parts)}"


def size(count: int) -> str:
    """Bytes for people: "17 MB", "15.1 GiB"."""
    return f"{count / GIB:.1f} GiB" if count >= GIB / 10 else f"{count / 1e6:.0f} MB"


def entries(device: str, precision: str = "auto") -> list[LMEntry]:
    """The pack's model, every trained folder, and the published backbones, in this order. Imports torch.

    Args:
        device: where the model would go, as in the settings.
        precision: in which weights, as ``qwen3_precision``.
    """
    import torch

    from AR.models import lm_half
    from AR.models.lm_backbone import HEADROOM, free_memory
    from TTS_infer_pack.language_model import weight_precision

    where, place = _places(), torch.device(device)
    stages, free = where.stages(), free_memory(place)
    dtype, packed = weight_precision(place, precision)

    def entry(name: str, folder: Path | None) -> LMEntry:
        count = _parameters(name, folder)
        width = torch.float16.itemsize if packed and lm_half.worthwhile(count) else dtype.itemsize
        needed = None if count is None else int(count * width * HEADROOM)
        return LMEntry(name, folder is not None, needed, None if needed is None or free is None else needed <= free)

    first = [PACK_MODEL, *sorted(name for name, path in stages.items() if name != PACK_MODEL and _installed(path))]
    found = [entry(name, stages.get(name)) for name in first]
    return found + [entry(name, where.find(name)) for name in PARAMETERS if name not in stages]


def can_speak(name: str) -> bool:
    """Whether an adapter for this model is on this machine."""
    return _places().find(name) is not None


def choices(device: str, precision: str, chosen: str, say: Say) -> list[Choice]:
    """The list for the dropdown; the chosen model is in it even if somebody typed it."""
    found = [(entry.label(say), entry.name) for entry in entries(device, precision)]
    return found if any(name == chosen for _, name in found) else [*found, (chosen, chosen)]


def _places() -> Any:
    from TTS_infer_pack.language_model import places  # late: it imports torch

    return places()


@lru_cache(maxsize=256)
def _tell_once(line: str) -> None:
    """Log a line the first time; the list is made anew at each opening of the page."""
    logger.info("%s", line)


def _installed(folder: Path) -> bool:
    """False where a package that carries the backbone is missing; what else is wrong is told when it is chosen."""
    from AR.errors import LMUnavailable
    from AR.lm_loader import check_packages
    from AR.models.lm_folder import LMConfig

    try:
        config = LMConfig.read(folder)
    except LMUnavailable:
        return True
    try:
        check_packages(config)
    except LMUnavailable as error:
        _tell_once(f"{folder.name} is not in the list: {error}")
        return False
    return True


def _parameters(name: str, folder: Path | None) -> int | None:
    """How many parameters the backbone has; None where that is not known without loading it."""
    if folder is None:
        return PARAMETERS.get(name)
    from AR.errors import LMUnavailable
    from AR.models.lm_folder import BACKBONE_FOLDER, LMConfig, parameters_of

    try:
        config = LMConfig.read(folder)
        if config.backbone in PARAMETERS:
            return PARAMETERS[config.backbone]
        backbone = folder / BACKBONE_FOLDER if config.backbone == BACKBONE_FOLDER else _backbone_folder(config)
        return parameters_of(config.fingerprint) if config.gguf_file else _count(backbone)
    except (LMUnavailable, OSError) as error:
        logger.info("memory of %s is not known: %s", name, error)
        return None


def _backbone_folder(config: Any) -> Path | None:
    from AR.models.lm_backbone import on_disk, package_folder

    package = config.backbone.removeprefix("package:")
    return package_folder(package) if package != config.backbone else on_disk(config.backbone)


def _count(folder: Path | None) -> int | None:
    """Parameters in a backbone's folder, from the shapes in its files' headers."""
    if folder is None:
        return None
    files = sorted(folder.glob("*.safetensors"))
    return sum(_tensor_elements(path) for path in files) if files else None


def _tensor_elements(path: Path) -> int:
    import math

    from safetensors import safe_open

    with safe_open(path, framework="np") as content:
        return sum(math.prod(content.get_slice(name).get_shape()) for name in content.keys())
