"""Features of Chinese clips: made beside the text, read by the training, and the same ones in distillation."""

from __future__ import annotations

import logging
import runpy
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

import prepare_datasets
import s1_train
from AR.backend import SamplingParams, T2SRequest
from AR.decode import T2SResult
from prepare_datasets import bert_stage, distill_stage, text_stage
from prepare_datasets.distill_stage import Distillation, Distiller, NamedPrompt
from prepare_datasets.job import Job
from prepare_datasets.list_file import read_list
from tests.GPT_SoVITS.test_s1_train import write_config
from tests.GPT_SoVITS.TTS_infer_pack.test_text_bert_features import save_bert
from text.cleaner import clean_text
from TTS_infer_pack.TTS import TTS, TTS_Config

pytest.importorskip("rjieba")
LINES = ["a.wav|anna|zh|你好世界。", "b.wav|anna|en|Hello there.", "c.wav|anna|zh|天气好。"]
MakeList = Callable[..., Path]


@pytest.fixture(scope="module")
def bert_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_bert(tmp_path_factory.mktemp("bert"))


def jobs(path: Path, folder: Path, parts: int = 1) -> list[Job]:
    clips = read_list(path)[0]
    return [Job(clips, folder, part, parts) for part in range(parts)]


def run(job: Job, bert: Path) -> Any:
    text_stage.run(job, "v2", clean_text)
    return bert_stage.run(job, bert, lambda: bert_stage.load_features(bert))


def test_features_have_the_public_layout_and_are_those_of_speech(
    make_list: MakeList, tmp_path: Path, bert_folder: Path, tiny_pack: Path
) -> None:
    [job] = jobs(make_list(LINES), tmp_path / "exp")
    report = run(job, bert_folder)
    assert (report.done, report.skipped) == (2, {})
    assert sorted(path.name for path in (tmp_path / "exp" / "3-bert").iterdir()) == ["a.wav.pt", "c.wav.pt"]
    made = torch.load(tmp_path / "exp" / "3-bert" / "a.wav.pt", weights_only=True)
    rows = dict(line.split("\t", 1) for line in (tmp_path / "exp" / "2-name2text.txt").read_text().splitlines())
    assert made.shape == (1024, len(rows["a.wav"].split("\t")[0].split())) and made.dtype == torch.float32
    tts = TTS(TTS_Config(pack=str(tiny_pack), bert_base_path=str(bert_folder)))
    spoken = tts.phones_of("你好世界。", "zh").bert
    torch.testing.assert_close(spoken, made)


def test_what_is_there_is_not_made_again_and_parts_make_their_own(
    make_list: MakeList, tmp_path: Path, bert_folder: Path
) -> None:
    path = make_list(LINES)
    for job in jobs(path, tmp_path / "exp", parts=2):
        run(job, bert_folder)
    assert len(list((tmp_path / "exp" / "3-bert").iterdir())) == 2
    [job] = jobs(path, tmp_path / "exp")
    assert run(job, bert_folder).reused == 2
    calls: list[str] = []

    def other(text: str, counts: Sequence[int]) -> Tensor:
        calls.append(text)
        return torch.zeros(1024, sum(counts))

    report = bert_stage.run(job, bert_folder, lambda: (other, "another network"))
    assert report.done == 2 and len(calls) == 2


def test_without_the_folder_it_is_said(make_list: MakeList, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    [job] = jobs(make_list(LINES), tmp_path / "exp")
    with caplog.at_level(logging.WARNING):
        assert run(job, tmp_path / "none").usable == 0
    assert "no 3-bert/" in caplog.text and "2 clips are Chinese" in caplog.text
    assert "python tools/download.py roberta" in caplog.text and not (tmp_path / "exp" / "3-bert").exists()
    caplog.clear()
    [job] = jobs(make_list(LINES[1:2]), tmp_path / "english")
    run(job, tmp_path / "none")
    assert not caplog.records


def test_the_script_writes_them(
    make_list: MakeList, tmp_path: Path, bert_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = Path(prepare_datasets.__file__).parent / "1-get-text.py"
    arguments = ["--list", str(make_list(LINES)), "--out", str(tmp_path / "exp"), "--device", "cpu"]
    monkeypatch.setenv("bert_pretrained_dir", str(bert_folder))
    monkeypatch.setattr("sys.argv", [str(script), *arguments])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(script), run_name="__main__")
    assert not ended.value.code and (tmp_path / "exp" / "3-bert" / "c.wav.pt").is_file()


def test_training_hears_them(tmp_path: Path) -> None:
    """Without the files the projection of the features is frozen, with them it learns."""
    config = s1_train.load_config(str(write_config(tmp_path, train={"epochs": 1}, data={"held_out": 0.0})))
    weights = []
    for name in ("without", "with"):
        exp = tmp_path / name
        exp.mkdir()
        lines = [f"c{i}.wav\tAA1 B CH D\t[1, 1, 1, 1]\t你好世界" for i in range(6)]
        (exp / "2-name2text.txt").write_text("\n".join(lines), encoding="utf-8")
        tokens = [f"c{i}.wav\t{' '.join(map(str, range(12)))}" for i in range(6)]
        (exp / "6-name2semantic.tsv").write_text("\n".join(["item_name\tsemantic_audio", *tokens]), encoding="utf-8")
        if name == "with":
            for i in range(6):
                path = bert_stage.bert_path(exp, f"c{i}.wav")
                path.parent.mkdir(exist_ok=True)
                torch.save(torch.randn(1024, 4), path)
        training = s1_train.prepare(config, exp, tmp_path / f"out_{name}")
        before = training.plain.model.bert_proj.weight.detach().clone()
        training.run()
        weights.append((before, training.plain.model.bert_proj.weight.detach()))
    assert torch.equal(*weights[0]) and not torch.equal(*weights[1])


def test_distillation_uses_them_in_both_halves_and_writes_them(
    tiny_pack: Path, tmp_path: Path, bert_folder: Path, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tts = TTS(TTS_Config(pack=str(tiny_pack), bert_base_path=str(bert_folder)))
    asked: list[T2SRequest] = []

    def decode(backend: Any, requests: Sequence[T2SRequest], sampling: SamplingParams) -> list[T2SResult]:
        asked.extend(requests)
        return [T2SResult(torch.arange(60), "eos") for _ in requests]

    monkeypatch.setattr(distill_stage, "decode_checked", decode)
    voices = [NamedPrompt("anna", tts.prompt_of(clip, "天气好。", "zh"))]
    assert Distiller(tts, Distillation(tmp_path, "zh"), None).speak(["你好世界。"], voices) == 1
    [request] = asked
    assert request.bert is not None and request.bert[:, : request.prompt_phones].any()
    target = request.bert[:, request.prompt_phones :]
    assert target.any()
    [path] = (tmp_path / "3-bert").iterdir()
    assert path.name == "distilled_000000_1.pt"
    torch.testing.assert_close(torch.load(path, weights_only=True), target)
