"""A pack built from parts holds what speaks, and nothing is written when a part cannot be used."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from errors import GSVError
from feature_extractor.cnhubert import CNHubert
from process_ckpt import load_sovits_new
from tools.pack import build_pack

REPO = Path(__file__).resolve().parents[3]
PACK = REPO / "GPT_SoVITS" / "pretrained_models" / "gsv-tiny"


@pytest.fixture(autouse=True)
def _gradients() -> object:
    yield
    torch.set_grad_enabled(True)


def build(folder: Path, **parts: object) -> Path:
    references = folder / "references.list"
    references.write_text(
        f"{PACK}/reference/reference_2.wav|x|en|Second.\n{PACK}/reference/reference_1.wav|x|en|First.\n",
        encoding="utf-8",
    )
    given = {
        "hubert": PACK / "hubert",
        "s2": PACK / "s2G.pth",
        "s1": PACK / "s1.ckpt",
        "references": references,
    } | parts
    arguments = [text for name, value in given.items() for text in (f"--{name}", str(value))]
    build_pack.main([*arguments, "--sampling", '{"top_k": 4}', "--output", str(folder / "pack")])
    return folder / "pack"


def test_a_pack_holds_the_parts_and_names_its_reference(tmp_path: Path) -> None:
    pack = build(tmp_path)
    facts = json.loads((pack / "pack.json").read_text(encoding="utf-8"))
    assert facts["default_reference"] == {"path": "reference/reference_1.wav", "text": "Second.", "lang": "en"}
    assert facts["sampling"] == {"top_k": 4} and facts["reference_free"] is False
    assert all((pack / part).exists() for part in facts["files"].values())
    assert CNHubert(pack / "hubert").model.dtype == torch.float32
    before, after = (load_sovits_new(path / "s2G.pth")["weight"] for path in (PACK, pack))
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_a_pack_does_not_tell_of_the_machine_it_was_trained_on() -> None:
    config = {
        "train": {"pretrained_s2G": "/home/anna/voices/s2G.pth", "batch_size": 4},
        "data": {"exp_dir": "/home/anna/logs/voice", "hop_length": 320},
        "state_dir": "/home/anna/states",
        "name": "voice",
    }
    told = build_pack.without_folders(config)
    assert "anna" not in json.dumps(told) and told["data"] == {"exp_dir": "voice", "hop_length": 320}
    assert told["train"]["batch_size"] == 4 and config["state_dir"] == "/home/anna/states"
    assert "/" not in json.dumps(load_sovits_new(PACK / "s2G.pth")["config"])


def test_a_part_that_cannot_be_read_leaves_no_folder(tmp_path: Path) -> None:
    broken = tmp_path / "broken.ckpt"
    broken.write_bytes(b"no checkpoint")
    with pytest.raises(GSVError):
        build(tmp_path, s1=broken)
    assert not (tmp_path / "pack").exists()
