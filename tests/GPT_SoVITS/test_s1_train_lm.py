"""Training a language model for the slot through ``s1_train.py``: a new tiny Qwen3, and LoRA on a tiny Llama."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from safetensors.torch import load_file

import s1_train
import s1_train_lm
from AR.backend import SamplingParams, T2SRequest
from AR.data.clips import DataPaths
from AR.data.collate import IGNORE
from AR.data.lm_collate import Item, LMCollator
from AR.decode import decode
from AR.errors import T2SError
from AR.models.lm_folder import LMConfig
from AR.models.qwen3_t2s_model import Qwen3T2SModel
from AR.training.config import DataSection
from AR.training.lm_config import parse_lm_config
from AR.training.lm_teacher import Teacher
from AR.training.lm_tokenizer import train_bpe
from s1_parts import load_clips
from tests.GPT_SoVITS.AR.conftest import NEW_MODEL
from text import cleaned_text_to_sequence

ROOT = Path(__file__).parents[2]
PHONES = ["HH", "AH0", "L", "OW1", "W", "ER1", "D", "."]
CONFIG: dict[str, Any] = {
    "qwen3": {"new_model": NEW_MODEL, "tokenizer_size": 300},
    "train": {
        "epochs": 2,
        "batch_size": 4,
        "batch_tokens": 900,
        "ema_decay": 0.9,
        "eval_steps": 3,
        "checkpoint_minutes": 60,
        "exp_name": "tiny",
        "label_smoothing": 0.0,
    },
    "optimizer": {"lr": 0.003, "adapter_lr": 0.003, "warmup_steps": 2},
    "data": {"held_out": 0.1, "join_probability": 0.3, "speaker_from": "single"},
    "guided": {"weight": 1.0, "final_weight": 0.5, "decay_steps": 10, "layers": [1], "heads": 1},
}


@pytest.fixture
def exp(tmp_path: Path) -> Path:
    """A prepared folder of 16 clips whose tokens follow from their phones."""
    folder, rng = tmp_path / "exp", random.Random(0)
    folder.mkdir()
    texts, tokens = [], ["item_name\tsemantic_audio"]
    for number in range(16):
        phones = [rng.choice(PHONES) for _ in range(rng.randint(6, 10))]
        texts.append(f"clip{number}\t{' '.join(phones)}\tNone\thello world {number}")
        spoken = [30 * PHONES.index(p) + i for p in phones for i in range(4)]
        tokens.append(f"clip{number}\t{' '.join(map(str, spoken))}")
    (folder / "2-name2text.txt").write_text("\n".join(texts) + "\n")
    (folder / "6-name2semantic.tsv").write_text("\n".join(tokens) + "\n")
    return folder


def write(tmp_path: Path, **changes: Any) -> Path:
    config = json.loads(json.dumps(CONFIG))
    for key, value in changes.items():
        section, _, name = key.partition("__")
        config[section][name] = value
    config["train"]["output_root"] = str(tmp_path / "weights")
    path = tmp_path / "lm.yaml"
    path.write_text(yaml.safe_dump(config))
    return path


def train(config: Path, exp: Path, output: Path, *more: str) -> int:
    return s1_train.main(["--config", str(config), "--exp", str(exp), "--output", str(output), *more])


def losses(output: Path) -> dict[int, float]:
    state = max(output.glob("checkpoint-*/trainer_state.json"), key=lambda p: int(p.parent.name.split("-")[1]))
    return {row["step"]: row["eval_loss"] for row in json.loads(state.read_text())["log_history"] if "eval_loss" in row}


def test_a_new_model_learns_and_a_resumed_run_is_the_same(exp: Path, tmp_path: Path) -> None:
    config = write(tmp_path)
    assert train(config, exp, tmp_path / "whole", "--set", "train.max_steps=6") == 0
    whole = losses(tmp_path / "whole")
    assert list(whole) == [3, 6] and whole[6] < whole[3]
    folder = tmp_path / "weights" / "tiny"
    assert {p.name for p in folder.iterdir()} == {"t2s_config.json", "adapter.safetensors", "backbone"}
    # stopped after three steps, the same command goes on; the schedule's length is that of the whole run
    assert train(config, exp, tmp_path / "parts", "--set", "train.max_steps=6", "--max_minutes", "0.0000001") == 0
    assert train(config, exp, tmp_path / "parts", "--set", "train.max_steps=6") == 0
    assert losses(tmp_path / "parts")[6] == pytest.approx(whole[6], abs=1e-4)
    model = Qwen3T2SModel.from_pretrained(folder)
    assert model.config.training["steps"] == 6
    request = T2SRequest(torch.tensor(cleaned_text_to_sequence(["HH", "L"], "v2")), text="hello")
    assert decode(model, [request], SamplingParams(seed=1, max_tokens=20))[0].tokens.numel() > 0


@pytest.mark.slow
def test_two_processes_train_as_one(exp: Path, tmp_path: Path) -> None:
    """They end in the same step, whose clock differs, and one that is asked to stop stops both."""
    config = write(tmp_path, train__epochs=1000, train__eval_steps=20, optimizer__schedule="time")

    def start(minutes: float) -> subprocess.Popen[str]:
        command = [
            str(Path(sys.executable).with_name("torchrun")),
            "--standalone",
            "--nproc_per_node",
            "2",
            str(ROOT / "GPT_SoVITS" / "s1_train.py"),
            "--config",
            str(config),
            "--exp",
            str(exp),
            "--output",
            str(tmp_path / "run"),
            "--max_minutes",
            str(minutes),
        ]
        paths = {"PYTHONPATH": f"{ROOT}:{ROOT / 'GPT_SoVITS'}", "OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "true"}
        return subprocess.Popen(command, env=os.environ | paths, stderr=subprocess.PIPE, text=True, cwd=tmp_path)

    first = start(0.2)
    told = first.communicate(timeout=300)[1]
    assert first.returncode == 0, told[-2000:]
    assert told.count("ended after 0.2 minutes") == 2
    steps = LMConfig.read(tmp_path / "weights" / "tiny").training["steps"]
    assert steps > 0 and max(losses(tmp_path / "run")) == steps

    second = start(60)
    assert second.stderr is not None
    said: list[str] = []
    for line in second.stderr:
        said.append(line)
        if "going on from" in line:
            break
    workers = Path(f"/proc/{second.pid}/task/{second.pid}/children").read_text().split()
    os.kill(int(workers[-1]), signal.SIGTERM)  # one of the two, perhaps before its first step
    said.append(second.communicate(timeout=300)[1])
    assert second.returncode == 0 and "".join(said).count("ended after") == 2, "".join(said)[-2000:]


@pytest.mark.parametrize(("keep", "steps"), [("best", 3), ("last", 6)])
def test_the_folder_holds_the_best_or_the_last(
    exp: Path, tmp_path: Path, keep: str, steps: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    from AR.training.lm_trainer import LMTrainer

    rising = iter([1.0, 2.0])
    monkeypatch.setattr(LMTrainer, "_held_out_loss", lambda self: next(rising))
    run = ("--set", "train.max_steps=6", "--set", f"train.keep={keep}")
    assert train(write(tmp_path), exp, tmp_path / "run", *run) == 0
    facts = Qwen3T2SModel.from_pretrained(tmp_path / "weights" / "tiny").config.training
    assert facts["steps"] == steps and facts["held_out_loss"] == steps / 3


@pytest.mark.parametrize(("keep", "steps"), [("best", 3), ("last", 4)])
def test_a_stopped_run_leaves_the_best_or_what_it_has_come_to(
    exp: Path, tmp_path: Path, keep: str, steps: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    from AR.training.lm_trainer import LMTrainer

    look_around = LMTrainer.look_around

    def stop_at_four(self: LMTrainer) -> None:
        self.stop_asked = self.state.global_step >= 4
        look_around(self)

    monkeypatch.setattr(LMTrainer, "look_around", stop_at_four)
    run = ("--set", "train.max_steps=9", "--set", f"train.keep={keep}")
    assert train(write(tmp_path), exp, tmp_path / "run", *run) == 0
    assert Qwen3T2SModel.from_pretrained(tmp_path / "weights" / "tiny").config.training["steps"] == steps


@pytest.fixture
def pretrained(tmp_path: Path) -> Path:
    """A tiny random Llama with its tokenizer."""
    pytest.importorskip("peft")
    from transformers import LlamaConfig, LlamaForCausalLM

    tokenizer = train_bpe(["hello world again"], 300)
    base = tmp_path / "base"
    torch.manual_seed(0)
    shape = {k: v for k, v in NEW_MODEL.items() if k not in ("model_type", "head_dim")}
    LlamaForCausalLM(LlamaConfig(**shape, vocab_size=len(tokenizer))).save_pretrained(base)
    tokenizer.save_pretrained(base)
    return base


@pytest.mark.parametrize("layers", [0, 1])
def test_lora_on_a_pretrained_model(
    exp: Path, tmp_path: Path, pretrained: Path, caplog: pytest.LogCaptureFixture, layers: int
) -> None:
    from transformers import LlamaForCausalLM

    config = write(
        tmp_path,
        qwen3__new_model={},
        qwen3__model_name=str(pretrained),
        qwen3__lora_rank=4,
        qwen3__layers=layers,
        guided__layers=[0],
    )
    with caplog.at_level("INFO"):
        assert train(config, exp, tmp_path / "run", "--set", "train.max_steps=3") == 0
    assert "memory for training" in caplog.text
    folder = tmp_path / "weights" / "tiny"
    assert {p.name for p in folder.iterdir()} == {"t2s_config.json", "adapter.safetensors", "lora"}
    trained = Qwen3T2SModel.from_pretrained(folder)
    assert len(trained.decoder.layers) == (layers or NEW_MODEL["num_hidden_layers"])
    plain = LlamaForCausalLM.from_pretrained(pretrained)
    changed = trained.decoder.layers[0].self_attn.q_proj.weight - plain.model.layers[0].self_attn.q_proj.weight
    assert 0 < float(changed.detach().abs().max()) < 1, "the LoRA is merged into the weights"
    request = T2SRequest(torch.tensor(cleaned_text_to_sequence(["HH", "L"], "v2")), text="hello")
    assert decode(trained, [request], SamplingParams(seed=1, max_tokens=20))[0].tokens.numel() > 0


def test_a_resumed_lora_run_gives_the_same_curve(exp: Path, tmp_path: Path, pretrained: Path) -> None:
    config = write(
        tmp_path,
        qwen3__new_model={},
        qwen3__model_name=str(pretrained),
        qwen3__lora_rank=4,
        train__token_noise=0.1,
        train__eval_steps=2,
    )
    steps = ("--set", "train.max_steps=6")
    assert train(config, exp, tmp_path / "whole", *steps) == 0
    for _ in range(6):  # stopped after every step
        assert train(config, exp, tmp_path / "parts", *steps, "--max_minutes", "0.0000001") == 0
    whole, parts = losses(tmp_path / "whole"), losses(tmp_path / "parts")
    assert list(whole) == [2, 4, 6] and whole[6] < whole[2]
    assert [parts[step] for step in whole] == pytest.approx(list(whole.values()), abs=1e-4)


def test_a_trained_model_is_trained_further(exp: Path, tmp_path: Path) -> None:
    assert train(write(tmp_path), exp, tmp_path / "first", "--set", "train.max_steps=6") == 0
    folder = tmp_path / "weights" / "tiny"
    before = Qwen3T2SModel.from_pretrained(folder)
    facts = before.config.training
    further = write(tmp_path, qwen3__start_from=str(folder), train__exp_name="mine", guided__weight=0.0)
    assert train(further, exp, tmp_path / "second", "--set", "train.max_steps=3") == 0
    after = Qwen3T2SModel.from_pretrained(tmp_path / "weights" / "mine")
    assert after.config.training["steps"] == 3
    assert after.config.training["held_out_loss"] < facts["held_out_loss"], "it goes on where the first ended"
    assert {p.name for p in (tmp_path / "weights" / "mine").iterdir()} == {p.name for p in folder.iterdir()}
    assert before.tokenizer("hello world")["input_ids"] == after.tokenizer("hello world")["input_ids"]
    for name in ("phone_embedding.weight", "decoder.layers.1.mlp.up_proj.weight"):
        assert not torch.equal(before.get_parameter(name), after.get_parameter(name))


def test_without_place_codes_there_are_never_any(exp: Path, tmp_path: Path) -> None:
    config = write(tmp_path, qwen3__position_gain=0, guided__weight=0.0)
    assert train(config, exp, tmp_path / "first", "--set", "train.max_steps=2") == 0
    folder = tmp_path / "weights" / "tiny"
    further = write(tmp_path, qwen3__start_from=str(folder), train__exp_name="mine", guided__weight=0.0)
    assert train(further, exp, tmp_path / "second", "--set", "train.max_steps=2") == 0
    for name in ("tiny", "mine"):
        model = Qwen3T2SModel.from_pretrained(tmp_path / "weights" / name)
        assert not model.position_gain.any() and model.config.training["steps"] == 2
    with pytest.raises(T2SError, match="position_gain"):
        parse_lm_config({"qwen3": {"position_gain": -1}})


def test_a_trained_lora_is_trained_further_as_one(exp: Path, tmp_path: Path, pretrained: Path) -> None:
    config = write(tmp_path, qwen3__new_model={}, qwen3__model_name=str(pretrained), qwen3__lora_rank=4)
    assert train(config, exp, tmp_path / "first", "--set", "train.max_steps=6") == 0
    folder, lora = tmp_path / "weights" / "tiny", "lora/adapter_model.safetensors"
    facts = LMConfig.read(folder).training
    further = write(tmp_path, qwen3__new_model={}, qwen3__start_from=str(folder), train__exp_name="mine")
    assert train(further, exp, tmp_path / "second", "--set", "train.max_steps=3") == 0
    mine = tmp_path / "weights" / "mine"
    assert LMConfig.read(mine).training["held_out_loss"] < facts["held_out_loss"]
    assert LMConfig.read(mine).backbone == str(pretrained)
    first, second = load_file(folder / lora), load_file(mine / lora)
    assert {n: t.shape for n, t in first.items()} == {n: t.shape for n, t in second.items()}
    moved = sum(float((first[n].float() - second[n].float()).norm()) for n in first)
    assert 0 < moved < sum(float(t.float().norm()) for t in first.values())


def distance(teacher: Qwen3T2SModel, folder: Path, exp: Path) -> float:
    """Mean Kullback-Leibler divergence of a trained folder's predictions from the teacher's, on all clips."""
    clips = load_clips(DataPaths.of_experiment(exp), "v2", DataSection(speaker_from="single", held_out=0.0))[0]
    items = [Item((clip,)) for clip in clips]
    told = Teacher(teacher)
    wanted = told.probabilities(told.collate(items))
    model = Qwen3T2SModel.from_pretrained(folder)
    batch = LMCollator(model.tokenizer, model.config, False)(items)
    logits = model.head(model.hidden_states(batch["ids"], batch["kinds"])[batch["labels"] != IGNORE])
    return float(torch.nn.functional.kl_div(logits.log_softmax(-1), wanted, reduction="batchmean"))


def test_a_teacher_is_learned_from(exp: Path, tmp_path: Path, pretrained: Path) -> None:
    assert train(write(tmp_path), exp, tmp_path / "first", "--set", "train.max_steps=12") == 0
    folder = tmp_path / "weights" / "tiny"
    teacher = Qwen3T2SModel.from_pretrained(folder)
    before = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    run = {"qwen3__new_model": {}, "qwen3__model_name": str(pretrained), "guided__layers": [0]}
    found = []
    for name, share in (("alone", 0.0), ("taught", 1.0)):
        config = write(tmp_path, **run, train__exp_name=name, qwen3__teacher=str(folder), qwen3__teacher_share=share)
        assert train(config, exp, tmp_path / name, "--set", "train.max_steps=12") == 0
        found.append(distance(teacher, tmp_path / "weights" / name, exp))
    assert found[1] < 0.9 * found[0], "it says what its teacher says"
    assert before == {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def test_a_teacher_of_other_tokens_is_refused(exp: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert train(write(tmp_path), exp, tmp_path / "first", "--set", "train.max_steps=3") == 0
    path = tmp_path / "weights" / "tiny" / "t2s_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"symbols": "v1"}))
    config = write(tmp_path, qwen3__teacher=str(path.parent), train__exp_name="taught")
    assert train(config, exp, tmp_path / "second") == 2
    assert "v1 phone symbols" in caplog.text
    assert train(write(tmp_path, qwen3__teacher="nobody"), exp, tmp_path / "third") == 2
    assert "qwen3.teacher as a folder" in caplog.text


def test_further_training_names_what_there_is(exp: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert train(write(tmp_path, qwen3__start_from="nobody"), exp, tmp_path / "run") == 2
    assert "no trained language model nobody" in caplog.text


def test_environment_asks_for_the_language_model(exp: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(s1_train_lm, "run", lambda config, exp, output: asked.append((config, output)))
    monkeypatch.setenv("qwen3_enable_training", "True")
    monkeypatch.setenv("qwen3_model_name", "some/model")
    assert s1_train.main(["--config", "configs/s1.yaml", "--exp", str(exp)]) == 0
    [(config, output)] = asked
    assert config.qwen3.model_name == "some/model" and output == exp / "logs_s1_qwen3"
    monkeypatch.setenv("qwen3_enable_training", "no")
    assert not s1_train.trains_language_model("configs/s1.yaml", ())


def test_presets_and_mistakes(tmp_path: Path, exp: Path) -> None:
    root = Path(s1_train.__file__).parent / "configs"
    found = sorted(root.glob("qwen3_*.yaml"))
    assert len(found) >= 5
    for path in found:
        parse_lm_config(yaml.safe_load(path.read_text()))
    with pytest.raises(T2SError, match="unknown keys .'tunning'."):
        parse_lm_config({"qwen3": {"tunning": "lora"}})
    with pytest.raises(T2SError, match="lora, full, frozen"):
        parse_lm_config({"qwen3": {"tuning": "half"}})
    assert train(write(tmp_path, qwen3__new_model={}, qwen3__model_name="/nowhere"), exp, tmp_path / "run") == 2


def test_the_last_step_is_judged_once(exp: Path, tmp_path: Path) -> None:
    """Also by the same command once more, which trains no further: its patience stays what it was."""
    config, output = write(tmp_path, train__patience=9), tmp_path / "out"
    for _ in range(2):
        assert train(config, exp, output, "--set", "train.max_steps=3") == 0
        [state] = output.glob("checkpoint-*/clock.json")
        clock = json.loads(state.read_text())
        assert state.parent.name == "checkpoint-3"
        assert (clock["evaluated_at"], clock["bad_evaluations"]) == (3, 0)


def test_processes_agree_on_the_held_out_loss(exp: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What this process finds is evened out with what the others do, and that decides about best and patience."""
    from AR.training import lm_trainer

    raw = yaml.safe_load(write(tmp_path).read_text())
    training = s1_train_lm.prepare(parse_lm_config(raw), exp, tmp_path / "out")
    monkeypatch.setattr(lm_trainer, "agreed", lambda accelerator, values: values + 2.0)
    mine = training._held_out_loss()
    training.best = mine + 1.0
    training.evaluate()
    assert training.bad_evaluations == 1 and training.best == mine + 1.0
