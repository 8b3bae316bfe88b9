"""The stand-in host of the plugin's tests: its checkouts, run in processes of their own, and its table of phones."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from text.cleaner import clean_text
from text.symbols2 import symbols

HERE = Path(__file__).resolve().parent
PROMPT_TEXT = "The boat was tied up at the end of the pier."
TEXTS = ("He put the letters back into the box.", "We walked home in the rain.")
RESULT = "RESULT "
HOST_PYTHON = os.environ.get("GSV_HOST_PYTHON", "")
"""Another interpreter for the host's processes, with packages of its own; empty: ours."""


def gsv_environment(root: Path, **variables: str) -> dict[str, str]:
    """The environment of a host's process: its two import roots, nothing of ours."""
    kept = {name: value for name, value in os.environ.items() if not name.lower().startswith(("qwen3", "use_qwen3"))}
    roots = [str(root / "GPT_SoVITS"), str(root), *filter(None, [os.environ.get("GSV_HOST_SITE")])]
    kept |= {"PYTHONPATH": os.pathsep.join(roots), "OMP_NUM_THREADS": "1"}
    return kept | {"PYTHONSAFEPATH": "1", "GRADIO_ANALYTICS_ENABLED": "False", "HF_HUB_OFFLINE": "1"} | variables


@dataclass(frozen=True)
class StandIn:
    """A checkout of the stand-in host."""

    root: Path

    def run(self, *arguments: str, **variables: str) -> tuple[Any, str]:
        """Run python with ``arguments`` in the checkout; (what it printed as RESULT, its standard error)."""
        command = [HOST_PYTHON or sys.executable, *arguments]
        environment = gsv_environment(self.root, **variables)
        run = subprocess.run(command, cwd=self.root, env=environment, capture_output=True, text=True, check=False)
        assert run.returncode == 0, run.stderr[-3000:]
        lines = [line for line in run.stdout.splitlines() if line.startswith(RESULT)]
        text = lines[-1].removeprefix(RESULT)
        return (json.loads(text) if text[:1] in "{[" else text), run.stderr

    def drive(self, *steps: dict[str, Any], **variables: str) -> tuple[list[dict[str, Any]], str]:
        """Run ``drive.py`` with ``steps``; (result of each, standard error)."""
        found, error = self.run(str(HERE / "drive.py"), json.dumps(steps), **variables)
        return found, error

    def content(self) -> dict[str, bytes]:
        """All files but caches and what running writes, by path."""
        return {
            path.relative_to(self.root).as_posix(): path.read_bytes()
            for path in sorted(self.root.rglob("*"))
            if path.is_file() and "__pycache__" not in path.parts and path.name != "tts_infer.yaml"
        }


def phone_table() -> dict[str, Any]:
    """The texts of the tests with the phones of our own frontend."""
    read = {text: clean_text(text, "en", "v2") for text in (PROMPT_TEXT, *TEXTS)}
    return {
        "ids": {name: number for number, name in enumerate(symbols)},
        "texts": {text: [phones, norm] for text, (phones, _, norm) in read.items()},
    }


def make_older(decoder: Path) -> None:
    """``infer_panel_naive`` as it was before late 2025: a function, without streaming."""
    lines = decoder.read_text(encoding="utf-8").splitlines(keepends=True)
    text = "".join(line for line in lines if "# streaming" not in line)
    text = text.replace("first = next  #", "def first(result):\n    return result\n\n\n#").replace(
        "yield y,", "return y,"
    )
    text = text.replace("        streaming_mode=False,\n        chunk_length=24,\n", "")
    decoder.write_text(text, encoding="utf-8")
