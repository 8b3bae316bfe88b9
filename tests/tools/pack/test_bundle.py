"""A bundle carries a work folder whole, refuses what is not one, and files come back together as they were."""

import io
import json
import tarfile
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from safetensors.torch import save_file

from errors import DatasetError
from feature_extractor.training.codebook import EMBED
from prepare_datasets.hubert_stage import wav_path
from side_tables import read_tokens
from tools.pack import bundle


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """Two clips with tokens, an encoder's folder and a codebook of 1024 x 4."""
    folder = tmp_path / "there"
    for name in ("lists", "targets", "sovits", "ssl/hubert", "corpus"):
        (folder / name).mkdir(parents=True)
    rng = np.random.default_rng(0)
    for number in range(2):
        soundfile.write(folder / f"corpus/c{number}.wav", rng.standard_normal(24_000) * 0.1, 24_000)
    lines = [f"{folder}/corpus/c{n}.wav|anna|en|Clip {n}, with a | in it" for n in range(2)]
    (folder / "lists/train.list").write_text("\n".join(lines) + "\n", encoding="utf-8")
    tokens = " ".join(str(t) for t in range(24))
    for exp in ("targets", "sovits"):
        table = f"item_name\tsemantic_audio\nc0.wav\t{tokens}\nc1.wav\t{tokens}\n"
        (folder / exp / "6-name2semantic.tsv").write_text(table, encoding="utf-8")
    for name in ("2-name2text.txt", "alignment.tsv", "speakers.tsv"):
        (folder / "targets" / name).write_text(f"{name}\n", encoding="utf-8")
    (folder / "ssl/hubert/config.json").write_text("{}", encoding="utf-8")
    save_file({EMBED: torch.arange(4096.0).view(1024, 4)}, folder / "ssl/quantizer.safetensors")
    return folder


def test_what_was_packed_is_ready_on_the_other_side(work: Path, tmp_path: Path) -> None:
    assert bundle.main(["make", "--work", str(work), "--output", str(tmp_path / "b.tar")]) == 0
    here = tmp_path / "here"
    assert bundle.main(["unpack", str(tmp_path / "b.tar"), "--work", str(here)]) == 0
    line = (here / "lists/train.list").read_text(encoding="utf-8").splitlines()[0]
    path, speaker, language, text = line.split("|", 3)
    assert (speaker, language, text) == ("anna", "en", "Clip 0, with a | in it")
    samples, rate = soundfile.read(here / "lists" / path)
    assert rate == 16_000 and abs(len(samples) - 16_000) <= 400
    assert wav_path(here / "sovits", "c1.wav").is_file()
    start = torch.load(here / "targets/s2_init.pth", weights_only=True)
    assert start["config"]["model"]["version"] == "v2" and start["weight"][EMBED].shape == (1024, 4)
    assert len(read_tokens(here / "sovits/6-name2semantic.tsv")["c0.wav"]) == 24
    state = json.loads((here / "state.json").read_text(encoding="utf-8"))
    assert [state[n]["over"] for n in ("lists", "targets", "encoder", "tokens")] == [True] * 4


def test_without_clips_the_corpus_gives_them(work: Path, tmp_path: Path) -> None:
    bundle.make(work, tmp_path / "b.tar", clips=False)
    assert "audio" not in " ".join(tarfile.open(tmp_path / "b.tar").getnames())
    with pytest.raises(DatasetError, match="2 clips are nowhere"):
        bundle.unpack(tmp_path / "b.tar", tmp_path / "here")
    (tmp_path / "corpus").mkdir()
    (work / "corpus").rename(tmp_path / "corpus" / "audio")
    bundle.unpack(tmp_path / "b.tar", tmp_path / "here", [tmp_path / "corpus"])
    line = (tmp_path / "here/lists/train.list").read_text(encoding="utf-8").splitlines()[1]
    assert Path(line.split("|")[0]) == (tmp_path / "corpus/audio/c1.wav").resolve()
    assert wav_path(tmp_path / "here/sovits", "c1.wav").is_file()


def test_an_unfinished_work_folder_is_named(work: Path, tmp_path: Path) -> None:
    (work / "targets/alignment.tsv").unlink()
    with pytest.raises(DatasetError, match=r"lacks targets/alignment\.tsv"):
        bundle.make(work, tmp_path / "b.tar")


def test_a_bundle_that_leads_outside_is_refused(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "evil.tar", "w") as archive:
        entry = tarfile.TarInfo("../evil.txt")
        archive.addfile(entry, io.BytesIO())
    assert bundle.main(["unpack", str(tmp_path / "evil.tar"), "--work", str(tmp_path / "here")]) == 2
    assert not (tmp_path / "evil.txt").exists()


def test_parts_are_small_and_join_to_the_same_bytes(tmp_path: Path) -> None:
    content = bytes(range(256)) * 100
    (tmp_path / "w.pth").write_bytes(content)
    parts = bundle.split(tmp_path / "w.pth", 0.01)
    assert [p.stat().st_size for p in parts] == [10_000, 10_000, 5_600]
    bundle.join(parts[0], tmp_path / "again.pth")
    assert (tmp_path / "again.pth").read_bytes() == content
    with pytest.raises(DatasetError, match="no first part"):
        bundle.join(parts[1], tmp_path / "x.pth")
