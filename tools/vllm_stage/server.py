"""vLLM's server over one exported folder, on the loopback address, for as long as a block runs."""

from __future__ import annotations

import logging
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from AR.engine.completions import CompletionsClient, EngineAddress
from AR.errors import LMUnavailable
from AR.models.lm_manifest import LMManifest
from errors import OutputError

logger = logging.getLogger(__name__)

START_SECONDS = 600.0
QUIET = {"VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1", "HF_HUB_OFFLINE": "1", "VLLM_LOGGING_LEVEL": "WARNING"}


@dataclass(frozen=True)
class Served:
    """A server that listens.

    Attributes:
        address: as ``qwen3_model_name`` has it.
        process: the server; it leads a process group of its own.
    """

    address: str
    process: subprocess.Popen[bytes]

    def kill(self) -> None:
        """End all of it at once, as a machine that loses its power does."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


def command_of(python: Path, folder: Path, name: str, port: int) -> list[str]:
    """The server's command line; float32, so that its numbers can be compared with ours."""
    manifest = LMManifest.read(folder)
    command = [str(python), "-m", "vllm.entrypoints.openai.api_server", "--model", str(folder)]
    command += ["--served-model-name", name, f"{name}@{manifest.fingerprint}", "--host", "127.0.0.1"]
    command += ["--port", str(port), "--dtype", "float32", "--generation-config", "vllm", "--enforce-eager"]
    return [*command, "--max-num-seqs", "64", "--max-num-batched-tokens", "8192", "--disable-uvicorn-access-log"]


def free_port() -> int:
    """A port of the loopback address that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serving(python: Path, folder: Path, name: str, log: Path, threads: int = 1) -> Iterator[Served]:
    """Serve an exported folder until the block ends.

    Args:
        python: interpreter of an environment with vLLM.
        folder: what tools/export_lm.py has written.
        name: the model's name.
        log: file for what the server says.
        threads: CPU threads of its computation.

    Raises:
        OutputError: it does not come up.
    """
    port = free_port()
    environment = os.environ | QUIET | {"OMP_NUM_THREADS": str(threads), "VLLM_CPU_KVCACHE_SPACE": "1"}
    for variable in ("PYTHONPATH", "VLLM_ENV"):
        environment.pop(variable, None)
    with log.open("wb") as out:
        process = subprocess.Popen(
            command_of(python, folder, name, port), env=environment, stdout=out, stderr=out, start_new_session=True
        )
    served = Served(f"http://127.0.0.1:{port}/{name}", process)
    try:
        _wait(served, log)
        yield served
    finally:
        served.kill()


def _wait(served: Served, log: Path) -> None:
    client, begun = CompletionsClient(EngineAddress.parse(served.address)), time.monotonic()
    while time.monotonic() - begun < START_SECONDS and served.process.poll() is None:
        with suppress(LMUnavailable):
            client.names()
            logger.info("%s is up after %.0f s", served.address, time.monotonic() - begun)
            return
        time.sleep(0.5)
    last = log.read_text(encoding="utf-8", errors="replace").splitlines()[-20:]
    raise OutputError("vLLM does not come up: " + " | ".join(last), "a server that answers", f"see {log}")
