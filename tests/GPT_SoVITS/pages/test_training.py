"""The training tab without a browser: what is started for which wishes, loss curves, presets by memory."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import pytest
import yaml

pytest.importorskip("gradio")

from config import CONFIGS_ROOT, PACK_DIR, REPO_ROOT  # noqa: E402
from errors import GSVError, RequestError  # noqa: E402
from module.versions import VERSIONS  # noqa: E402
from pages import training_bases, training_start, training_tab  # noqa: E402
from pages.context import PageContext  # noqa: E402
from pages.jobs import JobSpec, JobState  # noqa: E402
from pages.loss_curves import LossCurves, Point  # noqa: E402
from pages.loss_plot import COLOURS, loss_values, plot_of  # noqa: E402
from pages.runs import Run, run_folder  # noqa: E402
from pages.training_bases import PRESETS, Base  # noqa: E402
from pages.training_jobs import training_job, weights_folder  # noqa: E402
from pages.training_start import start_preparation, start_training  # noqa: E402
from pages.training_tab import opened, preset_list  # noqa: E402
from pages.training_wish import TrainingWish, check  # noqa: E402
from pages.voice_folder import VoiceFolder, voice_folder  # noqa: E402
from prepare_datasets.options import ALL_OPTIONS, parse  # noqa: E402
from tests.GPT_SoVITS.pages.conftest import NoRunner  # noqa: E402

WISH = TrainingWish("lm", "my voice", 3, 4, 0, 2, "cpu", "qwen3_gsv_tiny")
GIVEN: dict[str, Any] = {
    "voice": "anna",
    "list_file": "",
    "base": "tiny",
    "device": "cpu",
    "stage": "lm",
    "name": "",
    "preset": "qwen3_gsv_tiny",
    "backbone": "",
    "epochs": 3,
    "batch_size": 4,
    "minutes": 0,
    "save_every": 2,
    "lora_rank": 8,
    "grad_ckpt": True,
    "if_dpo": True,
}


@pytest.fixture
def base(tiny_pack: Path) -> Base:
    return Base(
        "tiny",
        "v2",
        tiny_pack / "hubert",
        tiny_pack / "s1.ckpt",
        tiny_pack / "s2G.pth",
        None,
        CONFIGS_ROOT / "s1_gsv_tiny.yaml",
        CONFIGS_ROOT / "s2_gsv_tiny.json",
    )


def only(base: Base, monkeypatch: pytest.MonkeyPatch) -> None:
    """This computer has one base, and no GPU."""
    for module in (training_tab, training_start):
        monkeypatch.setattr(module, "devices", lambda: ["cpu"])
        monkeypatch.setattr(module, "bases", lambda: [base])


def run_of(place: PageContext, wish: TrainingWish, voice: VoiceFolder, base: Base) -> Run:
    """A run of ``voice`` that has not started."""
    folder = run_folder(voice, wish.stage, wish.name)
    return Run(folder, wish, base.name, weights_folder(wish.stage, base, place.weights))


@pytest.fixture
def place(context: PageContext, base: Base, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PageContext:
    """Surroundings with the tiny pack as the one base, on a computer without a GPU."""
    only(base, monkeypatch)
    monkeypatch.setattr(training_tab.gr, "Info", lambda text: None)
    return replace(context, settings=replace(context.settings, exp_root=tmp_path / "logs"))


@pytest.fixture
def anna(place: PageContext) -> VoiceFolder:
    """A voice whose data are prepared."""
    voice = voice_folder(place, "anna")
    voice.folder.mkdir(parents=True)
    for name in ("anna.list", "2-name2text.txt", "6-name2semantic.tsv"):
        (voice.folder / name).write_text("x\n")
    return voice


def settings_of(spec: JobSpec) -> dict[str, Any]:
    [path] = [word.removeprefix("--config=") for word in spec.command if word.startswith("--config=")]
    text = Path(path).read_text(encoding="utf-8")
    return dict(json.loads(text) if path.endswith(".json") else yaml.safe_load(text))


def test_a_language_model_training_is_one_that_the_recipe_takes(
    place: PageContext, anna: VoiceFolder, base: Base
) -> None:
    from AR.training.lm_config import parse_lm_config

    spec = training_job(run_of(place, replace(WISH, backbone="owner/other"), anna, base), anna, base)
    config = parse_lm_config(settings_of(spec))
    assert (config.train.epochs, config.train.batch_size, config.train.exp_name) == (3, 4, "my voice")
    assert (config.qwen3.model_name, config.qwen3.sovits_path) == ("owner/other", str(base.s2))
    assert config.train.output_root == str(place.weights.lm)
    assert spec.lane == "cpu" and spec.facts["output"] == str(anna.folder / "runs" / "lm-my voice")
    assert spec.command[1] == str(REPO_ROOT / "GPT_SoVITS/s1_train.py") and f"--exp={anna.folder}" in spec.command


def test_an_ar_training_starts_from_the_bases_network(place: PageContext, anna: VoiceFolder, base: Base) -> None:
    from AR.training.config import parse_config
    from s1_train import build_model

    spec = training_job(run_of(place, replace(WISH, stage="s1"), anna, base), anna, base)
    config = parse_config(settings_of(spec))
    assert (config.train.epochs, config.train.save_every_n_epoch, config.optimizer.schedule) == (3, 2, "steps")
    assert config.train.half_weights_save_dir == str(place.weights.root / "GPT_weights_v2")
    assert config.optimizer.lr <= 2e-4 and not config.train.if_dpo
    spec = training_job(run_of(place, replace(WISH, stage="s1", if_dpo=True), anna, base), anna, base)
    assert parse_config(settings_of(spec)).train.if_dpo
    assert build_model(config).ar_text_embedding.word_embeddings.weight.shape == (732, 32)


def test_a_sovits_training_has_the_bases_sizes(place: PageContext, anna: VoiceFolder, base: Base) -> None:
    from module.training.settings import parse_settings

    spec = training_job(run_of(place, replace(WISH, stage="s2", minutes=5), anna, base), anna, base)
    settings = parse_settings(settings_of(spec), REPO_ROOT)
    assert settings.exp_dir == anna.folder and settings.save_weight_dir == place.weights.root / "SoVITS_weights_v2"
    assert settings.name == "my voice" and settings.train.pretrained_s2G == str(base.s2)
    assert settings.data.sampling_rate == 16000 and settings.model["inter_channels"] == 16
    assert (settings.train.max_minutes, settings.train.save_every_epoch) == (5, 2)
    assert settings.train.if_save_every_weights and settings.log_dir.is_relative_to(spec.facts["output"])
    assert settings.state_dir == Path(spec.facts["output"]) / "states"


def test_starting_queues_on_the_device(place: PageContext, anna: VoiceFolder) -> None:
    runner = NoRunner()
    start_training(place, runner, GIVEN)  # type: ignore[arg-type]
    [spec] = runner.specs
    assert spec.lane == "cpu" and spec.after == "" and spec.environment["CUDA_VISIBLE_DEVICES"] == ""
    assert str(spec.title) == "Train Language model: anna" and spec.log == anna.folder / "runs" / "lm-anna" / "log.txt"


def test_a_training_waits_for_the_preparation_of_its_voice(place: PageContext, anna: VoiceFolder) -> None:
    runner = NoRunner()
    start_preparation(place, runner, GIVEN)  # type: ignore[arg-type]
    [prepare] = runner.specs
    assert f"--list={anna.list_path}" in prepare.command and f"--out={anna.folder}" in prepare.command
    assert prepare.lane != "cpu", "data are prepared while another voice trains"
    settings = parse(ALL_OPTIONS, "", prepare.command[2:], {})
    assert (settings.list, settings.folder, settings.device) == (anna.list_path, anna.folder, "cpu")
    (anna.folder / "2-name2text.txt").unlink()
    with pytest.raises(RequestError, match="not prepared"):
        start_training(place, runner, GIVEN)  # type: ignore[arg-type]
    running = NoRunner(SimpleNamespace(id="job7", spec=prepare, state=JobState.RUNNING))
    start_training(place, running, GIVEN)  # type: ignore[arg-type]
    assert running.specs[0].after == "job7"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"voice": "../x"}, "no name for a voice"),
        ({"name": "a/b"}, "no name for weights"),
        ({"epochs": 0}, "Epochs"),
        ({"epochs": None}, "Epochs"),
        ({"batch_size": 1e9}, "Batch size"),
        ({"minutes": -1}, "Minutes"),
        ({"minutes": float("nan")}, "Minutes"),
        ({"stage": "s9"}, "no such training"),
        ({"preset": "none"}, "no such preset"),
        ({"base": "other"}, "start from"),
        ({"device": "cuda:9"}, "cuda:9"),
        ({"backbone": "/etc"}, "outside"),
        ({"voice": "ben"}, "not prepared"),
        ({"base": "v3"}, "v3 is trained from is not on disk.*: python tools/download.py v3"),
    ],
)
def test_wrong_wishes_start_nothing(place: PageContext, anna: VoiceFolder, change: dict[str, Any], words: str) -> None:
    runner = NoRunner()
    with pytest.raises(GSVError, match=words):
        start_training(place, runner, GIVEN | change)  # type: ignore[arg-type]
    assert not runner.specs and not (anna.folder / "runs").exists()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"voice": "ben"}, "ben.list"),
        ({"list_file": "/etc/passwd"}, "outside"),
        ({"base": None}, "start from"),
    ],
)
def test_wrong_lists_prepare_nothing(place: PageContext, anna: VoiceFolder, change: dict[str, Any], words: str) -> None:
    runner = NoRunner()
    with pytest.raises(GSVError, match=words):
        start_preparation(place, runner, GIVEN | change)  # type: ignore[arg-type]
    assert not runner.specs


def test_good_wishes_pass(context: PageContext) -> None:
    for stage in ("lm", "s1", "s2"):
        check(context, replace(WISH, stage=stage), VERSIONS["v2"])


def test_only_settings_that_count_are_checked(context: PageContext) -> None:
    wish = replace(WISH, stage="s2", lora_rank=0)
    check(context, wish, VERSIONS["v2"])
    with pytest.raises(RequestError, match="Rank"):
        check(context, wish, VERSIONS["v3"])


# ---- what is on this computer ---------------------------------------------------------------------------------------


def test_bases_are_what_is_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pack = [PACK_DIR.name] if (PACK_DIR / "pack.json").is_file() else []
    monkeypatch.setattr(training_bases, "place", lambda path: tmp_path / path)
    assert [base.name for base in training_bases.bases()] == pack
    (tmp_path / training_bases.HUBERT).mkdir(parents=True)
    for table in (training_bases.S1, training_bases.S2G, training_bases.S2D):
        path = tmp_path / table["v2"]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    found = training_bases.bases()
    assert [base.name for base in found] == ["v2", *pack]
    assert found[0].s2_disc == tmp_path / training_bases.S2D["v2"] and found[0].s1_recipe.is_file()
    for version in VERSIONS:
        for table in (training_bases.S1, training_bases.S2G):
            path = tmp_path / table[version]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("")
    whole = ["v2", "v1", "v3", "v4", "v5dev", "v5turbo", *pack]
    assert [base.name for base in training_bases.bases()] == whole, "Pro versions need the speaker network"
    network = tmp_path / training_bases.SPEAKER
    network.parent.mkdir(parents=True)
    network.write_text("")
    found = training_bases.bases()
    assert {base.name for base in found} == {*VERSIONS, *pack}
    assert all(base.s1_recipe.is_file() and base.s2_recipe.is_file() for base in found)
    lacking = {base.name for base in found if base.lacks_discriminators}
    assert lacking == {"v1", "v2Pro", "v2ProPlus"}


def test_presets_say_what_they_need_and_whether_that_is_free(
    place: PageContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert all(preset.path.is_file() for preset in PRESETS.values())
    assert {path.stem for path in CONFIGS_ROOT.glob("qwen3_*.yaml")} == set(PRESETS)
    monkeypatch.setattr(training_tab, "free_gib", lambda device: 12.0)
    labels = {name: label for label, name in preset_list(place, "cpu").choices}
    assert "does not fit" in labels["qwen3_lora_0.6b"] and "12.0 are free" in labels["qwen3_lora_smollm2"]
    labels = {name: label for label, name in preset_list(place, "cuda:0").choices}
    assert "does not fit" not in labels["qwen3_lora_0.6b"]
    monkeypatch.setattr(training_tab, "free_gib", lambda device: None)
    bases, devices, presets = opened(place)
    assert (bases.value, devices.value) == ("tiny", "cpu") and "free" not in presets.choices[0][0]


@pytest.mark.slow
def test_the_memory_of_the_presets_is_what_training_estimates() -> None:
    from transformers import AutoConfig

    from AR.training.lm_config import parse_lm_config
    from AR.training.lm_model import memory_estimate

    def qwen3(width: int, inner: int, layers: int, heads: int) -> dict[str, Any]:
        return {
            "model_type": "qwen3",
            "vocab_size": 151936,
            "hidden_size": width,
            "intermediate_size": inner,
            "num_hidden_layers": layers,
            "num_attention_heads": heads,
            "num_key_value_heads": 8,
            "head_dim": 128,
        }

    published = {
        "qwen3_lora_0.6b": qwen3(1024, 3072, 28, 16),
        "qwen3_lora_1.7b": qwen3(2048, 6144, 28, 16),
        "qwen3_lora_8b": qwen3(4096, 12288, 36, 32),
        "qwen3_lora_smollm2": {
            "model_type": "llama",
            "vocab_size": 49152,
            "hidden_size": 576,
            "intermediate_size": 1536,
            "num_hidden_layers": 30,
            "num_attention_heads": 9,
            "num_key_value_heads": 3,
        },
    }
    for name, preset in PRESETS.items():
        config = parse_lm_config(yaml.safe_load(preset.path.read_text(encoding="utf-8")))
        if config.qwen3.start_from:  # the pack's model, all of it
            tiny = parse_lm_config(yaml.safe_load(PRESETS["qwen3_gsv_tiny"].path.read_text(encoding="utf-8")))
            config = replace(config, new_model=tiny.new_model, qwen3=replace(tiny.qwen3, tuning="full"))
        shape = published.get(name) or dict(config.new_model) | {"vocab_size": config.qwen3.tokenizer_size}
        kind = str(shape.pop("model_type"))
        for device, expected in (("cpu", preset.gib_float32), ("cuda", preset.gib_bfloat16)):
            with mock.patch("torch.cuda.is_available", lambda device=device: device == "cuda"):
                total = sum(memory_estimate(config, AutoConfig.for_model(kind, **shape)).values())
            assert expected == pytest.approx(total, abs=0.1), (name, device)


# ---- loss curves ----------------------------------------------------------------------------------------------------


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., None]:
    """``write("run/tb", {"train/loss": [(step, value), ...]})`` writes a TensorBoard file below ``tmp_path``."""
    tensorboard = pytest.importorskip("torch.utils.tensorboard")

    def make(folder: str, curves: dict[str, list[tuple[int, float]]], number: int = 0) -> None:
        writer = tensorboard.SummaryWriter(str(tmp_path / folder), filename_suffix=f".{number}")
        for tag, values in curves.items():
            for step, value in values:
                writer.add_scalar(tag, value, step)
        writer.close()

    return make


def test_curves_of_all_trainings_are_read(tmp_path: Path, write: Callable[..., None]) -> None:
    assert LossCurves().read(tmp_path / "nothing") == []
    write("s1/tb", {"train/token_loss": [(10, 4.0)], "held_out/token_loss": [(10, 5.0)], "train/lr": [(10, 0.1)]})
    write("dpo/tb", {"train/preference": [(10, 0.5)], "train/preferred": [(10, 0.9)]})
    write("lm/runs/today", {"train/loss": [(10, 3.0)], "eval/loss": [(10, 3.5)], "train/train_loss": [(10, 9.0)]})
    write("s2/tb", {"g/total": [(1, 50.0)], "g/mel": [(1, 20.0)], "d/total": [(1, 1.0)]})
    curves = LossCurves()
    assert curves.read(tmp_path / "s1") == [Point(10, 5.0, "held-out"), Point(10, 4.0, "loss")]
    assert curves.read(tmp_path / "lm") == [Point(10, 3.5, "held-out"), Point(10, 3.0, "loss")]
    assert curves.read(tmp_path / "dpo") == [Point(10, 0.5, "preference")]
    assert curves.read(tmp_path / "s2") == [Point(1, 20.0, "mel"), Point(1, 50.0, "total")]


def test_a_run_that_goes_on_goes_on_in_the_curve(tmp_path: Path, write: Callable[..., None]) -> None:
    curves = LossCurves()
    write("lm/runs/one", {"train/loss": [(10, 3.0), (20, 2.0)]})
    assert [point.step for point in curves.read(tmp_path / "lm")] == [10, 20]
    write("lm/runs/two", {"train/loss": [(20, 1.9), (30, 1.5)]})
    assert [point[:2] for point in curves.read(tmp_path / "lm")] == [(10, 3.0), (20, pytest.approx(1.9)), (30, 1.5)]


def test_the_plot_gets_new_points_once(context: PageContext, tmp_path: Path, write: Callable[..., None]) -> None:
    spec = JobSpec("t", "train", ("x",), "cpu", facts={"output": str(tmp_path / "lm")})
    view = SimpleNamespace(id="1", spec=spec, state=JobState.RUNNING, seconds=1.0)
    runner, curves = NoRunner(view), LossCurves()

    def look(before: Any, *chosen: str, by: NoRunner = runner) -> Any:
        return loss_values(tmp_path, by, curves, before, chosen or ("", ""))  # type: ignore[arg-type]

    assert look((), by=NoRunner()) is None
    assert look(()) is None, "an empty table would make the axes lists of words for good"
    write("lm", {"train/loss": [(1, 3.0), (2, 2.0)]})
    seen, points = look(())
    assert points == [Point(1, 3.0, "loss"), Point(2, 2.0, "loss")]
    assert look(seen) is None, "nothing is sent twice"
    write("anna/runs/s1-anna/states/tb", {"train/token_loss": [(1, 5.0)]})
    seen, points = look(seen, "anna", "s1-anna")
    assert points == [Point(1, 5.0, "loss")], "the run that is chosen is shown, whatever trains"
    seen, points = look(seen, "anna", "s1-other")
    assert points == [] and look(seen, "anna", "s1-other") is None
    assert [widget.visible for widget in plot_of(context.say, points)] == [False, False]
    for chosen in (("..", "lm"), ("anna", "..")):
        assert look(seen, *chosen)[1][0] == Point(1, 3.0, "loss"), "what is no run shows the present one"


def test_the_legend_is_whole_and_axes_are_numbers(context: PageContext) -> None:
    curves = [Point(step, 1.0, name) for name in COLOURS for step in (1, 2)]
    legend, plot = plot_of(context.say, curves)
    assert (
        all(colour in legend.value for colour in COLOURS.values())
        and "on clips that are not trained on" in legend.value
    )
    assert plot.value["datatypes"] == {"step": "quantitative", "value": "quantitative", "curve": "nominal"}
    assert {row[2] for row in plot.value["data"]} == set(plot.color_map)
