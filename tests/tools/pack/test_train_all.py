"""The order of the recipe, its budget, stopping and going on; the steps themselves are stand-ins that write a line."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from errors import ConfigError, TrainingError
from tools.pack import train_all
from tools.pack.train_all import Command, Recipe, Stage


def recipe(folder: Path, device: str = "cpu") -> Recipe:
    return Recipe((folder / "corpus",), folder / "work", device, 1, None, folder / "pack")


def stand_in(name: str, folder: Path, share: float = 0.0, code: int = 0) -> Stage:
    """A stage whose command appends its name and minutes to ``ran.txt`` and ends with ``code``."""

    def commands(_: Recipe, minutes: float) -> Sequence[Command]:
        line = f"{name} {minutes:.1f}"
        script = "import sys; open(sys.argv[1], 'a').write(sys.argv[2] + '\\n'); sys.exit(int(sys.argv[3]))"
        return [[sys.executable, "-c", script, str(folder / "ran.txt"), line, str(code)]]

    return Stage(name, commands, share)


def use(monkeypatch: pytest.MonkeyPatch, folder: Path, failing: str = "") -> None:
    def stage(name: str, share: float = 0.0) -> Stage:
        return stand_in(name, folder, share, 3 if name == failing else 0)

    monkeypatch.setattr(train_all, "INPUTS", (stage("lists"),))
    lane = (stage("encoder", 0.25), stage("features"), stage("decoder", 0.75))
    monkeypatch.setattr(train_all, "SOVITS_LANES", {"cpu": lane, "cuda": lane})
    monkeypatch.setattr(train_all, "SEMANTIC_LANE", (stage("ar", 0.5), stage("lm", 0.5)))
    monkeypatch.setattr(train_all, "PACK", stage("pack"))


def ran(folder: Path) -> list[str]:
    return (folder / "ran.txt").read_text(encoding="utf-8").split("\n")[:-1]


def test_one_lane_divides_the_budget_among_all_trainings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, tmp_path)
    train_all.run_all(recipe(tmp_path), 20.0, lanes=1)
    assert ran(tmp_path) == ["lists 0.0", "encoder 2.5", "features 0.0", "decoder 7.5", "ar 5.0", "lm 5.0", "pack 0.0"]


def test_two_lanes_have_the_whole_budget_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, tmp_path)
    train_all.run_all(recipe(tmp_path), 20.0, lanes=2)
    lines = ran(tmp_path)
    assert lines[0] == "lists 0.0" and lines[-1] == "pack 0.0"
    assert [line for line in lines if line[:2] in ("ar", "lm")] == ["ar 10.0", "lm 10.0"]
    assert [line for line in lines if line[:2] in ("en", "fe", "de")] == ["encoder 5.0", "features 0.0", "decoder 15.0"]


def test_what_failed_is_named_and_the_rest_goes_on_from_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, tmp_path, failing="decoder")
    with pytest.raises(TrainingError, match=r"decoder ended with code 3.*decoder\.log"):
        train_all.run_all(recipe(tmp_path), 20.0, lanes=1)
    use(monkeypatch, tmp_path)
    train_all.run_all(recipe(tmp_path), 7.0, lanes=1)
    # of 0.75 + 0.5 + 0.5 shares the decoder has 0.75: nothing that is over runs again
    assert ran(tmp_path)[4:] == ["decoder 3.0", "ar 2.0", "lm 2.0", "pack 0.0"]
    state = json.loads((tmp_path / "work" / "state.json").read_text(encoding="utf-8"))
    assert all(entry["over"] for entry in state.values())


def test_a_finished_recipe_does_nothing_until_more_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, tmp_path)
    train_all.run_all(recipe(tmp_path), 20.0, lanes=1)
    before = len(ran(tmp_path))
    train_all.run_all(recipe(tmp_path), 20.0, lanes=1)
    assert len(ran(tmp_path)) == before
    train_all.run_all(recipe(tmp_path), 20.0, lanes=1, more=True)
    assert ran(tmp_path)[before:] == ["encoder 2.5", "decoder 7.5", "ar 5.0", "lm 5.0", "pack 0.0"]


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_commands_are_scripts_of_the_checkout(tmp_path: Path, device: str) -> None:
    told = recipe(tmp_path, device)
    told.work.mkdir()
    stages = (*train_all.INPUTS, *train_all.SOVITS_LANES[device], *train_all.SEMANTIC_LANE)
    for stage in stages:
        for command in stage.commands(told, 3.0):
            assert command[0] == sys.executable
            assert command[1] == "-c" or Path(command[1]).is_file(), command
    preset = {"cpu": "s2_gsv_tiny_decoder.json", "cuda": "s2_gsv_tiny_joint.json"}[device]
    settings = json.loads((told.work / preset).read_text(encoding="utf-8"))
    assert settings["train"]["max_minutes"] == 3.0
    assert settings["data"]["exp_dir"] == str(told.work / {"cpu": "focus", "cuda": "sovits"}[device])
    assert settings["state_dir"] == str(told.work / "sovits" / "logs_s2_v2")


def test_the_pack_s_voice_is_learned_before_its_decoder_and_with_other_mouths_tokens(tmp_path: Path) -> None:
    told = recipe(tmp_path)
    told.work.mkdir()
    stages = {stage.name: stage for stage in train_all.SOVITS_LANES["cpu"]}
    names = list(stages)
    assert names.index("acoustic") < names.index("focus") < names.index("voice") < names.index("decoder")
    focused, varied = stages["focus"].commands(told, 0.0)
    assert focused[focused.index("--out") + 1] == varied[varied.index("--exp") + 1] == told.at("focus")
    (command,) = stages["voice"].commands(told, 3.0)
    settings = json.loads(Path(command[-1]).read_text(encoding="utf-8"))
    assert settings["data"]["exp_dir"] == told.at("focus") and settings["train"]["acoustic_steps"] > 10**5


def test_the_language_model_is_written_where_the_pack_looks_for_it(tmp_path: Path) -> None:
    told = recipe(tmp_path)
    stage = next(stage for stage in train_all.SEMANTIC_LANE if stage.name == "lm")
    (command,) = stage.commands(told, 3.0)
    assert f"train.output_root={told.at('targets', 'lm')}" in command


def test_a_budget_of_nothing_is_refused() -> None:
    with pytest.raises(ConfigError, match="above 0"):
        train_all.parse(["--minutes", "0"])
