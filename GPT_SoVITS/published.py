"""What GPT-SoVITS publishes, where it lies on disk, where it is fetched from, and the command that fetches it.

The one table of these places. Paths are relative to ``GPT_SoVITS/`` and are those that users of GPT-SoVITS know; a
folder ends in a slash. Standard library only; knows nothing about what is in the files.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from config import REPO_ROOT
from errors import ConfigError

LIBRARY = REPO_ROOT / "GPT_SoVITS"
"""What the paths below start from."""

HUBERT = "pretrained_models/chinese-hubert-base/"
ROBERTA = "pretrained_models/chinese-roberta-wwm-ext-large/"
SPEAKER = "pretrained_models/sv/pretrained_eres2netv2w24s4ep4.ckpt"
BIGVGAN = "pretrained_models/models--nvidia--bigvgan_v2_24khz_100band_256x/"
HIFIGAN = "pretrained_models/gsv-v4-pretrained/vocoder.pth"
G2PW = "text/G2PWModel/"
_S1V3 = "pretrained_models/s1v3.ckpt"
_V2_FOLDER = "pretrained_models/gsv-v2final-pretrained"

S1 = {
    "v1": "pretrained_models/s1bert25hz-2kh-longer-epoch=68e-step=50232.ckpt",
    "v2": f"{_V2_FOLDER}/s1bert25hz-5kh-longer-epoch=12-step=369668.ckpt",
    "v2Pro": _S1V3,
    "v2ProPlus": _S1V3,
    "v3": _S1V3,
    "v4": _S1V3,
}
"""The GPT (AR) model of each version."""
S2G = {
    "v1": "pretrained_models/s2G488k.pth",
    "v2": f"{_V2_FOLDER}/s2G2333k.pth",
    "v2Pro": "pretrained_models/v2Pro/s2Gv2Pro.pth",
    "v2ProPlus": "pretrained_models/v2Pro/s2Gv2ProPlus.pth",
    "v3": "pretrained_models/s2Gv3.pth",
    "v4": "pretrained_models/gsv-v4-pretrained/s2Gv4.pth",
}
"""The SoVITS generator of each version."""
S2D = {
    "v1": "pretrained_models/s2D488k.pth",
    "v2": f"{_V2_FOLDER}/s2D2333k.pth",
    "v2Pro": "pretrained_models/v2Pro/s2Dv2Pro.pth",
    "v2ProPlus": "pretrained_models/v2Pro/s2Dv2ProPlus.pth",
}
"""The discriminator that fine-tuning starts from, where one is published."""


@dataclass(frozen=True)
class Item:
    """Something to fetch by name.

    Attributes:
        name: what ``tools/download.py`` calls it.
        what: in a few words, for lists and messages.
        paths: its files and folders.
        needs: items that are fetched with it.
    """

    name: str
    what: str
    paths: tuple[str, ...]
    needs: tuple[str, ...] = ()

    @property
    def present(self) -> bool:
        """True where each of its paths is on disk; says nothing about what is in the files."""
        return all(place(path).exists() for path in self.paths)


def _version(name: str, *needs: str) -> Item:
    shared = ("s1v3",) if S1[name] == _S1V3 else ()
    own = (S2G[name],) if shared else (S1[name], S2G[name])
    return Item(name, f"everything that {name} speaks with", own, ("hubert", "roberta", *shared, *needs))


def _discriminator(version: str) -> Item:
    return Item(f"{version}-train", f"what fine-tuning of {version} starts from", (S2D[version],), (version,))


ITEMS: dict[str, Item] = {
    item.name: item
    for item in (
        Item("hubert", "SSL encoder of all versions", (HUBERT,)),
        Item("roberta", "BERT that gives Chinese its features", (ROBERTA,)),
        Item("sv", "speaker network of v2Pro and v2ProPlus", (SPEAKER,)),
        Item("bigvgan", "vocoder of v3", (BIGVGAN,)),
        Item("hifigan48k", "vocoder of v4", (HIFIGAN,)),
        Item("g2pw", "readings of Chinese polyphones", (G2PW,)),
        Item("s1v3", "GPT model of v2Pro, v2ProPlus, v3 and v4", (_S1V3,)),
        _version("v1"),
        _version("v2"),
        _version("v2Pro", "sv"),
        _version("v2ProPlus", "sv"),
        _version("v3", "bigvgan"),
        _version("v4", "hifigan48k"),
        *(_discriminator(version) for version in S2D),
    )
}
ALL = "all"


@dataclass(frozen=True)
class Source:
    """Where a hub keeps the part of the tree below ``root``.

    Attributes:
        root: folder, relative to ``GPT_SoVITS/``, that the top of the repository or archive stands for.
        repo: repository, "owner/name".
        archive: a zip file in it that holds the files; empty where they lie in the repository as they are.
    """

    root: str
    repo: str
    archive: str = ""


_COLLECTION = "XXXXRT/GPT-SoVITS-Pretrained"
_G2PW_SOURCE = Source("text/", _COLLECTION, "G2PWModel.zip")
SOURCES: dict[str, tuple[Source, ...]] = {
    "hf": (Source("pretrained_models/", "lj1995/GPT-SoVITS"), _G2PW_SOURCE),
    "modelscope": (Source("", _COLLECTION, "pretrained_models.zip"), _G2PW_SOURCE),
}
"""By hub; where several roots fit a path, the longest one counts."""


def source_of(path: str, hub: str) -> Source:
    """Where ``hub`` keeps the published ``path``."""
    fitting = [source for source in SOURCES[hub] if path.startswith(source.root)]
    return max(fitting, key=lambda source: len(source.root))


def place(path: str) -> Path:
    """Absolute path of a published ``path``."""
    return LIBRARY / path


def expand(names: Iterable[str]) -> list[Item]:
    """The items called ``names``, with those that they need before them, each once. "all" is every item.

    Raises:
        ConfigError: an unknown name; the message lists the known ones.
    """
    found: dict[str, Item] = {}

    def add(name: str) -> None:
        if name not in ITEMS:
            raise ConfigError(
                f"nothing published is called {name!r}",
                ", ".join((*ITEMS, ALL)) + ", or owner/name of a language model on the hub",
            )
        for needed in ITEMS[name].needs:
            add(needed)
        found[name] = ITEMS[name]

    for name in names:
        for each in ITEMS if name == ALL else (name,):
            add(each)
    return list(found.values())


# ---- what a missing file's message says -----------------------------------------------------------------------------


def fetch_command(name: str) -> str:
    """The command that fetches an item, or a language model by its hub name."""
    return f"python tools/download.py {name}"


def training_command(version: str) -> str:
    """The command that fetches all that training of ``version`` starts from, discriminators included."""
    return fetch_command(f"{version}-train" if version in S2D else version)


def fix_for(path: str | os.PathLike[str], otherwise: str) -> str:
    """What to do about a missing path: the command that fetches it where one does, else ``otherwise``."""
    asked = Path(path).absolute()
    for item in ITEMS.values():
        if any(asked == place(own) or (own.endswith("/") and place(own) in asked.parents) for own in item.paths):
            return fetch_command(item.name)
    return otherwise
