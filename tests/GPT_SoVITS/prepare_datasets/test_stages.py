"""The three stages on synthetic clips: public file formats, resuming, parts, bad clips, and the command line."""

from __future__ import annotations

import runpy
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

import prepare_datasets
from errors import CheckpointError, ConfigError, DatasetError, TextError
from prepare_datasets import hubert_stage, semantic_stage, text_stage
from prepare_datasets.job import Job
from prepare_datasets.list_file import read_list

MakeList = Callable[..., Path]
SCRIPTS = Path(prepare_datasets.__file__).parent
LINES = ["a.wav|anna|en|Hello there.", "b.ogg|ben|en|100% fine.", "c.wav|ben|en|See you."]


def fake_clean(text: str, language: str, version: str) -> tuple[list[str], list[int] | None, str]:
    """Letters as phones; counts for Chinese only; some texts fail."""
    if "fail" in text:
        raise TextError("cannot read that")
    phones = [letter for letter in text if letter.isalpha()]
    return phones, [1] * len(phones) if language == "zh" else None, text


def stops_at_third(work: Callable[[np.ndarray], torch.Tensor]) -> Callable[[np.ndarray], torch.Tensor]:
    """``work``, interrupted by Ctrl+C in its third call."""
    calls = 0

    def counted(samples: np.ndarray) -> torch.Tensor:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise KeyboardInterrupt
        return work(samples)

    return counted


def job_for(path: Path, folder: Path, part: int = 0, parts: int = 1) -> Job:
    return Job(read_list(path)[0], folder, part, parts)


def test_text_rows_have_the_public_form(make_list: MakeList, tmp_path: Path) -> None:
    path = make_list([*LINES, "d.wav|ben|zh|你好", "e.wav|ben|en|fail", "f.wav|ben|en|42"])
    report = text_stage.run(job_for(path, tmp_path), "v2", fake_clean)
    rows = (tmp_path / "2-name2text.txt").read_text(encoding="utf-8").split("\n")
    assert rows == [
        "a.wav\tH e l l o t h e r e\tNone\tHello there.",
        "b.ogg\tf i n e\tNone\t100% fine.",
        "c.wav\tS e e y o u\tNone\tSee you.",
        "d.wav\t你 好\t[1, 1]\t你好",
        "",
    ]
    assert {reason: len(clips) for reason, clips in report.skipped.items()} == {"text not readable": 1, "empty text": 1}
    assert len((tmp_path / "speakers.tsv").read_text().splitlines()) == 6


def test_text_that_changed_is_cleaned_again_and_only_that(make_list: MakeList, tmp_path: Path) -> None:
    path = make_list(LINES)
    job = job_for(path, tmp_path)
    text_stage.run(job, "v2", fake_clean)
    assert text_stage.run(job, "v2", fake_clean).reused == 3
    changed = replace(job, clips=[*job.clips[:2], replace(job.clips[2], text="Bye")])
    report = text_stage.run(changed, "v2", fake_clean)
    assert (report.done, report.reused) == (1, 2)
    assert "B y e" in (tmp_path / "2-name2text.txt").read_text()


def test_parts_merge_to_the_same_file(make_list: MakeList, tmp_path: Path) -> None:
    path = make_list(LINES)
    text_stage.run(job_for(path, tmp_path / "one"), "v2", fake_clean)
    text_stage.run(job_for(path, tmp_path / "many", 1, 2), "v2", fake_clean)
    assert not (tmp_path / "many" / "2-name2text.txt").exists()
    assert len((tmp_path / "many" / "2-name2text-1.txt").read_text().splitlines()) == 1
    text_stage.run(job_for(path, tmp_path / "many", 0, 2), "v2", fake_clean)
    whole = [(tmp_path / folder / "2-name2text.txt").read_text() for folder in ("one", "many")]
    assert whole[0] == whole[1]
    with pytest.raises(ConfigError, match="part 2 of 2"):
        job_for(path, tmp_path, 2, 2)


def test_audio_stage_writes_public_files(make_list: MakeList, tmp_path: Path, tiny_hubert: Path) -> None:
    path = make_list(LINES)
    (path.parent / "bad.wav").write_text("no audio")
    soundfile.write(path.parent / "silent.wav", np.zeros(24000), 24000)
    path.write_text(path.read_text() + "bad.wav|x|en|Hi.\nsilent.wav|x|en|Hi.\n")
    seen: list[tuple[int, int]] = []
    job = replace(job_for(path, tmp_path), progress=lambda done, total: seen.append((done, total)))
    report = hubert_stage.run(job, hubert_stage.load_encoder(tiny_hubert), "e1")
    assert report.done == 3 and set(report.skipped) == {"undecodable", "silent"}
    assert seen == [(done, 5) for done in range(1, 6)]
    info = soundfile.info(str(tmp_path / "5-wav32k" / "b.ogg"))
    assert (info.format, info.subtype, info.samplerate, info.channels) == ("WAV", "PCM_16", 32000, 1)
    features = torch.load(tmp_path / "4-cnhubert" / "a.wav.pt", weights_only=True)
    assert features.shape == (1, 12, 49) and features.dtype == torch.float32
    assert not (tmp_path / "4-cnhubert" / "bad.wav.pt").exists()


def test_audio_stage_goes_on_where_it_stopped(make_list: MakeList, tmp_path: Path, tiny_hubert: Path) -> None:
    path = make_list(LINES)
    encode = hubert_stage.load_encoder(tiny_hubert)
    with pytest.raises(KeyboardInterrupt):
        hubert_stage.run(job_for(path, tmp_path), stops_at_third(encode), "e1")
    report = hubert_stage.run(job_for(path, tmp_path), encode, "e1")
    assert (report.done, report.reused) == (1, 2)
    assert hubert_stage.run(job_for(path, tmp_path), encode, "another encoder").done == 3


def test_tokens_are_those_of_the_generator(
    make_list: MakeList, tmp_path: Path, tiny_hubert: Path, tiny_s2: Path
) -> None:
    path = make_list(LINES)
    job = job_for(path, tmp_path)
    hubert_stage.run(job, hubert_stage.load_encoder(tiny_hubert), "e1")
    (tmp_path / "4-cnhubert" / "b.ogg.pt").write_bytes(b"damaged")
    (tmp_path / "4-cnhubert" / "c.wav.pt").unlink()
    tokenizer = semantic_stage.load_tokenizer(tiny_s2)
    report = semantic_stage.run(job, tokenizer)
    lines = (tmp_path / "6-name2semantic.tsv").read_text().splitlines()
    assert lines[0] == "item_name\tsemantic_audio" and len(lines) == 2
    name, tokens = lines[1].split("\t")
    features = torch.load(tmp_path / "4-cnhubert" / "a.wav.pt", weights_only=True)
    assert name == "a.wav" and [int(token) for token in tokens.split()] == tokenizer.encode(features)
    assert len(tokens.split()) == 24
    assert set(report.skipped) == {"features damaged", "no features"}
    assert semantic_stage.run(job, tokenizer).reused == 1
    assert semantic_stage.run(job, replace(tokenizer, codebook="other")).done == 1


def test_tokens_of_another_encoder_are_refused(make_list: MakeList, tmp_path: Path, tiny_s2: Path) -> None:
    job = job_for(make_list(LINES[:1]), tmp_path)
    (tmp_path / "4-cnhubert").mkdir()
    torch.save(torch.zeros(1, 768, 49), tmp_path / "4-cnhubert" / "a.wav.pt")
    with pytest.raises(DatasetError, match="features of another encoder"):
        semantic_stage.run(job, semantic_stage.load_tokenizer(tiny_s2))


def test_a_wrong_checkpoint_is_refused(tmp_path: Path) -> None:
    torch.save({"weight": {"model.ar_text.x": torch.zeros(1)}, "config": {}}, tmp_path / "s1.ckpt")
    with pytest.raises(CheckpointError, match="SoVITS"):
        semantic_stage.load_tokenizer(tmp_path / "s1.ckpt")


def run_script(name: str, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr("sys.argv", [name, *arguments])
    with pytest.raises(SystemExit) as stopped:
        runpy.run_path(str(SCRIPTS / name), run_name="__main__")
    return int(stopped.value.code or 0)


def test_scripts_take_arguments_and_public_variables(
    make_list: MakeList, tmp_path: Path, tiny_hubert: Path, tiny_s2: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, out = make_list(LINES), tmp_path / "logs"
    variables = {
        "inp_text": str(tmp_path / "wrong.list"),
        "inp_wav_dir": "",
        "exp_name": "x",
        "opt_dir": str(out),
        "i_part": "0",
        "all_parts": "1",
        "cnhubert_base_dir": str(tiny_hubert),
        "is_half": "False",
        "pretrained_s2G": str(tiny_s2),
        "version": "v2",
        "bert_pretrained_dir": "none",
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    for script in ("1-get-text.py", "2-get-hubert-wav32k.py", "3-get-semantic.py"):
        assert run_script(script, monkeypatch, "--list", str(path), "--wav-dir", str(path.parent)) == 0
    assert len((out / "2-name2text.txt").read_text().splitlines()) == 3
    assert len((out / "6-name2semantic.tsv").read_text().splitlines()) == 4
    other = tmp_path / "all"
    assert run_script("all.py", monkeypatch, "--list", str(path), "--out", str(other)) == 0
    for name in ("2-name2text.txt", "6-name2semantic.tsv", "speakers.tsv"):
        assert (other / name).read_bytes() == (out / name).read_bytes()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--exp", "x"], "--list"),
        (["--list", "my.list"], "--exp"),
        (["--list", "my.list", "--exp", "../x"], "--exp"),
        (["--list", "none.list", "--exp", "x"], "cannot be read"),
        (["--list", "none.list", "--exp", "x", "--part", "one"], "whole number"),
    ],
)
def test_scripts_say_what_is_wrong_in_one_line(
    arguments: list[str], message: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("inp_text", "exp_name", "opt_dir"):
        monkeypatch.delenv(name, raising=False)
    assert run_script("1-get-text.py", monkeypatch, *arguments) == 2
    assert message in caplog.messages[-1] and caplog.messages[-1].startswith("error: ")
