"""Command line of the pages: languages, login, refused addresses, what answers before the page is there."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from config import LOOPBACK, REPO_ROOT
from errors import ConfigError
from pages.antechamber import Antechamber
from pages.context import PageSettings
from pages.serve import is_loopback, parse_arguments, read_settings, start

PORT = "webui_port_main"
LOGIN = ["--user", "me", "--password", "long enough"]


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("is_share", "language", "webui_user", "webui_password"):
        monkeypatch.delenv(name, raising=False)


def settings(*argv: str) -> PageSettings:
    return read_settings(parse_arguments(argv), PORT)


def test_defaults_are_this_computer_and_the_visitors_language() -> None:
    assert settings() == PageSettings()


def test_language_comes_from_argument_then_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("language", "ja_JP")
    assert settings().language == "ja_JP"
    assert settings("ko_kr").language == "ko_KR"


@pytest.mark.parametrize(
    "argv",
    [
        ["--host", "0.0.0.0"],
        ["--share"],
        ["--host", "192.168.1.5", "--user", "me"],
        ["--user", "me"],
        ["--share", "--user", "me", "--password", "short"],
        ["fr_FR"],
        ["--port", "70000"],
        ["--allow", "/no/such/folder"],
    ],
)
def test_what_is_not_safe_or_not_known_is_refused(argv: list[str]) -> None:
    with pytest.raises(ConfigError):
        settings(*argv)


def test_is_share_counts_as_share(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("is_share", "True")
    with pytest.raises(ConfigError, match="is_share"):
        settings()
    assert settings(*LOGIN).share


def test_a_login_opens_other_addresses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("webui_password", "from the variable")
    found = settings("--host", "0.0.0.0", "--user", "me", "--allow", str(tmp_path))
    assert (found.host, found.login, found.allow) == ("0.0.0.0", ("me", "from the variable"), (tmp_path.resolve(),))


@pytest.mark.parametrize(
    ("host", "own"),
    [
        ("127.0.0.1", True),
        ("localhost", True),
        ("::1", True),
        ("0.0.0.0", False),
        ("::", False),
        ("10.0.0.1", False),
        ("example.org", False),
    ],
)
def test_loopback_addresses_are_told_from_others(host: str, own: bool) -> None:
    assert is_loopback(host) is own


def test_a_taken_port_is_one_line_and_code_2(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRADIO_TEMP_DIR", "")  # start() sets it; undone with the test
    with socket.socket() as taken:
        taken.bind((LOOPBACK, 0))
        taken.listen()
        assert start(PORT, False, ["--port", str(taken.getsockname()[1])]) == 2
    assert "cannot be opened" in capsys.readouterr().err


def test_a_bad_setting_is_one_line_and_code_2(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("is_share", "perhaps")
    assert start(PORT, False, []) == 2
    assert capsys.readouterr().err.count("\n") == 1


def fetch(url: str, language: str = "") -> str:
    with urllib.request.urlopen(urllib.request.Request(url, headers={"Accept-Language": language})) as answer:
        return answer.read().decode("utf-8")


def test_the_antechamber_answers_in_the_visitors_language_and_frees_the_port() -> None:
    antechamber = Antechamber()
    url = f"http://{LOOPBACK}:{antechamber.port}/"
    assert "Starting" in fetch(url) and "正在启动" in fetch(url, "zh-CN")
    with pytest.raises(urllib.error.HTTPError) as refused:
        fetch(f"{url}config")
    assert refused.value.code == 503
    antechamber.close()
    second = Antechamber(port=antechamber.port)
    second.close()


def test_importing_the_pages_loads_neither_models_nor_gradio() -> None:
    roots = f"{REPO_ROOT}{os.pathsep}{REPO_ROOT / 'GPT_SoVITS'}"
    code = "import sys, inference_webui, webui; sys.exit(bool({'torch', 'gradio', 'transformers'} & set(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": roots}, check=False)
    assert run.returncode == 0
