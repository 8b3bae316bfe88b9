"""The page's voice: weights that only fit together are loaded together, whichever list is changed first."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from errors import CheckpointError, MismatchError
from pages.voice import Voice


class Versions:
    """A speaker whose two files must have the same first two letters."""

    def __init__(self, folder: Path) -> None:
        self.configs = SimpleNamespace(
            t2s_weights_path=str(folder / "v2.ckpt"), vits_weights_path=str(folder / "v2.pth")
        )
        self.last_fallback: Any = None

    def load_voice(self, t2s_weights_path: str, vits_weights_path: str) -> None:
        if "bad" in t2s_weights_path + vits_weights_path:
            raise CheckpointError("a bad file")
        if Path(t2s_weights_path).stem[:2] != Path(vits_weights_path).stem[:2]:
            raise MismatchError("files of two versions")
        self.configs.t2s_weights_path, self.configs.vits_weights_path = t2s_weights_path, vits_weights_path

    def init_t2s_weights(self, weights_path: str) -> None:
        self.load_voice(weights_path, self.configs.vits_weights_path)

    def init_vits_weights(self, weights_path: str) -> None:
        self.load_voice(self.configs.t2s_weights_path, weights_path)


@pytest.fixture
def voice(tmp_path: Path) -> Voice:
    for name in ("v1", "v2", "v2other", "v1bad"):
        for suffix in (".ckpt", ".pth"):
            (tmp_path / f"{name}{suffix}").touch()
    return Voice(lambda tell: Versions(tmp_path))  # type: ignore[arg-type,return-value]


@pytest.mark.parametrize("order", [("gpt", "sovits"), ("sovits", "gpt")])
def test_another_version_is_reached_by_two_choices(voice: Voice, tmp_path: Path, order: tuple[Any, Any]) -> None:
    paths = {"gpt": str(tmp_path / "v1.ckpt"), "sovits": str(tmp_path / "v1.pth")}
    with pytest.raises(MismatchError):
        voice.take_weights(order[0], paths[order[0]])
    settings = voice.load().configs
    assert settings.t2s_weights_path.endswith("v2.ckpt"), "until then the voice stays as it is"
    voice.take_weights(order[1], paths[order[1]])
    assert [settings.t2s_weights_path, settings.vits_weights_path] == [paths["gpt"], paths["sovits"]]


def test_a_choice_that_fits_is_loaded_alone_and_forgets_the_other(voice: Voice, tmp_path: Path) -> None:
    with pytest.raises(MismatchError):
        voice.take_weights("gpt", str(tmp_path / "v1.ckpt"))
    voice.take_weights("sovits", str(tmp_path / "v2other.pth"))
    assert voice.load().configs.vits_weights_path.endswith("v2other.pth")
    with pytest.raises(MismatchError):
        voice.take_weights("sovits", str(tmp_path / "v1.pth"))
    with pytest.raises(CheckpointError, match="bad"):
        voice.take_weights("gpt", str(tmp_path / "v1bad.ckpt"))
    voice.take_weights("gpt", str(tmp_path / "v1.ckpt"))
    assert voice.load().configs.vits_weights_path.endswith("v1.pth")
