"""Tokens of clips that are played lower and higher."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from config import REPO_ROOT
from errors import DatasetError
from side_tables import read_alignment, read_tokens
from tools.pack import vary_tokens

PACK = REPO_ROOT / "GPT_SoVITS" / "pretrained_models" / "gsv-tiny"
REFERENCE = PACK / "reference" / "reference_1.wav"


def names_in(folder: Path) -> list[str]:
    return [row.split("\t")[0] for row in (folder / "2-name2text.txt").read_text(encoding="utf-8").splitlines()]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A clip of anna with both kinds of tokens, and one of ben; the pack's encoder heard it."""
    exp = tmp_path / "exp"
    (exp / "5-wav32k").mkdir(parents=True)
    sound = vary_tokens.load_16k(REFERENCE)
    encoder, tokenizer = vary_tokens.CNHubert(PACK / "hubert").eval(), vary_tokens.load_tokenizer(PACK / "s2G.pth")
    heard = tokenizer.encode(encoder(torch.from_numpy(sound)[None]))
    tokens = " ".join(map(str, heard))
    names = ["anna1", "ben1", "target_anna1"]
    for name in names:
        soundfile.write(exp / "5-wav32k" / name, sound, vary_tokens.RATE, format="WAV")
    rows = {
        "2-name2text.txt": [f"{name}\tHH AH0\tNone\thuh" for name in names],
        "speakers.tsv": ["anna1\tanna", "ben1\tben"],
        "6-name2semantic.tsv": ["item_name\tsemantic_audio", *(f"{name}\t{tokens}" for name in names)],
        "alignment.tsv": [f"{name}\t{' '.join('0' for _ in heard)}" for name in names],
    }
    for name, lines in rows.items():
        (exp / name).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return exp


def vary(folder: Path, voice: str = "anna") -> None:
    pack = ["--hubert", str(PACK / "hubert"), "--s2", str(PACK / "s2G.pth")]
    vary_tokens.main(["--exp", str(folder), "--voice", voice, *pack])


def test_another_mouth_says_the_same_at_the_same_moments(folder: Path) -> None:
    vary(folder)
    assert names_in(folder) == ["anna1", "ben1", "target_anna1", "lower_anna1", "higher_anna1"]
    tokens = read_tokens(folder / "6-name2semantic.tsv")
    own = np.array(tokens["anna1"])
    for name in ("lower_anna1", "higher_anna1"):
        other = np.array(tokens[name])
        assert len(other) == len(own)
        same = [np.mean(own[5:-5] == np.roll(other, shift)[5:-5]) for shift in (-3, 0, 3)]
        assert 0.35 < same[1] < 0.95, "alike, not the same"
        assert same[1] > 1.5 * max(same[0], same[2]), "on the clip's own clock"
        assert (folder / "5-wav32k" / name).read_bytes() == (folder / "5-wav32k" / "anna1").read_bytes()
    assert len(read_alignment(folder / "alignment.tsv")["lower_anna1"]) == len(own)


def test_a_second_run_changes_nothing(folder: Path) -> None:
    vary(folder)
    before = {path.name: path.read_bytes() for path in folder.glob("*.t*")}
    vary(folder)
    assert {path.name: path.read_bytes() for path in folder.glob("*.t*")} == before


def test_tables_that_are_links_leave_the_whole_folder_as_it_is(folder: Path, tmp_path: Path) -> None:
    focused = tmp_path / "focused"
    focused.mkdir()
    for path in folder.iterdir():
        (focused / path.name).symlink_to(path)
    before = (folder / "6-name2semantic.tsv").read_bytes()
    vary(focused)
    assert "lower_anna1" in read_tokens(focused / "6-name2semantic.tsv")
    assert (folder / "6-name2semantic.tsv").read_bytes() == before


def test_an_unknown_voice_is_told_the_known_ones(folder: Path) -> None:
    with pytest.raises(DatasetError, match=r"no clip of 'carl'.*anna, ben"):
        vary(folder, "carl")


def test_a_clip_without_tokens_is_named(folder: Path) -> None:
    table = folder / "6-name2semantic.tsv"
    table.write_text("".join(table.read_text(encoding="utf-8").splitlines(keepends=True)[:1]), encoding="utf-8")
    with pytest.raises(DatasetError, match="1 clips have no tokens, the first is anna1"):
        vary(folder)
