"""A run's steps: what they start, that they go on where they stopped, and what comes out for sharing."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from AR.training.lm_config import parse_lm_config
from config import PACK_DIR
from errors import ConfigError, DatasetError, TrainingError
from tools import teach
from tools.teaching import wish as wish_module
from tools.teaching.card import measured_lines, model_card
from tools.teaching.run import Runner, locked, share
from tools.teaching.wish import Decided, Wish


@pytest.fixture
def wish(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Wish:
    """A wish whose run's folder and stage are below a folder of the test."""
    monkeypatch.setattr(wish_module, "REPO_ROOT", tmp_path)
    monkeypatch.setattr(Runner, "stage", property(lambda self: tmp_path / "stages" / self.wish.name))
    return Wish("me", str(PACK_DIR / "s1.ckpt"), str(PACK_DIR / "s2G.pth"), "Qwen/Qwen3-0.6B")


@pytest.fixture
def commands() -> list[list[str]]:
    return []


@pytest.fixture
def runner(wish: Wish, commands: list[list[str]], tmp_path: Path) -> Callable[..., Runner]:
    def make(fail: str = "", decided: Decided | None = None) -> Runner:
        def start(command: Sequence[str]) -> int:
            commands.append(list(command))
            if "s1_train.py" in command[1]:
                shutil.copytree(PACK_DIR / "lm", tmp_path / "stages" / "me", dirs_exist_ok=True)
            return 1 if fail and fail in command[1] else 0

        return Runner(decided or Decided(wish, "small", (1, 2)), start)

    return make


def test_the_steps_are_the_commands_that_exist(runner: Callable[..., Runner], commands: list[list[str]]) -> None:
    assert runner().run(["One.", "Two."])
    speak, learn, judge = commands
    assert speak[1].endswith("4-distill.py") and speak[-2:] == ["1", "2"]
    assert Path(speak[speak.index("--texts") + 1]).read_text(encoding="utf-8") == "One.\nTwo.\n"
    assert judge[judge.index("--backend") + 1] == "ar,qwen3" and judge[judge.index("--seeds") + 1] == "1234,2"
    settings = yaml.safe_load(Path(learn[learn.index("--config") + 1]).read_text(encoding="utf-8"))
    config = parse_lm_config(settings)
    assert config.qwen3.model_name == "Qwen/Qwen3-0.6B" and config.qwen3.gradient_checkpointing
    assert config.qwen3.sovits_path.endswith("s2G.pth") and config.train.exp_name == "me"


def test_a_recogniser_listens_where_one_is_named(wish: Wish) -> None:
    heard = Runner(Decided(replace(wish, listen="base", takes=3), "small", (1,))).speak_command()
    assert Path(heard[1]).as_posix().endswith("tools/teaching/speak.py") and Path(heard[1]).is_file()
    assert heard[heard.index("--listen") + 1] == "base" and heard[heard.index("--takes") + 1] == "3"
    assert "--listen" not in Runner(Decided(wish, "small", (1,))).speak_command()


def test_a_run_goes_on_after_the_step_that_was_done(
    runner: Callable[..., Runner], commands: list[list[str]], wish: Wish
) -> None:
    with pytest.raises(TrainingError, match="step learn ended with status 1"):
        runner("s1_train").run(["One."])
    decided = Decided.read(wish)
    assert decided is not None and decided.done == ("speak",)
    commands.clear()
    assert runner(decided=decided).run(["One."])
    assert [Path(command[1]).name for command in commands] == ["s1_train.py", "evaluate.py"]


def test_other_settings_under_the_same_name_are_refused(wish: Wish) -> None:
    assert Decided.read(wish) is None
    Decided(wish, "small", (1,)).write()
    assert Decided.read(wish) == Decided(wish, "small", (1,))
    with pytest.raises(ConfigError, match="hours was 20"):
        Decided.read(replace(wish, hours=3.0))


def test_a_language_without_held_out_sentences_is_not_judged(
    runner: Callable[..., Runner], wish: Wish, commands: list[list[str]]
) -> None:
    assert runner(decided=Decided(replace(wish, language="all_zh"), "small", (1,))).run(["一。"])
    assert len(commands) == 2


def test_a_folder_is_worked_in_by_one_run_even_when_only_its_child_lives(tmp_path: Path) -> None:
    with locked(tmp_path) as lock:
        sleep = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(60)"]
        child = subprocess.Popen(sleep, pass_fds=(lock.fileno(),), stdout=subprocess.PIPE)
        assert child.stdout is not None and child.stdout.readline() == b"up\n"
    try:
        with pytest.raises(TrainingError, match="already"), locked(tmp_path):
            pass
    finally:
        child.kill()
        child.wait()
    with locked(tmp_path):
        pass


def test_lists_come_with_the_project(wish: Wish) -> None:
    for language in ("en", "ja", "all_ja", "zh", "all_zh", "ko", "all_ko", "yue", "all_yue"):
        assert len(replace(wish, language=language).read_texts()) > 250
    with pytest.raises(DatasetError, match="--texts"):
        replace(wish, language="auto").read_texts()


RESULTS = {
    "tables": {
        "en": {
            "unit": "WER",
            "systems": {"tts ar": {"error_rate": [20.0, 15.0, 25.0], "sentences": 100, "falls": 0}},
            "pairs": [{"system": "tts me", "beside": "tts ar", "ratio": [1.1, 0.9, 1.3], "sentences": 100}],
        }
    }
}


def test_what_is_shared_says_what_it_is(wish: Wish, tmp_path: Path) -> None:
    card = model_card(Decided(wish, "small", (1, 2)), PACK_DIR / "lm", 900, RESULTS)
    assert "20.0 (15.0 to 25.0)" in card and "1.1 (0.9 to 1.3) times" in card
    codebook = json.loads((PACK_DIR / "lm" / "t2s_config.json").read_text(encoding="utf-8"))["codebook"]
    assert codebook in card and "{" not in card
    folder = share(PACK_DIR / "lm", card, tmp_path / "shared")
    assert (folder / "README.md").read_text(encoding="utf-8") == card and (folder / "adapter.safetensors").is_file()
    with pytest.raises(TrainingError, match="exists"):
        share(PACK_DIR / "lm", card, tmp_path / "shared")
    assert measured_lines(None) == []


def test_the_command_tells_errors_in_one_line(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    arguments = ["--gpt", str(tmp_path / "no.ckpt"), "--sovits", "b", "--backbone", str(tmp_path / "none")]
    assert teach.main([*arguments, "--name", "no-such", "--plan"]) == 2
    assert len(caplog.records) >= 1
