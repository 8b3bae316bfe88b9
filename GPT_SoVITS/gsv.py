"""The console command ``gsv``: one name for everything that the project can be asked to do.

    gsv speak "Hello there." -o hello.wav       gsv api -p 9880
    gsv webui                                   gsv train s1 --help

Each subcommand is a function ``main(arguments) -> exit code`` elsewhere, imported when it is asked for.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence
from typing import NamedTuple


class Command(NamedTuple):
    """Where a subcommand's ``main`` is, and a line about it."""

    module: str
    help: str
    function: str = "main"


COMMANDS = {
    "speak": Command("inference_cli", "speak a text into a file"),
    "convert": Command("conversion_cli", "speak a recording in another voice"),
    "api": Command("http_api.server", "the HTTP API, port 9880"),
    "webui": Command("gsv", "the page, port 9874", "webui"),
    "train": Command("gsv", "train a stage: s1, s2, s2-v3, ssl", "train"),
}
TRAININGS = {
    "s1": Command("s1_train", "text to semantic tokens: the AR model, or a language model by its configuration"),
    "s2": Command("s2_train", "SoVITS of v1, v2, v2Pro, v2ProPlus"),
    "s2-v3": Command("s2_train_v3_lora", "an adapter of v3 or v4"),
    "ssl": Command("ssl_train", "a small SSL encoder"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run a subcommand; returns its exit code."""
    return _run(COMMANDS, "gsv", argv)


def train(argv: Sequence[str] | None = None) -> int:
    """``gsv train STAGE ...``."""
    return _run(TRAININGS, "gsv train", argv)


def webui(argv: Sequence[str] | None = None) -> int:
    """``gsv webui ...``, the same as ``python webui.py ...``."""
    from pages.serve import start

    return start("webui_port_main", main_page=True, argv=argv)


def _run(commands: dict[str, Command], name: str, argv: Sequence[str] | None) -> int:
    """Hand everything after the subcommand's name over to it."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    lines = [f"  {command:8} {commands[command].help}" for command in commands]
    parser = argparse.ArgumentParser(
        prog=name,
        description="GPT-SoVITS with an interchangeable text-to-semantic stage.",
        epilog="\n".join(["commands:", *lines, f"{name} COMMAND --help says more."]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("command", choices=list(commands))
    chosen = commands[parser.parse_args(arguments[:1]).command]
    function = getattr(importlib.import_module(chosen.module), chosen.function)
    return int(function(arguments[1:]) or 0)


if __name__ == "__main__":
    sys.exit(main())
