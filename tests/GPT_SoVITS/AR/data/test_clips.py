"""Reading prepared folders: what is left out and why, speakers, alignments, held-out clips."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest

from AR.data.clips import Clip, DataPaths, Filters, assign_speakers, read_clips, split_held_out
from AR.errors import T2SError


def to_ids(phones: list[str]) -> list[int]:
    return [ord(phone) for phone in phones]


def write(folder: Path, text: list[str], semantic: list[str]) -> DataPaths:
    (folder / "2-name2text.txt").write_text("\n".join(text), encoding="utf-8")
    (folder / "6-name2semantic.tsv").write_text("\n".join(["item_name\tsemantic_audio", *semantic]), encoding="utf-8")
    return DataPaths.of_experiment(folder)


def phones(count: int) -> str:
    return " ".join("abcdefgh"[i % 8] for i in range(count))


def tokens(count: int) -> str:
    return " ".join(str(i % 900) for i in range(count))


def test_reasons_are_counted_and_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    text = [
        f"good\t{phones(10)}\tNone\tx",
        f"good\t{phones(10)}\tNone\tx",
        f"no_tokens\t{phones(10)}\tNone\tx",
        f"three fields\t{phones(10)}\tNone",
        "no phones\t\tNone\tx",
        f"slow\t{phones(2)}\tNone\tx",
        f"fast\t{phones(40)}\tNone\tx",
        f"wrong\t{phones(10)}\tNone\tx",
        f"long\t{phones(300)}\tNone\tx",
    ]
    semantic = [f"{n}\t{tokens(25)}" for n in ("good", "no phones", "slow", "fast", "three fields")]
    semantic += ["wrong\t1 2 1024 4", f"long\t{tokens(800)}"]
    with caplog.at_level(logging.INFO):
        clips = read_clips(write(tmp_path, text, semantic), to_ids, Filters(max_sec=30))
    assert [clip.name for clip in clips] == ["good"]
    assert clips[0].phones.tolist() == to_ids(phones(10).split()) and len(clips[0].tokens) == 25
    for part in ("1 given twice", "1 no semantic tokens", "1 line without four", "1 no phones", "1 below 3 phones"):
        assert part in caplog.text
    for part in ("1 above 25 phones", "1 longer than 30 s", "1 semantic ids that are no codes"):
        assert part in caplog.text


def test_nothing_left_is_an_error_that_says_why(tmp_path: Path) -> None:
    paths = write(tmp_path, [f"a\t{phones(10)}\tNone\tx", "b"], [])
    with pytest.raises(T2SError, match="no usable clip.*1 no semantic tokens, 1 line without four fields"):
        read_clips(paths, to_ids, Filters())
    with pytest.raises(T2SError, match="no usable clip.*left out nothing"):
        read_clips(write(tmp_path, [], []), to_ids, Filters())
    (tmp_path / "2-name2text.txt").unlink()
    with pytest.raises(T2SError, match="2-name2text.txt cannot be read"):
        read_clips(paths, to_ids, Filters())
    (tmp_path / "2-name2text.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(T2SError, match="not UTF-8"):
        read_clips(paths, to_ids, Filters())


def test_speakers_and_alignments(tmp_path: Path) -> None:
    names = ["x_1", "x_2", "y_1", "y_2"]
    paths = write(tmp_path, [f"{n}\t{phones(10)}\tNone\tx" for n in names], [f"{n}\t{tokens(20)}" for n in names])
    assert [c.speaker for c in assign_speakers(read_clips(paths, to_ids, Filters()), "prefix")] == ["x", "x", "y", "y"]
    good = " ".join(str(i // 2) for i in range(19))
    paths.alignment.write_text(f"x_1\t{good}\nx_2\t{good} 99\ny_1\t1 2 3\n", encoding="utf-8")
    paths.speakers.write_text("x_1\tanna\ny_1\tben\n", encoding="utf-8")
    clips = assign_speakers(read_clips(paths, to_ids, Filters()), "single")
    assert [c.speaker for c in clips] == ["anna", None, "ben", None]
    assert clips[0].alignment is not None and clips[0].alignment.tolist() == [i // 2 for i in range(19)] + [9]
    assert [c.alignment is None for c in clips] == [False, True, True, True]


def test_held_out_clips_depend_on_names_only() -> None:
    clips = [Clip(f"n{i}", np.zeros(3, np.int64), np.zeros(3, np.int64)) for i in range(50)]
    train, held = split_held_out(clips, 0.1, 100)
    again = split_held_out(clips[::-1], 0.1, 100)[1]
    assert len(held) == 5 and len(train) == 45
    assert {c.name for c in held} == {c.name for c in again}
    assert len(split_held_out(clips, 0.5, 7)[1]) == 7
    assert len(split_held_out(clips, 0.001, 7)[1]) == 1
    assert split_held_out(clips, 0.0, 7)[1] == []
