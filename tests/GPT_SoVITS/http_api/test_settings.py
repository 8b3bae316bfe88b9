"""How the server is started: known flags, safe defaults, errors in one line."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from config import REPO_ROOT
from errors import ConfigError
from http_api import server
from http_api.settings import ApiSettings, read_settings


def test_the_public_flags(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("api_key", raising=False)
    assert (read_settings([]).host, read_settings([]).port) == ("127.0.0.1", 9880)
    settings = read_settings(["-a", "127.0.0.2", "-p", "9999", "-c", str(tmp_path / "a.yaml")])
    assert (settings.host, settings.port, settings.config) == ("127.0.0.2", 9999, str(tmp_path / "a.yaml"))
    assert not settings.public_compatible and settings.origins == ()


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "::", "None"])
def test_others_reach_it_only_with_a_key(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("api_key", raising=False)
    with pytest.raises(ConfigError, match="without a key"):
        read_settings(["-a", host])
    monkeypatch.setenv("api_key", "long-enough-key")
    assert "long-enough-key" not in repr(read_settings(["-a", host]))
    monkeypatch.setenv("api_key", "short")
    with pytest.raises(ConfigError, match="8"):
        read_settings(["-a", host])


@pytest.mark.parametrize(
    "arguments", [["--running", "0"], ["--allow", "/none/such"], ["-p", "many"], ["--memory", "0"]]
)
def test_bad_values_are_one_line_and_code_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert server.main(arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and error.count("\n") == 1


def test_a_port_that_is_taken(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert server.main(["-p", str(taken.getsockname()[1])]) == 2
    assert "cannot be listened on" in capsys.readouterr().err


def test_a_restart_starts_the_same_again(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[list[str]] = []
    monkeypatch.setattr(server, "serve", lambda settings: "restart")
    monkeypatch.setattr(os, "execv", lambda program, arguments: started.append(arguments))
    server.main(["-p", "9881"])
    assert started == [[sys.executable, "-m", "http_api.server", "-p", "9881"]]


def test_weights_and_references_lie_in_named_folders(tmp_path: Path) -> None:
    settings = ApiSettings(voices=tmp_path / "voices", allow=(tmp_path / "more",))
    assert tmp_path / "more" in settings.reference_roots and REPO_ROOT not in settings.reference_roots
    assert REPO_ROOT not in settings.weight_roots and Path("/") not in settings.weight_roots


@pytest.mark.slow
def test_the_script_serves_and_ends(tmp_path: Path) -> None:
    """``python api_v2.py`` on a free port speaks with the checkout's pack, and ends by /control."""
    httpx = pytest.importorskip("httpx")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    roots = os.pathsep.join([str(REPO_ROOT), str(REPO_ROOT / "GPT_SoVITS")])
    command = [sys.executable, str(REPO_ROOT / "api_v2.py"), "-p", str(port), "--voices", str(tmp_path)]
    process = subprocess.Popen(command, cwd=tmp_path, env=os.environ | {"PYTHONPATH": roots})
    try:
        transport = httpx.HTTPTransport(retries=8)
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=120, transport=transport) as client:
            answer = client.post("/tts", json={"text": "Hello there.", "text_lang": "en", "media_type": "mp3"})
            assert answer.status_code == 200 and len(answer.content) > 3000
            assert client.get("/ready").status_code == 200
            assert client.post("/control", json={"command": "exit"}).json() == {"message": "success"}
        assert process.wait(20) == 0
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
