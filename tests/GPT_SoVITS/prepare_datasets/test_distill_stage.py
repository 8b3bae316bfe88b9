"""The AR model speaks a text list: files as recordings would give them, collapsed results dropped, runs go on."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
import torch

from AR.backend import SamplingParams
from AR.data.clips import DataPaths, Filters, read_clips
from AR.decode import T2SResult
from config import PACK_DIR
from errors import DatasetError
from prepare_datasets import distill_stage
from prepare_datasets.distill_stage import Distillation, Distiller, main, read_texts, read_voices
from text import cleaned_text_to_sequence
from TTS_infer_pack.stage_request import Phones
from TTS_infer_pack.TTS import TTS

TEXTS = ["Hello there, my good friend.", "It is a very fine day.", "?!", "Nobody knows."]


def run(tts: TTS, folder: Path, seeds: tuple[int, ...] = (1, 2)) -> Distiller:
    return Distiller(tts, Distillation(folder, "en", seeds, 3, SamplingParams(top_k=20)))


def test_files_are_those_of_recorded_data(shared_tts: TTS, tmp_path: Path) -> None:
    voices = read_voices(shared_tts, None)
    distiller = run(shared_tts, tmp_path)
    kept = distiller.speak(TEXTS, voices)
    assert kept + distiller.reasons["collapsed"] == 6
    paths = DataPaths.of_experiment(tmp_path)
    clips = read_clips(paths, partial(cleaned_text_to_sequence, version="v2"), Filters(54, 0.01, 1000))
    assert len(clips) == kept > 0 and all(clip.speaker == "default" and clip.text for clip in clips)
    assert (tmp_path / "6-name2semantic.tsv").read_text().splitlines()[0] == "item_name\tsemantic_audio"
    before = (tmp_path / "6-name2semantic.tsv").read_text()
    spoken = before.count("distilled_")
    assert run(shared_tts, tmp_path).speak(TEXTS, voices) >= spoken
    assert (tmp_path / "6-name2semantic.tsv").read_text().startswith(before), "what is there is not spoken again"


def test_collapsed_results_are_dropped(shared_tts: TTS, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def collapsed(backend: object, requests: list, sampling: object) -> list[T2SResult]:
        return [T2SResult(torch.arange(60), "length") for _ in requests]

    monkeypatch.setattr(distill_stage, "decode_checked", collapsed)
    with pytest.raises(DatasetError, match="collapsed"):
        run(shared_tts, tmp_path, (1,)).speak(TEXTS, read_voices(shared_tts, None))


def test_the_best_take_is_kept(shared_tts: TTS, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A judge's errors decide; what has none is not spoken again, and what stays wrong is dropped."""
    errors = {"good": [0.0], "better": [0.5, 0.2, 0.25], "bad": [1.0, 0.9, 0.8]}
    asked: list[int] = []

    def takes(backend: object, requests: list, sampling: SamplingParams) -> list[T2SResult]:
        asked.append(len(requests))
        return [T2SResult(torch.full((60,), len(asked)) + torch.arange(60), "eos") for _ in requests]

    def judge(voice: object, text: Phones, tokens: torch.Tensor) -> float:
        return errors[text.text.split()[0].lower()][int(tokens[0]) - 1]

    monkeypatch.setattr(distill_stage, "decode_checked", takes)
    texts = ["Good day to you, my friend.", "Better late than not at all.", "Bad luck to all of them."]
    settings = Distillation(tmp_path, "en", (1,), 3, takes=3)
    distiller = Distiller(shared_tts, settings, judge=judge)
    assert distiller.speak(texts, read_voices(shared_tts, None)) == 2
    assert asked == [3, 2, 2] and distiller.reasons["misheard"] == 1
    lines = (tmp_path / "6-name2semantic.tsv").read_text().splitlines()[1:]
    first = {line.split("\t")[0]: line.split("\t")[1].split()[0] for line in lines}
    assert first == {"distilled_000000_1": "1", "distilled_000001_1": "2"}


def test_what_collapsed_is_spoken_again(shared_tts: TTS, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ends = iter(["length", "eos"])

    def takes(backend: object, requests: list, sampling: SamplingParams) -> list[T2SResult]:
        return [T2SResult(torch.arange(60), next(ends)) for _ in requests]

    monkeypatch.setattr(distill_stage, "decode_checked", takes)
    distiller = Distiller(shared_tts, Distillation(tmp_path, "en", (1,), takes=2))
    assert distiller.speak(["Hello there, my good friend."], read_voices(shared_tts, None)) == 1
    assert not distiller.reasons["collapsed"]


def test_mistakes_are_one_line(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "empty.txt").write_text("\n\n")
    with pytest.raises(DatasetError, match="holds no text"):
        read_texts(tmp_path / "empty.txt")
    assert (
        main(
            [
                "--texts",
                str(tmp_path / "none.txt"),
                "--exp",
                str(tmp_path / "x"),
                "--gpt_model",
                "/nowhere",
                "--sovits_model",
                "/nowhere",
            ]
        )
        == 2
    )


@pytest.mark.skipif(not (PACK_DIR / "lm").is_dir(), reason="no language model in this checkout's voice pack")
def test_a_language_model_speaks_with_alignment(tmp_path: Path) -> None:
    texts = tmp_path / "texts.txt"
    texts.write_text("Hello there, my good friend.\nNobody knows.\nIt is a very fine day.\n")
    run = ["--texts", str(texts), "--exp", str(tmp_path / "exp"), "--lm", "gsv-tiny"]
    assert main(run) == 0
    paths = DataPaths.of_experiment(tmp_path / "exp")
    clips = read_clips(paths, partial(cleaned_text_to_sequence, version="v2"), Filters())
    assert len(clips) == 3
    for clip in clips:
        assert clip.alignment is not None and len(clip.alignment) == len(clip.tokens)
        assert (clip.alignment[1:] >= clip.alignment[:-1]).all() and clip.alignment[-1] >= 0.8 * len(clip.phones)
    before = paths.alignment.read_text()
    assert main(run) == 0 and paths.alignment.read_text() == before, "what is there is not spoken again"


def test_a_language_model_that_is_not_there_is_named(
    tmp_path: Path, tiny_pack: Path, caplog: pytest.LogCaptureFixture
) -> None:
    texts = tmp_path / "texts.txt"
    texts.write_text("Hello there.\n")
    (tmp_path / "voice.yaml").write_text(f"custom:\n  pack: {tiny_pack}\n")
    assert (
        main(
            [
                "--texts",
                str(texts),
                "--exp",
                str(tmp_path / "exp"),
                "--lm",
                "/no/such/model",
                "--config",
                str(tmp_path / "voice.yaml"),
            ]
        )
        == 2
    )
    assert "no model folder /no/such/model" in caplog.text and not (tmp_path / "exp").exists()
