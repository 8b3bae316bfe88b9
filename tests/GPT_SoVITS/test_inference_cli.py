"""The command line: what works with no further argument, the public flags, and one line and code 2 for bad input."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

import inference_cli as cli
from errors import RequestError
from inference_cli import main, output_file
from TTS_infer_pack import TTS as TTS_module
from TTS_infer_pack import tts_config
from TTS_infer_pack.tts_config import TTS_Config

REPO = Path(__file__).resolve().parents[2]
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tiny_pack: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """``run(*argv)`` in an empty folder of a checkout that holds the test pack; gives (code, stdout, stderr)."""
    for name in (*tts_config.ENVIRONMENT, *tts_config.ENVIRONMENT.values()):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(tts_config, "PACK_DIR", tiny_pack)
    monkeypatch.setattr("published.LIBRARY", tmp_path / "none")
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)

    def call(*argv: object) -> tuple[int, str, str]:
        try:
            code = main([str(word) for word in argv])
        except SystemExit as end:
            code = int(end.code or 0)
        out = capsys.readouterr()
        return code, out.out, out.err

    return call


def test_a_text_and_a_name_are_enough(run: Run) -> None:
    code, out, err = run("Hello there.", "-o", "hello.wav")
    assert (code, err) == (0, "") and "hello.wav" in out and "real-time factor" in out
    info = soundfile.info("hello.wav")
    assert info.samplerate == 16000 and info.duration > 0.5 and info.subtype == "PCM_16"
    assert os.listdir() == ["hello.wav"]


def test_public_flags(run: Run, tiny_pack: Path, clip: Path) -> None:
    Path("ref.txt").write_text("Some words.\n", encoding="utf-8")
    Path("target.txt").write_text("\ufeffGood evening.\n", encoding="utf-8")
    code, _, err = run(
        "--gpt_model",
        tiny_pack / "s1.ckpt",
        "--sovits_model",
        tiny_pack / "s2G.pth",
        "--ref_audio",
        clip,
        "--ref_text",
        "ref.txt",
        "--ref_language",
        "英文",
        "--target_text",
        "target.txt",
        "--target_language",
        "English",
        "--output_path",
        "out",
        "--seed",
        "1",
    )
    assert (code, err) == (0, "") and soundfile.info("out/output.wav").frames
    code, _, _ = run(
        "--ref_audio",
        clip,
        "--ref_text",
        "Some words.",
        "--target_text",
        "Good evening.",
        "--gpt_model",
        tiny_pack / "s1.ckpt",
        "--sovits_model",
        tiny_pack / "s2G.pth",
        "-o",
        "b.wav",
        "--seed",
        "1",
    )
    assert code == 0
    np.testing.assert_array_equal(soundfile.read("b.wav")[0], soundfile.read("out/output.wav")[0])


def test_where_the_output_goes(tmp_path: Path) -> None:
    assert output_file("a.wav") == Path("a.wav")
    assert output_file("new") == Path("new/output.wav") and output_file("a.b/") == Path("a.b/output.wav")
    assert output_file(str(tmp_path)) == tmp_path / "output.wav"


def recording(name: str, seconds: float, level: float = 0.1) -> str:
    soundfile.write(name, level * np.random.default_rng(0).normal(size=int(seconds * 16000)), 16000)
    return name


def bad_input(pack: Path) -> list[tuple[str, list[str], str]]:
    """(name, arguments, words that the message holds); files are made in the current folder."""
    Path("text.wav").write_text("no sound")
    Path("text.pth").write_text("no weights")
    Path("half.ckpt").write_bytes((pack / "s1.ckpt").read_bytes()[:3000])
    Path("taken").write_text("x")
    hello = ["Hello."]
    return [
        ("missing gpt", [*hello, "--gpt_model", "no.ckpt"], "no.ckpt does not exist"),
        ("missing sovits", [*hello, "--sovits_model", "no.pth"], "no.pth does not exist"),
        ("corrupt gpt", [*hello, "--gpt_model", "half.ckpt"], "half.ckpt is truncated"),
        ("corrupt sovits", [*hello, "--sovits_model", "text.pth"], "text.pth seems to be a text file"),
        ("gpt is a sovits", [*hello, "--gpt_model", f"{pack}/s2G.pth"], "is a SoVITS (s2"),
        ("sovits is a gpt", [*hello, "--sovits_model", f"{pack}/s1.ckpt"], "is a GPT (s1"),
        ("missing reference", [*hello, "--ref_audio", "no.wav"], "no.wav does not exist"),
        ("reference is text", [*hello, "--ref_audio", "text.wav"], "not a readable audio file"),
        ("silent reference", [*hello, "--ref_audio", recording("silent.wav", 4, 0)], "is silent"),
        ("short reference", [*hello, "--ref_audio", recording("short.wav", 0.5)], "lasts 0.50 s"),
        ("minute-long reference", [*hello, "--ref_audio", recording("minute.wav", 60)], "lasts 60.0 s"),
        ("empty text", [""], "the text is empty"),
        ("no text", [], "the text is empty"),
        ("only punctuation", ["?!..."], "only punctuation"),
        ("missing text file", ["--target_text", "no.txt"], "no.txt cannot be read"),
        ("two texts", [*hello, "--target_text", "Hello."], "given twice"),
        ("unknown language", [*hello, "--target_language", "klingon"], "unknown language 'klingon'"),
        ("unknown reference language", [*hello, "--ref_language", "xx"], "unknown language 'xx'"),
        ("reference text alone", [*hello, "--ref_text", "Words."], "--ref_audio"),
        ("output below a file", [*hello, "-o", "taken/a.wav"], "taken takes no files"),
        ("output of no format", [*hello, "-o", "a.xyz"], "no known audio format"),
        ("unknown flag", [*hello, "--frobnicate"], "unrecognized arguments"),
        ("bad number", [*hello, "--top_k", "many"], "--top_k"),
        ("number out of range", [*hello, "--top_p", "7"], "top_p=7.0"),
        ("unknown cut", [*hello, "--text_split_method", "cut9"], "cut9"),
        ("missing settings", [*hello, "--config", "no.yaml"], "no.yaml"),
    ]


def test_bad_input_is_one_line_and_code_2(run: Run, tiny_pack: Path) -> None:
    cases = bad_input(tiny_pack)
    before = {path.name: path.read_bytes() for path in Path().iterdir()}
    for name, argv, words in cases:
        code, out, err = run(*argv)
        assert code == 2 and out == "", name
        assert err.startswith("error: ") and err.count("\n") == 1 and words in err, f"{name}: {err}"
    assert {path.name: path.read_bytes() for path in Path().iterdir()} == before


def test_a_long_reference_speaks_with_a_warning(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    code, _, _ = run("Hello.", "--ref_audio", recording("long.wav", 30), "--ref_text", "Words.", "-o", "a.wav")
    assert code == 0 and soundfile.info("a.wav").frames
    assert "lasts 30.0 s" in caplog.text and "10 s" in caplog.text


def test_a_failed_write_leaves_nothing(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: object, **kwargs: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(soundfile, "write", full)
    code, _, err = run("Hello.", "-o", "a.wav")
    assert code == 2 and "No space left" in err and os.listdir() == []


def test_settings_from_another_folder(run: Run, tiny_pack: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[TTS_Config] = []

    class Stop(Exception):
        pass

    def record(config: TTS_Config) -> None:
        seen.append(config)
        raise Stop

    monkeypatch.setattr(TTS_module, "TTS", record)
    Path("s.yaml").write_text(f"custom:\n  pack: {tiny_pack}\n  use_qwen3: true\n")
    with pytest.raises(Stop):
        run("Hello.", "--config", "s.yaml", "--gpt_model", "here.ckpt")
    assert seen[0].use_qwen3 and seen[0].t2s_weights_path == str(Path("here.ckpt").resolve())


def shell(*argv: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    """The script as users start it: by path, from any folder, with the import roots as an install gives them."""
    roots = os.pathsep.join((str(REPO), str(REPO / "GPT_SoVITS")))
    command = [sys.executable, str(REPO / "GPT_SoVITS" / "inference_cli.py"), *map(str, argv)]
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": roots, "OMP_NUM_THREADS": "1"}
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, env=env, timeout=300)


def test_the_script_speaks(tiny_pack: Path, tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text(f"custom:\n  pack: {tiny_pack}\n")
    done = shell("Hello there.", "-o", "hello.wav", "--config", "s.yaml", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stderr == "" and "hello.wav" in done.stdout and soundfile.info(tmp_path / "hello.wav").frames


def test_the_script_fails_in_one_line(tmp_path: Path) -> None:
    done = shell("...", "-o", "hello.wav", cwd=tmp_path)
    assert done.returncode == 2 and done.stdout == "" and done.stderr.count("\n") == 1
    assert "only punctuation" in done.stderr and list(tmp_path.iterdir()) == []


def test_a_voice_brings_its_clip_and_arguments_count_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "voices" / "Anna"
    folder.mkdir(parents=True)
    (folder / "clip.wav").touch()
    (folder / "clip.txt").write_text("What I say.", encoding="utf-8")
    (folder / "voice.json").write_text('{"lang": "en", "t2s": "qwen3", "defaults": {"top_k": 3, "seed": 7}}')
    monkeypatch.setenv("voices_root", str(tmp_path / "voices"))
    voice = cli.project_voices().get("anna")
    request = cli.read_request(cli.build_parser().parse_args(["Hello.", "--voice", "anna", "--top_k", "9"]), voice)
    assert (request.ref_audio_path, request.prompt_text, request.prompt_lang) == (
        str(folder / "clip.wav"),
        "What I say.",
        "en",
    )
    assert (request.top_k, request.seed, request.t2s) == (9, 7, "qwen3")
    ar = cli.read_request(cli.build_parser().parse_args(["Hello.", "--voice", "anna", "--t2s", "ar"]), voice)
    assert ar.t2s is None, "the settings, which --t2s has made, say who speaks"
    assert cli.main(["--voice", "list"]) == 0 and capsys.readouterr().out == "Anna\n"
    assert cli.main(["Hello.", "--voice", "nobody", "-o", str(tmp_path / "a.wav")]) == 2
    assert "no voice 'nobody'" in capsys.readouterr().err


def test_text_comes_from_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = cli.build_parser().parse_args(["-"])
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO("Grüß dich.\n".encode())))
    assert cli.read_request(arguments).text == "Grüß dich."
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"\xff\xfe\x00")))
    with pytest.raises(RequestError, match="standard input"):
        cli.read_request(arguments)


@pytest.mark.parametrize("kind", ["srt", "vtt", "json"])
def test_subtitles_are_written_beside_the_sound(run: Run, tmp_path: Path, kind: str) -> None:
    code, _, error = run("Hello there, my friend.", "-o", tmp_path / "a.wav", "--subtitles", tmp_path / f"a.{kind}")
    assert code == 0, error
    content = (tmp_path / f"a.{kind}").read_text(encoding="utf-8")
    assert "Hello" in content and "friend" in content
    assert content.startswith({"srt": "1\n00:00:0", "vtt": "WEBVTT\n", "json": "{"}[kind])


def test_a_subtitle_file_of_another_kind_is_refused_before_the_work(run: Run, tmp_path: Path) -> None:
    code, _, error = run("Hello there.", "-o", tmp_path / "a.wav", "--subtitles", tmp_path / "a.txt")
    assert code == 2 and ".srt" in error and not list(tmp_path.glob("a.*"))
