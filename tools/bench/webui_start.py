"""How long the inference page takes: from start to an answer, to the page, to the voice; from the click to sound.

    python tools/bench/webui_start.py
    python tools/bench/webui_start.py --text "Hello there." --streaming 3

Starts the command that users start, as a process of its own, and asks it over the loopback address as a browser does.
Beside each time stands the server's own CPU time, which other programs on the machine do not stretch as much. Prints a
table, and a last line of JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from config import LOOPBACK, REPO_ROOT

PATIENCE = 900.0
LOOK_SECONDS = 0.02
WAV_HEADER = 44
TEXT = "Hello there. This is how long it takes until something is heard."


class Server:
    """The page's process and its clocks.

    Attributes:
        url: the page's address.
        begun: when it was started, on the monotonic clock.
    """

    def __init__(self, log: Path) -> None:
        command = [sys.executable, str(REPO_ROOT / "GPT_SoVITS" / "inference_webui.py"), "en_US", "--port", "0"]
        self.begun = time.perf_counter()
        with log.open("wb") as stream:
            roots = os.pathsep.join(path for path in sys.path if path)
            self._process = subprocess.Popen(command, stdout=stream, stderr=stream,
                                             env=os.environ | {"PYTHONPATH": roots})
        pattern = re.compile(rf"opens on (http://{re.escape(LOOPBACK)}:\d+)")
        self.wait(lambda: pattern.search(log.read_text(encoding="utf-8")))
        found = pattern.search(log.read_text(encoding="utf-8"))
        assert found is not None
        self.url = f"{found[1]}/"

    def wait(self, happened: Callable[[], Any]) -> dict[str, float]:
        """Seconds from the start, on the clock and of CPU, when ``happened()`` is first true."""
        while not happened():
            if self._process.poll() is not None or time.perf_counter() - self.begun > PATIENCE:
                raise SystemExit("error: the page did not start; run GPT_SoVITS/inference_webui.py to see why")
            time.sleep(LOOK_SECONDS)
        return {"seconds": time.perf_counter() - self.begun, "cpu": self.cpu()}

    def cpu(self) -> float:
        """CPU seconds of the server so far; 0 where the system does not tell."""
        try:
            values = Path(f"/proc/{self._process.pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
        except OSError:
            return 0.0
        return (int(values[11]) + int(values[12])) / os.sysconf("SC_CLK_TCK")

    def answers(self, path: str) -> bool:
        """True where the address gives a document."""
        try:
            with urllib.request.urlopen(self.url + path, timeout=PATIENCE) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def close(self) -> None:
        self._process.terminate()
        self._process.wait(30)


def first_sound(server: Server, text: str, streaming: int) -> dict[str, float]:
    """Seconds and CPU seconds from the click on "speak" to the first samples that the page's player gets."""
    import gradio_client

    client = gradio_client.Client(server.url, verbose=False, analytics_enabled=False)
    begun, cpu = time.perf_counter(), server.cpu()
    job = client.submit(text=text, seed=1, streaming_mode=streaming, api_name="/get_tts_wav")
    server.wait(lambda: job.outputs() or job.done())
    player = re.search(r'src="([^"]+)"', str(job.outputs()[0][3]))
    if player is None:
        raise SystemExit("error: the page gave no live player; use --streaming 1, 2 or 3")
    with urllib.request.urlopen(server.url + player[1], timeout=PATIENCE) as sound:
        sound.read(WAV_HEADER + 2)
        found = {"seconds": time.perf_counter() - begun, "cpu": server.cpu() - cpu}
    job.result(timeout=PATIENCE)
    return found


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--text", default=TEXT)
    parser.add_argument("--streaming", type=int, default=1, choices=(1, 2, 3))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        server = Server(Path(folder) / "log")
        try:
            rows = {"answer": server.wait(lambda: server.answers("")),
                    "page": server.wait(lambda: server.answers("config"))}
            rows["voice"] = server.wait(lambda: _voice_is_there(server))
            rows["first_click"] = first_sound(server, options.text, options.streaming)
            rows["later_click"] = first_sound(server, options.text, options.streaming)
        finally:
            server.close()
    print(f"{'until':12} {'s':>8} {'CPU s':>8}")
    for name, row in rows.items():
        print(f"{name:12} {row['seconds']:8.2f} {row['cpu']:8.2f}")
    print(json.dumps({name: {key: round(value, 2) for key, value in row.items()} for name, row in rows.items()}))


def _voice_is_there(server: Server) -> bool:
    import gradio_client

    client = gradio_client.Client(server.url, verbose=False, analytics_enabled=False)
    return "Speaking" in str(client.predict(api_name="/status"))


if __name__ == "__main__":
    main()
