"""The list file: good lines, every kind of bad line, and names that collide."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from errors import DatasetError
from prepare_datasets.list_file import read_list, write_speakers

MakeList = Callable[..., Path]


def test_good_lines_keep_order_names_and_fields(make_list: MakeList) -> None:
    path = make_list(["b/one.wav|anna|EN|Hello there.", "a/two.ogg|ben|jp|こんにちは", "", "three.wav|ben|En|a|b"])
    clips, report = read_list(path)
    assert [clip.name for clip in clips] == ["one.wav", "two.ogg", "three.wav"]
    assert [(clip.speaker, clip.language) for clip in clips] == [("anna", "en"), ("ben", "ja"), ("ben", "en")]
    assert clips[2].text == "a|b"
    assert all(clip.path.is_file() for clip in clips)
    assert report.usable == 3 and not report.skipped


def test_each_bad_line_is_skipped_with_its_reason(make_list: MakeList) -> None:
    path = make_list(
        [
            "good.wav|anna|en|Hello.",
            "missing.mp3|anna|en|Hello.",
            "x.wav|anna|en|",
            "x.wav|anna|en| ?! ",
            "x.wav|anna|klingon|nuqneH",
            "x.wav|anna",
            "x.wav||en|Hello.",
            "good.wav|anna|en|Again.",
        ]
    )
    clips, report = read_list(path)
    assert [clip.text for clip in clips] == ["Hello."]
    assert {reason: len(lines) for reason, lines in report.skipped.items()} == {
        "file missing": 1,
        "empty text": 2,
        "unknown language": 1,
        "fields missing": 2,
        "listed twice": 1,
    }
    assert report.summary().startswith("list: 1 clips ready, 7 skipped: 2 x empty text")
    assert "line 2" in report.skipped["file missing"][0] and "missing.mp3" in report.skipped["file missing"][0]


def test_languages_that_no_frontend_reads_are_unknown(make_list: MakeList) -> None:
    clips, report = read_list(make_list(["a.wav|s|en|Hi.", "b.wav|s|ko|안녕"]), languages={"en"})
    assert len(clips) == 1 and list(report.skipped) == ["unknown language"]


def test_colliding_base_names_get_their_speaker_in_front(make_list: MakeList, caplog: pytest.LogCaptureFixture) -> None:
    path = make_list(["x/1.wav|anna b|en|One.", "y/1.wav|ben|en|Two.", "y/2.wav|ben|en|Three.", "z/1.wav|ben|en|Four."])
    with caplog.at_level("INFO"):
        clips, report = read_list(path)
    assert [clip.name for clip in clips] == ["anna_b_1.wav", "ben_y_1.wav", "2.wav", "ben_z_1.wav"]
    assert not report.skipped
    assert sum("<speaker>_<base name>" in message for message in caplog.messages) == 1


def test_clips_of_one_name_and_speaker_are_told_apart_by_their_folders(make_list: MakeList) -> None:
    path = make_list([f"{folder}/1.wav|s|en|One." for folder in ("a/x", "b/x", "c")])
    names = [clip.name for clip in read_list(path)[0]]
    assert names == ["s_a_x_1.wav", "s_b_x_1.wav", "s_c_1.wav"]


@pytest.mark.parametrize("inside", ["\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1c"])
def test_a_line_ends_where_a_newline_is_and_nowhere_else(make_list: MakeList, tmp_path: Path, inside: str) -> None:
    path = make_list(["a.wav|s|en|One.", "b.wav|s|en|Two."])
    path.write_bytes(f"a.wav|s|en|One{inside}more.\r\nb.wav|s|en|Two.\n".encode())
    clips, _ = read_list(path)
    assert [clip.text for clip in clips] == [f"One{inside}more.", "Two."]


def test_quotes_around_the_path_of_a_list_are_no_part_of_it(make_list: MakeList) -> None:
    path = make_list(["a.wav|s|en|One."])
    assert len(read_list(f'"{path}"')[0]) == len(read_list(f"'{path}' ", f'"{path.parent}"')[0]) == 1


def test_audio_folder_stands_for_the_paths_in_the_list(make_list: MakeList, tmp_path: Path) -> None:
    path = make_list(["deep/a.wav|s|en|Hi."])
    moved = path.rename(tmp_path / "elsewhere.list")
    with pytest.raises(DatasetError, match="file missing"):
        read_list(moved)
    for folder in ("corpus", "corpus/deep"):
        clips, _ = read_list(moved, tmp_path / folder)
        assert clips[0].path.is_file() and clips[0].name == "a.wav"
    moved.write_text("C:\\data\\deep\\a.wav|s|en|Hi.\n")
    assert read_list(moved, tmp_path / "corpus/deep")[0][0].name == "a.wav"


def test_lists_that_cannot_be_used(make_list: MakeList, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="cannot be read"):
        read_list(tmp_path / "none.list")
    with pytest.raises(DatasetError, match="does not exist"):
        read_list(make_list(["a.wav|s|en|Hi."]), tmp_path / "nowhere")
    (tmp_path / "empty.list").write_text("\n\n")
    with pytest.raises(DatasetError, match="holds no clip"):
        read_list(tmp_path / "empty.list")
    (tmp_path / "binary.list").write_bytes(b"\xff\xfe\x00a")
    with pytest.raises(DatasetError, match="UTF-8"):
        read_list(tmp_path / "binary.list")
    with pytest.raises(DatasetError, match="2 x file missing; the first: line 1"):
        read_list(make_list(["a.flac|s|en|Hi.", "b.flac|s|en|Ho."]))


def test_speakers_table(make_list: MakeList, tmp_path: Path) -> None:
    clips, _ = read_list(make_list(["a.wav|anna|en|Hi.", "b.wav|ben|en|Ho."]))
    write_speakers(tmp_path / "out" / "speakers.tsv", clips)
    assert (tmp_path / "out" / "speakers.tsv").read_text() == "a.wav\tanna\nb.wav\tben\n"
