"""Clips that lie on the device: the same batches as a loader's, from tokens in the place of features."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch

from errors import ConfigError, DatasetError
from module.training.clips import scan_clips
from module.training.dataset import S2Dataset, collate
from module.training.on_device import DeviceClips, DeviceLoader
from module.training.sampler import LengthBatchSampler
from module.training.settings import S2Settings, parse_settings
from text import cleaned_text_to_sequence

HOP, RATE = 320, 16000
CLIPS = {"a.wav": 41, "b.wav": 64, "c.wav": 50}  # frames


def settings(folder: Path, **train: Any) -> S2Settings:
    raw = {
        "train": {"segment_size": 6400, "data_on_device": True, "prior_rows": 0.5, "batch_size": 2, **train},
        "data": {"sampling_rate": RATE, "filter_length": 1024, "hop_length": HOP, "win_length": 1024, "exp_dir": "exp"},
        "model": {"upsample_rates": [5, 4, 4, 4], "freeze_quantizer": True, "ssl_dim": 8, "version": "v2"},
    }
    return parse_settings(raw, folder)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    exp = tmp_path / "exp"
    for part in ("4-cnhubert", "5-wav32k"):
        (exp / part).mkdir(parents=True)
    random = np.random.default_rng(0)
    for name, frames in CLIPS.items():
        soundfile.write(exp / "5-wav32k" / name, random.normal(0, 0.1, frames * HOP + 7), RATE, subtype="PCM_16")
        torch.save(torch.zeros(1, 8, frames), exp / "4-cnhubert" / f"{name}.pt")
    text = "".join(f"{name}\tHH AH0 L OW1 .\tNone\thello\n" for name in CLIPS)
    (exp / "2-name2text.txt").write_text(text)
    rows = "".join(f"{name}\t{' '.join(str(i) for i in range(frames // 2))}\n" for name, frames in CLIPS.items())
    (exp / "6-name2semantic.tsv").write_text("item_name\tsemantic_audio\n" + rows)
    spoken = {name: " ".join(str(min(4, i // 4)) for i in range(frames // 2)) for name, frames in CLIPS.items()}
    (exp / "alignment.tsv").write_text("".join(f"{name}\t{places}\n" for name, places in spoken.items()))
    return tmp_path


def test_whole_clips_are_those_of_the_loader(folder: Path) -> None:
    chosen = settings(folder)
    clips = DeviceClips(chosen, torch.device("cpu"))
    assert clips.frames == [40, 64, 50]
    found = clips.batch([(1, 0.0), (2, 0.0)])
    result = scan_clips(chosen.exp_dir, lambda phones: cleaned_text_to_sequence(phones, "v2"), 0.4)
    dataset = S2Dataset(result, chosen.data)
    expected = collate([dataset[(1, 0.0)], dataset[(2, 0.0)]])
    for name in ("spec_lengths", "text", "text_lengths", "alignment"):
        assert torch.equal(getattr(found, name), getattr(expected, name)), name
    torch.testing.assert_close(found.wav, expected.wav)
    torch.testing.assert_close(found.spec[0], expected.spec[0])
    inner = slice(0, 48)  # the shorter clip's last frames look at what is behind it: silence here, a mirror there
    torch.testing.assert_close(found.spec[1, :, inner], expected.spec[1, :, inner])
    assert found.tokens is not None and found.tokens.shape == (2, 33)
    assert found.tokens[1, :25].tolist() == list(range(25)) and not bool(found.tokens[1, 25:].any())


def test_a_cut_begins_at_a_token_and_keeps_sound_tokens_and_alignment_together(folder: Path) -> None:
    clips = DeviceClips(settings(folder, max_frames=20), torch.device("cpu"))
    whole = DeviceClips(settings(folder), torch.device("cpu")).batch([(1, 0.0)])
    found = clips.batch([(1, 0.5)])
    assert found.tokens is not None and found.tokens[0, :10].tolist() == list(range(11, 21))
    assert torch.equal(found.wav[0, 0], whole.wav[0, 0, 22 * HOP : 42 * HOP])
    assert torch.equal(found.alignment[0, :20], whole.alignment[0, 22:42])
    assert found.alignment[0, 20:].tolist() == [-1, -1] and found.spec_lengths.tolist() == [20]


def test_batches_come_in_the_samplers_order_and_go_on_where_they_stopped(folder: Path) -> None:
    clips = DeviceClips(settings(folder), torch.device("cpu"))
    sampler = LengthBatchSampler(clips.frames, 1, 5)
    sampler.set_position(3)
    all_of_them = [batch.spec_lengths.tolist() for batch in DeviceLoader(clips, sampler)]
    sampler.set_position(3, 1)
    assert [batch.spec_lengths.tolist() for batch in DeviceLoader(clips, sampler)] == all_of_them[1:]
    assert sorted(all_of_them) == [[40], [50], [64]]


def test_what_cannot_be_used_is_counted(folder: Path) -> None:
    table = folder / "exp" / "6-name2semantic.tsv"
    table.write_text(table.read_text().replace("a.wav\t", "other.wav\t").replace("c.wav\t0 1 2 3 4 ", "c.wav\t"))
    clips = DeviceClips(settings(folder), torch.device("cpu"))
    assert clips.frames == [64]
    (folder / "exp" / "5-wav32k" / "b.wav").write_bytes(b"no audio")
    with pytest.raises(DatasetError, match="tokens and audio of different lengths"):
        DeviceClips(settings(folder), torch.device("cpu"))


def test_a_version_or_a_way_that_needs_features_is_refused(folder: Path) -> None:
    chosen = settings(folder)
    with pytest.raises(ConfigError, match="freeze_quantizer"):
        DeviceClips(dataclasses.replace(chosen, model={**chosen.model, "freeze_quantizer": False}), torch.device("cpu"))
    with pytest.raises(ConfigError, match="ssl_dim is not"):
        DeviceClips(dataclasses.replace(chosen, model={"freeze_quantizer": True, "version": "v2"}), torch.device("cpu"))
    with pytest.raises(ConfigError, match="posterior path alone"):
        settings(folder, prior_rows=0.0)
