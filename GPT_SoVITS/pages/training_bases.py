"""What a training starts from: the weights that are on this computer, and the language model presets.

Knows names, paths and sizes; loads nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from config import CONFIGS_ROOT, PACK_DIR
from module.versions import VERSIONS, VersionSpec, version_spec
from published import HUBERT, S1, S2D, S2G, SPEAKER, place
from TTS_infer_pack.pack import PACK_FILE, read_pack

FIRST = "v2"
"""The version that is offered before the others."""


@dataclass(frozen=True)
class Base:
    """Weights that belong together, and the recipes for going on from them.

    Attributes:
        name: on the page.
        version: model version.
        hubert, s1, s2: encoder folder, AR and SoVITS weights.
        s2_disc: discriminators, where they are published.
        s1_recipe, s2_recipe: configuration files whose training settings fit.
    """

    name: str
    version: str
    hubert: Path
    s1: Path
    s2: Path
    s2_disc: Path | None
    s1_recipe: Path
    s2_recipe: Path

    @property
    def spec(self) -> VersionSpec:
        """Row of the version table."""
        return version_spec(self.version)

    @property
    def lacks_discriminators(self) -> bool:
        """True for published weights without the discriminators that are published with them."""
        return self.s2_disc is None and self.name in S2D


def published_base(spec: VersionSpec) -> Base | None:
    """The published weights of a version, None where something that its training needs is not on disk."""
    hubert, s1, s2 = place(HUBERT), place(S1[spec.name]), place(S2G[spec.name])
    needed = (hubert, s1, s2, *((place(SPEAKER),) if spec.needs_speaker_embedding else ()))
    if not all(path.exists() for path in needed):
        return None
    disc = place(S2D[spec.name]) if spec.name in S2D else None
    return Base(
        spec.name,
        spec.name,
        hubert,
        s1,
        s2,
        disc if disc is not None and disc.is_file() else None,
        CONFIGS_ROOT / "s1.yaml",
        CONFIGS_ROOT / spec.recipe,
    )


def bases() -> list[Base]:
    """All that is on disk: published weights first, then the voice pack."""
    rows = sorted(VERSIONS.values(), key=lambda spec: spec.name != FIRST)
    found = [base for base in map(published_base, rows) if base is not None]
    if (PACK_DIR / PACK_FILE).is_file():
        pack = read_pack(PACK_DIR)
        found.append(
            Base(
                pack.name,
                pack.version,
                pack.hubert,
                pack.s1,
                pack.s2,
                None,
                CONFIGS_ROOT / "s1_gsv_tiny.yaml",
                CONFIGS_ROOT / "s2_gsv_tiny.json",
            )
        )
    return found


@dataclass(frozen=True)
class Preset:
    """A language model preset.

    Attributes:
        name: of its configuration file, without ending.
        backbone: which model is trained.
        gib_float32, gib_bfloat16: memory that training takes, on a CPU and on a GPU with bfloat16
            (``AR.training.lm_model.memory_estimate`` on the published shapes; a test compares).
    """

    name: str
    backbone: str
    gib_float32: float
    gib_bfloat16: float

    @property
    def path(self) -> Path:
        """The configuration."""
        return CONFIGS_ROOT / f"{self.name}.yaml"

    def gib(self, device: str) -> float:
        """Memory for training on ``device``."""
        return self.gib_bfloat16 if device.startswith("cuda") else self.gib_float32


PRESETS = {
    preset.name: preset
    for preset in (
        Preset("qwen3_further", "gsv-tiny", 0.2, 0.1),
        Preset("qwen3_gsv_tiny", "Qwen3 2.7M", 0.2, 0.1),
        Preset("qwen3_lora_smollm2", "SmolLM2-135M", 1.0, 0.6),
        Preset("qwen3_lora_0.6b", "Qwen/Qwen3-0.6B", 21.2, 10.7),
        Preset("qwen3_lora_1.7b", "Qwen/Qwen3-1.7B", 44.4, 22.4),
        Preset("qwen3_lora_8b", "Qwen/Qwen3-8B", 34.2, 17.9),
    )
}


def devices() -> list[str]:
    """Devices to train on: every GPU, then the CPU. Imports torch."""
    import torch

    return [*(f"cuda:{number}" for number in range(torch.cuda.device_count())), "cpu"]


def free_gib(device: str) -> float | None:
    """Free memory of ``device``, None where that cannot be known. Imports torch."""
    import torch

    from AR.models.lm_backbone import GIB, free_memory

    free = free_memory(torch.device(device))
    return None if free is None else free / GIB
