"""The stage that makes speaker vectors: public files, resuming, bad clips, and when it is part of all stages."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr
import torch

import published
import sv
from eres2net.ERes2NetV2 import ERes2NetV2
from errors import DatasetError
from prepare_datasets import cli, sv_stage
from prepare_datasets.job import Job
from prepare_datasets.list_file import read_list
from tests.GPT_SoVITS.prepare_datasets.conftest import tone
from tests.GPT_SoVITS.prepare_datasets.test_stages import LINES, run_script, stops_at_third

MakeList = Callable[..., Path]


def embed(samples: np.ndarray) -> torch.Tensor:
    """Stands in for the network: a vector that depends on the clip."""
    assert samples.dtype == np.float32 and samples.ndim == 1
    return torch.full((1, 20480), float(np.abs(samples).max()))


def job_for(path: Path, folder: Path, names: str = "abc") -> Job:
    """A job whose audio stage has run for the clips of these first letters."""
    job = Job(read_list(path)[0], folder)
    (folder / "5-wav32k").mkdir(exist_ok=True)
    for number, clip in enumerate(job.clips):
        if clip.name[0] in names:
            wave = tone(1.0, 32000, 0.2 + 0.1 * number, number)
            soundfile.write(folder / "5-wav32k" / clip.name, wave, 32000, format="WAV", subtype="PCM_16")
    return job


def test_vectors_have_the_public_form(make_list: MakeList, tmp_path: Path) -> None:
    report = sv_stage.run(job_for(make_list(LINES), tmp_path), embed, "n1")
    assert report.done == 3 and report.summary() == "speaker: 3 clips ready, none skipped"
    vectors = [torch.load(tmp_path / "7-sv_cn" / f"{name}.pt", weights_only=True) for name in ("a.wav", "b.ogg")]
    assert all(vector.shape == (1, 20480) and vector.dtype == torch.float32 for vector in vectors)
    assert vectors[0][0, 0] < vectors[1][0, 0]
    assert len(list((tmp_path / "7-sv_cn").iterdir())) == 3


def test_the_network_hears_the_training_audio_at_16_khz(
    make_list: MakeList, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny = partial(ERes2NetV2, baseWidth=16, scale=2, expansion=2, blocks=(1, 1, 1, 1), m_channels=8, embedding_size=5)
    monkeypatch.setattr(sv, "ERes2NetV2", tiny)
    torch.manual_seed(0)
    torch.save(tiny().state_dict(), tmp_path / "sv.ckpt")
    network, digest = sv_stage.load_network(tmp_path / "sv.ckpt")
    sv_stage.run(job_for(make_list(LINES[:1]), tmp_path), network, digest)
    vector = torch.load(tmp_path / "7-sv_cn" / "a.wav.pt", weights_only=True)
    samples = soundfile.read(tmp_path / "5-wav32k" / "a.wav", dtype="float32")[0]
    wave = torch.from_numpy(soxr.resample(samples, 32000, 16000))[None]
    torch.testing.assert_close(vector, sv.SV(tmp_path / "sv.ckpt").compute_embedding3(wave))


def test_it_goes_on_where_it_stopped(make_list: MakeList, tmp_path: Path) -> None:
    path = make_list(LINES)
    with pytest.raises(KeyboardInterrupt):
        sv_stage.run(job_for(path, tmp_path), stops_at_third(embed), "n1")
    job = Job(read_list(path)[0], tmp_path)
    report = sv_stage.run(job, embed, "n1")
    assert (report.done, report.reused) == (1, 2)
    (tmp_path / "7-sv_cn" / "a.wav.pt").unlink()
    assert sv_stage.run(job, embed, "n1").done == 1
    assert sv_stage.run(job, embed, "another network").done == 3


def test_clips_without_usable_audio_are_counted_and_leave_nothing(make_list: MakeList, tmp_path: Path) -> None:
    path = make_list(LINES)
    sv_stage.run(job_for(path, tmp_path), embed, "n1")
    (tmp_path / "5-wav32k" / "b.ogg").unlink()
    (tmp_path / "5-wav32k" / "c.wav").write_bytes(b"no audio")
    job = Job(read_list(path)[0], tmp_path)
    report = sv_stage.run(job, embed, "n1")
    assert set(report.skipped) == {"no audio", "undecodable"} and report.usable == 1
    assert [file.name for file in (tmp_path / "7-sv_cn").iterdir()] == ["a.wav.pt"]
    with pytest.raises(DatasetError, match="speaker vector is no numbers"):
        sv_stage.run(Job(job.clips[:1], tmp_path), lambda _: torch.full((1, 20480), torch.nan), "n2")


def test_missing_weights_name_the_command(
    make_list: MakeList, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(published, "LIBRARY", tmp_path / "library")
    monkeypatch.delenv("sv_path", raising=False)
    path = make_list(LINES[:1])
    assert run_script("2-get-sv.py", monkeypatch, "--list", str(path), "--out", str(tmp_path / "x")) == 2
    assert "does not exist" in caplog.text and "python tools/download.py sv" in caplog.text


@pytest.mark.parametrize("version", ["v1", "v2", "v2Pro", "v2ProPlus", "v3", "v4"])
def test_all_stages_have_it_where_the_version_needs_it(
    make_list: MakeList, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    ran: list[str] = []
    for name in ("text", "audio", "speakers", "tokens"):
        stage = partial(lambda word, settings, clips: ran.append(word) or cli.Report(word, done=1), name)
        monkeypatch.setattr(cli, name, stage)
    path = make_list(LINES[:1])
    assert cli.main_all(["--list", str(path), "--out", str(tmp_path / "x"), "--version", version]) == 0
    assert ran == ["text", "audio", *(["speakers"] if version.startswith("v2Pro") else []), "tokens"]
