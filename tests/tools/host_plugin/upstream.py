"""Checkouts of the public tree for the tests marked ``upstream``: which, with what interpreter, copied and run."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.tools.host_plugin.standin import HERE, RESULT, gsv_environment

CHECKOUTS = [path for path in os.environ.get("GSV_UPSTREAM", "").split(os.pathsep) if path]
PYTHON = os.environ.get("GSV_UPSTREAM_PYTHON") or sys.executable
LEFT_OUT = shutil.ignore_patterns(".git", "docs", "Docker", "__pycache__", "*.wav", "*.mp3")
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
START_SECONDS = 300


def checkout_copy(source: str | None, folder: Path) -> Path:
    """A copy of a checkout; skips the test where none is named."""
    if source is None:
        pytest.skip("GSV_UPSTREAM names no checkout")
    root = folder / Path(source).name
    shutil.copytree(source, root, ignore=LEFT_OUT)
    return root


def need_own_packages() -> None:
    """Skip the test where the interpreter lacks what only sound and pages of the host need."""
    command = [PYTHON, "-c", "import torchaudio, librosa, peft, ffmpeg, g2p_en, gradio, fastapi"]
    if not os.environ.get("GSV_UPSTREAM_PYTHON"):
        pytest.skip("GSV_UPSTREAM_PYTHON names no interpreter with the host's packages")
    run = subprocess.run(command, env=environment(Path()), capture_output=True, text=True, check=False)
    if run.returncode:
        pytest.skip(f"{PYTHON} lacks packages of the host ({run.stderr.strip().splitlines()[-1]})")


def environment(root: Path, **variables: str) -> dict[str, str]:
    """Of a process of the host: its two import roots, the packages that were named, no network."""
    found = gsv_environment(root, **variables)
    if site := os.environ.get("GSV_UPSTREAM_SITE"):
        found["PYTHONPATH"] += os.pathsep + site
    return found | {"NLTK_DATA": str(root / "nltk_data"), "TRANSFORMERS_OFFLINE": "1", "no_proxy": "127.0.0.1"}


def drive(root: Path, script: str, *steps: dict[str, Any], **variables: str) -> tuple[Any, str]:
    """Run a driving script of this folder in a checkout; (what it printed as RESULT, all else that it printed).

    The host's own logging goes to standard output.
    """
    command = [PYTHON, str(HERE / script), json.dumps(steps)]
    run = subprocess.run(
        command, cwd=root, env=environment(root, **variables), capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr[-3000:]
    line = [line for line in run.stdout.splitlines() if line.startswith(RESULT)][-1]
    return json.loads(line.removeprefix(RESULT)), run.stdout.replace(line, "") + run.stderr


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def served(root: Path, arguments: Sequence[str], port: int, **variables: str) -> Iterator[Path]:
    """A script of the host that listens on ``port``; gives the file with what it prints."""
    log = root / f"{Path(arguments[0]).stem}.log"
    with log.open("w", encoding="utf-8") as stream:
        process = subprocess.Popen(
            [PYTHON, *arguments],
            cwd=root,
            env=environment(root, **variables),
            stdout=stream,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
        )
        try:
            _wait_for(process, port, log)
            yield log
        finally:
            process.kill()
            process.wait()


def _wait_for(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        if process.poll() is not None:
            break
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.5)
    pytest.fail(f"the host does not listen:\n{log.read_text(encoding='utf-8', errors='replace')[-3000:]}")


def chromium() -> Iterator[Any]:
    """A browser; skips the test where there is none."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is missing: make setup-dev")
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        pytest.skip("no chromium on this machine; fix: apt-get install chromium")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()
