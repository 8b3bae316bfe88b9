"""What both recipes of stage s1 share: where files are looked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from config import REPO_ROOT
from errors import ConfigError
from s1_parts import find_path


def test_a_path_is_looked_for_here_then_in_the_checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert find_path("configs/s1.yaml") == REPO_ROOT / "GPT_SoVITS" / "configs" / "s1.yaml"
    assert find_path("docs/training.md") == REPO_ROOT / "docs" / "training.md"
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "s1.yaml").touch()
    assert find_path("configs/s1.yaml") == Path("configs/s1.yaml")
    assert find_path(str(tmp_path)) == tmp_path
    with pytest.raises(ConfigError, match="no/such.yaml not found; expected a YAML file"):
        find_path("no/such.yaml", "a YAML file")
