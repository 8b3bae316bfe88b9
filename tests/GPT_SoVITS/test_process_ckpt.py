"""Checkpoint layouts: round trips, versions by content, strict loads, and files that must be refused unharmed."""

from __future__ import annotations

import json
import os
import pickle
import sys
import types
import zipfile
from pathlib import Path

import pytest
import torch
from torch import nn

from checkpoint_io import read_checkpoint
from errors import CheckpointError, OutputError
from module.versions import VERSIONS
from process_ckpt import (
    HEADERS,
    compare_keys,
    get_sovits_version_from_path_fast,
    load_s1,
    load_sovits_new,
    load_strict,
    save_s1,
    save_s2,
)

TENSORS = json.loads((Path(__file__).parents[1] / "golden" / "checkpoints.json").read_text(encoding="utf-8"))["tensors"]
S1_CONFIG = {
    "train": {"seed": 1},
    "model": {
        "embedding_dim": 8,
        "hidden_dim": 8,
        "head": 2,
        "n_layer": 1,
        "vocab_size": 1025,
        "phoneme_vocab_size": 732,
    },
}


def s2_weight(rows: int = 732) -> dict[str, torch.Tensor]:
    return {
        "enc_p.text_embedding.weight": torch.randn(rows, 4),
        "dec.conv_pre.weight": torch.randn(16, 4, 7),
        "enc_q.pre.weight": torch.randn(4, 5, 1),
        "quantizer.vq.layers.0._codebook.cluster_size": torch.full((4,), 1e6),
    }


def s2_config(version: str = "v2") -> dict:
    return {"train": {"lr": 1e-4}, "data": {"sampling_rate": 16000}, "model": {"version": version, "ups": [10, 8]}}


def published_weight(name: str) -> dict[str, torch.Tensor]:
    """Tensors of a published file's names and shapes, without the memory (one expanded zero each)."""
    return {entry[0]: torch.zeros(()).expand(entry[1]) for entry in TENSORS[name]}


def refused(path: Path, *words: str, load=load_sovits_new) -> None:
    with pytest.raises(CheckpointError) as caught:
        load(path)
    line = str(caught.value)
    assert "\n" not in line and str(path) in line
    for word in words:
        assert word in line, line


def test_s2_round_trip_keeps_every_bit_and_drops_the_posterior_encoder(tmp_path: Path) -> None:
    weight = s2_weight()
    save_s2(tmp_path / "new" / "a.pth", weight, s2_config(), "1epoch", "v2")
    loaded = load_sovits_new(tmp_path / "new" / "a.pth")
    assert set(loaded["weight"]) == set(weight) - {"enc_q.pre.weight"}
    assert loaded["config"] == s2_config() and loaded["info"] == "1epoch"
    name = "dec.conv_pre.weight"
    assert loaded["weight"][name].dtype == torch.float16 and torch.equal(loaded["weight"][name], weight[name].half())
    assert all(value.isfinite().all() for value in loaded["weight"].values())
    assert [p.name for p in (tmp_path / "new").iterdir()] == ["a.pth"]


def test_s1_round_trip_adds_the_prefix(tmp_path: Path) -> None:
    save_s1(tmp_path / "a.ckpt", {"ar_text_embedding.word_embeddings.weight": torch.ones(3, 2)}, S1_CONFIG, "GPT-e1")
    loaded = load_s1(tmp_path / "a.ckpt")
    assert list(loaded["weight"]) == ["model.ar_text_embedding.word_embeddings.weight"]
    assert loaded["config"] == S1_CONFIG | {"data": {"max_sec": 54}} and loaded["info"] == "GPT-e1"


@pytest.mark.parametrize(
    ("version", "rank", "header"),
    [
        ("v1", None, b"PK"),
        ("v2", None, b"PK"),
        ("v3", None, b"PK"),
        ("v2Pro", None, b"05"),
        ("v2ProPlus", None, b"06"),
        ("v3", 32, b"03"),
        ("v4", 32, b"04"),
        ("v5dev", None, b"PK"),
        ("v5dev", 32, b"07"),
        ("v5turbo", 32, b"08"),
    ],
)
def test_header_written(tmp_path: Path, version: str, rank: int | None, header: bytes) -> None:
    path = tmp_path / "a.pth"
    save_s2(path, s2_weight(), s2_config(version), "", version, rank)
    assert path.read_bytes()[:4] == header + b"\x03\x04"
    assert load_sovits_new(path)["config"]["model"]["version"] == version


@pytest.mark.parametrize(
    ("tensors", "version", "rank"),
    [
        *((f"s2_{version}", version, None) for version in ("v1", "v2", "v2Pro", "v2ProPlus", "v3", "v4")),
        ("s2_v3_v4_lora_rank32", "v3", 32),
        ("s2_v3_v4_lora_rank32", "v4", 32),
        ("s2_v3_v4_lora_rank32", "v5dev", 32),
        ("s2_v3_v4_lora_rank32", "v5turbo", 32),
    ],
)
def test_version_is_read_off_the_published_names_and_shapes(
    tmp_path: Path, tensors: str, version: str, rank: int | None
) -> None:
    path = tmp_path / "a.pth"
    weight = published_weight(tensors)
    content = {"weight": weight, "config": s2_config(version), "info": ""}
    if rank:
        content["lora_rank"] = rank
    torch.save(content, path)
    assert get_sovits_version_from_path_fast(path) == ("v1" if version == "v1" else "v2", version, rank is not None)


def test_every_header_is_read(tmp_path: Path) -> None:
    for header, version in HEADERS.items():
        path = tmp_path / f"{header.decode()}.pth"
        torch.save({"weight": {"cfm.x": torch.ones(2)}, "config": {"model": {}}, "info": ""}, path)
        path.write_bytes(header + path.read_bytes()[2:])
        assert torch.equal(load_sovits_new(path)["weight"]["cfm.x"], torch.ones(2))
        expected = version.model_version if VERSIONS[version.model_version].mel else "v3"
        assert get_sovits_version_from_path_fast(path).model_version == expected


PLAIN_V5 = {"cfm.estimator.time_embed.time_mlp.0.bias": torch.ones(2)}
PLAIN_V4 = PLAIN_V5 | {"cfm.estimator.d_embed.time_mlp.0.bias": torch.ones(2)}


@pytest.mark.parametrize(
    ("weight", "rank", "header", "file", "expected"),
    [
        (PLAIN_V5, None, b"07", "mine", ("v5dev", False)),  # the header's older meaning: a whole model
        (PLAIN_V5, None, b"08", "mine", ("v5turbo", False)),
        ({"cfm.base_model.model.x": torch.ones(2)}, 8, b"07", "mine", ("v5dev", True)),
        ({"cfm.base_model.model.x": torch.ones(2)}, 8, b"08", "mine", ("v5turbo", True)),
        (PLAIN_V5, None, b"PK", "mine", ("v5dev", False)),  # of a size that is a v3 elsewhere
        (PLAIN_V5, None, b"PK", "s2Gv5turbo", ("v5turbo", False)),
        (PLAIN_V5, None, b"04", "mine", ("v5dev", False)),  # tensors count for more than the header
        (PLAIN_V4, None, b"PK", "mine", ("v3", False)),
        (PLAIN_V4, None, b"08", "s2Gv5turbo", ("v3", False)),
    ],
)
def test_v5_is_told_by_its_tensors_and_turbo_by_header_or_name(
    tmp_path: Path, weight: dict, rank: int | None, header: bytes, file: str, expected: tuple
) -> None:
    path = tmp_path / f"{file}.pth"
    torch.save({"weight": weight, "config": {"model": {}}, "info": ""} | ({"lora_rank": rank} if rank else {}), path)
    path.write_bytes(header + path.read_bytes()[2:])
    assert get_sovits_version_from_path_fast(path) == ("v2", *expected)


def test_upstream_configuration_class_becomes_a_plain_dict(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class HParams:
        def __init__(self, **values: object) -> None:
            self.__dict__.update(values)

    HParams.__module__, HParams.__qualname__ = "utils", "HParams"
    module = types.ModuleType("utils")
    module.HParams = HParams  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "utils", module)
    config = HParams(train=HParams(lr=0.1), model=HParams(version="v2", ups=[1, 2]), s2_ckpt_dir="logs/x")
    torch.save({"weight": s2_weight(), "config": config, "info": ""}, tmp_path / "a.pth")
    monkeypatch.delitem(sys.modules, "utils")
    assert load_sovits_new(tmp_path / "a.pth")["config"] == {
        "train": {"lr": 0.1},
        "model": {"version": "v2", "ups": [1, 2]},
        "s2_ckpt_dir": "logs/x",
    }


def test_paths_in_old_configurations_become_text(tmp_path: Path) -> None:
    torch.save({"weight": s2_weight(), "config": {"model": {}, "dir": Path("a/b")}, "info": ""}, tmp_path / "a.pth")
    assert load_sovits_new(tmp_path / "a.pth")["config"]["dir"] == "a/b"


class _Bomb:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("container", ["torch", "headed", "pickle"])
def test_a_pickle_that_would_run_code_is_refused_and_does_not_run(tmp_path: Path, container: str) -> None:
    trace, path = tmp_path / "ran", tmp_path / "bomb.pth"
    content = {"weight": s2_weight(), "config": _Bomb(trace), "info": ""}
    if container == "pickle":
        path.write_bytes(pickle.dumps({"config": _Bomb(trace)}, protocol=2))
    else:
        torch.save(content, path)
    if container == "headed":
        path.write_bytes(b"05" + path.read_bytes()[2:])
    for load in (load_sovits_new, load_s1, get_sovits_version_from_path_fast):
        refused(path, "mkdir" if container != "pickle" else "refused", load=load)
    assert not trace.exists()


def test_damaged_files(tmp_path: Path) -> None:
    good = tmp_path / "good.pth"
    save_s2(good, s2_weight(), s2_config(), "", "v2")
    data = good.read_bytes()
    for name, content, word in [
        ("half.pth", data[: len(data) // 2], "truncated"),
        ("short.pth", data[:30], "truncated"),
        ("empty.pth", b"", "empty"),
        ("scrambled.pth", data[:60] + bytes(200) + data[260:], "damaged"),
        ("text.pth", b"hello, weights\n", "a text file"),
        ("page.pth", b"<html>404</html>", "HTML"),
        ("sound.pth", b"RIFF0000WAVE", "an audio file"),
        ("pointer.pth", b"version https://git-lfs.github.com/spec/v1\n", "git-lfs"),
        ("noise.pth", bytes(range(128, 256)) * 9, "not a torch checkpoint"),
    ]:
        path = tmp_path / name
        path.write_bytes(content)
        refused(path, word)
    refused(tmp_path / "absent.pth", "does not exist", "fix:")
    refused(tmp_path, "is a folder")


def test_zip_bomb_and_foreign_zip(tmp_path: Path) -> None:
    bomb, foreign = tmp_path / "bomb.pth", tmp_path / "foreign.pth"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", bytes(20_000_000))
    with zipfile.ZipFile(foreign, "w") as archive:
        archive.writestr("readme.txt", "x")
    refused(bomb, "zip bomb")
    refused(foreign, "not of torch")


def test_wrong_kinds_say_what_they_seem_to_be(tmp_path: Path) -> None:
    s1, s2 = tmp_path / "s1.ckpt", tmp_path / "s2.pth"
    save_s1(s1, {"ar_text_embedding.word_embeddings.weight": torch.ones(3, 2)}, S1_CONFIG, "")
    save_s2(s2, s2_weight(), s2_config(), "", "v2")
    refused(s1, "is a GPT (s1", "expected a SoVITS (s2)")
    refused(s2, "is a SoVITS (s2", "expected a GPT (s1)", load=load_s1)
    for content, word in [
        ({"model": {}, "iteration": 3, "optimizer": {}}, "training state"),
        ({"state_dict": {}}, "Lightning"),
        ({"a": torch.ones(1)}, "bare state dict"),
        (torch.ones(2), "bare Tensor"),
        ({"x": 1}, "unknown kind"),
        ({"weight": {"discriminators.0.x": torch.ones(1)}}, "discriminator"),
        ({"weight": s2_weight(), "config": {}}, "no model configuration"),
        ({"weight": {**s2_weight(), "dec.x": 3}, "config": {"model": {}}}, "not tensors"),
    ]:
        torch.save(content, tmp_path / "x.pth")
        refused(tmp_path / "x.pth", word)
    torch.save({"weight": {"model.ar_x": torch.ones(1)}, "config": {"model": {"head": 2}}}, s1)
    refused(s1, "embedding_dim", load=load_s1)


def test_strict_load_reports_every_difference_and_leaves_the_network(tmp_path: Path) -> None:
    net = nn.Linear(2, 3)
    before = {k: v.clone() for k, v in net.state_dict().items()}
    weight = {"weight": torch.ones(3, 3), "extra": torch.ones(1)}
    with pytest.raises(CheckpointError) as caught:
        load_strict(net, weight, "a.pth")
    for word in ("a.pth", "1 missing (bias)", "1 unexpected (extra)", "weight: (3, 3) / (3, 2)"):
        assert word in str(caught.value)
    with pytest.raises(CheckpointError, match="NaN"):
        load_strict(net, {"weight": torch.full((3, 2), torch.nan), "bias": torch.ones(3)}, "a.pth")
    assert all(torch.equal(before[k], v) for k, v in net.state_dict().items())
    good = {"weight": torch.ones(3, 2), "bias": torch.ones(3)}
    load_strict(net, {**good, "enc_q.x": torch.ones(1)}, "a.pth", ("enc_q.",))
    assert compare_keys(net.state_dict(), good).ok
    counts = {"quantizer.vq.layers.0._codebook.cluster_size": torch.tensor([torch.inf])}
    assert compare_keys(counts, counts).ok


def test_unwritable_target_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError):
        save_s2(tmp_path / "file" / "a.pth", s2_weight(), s2_config(), "", "v2")
    good = tmp_path / "good.pth"
    save_s2(good, s2_weight(), s2_config(), "first", "v2")
    with pytest.raises((OutputError, AttributeError, pickle.PicklingError)):
        save_s2(good, s2_weight(), {"model": {"f": lambda: 1}}, "second", "v2")
    assert load_sovits_new(good)["info"] == "first"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "good.pth"]


def test_old_container_is_read(tmp_path: Path) -> None:
    torch.save({"weight": {"a": torch.ones(2)}}, tmp_path / "a.pt", _use_new_zipfile_serialization=False)
    assert torch.equal(read_checkpoint(tmp_path / "a.pt")["weight"]["a"], torch.ones(2))


def test_every_s1_file_that_is_written_has_max_sec(tmp_path: Path) -> None:
    """Other GPT-SoVITS trees read ``config["data"]["max_sec"]`` without asking whether it is there."""
    weight = {"ar_text_embedding.word_embeddings.weight": torch.ones(3, 2)}
    for data, expected in ((None, 54), ({}, 54), ({"max_sec": 30, "num_workers": 1}, 30)):
        config = S1_CONFIG if data is None else S1_CONFIG | {"data": data}
        save_s1(tmp_path / "a.ckpt", weight, {k: v for k, v in config.items() if k != "data" or data is not None}, "")
        assert load_s1(tmp_path / "a.ckpt")["config"]["data"]["max_sec"] == expected
