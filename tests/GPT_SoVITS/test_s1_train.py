"""The s1 recipe: a tiny real run, interruption and resumption, exports, and errors a user can cause."""

from __future__ import annotations

import logging
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml

import process_ckpt
import s1_train
from AR.backend import SamplingParams, T2SRequest
from AR.decode import decode
from AR.models.t2s_model import Text2SemanticDecoder

pytest.importorskip("accelerate")
REPO = Path(s1_train.__file__).resolve().parents[1]
CONFIG: dict[str, Any] = {
    "train": {
        "epochs": 3,
        "batch_size": 8,
        "batch_tokens": 400,
        "label_smoothing": 0.05,
        "ema_decay": 0.9,
        "save_every_n_epoch": 0,
        "exp_name": "tiny",
    },
    "optimizer": {"name": "adamw", "lr": 0.01, "warmup_steps": 5},
    "data": {"held_out": 0.1},
    "guided": {"weight": 1.0, "decay_steps": 50, "layers": [0]},
    "model": {
        "vocab_size": 1025,
        "phoneme_vocab_size": 732,
        "embedding_dim": 16,
        "hidden_dim": 16,
        "head": 2,
        "linear_units": 32,
        "n_layer": 2,
        "dropout": 0.1,
        "EOS": 1024,
    },
}


def write_config(folder: Path, **changes: Mapping[str, Any]) -> Path:
    config = {name: {**section, **changes.get(name, {})} for name, section in CONFIG.items()}
    path = folder / "s1.yaml"
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    return path


@pytest.fixture
def exp(tmp_path: Path) -> Path:
    """A prepared folder whose tokens follow from the phones."""
    folder = tmp_path / "exp"
    folder.mkdir()
    rng = np.random.default_rng(0)
    names = ["AA1", "B", "CH", "D", "EH1", "F", "G", "IY1"]
    text, semantic, speakers = [], ["item_name\tsemantic_audio"], []
    for i in range(40):
        ids = rng.integers(0, len(names), int(rng.integers(5, 12)))
        text.append(f"c{i}.wav\t{' '.join(names[j] for j in ids)}\tNone\tx")
        semantic.append(f"c{i}.wav\t{' '.join(str(j * 10 + k) for j in ids for k in range(2))}")
        speakers.append(f"c{i}.wav\ts{i % 2}")
    (folder / "2-name2text.txt").write_text("\n".join(text), encoding="utf-8")
    (folder / "6-name2semantic.tsv").write_text("\n".join(semantic), encoding="utf-8")
    (folder / "speakers.tsv").write_text("\n".join(speakers), encoding="utf-8")
    return folder


class Recorder:
    """Collects a loss of every step, and crashes at one."""

    def __init__(self, crash_at: int = -1, name: str = "loss") -> None:
        self.losses: dict[int, float] = {}
        self.crash_at, self.name = crash_at, name

    def __call__(self, step: int, losses: Mapping[str, torch.Tensor]) -> None:
        if step == self.crash_at:
            raise ZeroDivisionError("crash of the test")
        self.losses[step] = float(losses[self.name])


def test_a_short_run_learns_and_exports(exp: Path, tmp_path: Path) -> None:
    recorder = Recorder()
    config = s1_train.load_config(str(write_config(tmp_path, train={"epochs": 6})))
    best = s1_train.prepare(config, exp, tmp_path / "out", recorder).run()
    values = list(recorder.losses.values())
    assert best < 6.0 and np.mean(values[-5:]) < 0.75 * np.mean(values[:5])
    files = sorted(p.name for p in (tmp_path / "out").iterdir())
    assert files == ["state.pt", "tb", "tiny-best.ckpt", "tiny-last.ckpt"]
    saved = process_ckpt.load_s1(tmp_path / "out" / "tiny-best.ckpt")
    assert all(name.startswith("model.") and tensor.dtype == torch.float16 for name, tensor in saved["weight"].items())
    assert saved["config"]["model"]["n_layer"] == 2 and saved["info"].startswith("GPT-e")
    model = Text2SemanticDecoder.from_checkpoint(saved)
    assert len(decode(model, [T2SRequest(torch.tensor([10, 11, 12]))], SamplingParams(seed=0))[0].tokens) >= 11


def test_a_resumed_run_equals_an_uninterrupted_one(exp: Path, tmp_path: Path) -> None:
    config = s1_train.load_config(str(write_config(tmp_path, train={"checkpoint_steps": 4})))
    whole = Recorder()
    s1_train.prepare(config, exp, tmp_path / "whole", whole).run()
    before, after = Recorder(crash_at=8), Recorder()
    with pytest.raises(ZeroDivisionError):
        s1_train.prepare(config, exp, tmp_path / "parts", before).run()
    torch.manual_seed(99)
    s1_train.prepare(config, exp, tmp_path / "parts", after).run()
    assert max(before.losses) == 7 and min(after.losses) == 5
    assert before.losses | after.losses == whole.losses
    a, b = (process_ckpt.load_s1(tmp_path / part / "tiny-last.ckpt")["weight"] for part in ("whole", "parts"))
    assert all(torch.equal(a[name], b[name]) for name in a)


def test_a_resumed_run_makes_the_same_faulty_copies(exp: Path, tmp_path: Path) -> None:
    path = write_config(tmp_path, train={"checkpoint_steps": 4, "epochs": 1, "if_dpo": True})
    config = s1_train.load_config(str(path))
    whole, before, after = (Recorder(crash, "preference") for crash in (-1, 6, -1))
    s1_train.prepare(config, exp, tmp_path / "whole", whole).run()
    with pytest.raises(ZeroDivisionError):
        s1_train.prepare(config, exp, tmp_path / "parts", before).run()
    torch.manual_seed(99)
    s1_train.prepare(config, exp, tmp_path / "parts", after).run()
    assert max(before.losses) == 5 and min(after.losses) == 5
    assert before.losses | after.losses == whole.losses
    assert len(set(whole.losses.values())) == len(whole.losses) >= 8


def test_asking_to_stop_saves_the_state(exp: Path, tmp_path: Path) -> None:
    config = s1_train.load_config(str(write_config(tmp_path)))
    training = s1_train.prepare(config, exp, tmp_path / "out")

    def stop(step: int, losses: Mapping[str, torch.Tensor]) -> None:
        training.stop_asked = step >= 3

    training.on_step = stop
    training.run()
    again = s1_train.prepare(config, exp, tmp_path / "out")
    assert again.position.step == 3


def test_larger_batches_after_a_stop_do_not_hang(exp: Path, tmp_path: Path) -> None:
    small = s1_train.load_config(str(write_config(tmp_path, train={"checkpoint_steps": 1})))
    with pytest.raises(ZeroDivisionError):
        s1_train.prepare(small, exp, tmp_path / "out", Recorder(crash_at=4)).run()
    large = s1_train.load_config(str(write_config(tmp_path, train={"batch_tokens": 5000, "batch_size": 64})))
    training = s1_train.prepare(large, exp, tmp_path / "out")
    assert training.position.batch == 3
    training.run()
    assert training.position.epoch == 3


def test_time_limit_and_time_schedule(exp: Path, tmp_path: Path) -> None:
    path = write_config(tmp_path, train={"max_minutes": 0.005, "epochs": 10000}, optimizer={"schedule": "time"})
    training = s1_train.prepare(s1_train.load_config(str(path)), exp, tmp_path / "out")
    training.run()
    assert 0.005 <= training.position.minutes < 0.2
    assert (tmp_path / "out" / "tiny-best.ckpt").is_file()


def test_early_stopping(exp: Path, tmp_path: Path) -> None:
    path = write_config(
        tmp_path, train={"patience": 2, "epochs": 50, "ema_decay": 0}, optimizer={"lr": 0, "lr_init": 0, "lr_end": 0}
    )
    training = s1_train.prepare(s1_train.load_config(str(path)), exp, tmp_path / "out")
    training.run()
    assert training.position.epoch == 3


def test_fine_tuning_starts_from_given_weights(exp: Path, tmp_path: Path) -> None:
    path = write_config(tmp_path)
    first = s1_train.load_config(str(path))
    model = s1_train.build_model(first)
    process_ckpt.save_s1(tmp_path / "base.ckpt", model.checkpoint_weights(), first.raw, "test")
    again = s1_train.build_model(
        s1_train.load_config(str(path), [f"pretrained_s1={tmp_path / 'base.ckpt'}", "train.seed=7"])
    )
    torch.testing.assert_close(again.ar_predict_layer.weight, model.ar_predict_layer.weight, atol=1e-3, rtol=1e-2)
    changes = [f"pretrained_s1={tmp_path / 'base.ckpt'}", "model.n_layer=3"]
    with pytest.raises(s1_train.TrainingError, match=r"missing \(h.layers.2"):
        s1_train.build_model(s1_train.load_config(str(path), changes))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("train.epoch=3", r"unknown keys \['epoch'\] in section 'train'; known are"),
        ("trian.epochs=3", r"unknown keys \['trian'\]"),
        ("train.epochs=many", "train.epochs has to be of type int"),
        ("train.if_dpo=2", "train.if_dpo has to be of type bool"),
        ("guided.layers=[5]", "guided.layers"),
        ("model.head=5", "divisible"),
        ("optimizer.schedule=time", "needs train.max_minutes"),
    ],
)
def test_bad_settings_are_one_line(
    exp: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, change: str, message: str
) -> None:
    path = write_config(tmp_path)
    assert s1_train.main(["--config", str(path), "--exp", str(exp), "--set", change]) == 2
    errors = [r.getMessage() for r in caplog.records if r.levelno == logging.ERROR]
    assert len(errors) == 1 and "\n" not in errors[0]
    with pytest.raises(s1_train.ConfigError, match=message):
        s1_train.load_config(str(path), [change])


def test_bad_data_and_bad_state_are_one_line(exp: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path, out = str(write_config(tmp_path)), tmp_path / "out"
    out.mkdir()
    (out / "state.pt").write_bytes(b"rubbish")
    assert s1_train.main(["-c", path, "--exp", str(exp), "--output", str(out)]) == 2
    (exp / "6-name2semantic.tsv").write_text("item_name\tsemantic_audio\n", encoding="utf-8")
    assert s1_train.main(["--config_file", path, "--exp", str(exp), "--output", str(out)]) == 2
    assert s1_train.main(["-c", path, "--exp", str(tmp_path / "none")]) == 2
    assert s1_train.main(["-c", str(tmp_path / "none.yaml"), "--exp", str(exp)]) == 2
    errors = [r.getMessage() for r in caplog.records if r.levelno == logging.ERROR]
    for error, part in zip(errors, ("state.pt", "40 no semantic tokens", "cannot be read", "not found"), strict=True):
        assert part in error and "\n" not in error


def test_public_configuration_is_understood() -> None:
    raw = {
        "train": {
            "seed": 1234,
            "epochs": 20,
            "batch_size": 8,
            "save_every_n_epoch": 1,
            "precision": "16-mixed",
            "gradient_clip": 1.0,
            "if_save_latest": True,
            "if_save_every_weights": True,
            "exp_name": "x",
            "half_weights_save_dir": "GPT_weights_v2",
            "if_dpo": False,
        },
        "optimizer": {"lr": 0.01, "lr_init": 0.00001, "lr_end": 0.0001, "warmup_steps": 2000, "decay_steps": 40000},
        "data": {"max_eval_sample": 8, "max_sec": 54, "num_workers": 4, "pad_val": 1024},
        "model": {**CONFIG["model"], "random_bert": 0},
        "inference": {"top_k": 15},
        "output_dir": "logs/x/logs_s1_v2",
        "train_semantic_path": "a",
        "train_phoneme_path": "b",
        "pretrained_s1": "",
    }
    config = s1_train.parse_config(raw)
    assert config.optimizer.lr == pytest.approx(5e-4) and config.train.half_weights_save_dir == "GPT_weights_v2"


def test_the_shipped_configurations_parse() -> None:
    paths = sorted((REPO / "GPT_SoVITS" / "configs").glob("s1*.yaml"))
    assert paths
    for path in paths:
        s1_train.load_config(str(path))


@pytest.mark.slow
def test_a_killed_process_goes_on(exp: Path, tmp_path: Path) -> None:
    """kill -9 in the middle; the same command goes on from the last state."""
    path = write_config(tmp_path, train={"epochs": 40, "checkpoint_steps": 2})
    out = tmp_path / "out"
    command = [sys.executable, s1_train.__file__, "-c", str(path), "--exp", str(exp), "--output", str(out)]
    process = subprocess.Popen(command)
    try:
        while not (out / "state.pt").is_file():
            assert process.poll() is None
            time.sleep(0.05)
        time.sleep(1.0)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    step = torch.load(out / "state.pt", weights_only=True)["position"]["step"]
    assert step > 0
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert f"going on from {out / 'state.pt'}" in done.stderr and f"step {step}" in done.stderr


def test_the_last_epoch_is_judged_once(exp: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Also by the same command once more, after the run has ended: its patience stays what it was."""
    still = {"lr": 0, "lr_init": 0, "lr_end": 0}
    path = write_config(tmp_path, train={"patience": 9, "epochs": 3, "ema_decay": 0}, optimizer=still)
    config = s1_train.load_config(str(path))
    with caplog.at_level(logging.INFO):
        s1_train.prepare(config, exp, tmp_path / "out").run()
        assert sum("held-out loss" in record.getMessage() for record in caplog.records) == 3
        again = s1_train.prepare(config, exp, tmp_path / "out")
        assert again.position.bad_evaluations == 2
        again.run()
    assert again.position.bad_evaluations == 2
    assert torch.load(tmp_path / "out" / "state.pt", weights_only=True)["position"]["bad_evaluations"] == 2


class Pair:
    """An accelerator of two processes, the other of which found ``theirs``."""

    num_processes, process_index, device = 2, 0, torch.device("cpu")

    def __init__(self, theirs: float) -> None:
        self.theirs = theirs

    def reduce(self, mine: torch.Tensor, how: str) -> torch.Tensor:
        assert how == "mean"
        return (mine + self.theirs) / 2


def test_processes_agree_on_when_patience_ends(exp: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Here the loss falls, elsewhere it rises by more: both see the mean, which is what decides."""
    training = s1_train.prepare(s1_train.load_config(str(write_config(tmp_path))), exp, tmp_path / "out")
    training._evaluate()
    alone = training.position.best
    training.accelerator = Pair(theirs=alone + 2.0)
    training.position.best, training.position.step = alone + 0.5, 1
    training._evaluate()
    assert training.position.bad_evaluations == 1 and training.position.best == alone + 0.5
    training.accelerator.theirs = 1.0  # the other one has been asked to stop
    assert training._over()


@pytest.mark.slow
def test_two_processes_end_in_the_same_epoch(exp: Path, tmp_path: Path) -> None:
    still = {"lr": 0, "lr_init": 0, "lr_end": 0}
    path = write_config(tmp_path, train={"patience": 1, "epochs": 50, "ema_decay": 0}, optimizer=still)
    command = [
        str(Path(sys.executable).with_name("torchrun")),
        "--standalone",
        "--nproc-per-node=2",
        str(REPO / "GPT_SoVITS" / "s1_train.py"),
        *("-c", str(path), "--exp", str(exp), "--output", str(tmp_path / "out")),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stderr.count("stopping early") == 2 and "ended at epoch 2" in done.stderr
