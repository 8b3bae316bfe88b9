"""What GPT-SoVITS publishes, where it lies on disk, where it is fetched from, and the command that fetches it.

The one table of these places; the files of a model version stand in its row (module/versions.py). Paths are relative to
``GPT_SoVITS/`` and are those that users of GPT-SoVITS know; a folder ends in a slash. Standard library only; knows
nothing about what is in the files.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from config import REPO_ROOT
from errors import ConfigError
from module.versions import VERSIONS, VersionSpec

LIBRARY = REPO_ROOT / "GPT_SoVITS"
"""What the paths below start from."""

HUBERT = "pretrained_models/chinese-hubert-base/"
ROBERTA = "pretrained_models/chinese-roberta-wwm-ext-large/"
SPEAKER = "pretrained_models/sv/pretrained_eres2netv2w24s4ep4.ckpt"
BIGVGAN = "pretrained_models/models--nvidia--bigvgan_v2_24khz_100band_256x/"
HIFIGAN = "pretrained_models/gsv-v4-pretrained/vocoder.pth"
G2PW = "text/G2PWModel/"

S1 = {name: spec.published.s1 for name, spec in VERSIONS.items()}
"""The GPT (AR) model of each version."""
S2G = {name: spec.published.s2g for name, spec in VERSIONS.items()}
"""The SoVITS generator of each version."""
S2D = {name: spec.published.s2d for name, spec in VERSIONS.items() if spec.published.s2d}
"""The discriminator that fine-tuning starts from, where one is published."""
_SHARED_S1 = {path for path in S1.values() if list(S1.values()).count(path) > 1}
"""GPT models that several versions speak with: each is an item of its own, called after its file."""


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


def _version(spec: VersionSpec) -> Item:
    files = spec.published
    shared = (_stem(files.s1),) if files.s1 in _SHARED_S1 else ()
    own = (files.s2g,) if shared else (files.s1, files.s2g)
    what = f"everything that {spec.name} speaks with"
    return Item(spec.name, what, own, ("hubert", "roberta", *shared, *files.needs))


def _shared_gpt(path: str) -> Item:
    *most, last = [name for name, own in S1.items() if own == path]
    return Item(_stem(path), f"GPT model of {', '.join(most)} and {last}", (path,))


def _stem(path: str) -> str:
    return path.rpartition("/")[2].removesuffix(".ckpt")


def _users(need: str) -> str:
    return " and ".join(name for name, spec in VERSIONS.items() if need in spec.published.needs)


def _discriminator(version: str) -> Item:
    return Item(f"{version}-train", f"what fine-tuning of {version} starts from", (S2D[version],), (version,))


ITEMS: dict[str, Item] = {
    item.name: item
    for item in (
        Item("hubert", "SSL encoder of all versions", (HUBERT,)),
        Item("roberta", "BERT that gives Chinese its features", (ROBERTA,)),
        Item("sv", f"speaker network of {_users('sv')}", (SPEAKER,)),
        Item("bigvgan", f"vocoder of {_users('bigvgan')}", (BIGVGAN,)),
        Item("hifigan48k", f"vocoder of {_users('hifigan48k')}", (HIFIGAN,)),
        Item("g2pw", "readings of Chinese polyphones", (G2PW,)),
        *(_shared_gpt(path) for path in sorted(_SHARED_S1)),
        *(_version(spec) for spec in VERSIONS.values()),
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
