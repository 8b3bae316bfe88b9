"""The guide's Python snippets run, its options and reasons are those of the code, and its files exist."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, get_args

import pytest

from AR.errors import FallbackReason
from TTS_infer_pack import language_model, tts_config

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "qwen3.md").read_text(encoding="utf-8")


def test_all_reasons_and_options_are_in_the_tables() -> None:
    for reason in get_args(FallbackReason):
        assert f"| `{reason}` |" in GUIDE
    for option in (name for name in tts_config.PARSERS if "qwen3" in name):
        assert f"| `{option}` |" in GUIDE


def test_files_and_presets_exist() -> None:
    for name in set(re.findall(r"configs/[\w.]+\.yaml", GUIDE)):
        assert (ROOT / "GPT_SoVITS" / name).is_file(), name
    for name in set(re.findall(r"(?:GPT_SoVITS|tools)/[\w./-]+\.py", GUIDE)):
        assert (ROOT / name).is_file(), name


def test_python_snippets_run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    if not (tts_config.PACK_DIR / "pack.json").is_file():
        pytest.skip("the voice pack is not in this checkout")
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    names: dict[str, Any] = {}
    for snippet in re.findall(r"```python\n(.*?)```", GUIDE, re.S):
        exec(compile(snippet, "docs/qwen3.md", "exec"), names)
    out = capsys.readouterr().out
    assert "/no/such/folder" in out and "qwen3" in out
    if "gsv-tiny" in language_model.language_model_names():
        assert "None" in out.splitlines()[0], "the pack's language model speaks"
