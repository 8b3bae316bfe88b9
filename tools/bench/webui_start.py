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
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from config import LOOPBACK, REPO_ROOT

PATIENCE = 900.0
LOOK_SECONDS = 0.02
WAV_HEADER = 44
CONTROLS: dict[str, Any] = {
    "ref_wav_path": None,
    "prompt_text": "",
    "prompt_language": "auto",
    "text": "",
    "text_language": "en",
    "how_to_cut": "cut5",
    "top_k": 15,
    "top_p": 1,
    "temperature": 1,
    "ref_free": False,
    "speed": 1,
    "if_freeze": False,
    "inp_refs": None,
    "sample_steps": 32,
    "if_sr": False,
    "pause_second": 0.3,
    "repetition_penalty": 1.35,
    "seed": 1,
    "keep_random": False,
    "batch_size": 1,
    "streaming_mode": 1,
    "cfg_rate": 0,
}
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
            self._process = subprocess.Popen(
                command, stdout=stream, stderr=stream, env=os.environ | {"PYTHONPATH": roots}
            )
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


def call(server: Server, name: str, *values: Any) -> Iterator[list[Any]]:
    """What an endpoint of the page yields."""
    body = json.dumps({"data": values}).encode("utf-8")
    headers = {"Content-Type": "application/json", "Accept-Language": "en-US"}
    url = f"{server.url}gradio_api/call/{name}"
    with urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=PATIENCE) as answer:
        event = json.load(answer)["event_id"]
    with urllib.request.urlopen(f"{url}/{event}", timeout=PATIENCE) as lines:
        for line in lines:
            field, _, value = line.decode("utf-8").strip().partition(": ")
            if field == "data" and value != "null":
                yield json.loads(value)


def first_sound(server: Server, text: str, streaming: int) -> dict[str, float]:
    """Seconds and CPU seconds from the click on "speak" to the first samples that the page's player gets."""
    begun, cpu = time.perf_counter(), server.cpu()
    inputs = CONTROLS | {"text": text, "streaming_mode": streaming}
    steps = call(server, "get_tts_wav", *inputs.values())
    player = re.search(r'src="([^"]+)"', str(next(steps)))
    if player is None:
        raise SystemExit("error: the page gave no live player")
    with urllib.request.urlopen(server.url + player[1].strip("\\"), timeout=PATIENCE) as sound:
        sound.read(WAV_HEADER + 2)
        found = {"seconds": time.perf_counter() - begun, "cpu": server.cpu() - cpu}
    for _ in steps:
        pass
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
            rows = {
                "answer": server.wait(lambda: server.answers("")),
                "page": server.wait(lambda: server.answers("config")),
            }
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
    return "Speaking" in str(list(call(server, "status")))


if __name__ == "__main__":
    main()
