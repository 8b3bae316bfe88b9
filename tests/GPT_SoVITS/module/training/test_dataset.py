"""One clip as tensors, and batches of them."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from errors import DatasetError
from module.training.clips import ClipInfo, ScanResult
from module.training.dataset import S2Dataset, collate, fit_frames, read_audio, read_features
from module.training.settings import DataSettings
from module.versions import VERSIONS

DATA = DataSettings(sampling_rate=16000, filter_length=1024, hop_length=320, win_length=1024, n_mel_channels=20)


def write_clip(folder: Path, name: str, seconds: float, channels: int = 4, frames: int | None = None) -> ClipInfo:
    tone = 0.5 * np.sin(2 * np.pi * 200 * np.arange(int(seconds * 16000)) / 16000)
    audio, features = folder / name, folder / f"{name}.pt"
    soundfile.write(str(audio), tone, 16000, format="WAV")
    torch.save(torch.randn(1, channels, int(seconds * 50) - 1 if frames is None else frames), features)
    return ClipInfo(name, (1, 2, 3), features, audio, seconds)


def scanned(*clips: ClipInfo) -> ScanResult:
    return ScanResult(list(clips), Counter(), {})


@pytest.mark.parametrize("cache_mb", [0, 16])
def test_an_example_has_parts_of_one_length(tmp_path: Path, cache_mb: int) -> None:
    dataset = S2Dataset(scanned(write_clip(tmp_path, "a.wav", 1.01)), DATA, cache_mb=cache_mb)
    example = dataset[(0, 0.5)]
    assert example.ssl.shape == (4, 50) and example.spec.shape == (513, 50)
    assert example.wav.shape == (50 * 320,) and example.wav.abs().max() == pytest.approx(0.5, abs=1e-2)
    assert example.phones.tolist() == [1, 2, 3]
    assert dataset.frames == [50]


def test_long_clips_are_cut_at_the_given_position(tmp_path: Path) -> None:
    dataset = S2Dataset(scanned(write_clip(tmp_path, "a.wav", 2.0)), DATA, max_frames=40)
    first, last = dataset[(0, 0.0)], dataset[(0, 1.0)]
    whole = S2Dataset(scanned(write_clip(tmp_path, "b.wav", 2.0)), DATA)[(0, 0.0)]
    assert first.ssl.shape == (4, 40) and first.wav.shape == (40 * 320,) and first.spec.shape == (513, 40)
    assert torch.equal(last.wav, whole.wav[-40 * 320 :])
    assert first.phones.tolist() == [1, 2, 3]


def test_damaged_clips_are_counted_and_left_out(tmp_path: Path) -> None:
    clips = [write_clip(tmp_path, f"{name}.wav", 1.0) for name in ("good", "nan", "torn", "wide", "other")]
    torch.save(torch.full((1, 4, 49), float("nan")), clips[1].features)
    clips[2].features.write_bytes(b"PK no tensor")
    torch.save(torch.zeros(1, 9, 49), clips[3].features)
    torch.save(torch.zeros(1, 4, 30), clips[4].features)
    result = scanned(*clips)
    assert len(S2Dataset(result, DATA)) == 1
    assert result.skipped == {
        "damaged features or audio": 2,
        "features with 9 channels instead of 4": 1,
        "features and audio of different lengths": 1,
    }


def test_audio_of_another_rate_is_resampled_and_mixed_down(tmp_path: Path) -> None:
    tone = 0.4 * np.sin(2 * np.pi * 440 * np.arange(32000) / 32000)
    path = tmp_path / "x"
    soundfile.write(str(path), np.stack([tone, tone], axis=1), 32000, format="WAV")
    samples = read_audio(path, 16000)
    assert samples.dtype == np.int16 and abs(len(samples) - 16000) <= 1
    assert np.abs(samples[2000:-2000]).max() / 32768 == pytest.approx(0.4, abs=0.01)


def test_features_must_be_a_tensor(tmp_path: Path) -> None:
    torch.save({"a": 1}, tmp_path / "x.pt")
    with pytest.raises(DatasetError, match="holds no features"):
        read_features(tmp_path / "x.pt")


def test_missing_frames_repeat_the_last_one() -> None:
    features = torch.arange(6.0).view(2, 3)
    filled = fit_frames(features, 4)
    assert filled is not None and filled[:, 3].tolist() == [2.0, 5.0]
    cut = fit_frames(features, 2)
    assert cut is not None and cut.shape == (2, 2)
    assert fit_frames(features, 9) is None


def test_collate_pads_to_even_lengths_longest_first(tmp_path: Path) -> None:
    clips = [write_clip(tmp_path, "a.wav", 0.7), write_clip(tmp_path, "b.wav", 1.0)]
    dataset = S2Dataset(scanned(*clips), DATA)
    batch = collate([dataset[(0, 0.0)], dataset[(1, 0.0)]])
    assert batch.spec.shape == (2, 513, 52) and batch.ssl.shape == (2, 4, 52)
    assert batch.spec_lengths.tolist() == [50, 35]
    assert batch.wav.shape == (2, 1, 16000)
    assert batch.text_lengths.tolist() == [3, 3]
    assert not batch.spec[1, :, 35:].any() and not batch.wav[1, :, 35 * 320 :].any()


def test_speaker_vectors_come_along(tmp_path: Path) -> None:
    clips = [write_clip(tmp_path, "a.wav", 0.7), write_clip(tmp_path, "b.wav", 1.0)]
    vectors = [torch.randn(1, 20480), torch.randn(1, 20480).half()]
    for number, vector in enumerate(vectors):
        torch.save(vector, tmp_path / f"{number}.pt")
        clips[number] = replace(clips[number], speaker=tmp_path / f"{number}.pt")
    dataset = S2Dataset(scanned(*clips), DATA, spec=VERSIONS["v2Pro"])
    batch = collate([dataset[(0, 0.0)], dataset[(1, 0.0)]])  # the longest first
    assert batch.speaker is not None and torch.equal(batch.speaker, torch.cat([vectors[1].float(), vectors[0]]))
    moved = batch.to(torch.device("cpu"))
    assert moved.speaker is not None and moved.mel is None and moved.mel_lengths is None


@pytest.mark.parametrize("version", ["v3", "v4"])
def test_a_mel_has_the_columns_that_its_version_makes_of_the_frames(tmp_path: Path, version: str) -> None:
    spec = VERSIONS[version]
    clips = [write_clip(tmp_path, "a.wav", 0.7), write_clip(tmp_path, "b.wav", 1.0)]
    dataset = S2Dataset(scanned(*clips), DATA, spec=spec)
    batch = collate([dataset[(0, 0.0)], dataset[(1, 0.0)]])
    assert spec.mel is not None and batch.mel is not None and batch.mel_lengths is not None
    columns = [int(frames * spec.mel.feature_scale) for frames in (50, 35)]
    assert batch.mel_lengths.tolist() == columns and batch.mel.shape == (2, 100, columns[0])
    assert not batch.mel[1, :, columns[1] :].any() and -1.1 < batch.mel.min() < batch.mel.max() < 1.1
    band = batch.mel[0].mean(1).argmax()  # a tone of 200 Hz lies in the lowest bands
    assert band < 8
