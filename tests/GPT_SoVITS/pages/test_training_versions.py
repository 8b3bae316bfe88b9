"""Every version on the training tab: recipes, stages, settings that are seen, missing weights, adapters that speak."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("gradio")

from config import CONFIGS_ROOT, REPO_ROOT  # noqa: E402
from errors import RequestError  # noqa: E402
from module.versions import VERSIONS  # noqa: E402
from pages import model_lists  # noqa: E402
from pages.context import PageContext  # noqa: E402
from pages.jobs import JobRunner, JobState, JobView  # noqa: E402
from pages.loss_curves import LossCurves  # noqa: E402
from pages.training_bases import Base  # noqa: E402
from pages.training_jobs import training_job  # noqa: E402
from pages.training_start import start_preparation, start_training  # noqa: E402
from pages.training_tab import CHANGING, opened, shown  # noqa: E402
from pages.training_wish import settings_that_count  # noqa: E402
from pages.voice import Voice  # noqa: E402
from pages.voice_folder import VoiceFolder  # noqa: E402
from pages.weights import sovits_choices  # noqa: E402
from prepare_datasets.cli import all_stages, audio, features, speakers, text, tokens  # noqa: E402
from prepare_datasets.options import ALL_OPTIONS, parse  # noqa: E402
from tests.GPT_SoVITS.conftest import SSL_DIM  # noqa: E402
from tests.GPT_SoVITS.pages import test_training as tab  # noqa: E402
from tests.GPT_SoVITS.pages.test_training import GIVEN, WISH, NoRunner, only, run_of, settings_of  # noqa: E402
from tests.GPT_SoVITS.s2_folder import configuration, write_clips  # noqa: E402
from tests.GPT_SoVITS.TTS_infer_pack.test_versions import SMALL, companions  # noqa: E402

base, place, anna = tab.base, tab.place, tab.anna
ADAPTERS = {name for name, spec in VERSIONS.items() if spec.mel is not None}


def base_of(version: str, folder: Path) -> Base:
    """Tiny weights of a version, as they are published."""
    import torch

    from module.models import build_synthesizer
    from process_ckpt import save_s2

    torch.manual_seed(0)
    raw = configuration(folder, {"version": version, "ssl_dim": SSL_DIM, **SMALL})
    network = build_synthesizer(513, 10, **raw["model"])
    network.quantizer.codebook.set_entries(torch.randn_like(network.quantizer.codebook.embed))
    path = folder / f"base_{version}.pth"
    save_s2(path, network.state_dict(), raw, "base", version)
    return Base(
        version,
        version,
        folder,
        folder / "s1.ckpt",
        path,
        None,
        CONFIGS_ROOT / "s1.yaml",
        CONFIGS_ROOT / VERSIONS[version].recipe,
    )


@pytest.mark.parametrize("version", VERSIONS)
def test_each_version_is_trained_by_its_recipe(
    place: PageContext, anna: VoiceFolder, tmp_path: Path, version: str
) -> None:
    from module.training.settings import parse_settings

    base = base_of(version, tmp_path)
    wish = replace(WISH, stage="s2", lora_rank=8, grad_ckpt=True)
    spec = training_job(run_of(place, wish, anna, base), anna, base)
    adapter = version in ADAPTERS
    script = "s2_train_v3_lora.py" if adapter else "s2_train.py"
    assert spec.command[1] == str(REPO_ROOT / "GPT_SoVITS" / script)
    file = anna.folder / "runs" / "s2-my voice" / "train.json"
    assert spec.command[2:] == (f"--config={file}",)
    settings = parse_settings(settings_of(spec), REPO_ROOT)
    assert settings.version == settings.model["version"] == version
    assert (settings.train.lora_rank, settings.train.grad_ckpt) == ((8, True) if adapter else (32, False))
    assert settings.train.pretrained_s2G == str(base.s2) and settings.train.learning_rate <= 2e-4
    folder = "SoVITS_weights" if version == "v1" else f"SoVITS_weights_{version}"
    assert settings.save_weight_dir == place.weights.root / folder
    assert settings.state_dir == file.parent / "states" and settings.log_dir.is_relative_to(spec.facts["output"])


@pytest.mark.parametrize("version", VERSIONS)
def test_the_data_are_prepared_for_the_version(
    place: PageContext, anna: VoiceFolder, base: Base, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    only(replace(base, version=version), monkeypatch)
    runner = NoRunner()
    start_preparation(place, runner, GIVEN)  # type: ignore[arg-type]
    stages = all_stages(parse(ALL_OPTIONS, "", runner.specs[0].command[2:], {}))
    needs_speaker = version in ("v2Pro", "v2ProPlus")
    assert list(stages) == [text, features, audio, *([speakers] if needs_speaker else []), tokens]
    if not needs_speaker:
        return
    with pytest.raises(RequestError, match=f"speaker vectors, which {version} needs"):
        start_training(place, runner, GIVEN | {"stage": "s2"})  # type: ignore[arg-type]
    (anna.folder / "7-sv_cn").mkdir()
    (anna.folder / "7-sv_cn" / "a.wav.pt").write_text("")
    start_training(place, runner, GIVEN | {"stage": "s2"})  # type: ignore[arg-type]


@pytest.mark.parametrize("version", VERSIONS)
def test_settings_are_seen_where_they_mean_something(place: PageContext, version: str) -> None:
    expected = {
        "lm": {"preset", "backbone"},
        "s1": {"save_every", "if_dpo"},
        "s2": {"save_every", *(("lora_rank", "grad_ckpt") if version in ADAPTERS else ())},
    }
    for stage, names in expected.items():
        _, *updates = shown(place, stage, version)
        assert {name for name, update in zip(CHANGING, updates, strict=True) if update["visible"]} == names
        assert names <= settings_that_count(stage, VERSIONS[version])
    assert [update["visible"] for update in shown(place, "s1", None)[1:]] == [
        name in expected["s1"] for name in CHANGING
    ]


def test_weights_that_are_missing_are_listed_with_their_command(
    place: PageContext, base: Base, monkeypatch: pytest.MonkeyPatch
) -> None:
    choices = {name: label for label, name in opened(place)[0].choices}
    assert list(choices) == ["tiny", *VERSIONS] and choices["v4"] == "v4: not on disk"
    for version in VERSIONS:
        note = shown(place, "s1", version)[0]
        command = f"python tools/download.py {version}" + ("" if version in ADAPTERS else "-train")
        assert note.visible and note.value.endswith(f": {command}")
    assert not shown(place, "s2", "tiny")[0].visible and not shown(place, "s2", None)[0].visible
    only(replace(base, name="v2"), monkeypatch)
    note = shown(place, "s2", "v2")[0]
    assert "discriminators" in note.value and note.value.endswith("python tools/download.py v2-train")
    assert not shown(place, "s1", "v2")[0].visible


# ---- adapters -------------------------------------------------------------------------------------------------------


@pytest.fixture
def voice(tiny_pack: Path, monkeypatch: pytest.MonkeyPatch) -> Voice:
    """Speaks with the tiny pack; vocoders are stand-ins."""
    import TTS_infer_pack.TTS as pipeline
    import TTS_infer_pack.voice_holder as voice_holder

    monkeypatch.setattr(voice_holder, "load_companions", companions)
    return Voice(lambda tell: pipeline.TTS(pipeline.TTS_Config(pack=str(tiny_pack))))


def publish(base: Base, library: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put a base model into the place of the published one, below ``library``."""
    import published

    monkeypatch.setattr(published, "LIBRARY", library)
    path = published.place(published.S2G[base.version])
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(base.s2.read_bytes())
    return path


@pytest.mark.parametrize("version", sorted(ADAPTERS))
def test_an_adapter_is_listed_and_loads_with_its_base_alone(
    place: PageContext, voice: Voice, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    pytest.importorskip("peft")
    from module.models import SynthesizerTrnV3
    from module.training.adapter import add_adapter, public_names, trained_tensors
    from module.training.settings import parse_settings
    from process_ckpt import load_sovits_new, save_s2

    base = base_of(version, tmp_path)
    settings = parse_settings(load_sovits_new(base.s2)["config"], tmp_path)
    network = SynthesizerTrnV3(513, 10, **settings.model)
    add_adapter(network, 4)
    path = place.weights.root / f"SoVITS_weights_{version}" / "anna_e1_s5_l4.pth"
    save_s2(path, public_names(trained_tensors(network)), settings.raw, "1epoch", version, 4)
    speaking = replace(place, voice=voice)
    assert str(path) in dict(map(reversed, sovits_choices(place.weights, None)))  # type: ignore[arg-type]
    said: list[str] = []
    monkeypatch.setattr(model_lists.gr, "Warning", lambda text, title: said.append(text))

    monkeypatch.setattr("published.LIBRARY", tmp_path / "empty")
    model_lists.take_weights(speaking, str(path), "sovits")
    assert f"python tools/download.py {version}" in said[0] and "base model" in said[0]
    assert voice.load().configs.version == "v2", "the voice stays as it is"

    publish(base, tmp_path / "library", monkeypatch)
    _, sovits, _ = model_lists.take_weights(speaking, str(path), "sovits")
    assert len(said) == 1 and sovits.value == str(path) and voice.load().configs.version == version


@pytest.fixture
def runner(tmp_path: Path) -> Iterator[JobRunner]:
    made = JobRunner(tmp_path / "logs" / "jobs")
    yield made
    made.close(grace_seconds=1)


def wait_for(runner: JobRunner, job: str, ready: Callable[[JobView], bool], seconds: float = 900) -> JobView:
    """The job once it is ``ready``; it may not be over before."""
    until = time.monotonic() + seconds
    while not ready(view := runner.view(job)):
        assert not view.state.is_over and time.monotonic() < until, "\n".join(view.lines)
        time.sleep(0.1)
    return view


@pytest.mark.slow
def test_an_adapter_is_trained_stopped_and_finished(
    place: PageContext,
    anna: VoiceFolder,
    runner: JobRunner,
    voice: Voice,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("peft")
    base = base_of("v3", tmp_path)
    only(base, monkeypatch)
    write_clips(anna.folder, 3, SSL_DIM)
    given = GIVEN | {"stage": "s2", "base": "v3", "epochs": 10_000, "save_every": 10_000, "grad_ckpt": False}
    started = start_training(place, runner, given)
    job, output, curves = started.job, anna.folder / "runs" / "s2-anna", LossCurves()
    wait_for(runner, job, lambda view: bool(view.bars) and float(view.bars[0].done) >= 3)
    runner.stop(job)
    view = wait_for(runner, job, lambda view: view.state.is_over)
    assert view.state is JobState.STOPPED and list(output.glob("states/G_*.pth"))
    points = curves.read(output)
    assert {point.curve for point in points} == {"total"} and len(points) >= 3
    assert not list(place.weights.root.glob("SoVITS_weights*/*"))

    reached = points[-1].step
    with pytest.raises(RequestError, match="Nothing to do: anna has had"):
        start_training(place, runner, given | {"epochs": 1, "run": started.key})
    again = start_training(place, runner, given | {"epochs": reached + 2, "run": started.key})  # one batch an epoch
    job = again.job
    view = wait_for(runner, job, lambda view: view.state.is_over)
    assert view.state is JobState.DONE, view.lines
    assert any("continuing at epoch" in line for line in view.lines)
    [(_, path)] = [choice for choice in sovits_choices(place.weights, None) if "SoVITS_weights_v3" in choice[1]]
    assert path.endswith("_l8.pth") and Path(path).name.startswith("anna_e")
    publish(base, tmp_path / "library", monkeypatch)
    voice.take_weights("sovits", path)
    assert voice.load().configs.version == "v3"
