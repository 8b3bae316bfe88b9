"""Which clips are taken, and what is said about the others."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from errors import DatasetError
from module.training.clips import repetitions, require_clips, scan_clips

RATE = 16000


def ids(phones: list[str]) -> list[int]:
    return [len(phone) for phone in phones]


def add_clip(folder: Path, name: str, seconds: float = 1.0, phones: str = "HH AH0 .") -> None:
    for part in ("4-cnhubert", "5-wav32k"):
        (folder / part).mkdir(exist_ok=True)
    soundfile.write(str(folder / "5-wav32k" / name), np.zeros(int(seconds * RATE)), RATE, format="WAV")
    torch.save(torch.zeros(1, 4, int(seconds * 50)), folder / "4-cnhubert" / f"{name}.pt")
    with (folder / "2-name2text.txt").open("a", encoding="utf-8") as file:
        file.write(f"{name}\t{phones}\tNone\ttext\n")


def test_usable_clips_keep_their_order_and_phones(tmp_path: Path) -> None:
    add_clip(tmp_path, "b.wav", phones="AH0 T")
    add_clip(tmp_path, "a.wav")
    result = scan_clips(tmp_path, ids, 0.64)
    assert [clip.name for clip in result.clips] == ["b.wav", "a.wav"]
    assert result.clips[0].phones == (3, 1)
    assert result.clips[0].seconds == pytest.approx(1.0)
    assert not result.skipped


def test_every_reason_is_counted(tmp_path: Path) -> None:
    for name, seconds in (("good.wav", 1.0), ("short.wav", 0.5), ("long.wav", 55.0), ("gone.wav", 1.0)):
        add_clip(tmp_path, name, seconds)
    add_clip(tmp_path, "mute.wav", phones="")
    add_clip(tmp_path, "good.wav")
    add_clip(tmp_path, "noise.wav")
    add_clip(tmp_path, "bare.wav")
    (tmp_path / "5-wav32k" / "noise.wav").write_bytes(b"this is not audio")
    (tmp_path / "5-wav32k" / "gone.wav").unlink()
    (tmp_path / "4-cnhubert" / "bare.wav.pt").unlink()
    with (tmp_path / "2-name2text.txt").open("a", encoding="utf-8") as file:
        file.write("three.wav\tAH0\tNone\n\n")
    result = scan_clips(tmp_path, ids, 0.64)
    assert [clip.name for clip in result.clips] == ["good.wav"]
    assert result.skipped == {
        "shorter than 0.64 s": 1,
        "longer than 54 s": 1,
        "missing audio in 5-wav32k": 1,
        "missing features in 4-cnhubert": 1,
        "unreadable audio": 1,
        "listed twice": 1,
        "not four fields, or no phones": 2,
    }


def test_nothing_left_is_an_error_that_says_why(tmp_path: Path) -> None:
    add_clip(tmp_path, "short.wav", 0.3)
    with pytest.raises(DatasetError, match=r"1 shorter than 0.60 s \(first: short.wav\)"):
        require_clips(scan_clips(tmp_path, ids, 0.2), tmp_path)


def test_empty_list(tmp_path: Path) -> None:
    (tmp_path / "2-name2text.txt").write_text("")
    with pytest.raises(DatasetError, match="2-name2text.txt is empty"):
        require_clips(scan_clips(tmp_path, ids, 0.2), tmp_path)


def test_missing_list_names_the_stage_to_run(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="1-get-text"):
        scan_clips(tmp_path, ids, 0.2)


@pytest.mark.parametrize(("count", "times"), [(0, 1), (1, 100), (30, 3), (60, 2), (99, 2), (100, 1), (500, 1)])
def test_small_lists_are_repeated(count: int, times: int) -> None:
    assert repetitions(count) == times
