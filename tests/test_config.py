"""Settings: what is accepted, in which order it counts, and what the refusals say."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import config
from config import Config, parse_bool, parse_int, read_environment, resolve_path
from errors import ConfigError


@pytest.mark.parametrize("word", ["true", "True", "TRUE", "1", "yes", "Yes", " yes ", True, 1])
def test_true_words(word: object) -> None:
    assert parse_bool("use_qwen3", word) is True


@pytest.mark.parametrize("word", ["false", "False", "FALSE", "0", "no", "NO", False, 0])
def test_false_words(word: object) -> None:
    assert parse_bool("use_qwen3", word) is False


@given(st.text(max_size=8))
def test_other_words_are_refused_by_name(word: str) -> None:
    if word.strip().lower() in config.TRUE_WORDS + config.FALSE_WORDS:
        return
    with pytest.raises(ConfigError) as caught:
        parse_bool("is_half", word)
    message = str(caught.value)
    assert "is_half" in message and "true/1/yes/false/0/no" in message and "\n" not in message


def test_order_defaults_environment_arguments() -> None:
    env = {"version": "V1", "is_half": "YES", "infer_ttswebui": "7001"}
    assert Config.from_environment({}).version == "v2"
    assert Config.from_environment(env).version == "v1"
    chosen = Config.from_environment(env, version="v4", is_half=None)
    assert (chosen.version, chosen.is_half, chosen.webui_port_infer_tts) == ("v4", True, 7001)


def test_ports_users_know() -> None:
    settings = Config()
    assert (
        settings.webui_port_main,
        settings.webui_port_uvr5,
        settings.webui_port_infer_tts,
        settings.webui_port_subfix,
        settings.api_port,
    ) == (9874, 9873, 9872, 9871, 9880)


def test_environment_is_read_not_written() -> None:
    env = {"HF_ENDPOINT": "http://localhost:1", "use_qwen3": "", "gpt_path": "x/y.ckpt"}
    before = dict(env)
    settings = Config.from_environment(env)
    assert env == before
    assert settings.hf_endpoint == "http://localhost:1"
    assert settings.use_qwen3 is False
    assert settings.gpt_path == str(config.REPO_ROOT / "x" / "y.ckpt")


def test_read_environment_gives_only_what_is_set() -> None:
    env = {"use_qwen3": "no", "qwen3_model_name": "some/model", "version": "nonsense"}
    assert read_environment(env, "use_qwen3", "qwen3_model_name", "bert_path") == {
        "use_qwen3": False,
        "qwen3_model_name": "some/model",
    }


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("use_qwen3", "maybe"),
        ("version", "v9"),
        ("device", "gpu0"),
        ("infer_ttswebui", "99999"),
        ("api_port", "many"),
        ("language", "xx"),
    ],
)
def test_bad_environment_names_the_variable(name: str, value: str) -> None:
    with pytest.raises(ConfigError, match=name):
        Config.from_environment({name: value})


def test_unknown_argument_is_refused_with_the_known_names() -> None:
    with pytest.raises(ConfigError, match=r"unknown setting gpt_pth.*gpt_path"):
        Config.from_environment({}, gpt_pth="a.ckpt")


def test_every_field_has_a_parser_and_a_variable() -> None:
    names = {field.name for field in dataclasses.fields(Config)}
    assert names == set(config._PARSERS) == set(config.ENVIRONMENT_NAMES)


def test_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Config().version = "v1"  # type: ignore[misc]


def test_a_bool_is_no_number() -> None:
    with pytest.raises(ConfigError, match="a whole number from 1 to 5"):
        parse_int("n", True, 1, 5)


def test_relative_paths_start_at_the_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert resolve_path("logs/a") == config.REPO_ROOT / "logs" / "a"
    assert resolve_path(tmp_path / "b") == tmp_path / "b"
    assert resolve_path("~") == Path.home().resolve()


def test_import_is_light() -> None:
    code = "import sys, config; sys.exit('torch' in sys.modules)"
    roots = f"{config.REPO_ROOT}:{config.REPO_ROOT / 'GPT_SoVITS'}"
    assert subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": roots}, check=False).returncode == 0
