"""Which trained weights there are on disk, for the model lists: listed anew each time, loaded never."""

from __future__ import annotations

from pathlib import Path

from config import PACK_DIR
from pages.context import WeightRoots
from pages.voice import Speaker, short
from TTS_infer_pack.pack import PACK_FILE, read_pack

Choice = tuple[str, str]
"""Name on the page, absolute path."""


def gpt_choices(roots: WeightRoots, speaker: Speaker | None) -> list[Choice]:
    """AR checkpoints: trained ones (newest first), the pack's, and the loaded one."""
    loaded = speaker.configs.t2s_weights_path if speaker else None
    return _choices(roots.root, "GPT_weights*/*.ckpt", _pack_file("s1"), loaded)


def sovits_choices(roots: WeightRoots, speaker: Speaker | None) -> list[Choice]:
    """SoVITS checkpoints, as :func:`gpt_choices`."""
    loaded = speaker.configs.vits_weights_path if speaker else None
    return _choices(roots.root, "SoVITS_weights*/*.pth", _pack_file("s2"), loaded)


def _choices(root: Path, pattern: str, pack: Path | None, loaded: str | None) -> list[Choice]:
    trained = sorted(root.glob(pattern), key=_age)
    others = [path for path in (pack, Path(loaded) if loaded else None) if path is not None]
    paths = dict.fromkeys(path.resolve() for path in [*others, *trained] if path.is_file())
    return [(short(str(path)), str(path)) for path in paths]


def _age(path: Path) -> tuple[float, str]:
    """Sorts the newest first; a file that goes away meanwhile is sorted last."""
    try:
        return -path.stat().st_mtime, path.name
    except OSError:
        return 0.0, path.name


def _pack_file(kind: str) -> Path | None:
    if not (PACK_DIR / PACK_FILE).is_file():
        return None
    pack = read_pack(PACK_DIR)
    return pack.s1 if kind == "s1" else pack.s2
