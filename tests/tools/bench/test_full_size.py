"""tools/bench/full_size.py: the sizes are the published ones, and every version is written, loaded and spoken."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from feature_extractor.cnhubert import CNHubert
from module.models import build_synthesizer
from tools.bench.full_size import FULL, TINY, VERSIONS, _write_hubert, main, s1_config, s2_config


@pytest.mark.golden
@pytest.mark.parametrize("version", VERSIONS)
def test_the_sovits_sizes_are_the_published_ones(golden: Callable[[str], Any], version: str) -> None:
    fixture = golden("vits_v5" if version.startswith("v5") else f"vits_{version}")
    want = {name: list(shape) for name, shape, *_ in fixture.meta["state_dict"]}
    config = s2_config(version, FULL)
    with torch.device("meta"):
        network = build_synthesizer(config["data"]["filter_length"] // 2 + 1, 32, **config["model"])
    assert {name: list(value.shape) for name, value in network.state_dict().items()} == want


@pytest.mark.golden
@pytest.mark.parametrize("version", ["v1", "v2"])
def test_the_gpt_sizes_are_the_published_ones(golden: Callable[[str], Any], version: str) -> None:
    assert s1_config(version, FULL)["model"] == golden(f"t2s_{version}").meta["config"]["model"]


def test_an_unknown_version_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["v9"])
    assert "v9" in capsys.readouterr().err


@pytest.mark.slow
def test_every_version_speaks_from_the_public_layout(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("rjieba")
    assert main(["--tiny", "--folder", str(tmp_path / "sizes"), "--steps", "2", "1"]) == 0
    lines = capsys.readouterr().out.splitlines()
    made = json.loads(lines[-1])["rows"]
    assert [row["steps"] for row in made if row["version"] == "v5dev"] == [2, 1]
    rows = {row["version"]: row for row in made}
    assert set(rows) == set(VERSIONS) and lines[0].startswith("| version |")
    assert {row["version"]: row["rate"] for row in rows.values()} == {
        "v1": 32000,
        "v2": 32000,
        "v2Pro": 32000,
        "v2ProPlus": 32000,
        "v3": 24000,
        "v4": 48000,
        "v5dev": 48000,
        "v5turbo": 48000,
    }
    seconds = [row["audio_s"] for row in rows.values()]
    assert max(seconds) - min(seconds) < 0.1 and min(seconds) > 2
    assert all(row["peak_gb"] >= row["loaded_gb"] for row in rows.values())


def test_the_hubert_folder_is_that_of_a_published_one(tmp_path: Path) -> None:
    _write_hubert(tmp_path, TINY)
    names = {"config.json", "preprocessor_config.json", "pytorch_model.bin"}
    assert {path.name for path in tmp_path.iterdir()} == names
    assert json.loads((tmp_path / "preprocessor_config.json").read_text())["sampling_rate"] == 16000
    assert CNHubert(tmp_path)(torch.zeros(1, 800)).shape == (1, 768, 2)
