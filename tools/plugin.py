"""Put the language model stage into an existing GPT-SoVITS checkout, and take it out again.

    python tools/plugin.py install ~/GPT-SoVITS --stage GPT_weights_qwen3/my_voice
    python tools/plugin.py status ~/GPT-SoVITS
    python tools/plugin.py remove ~/GPT-SoVITS

One folder is added and one line in each of two files; docs/plugin.md says what it changes.
"""

from __future__ import annotations

import argparse
import json
import logging
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from errors import GSVError
from tools.host_plugin.install import STAGES_FOLDER, facts, install, remove

logger = logging.getLogger("plugin")

PACKAGES = ("torch", "transformers", "tokenizers", "safetensors", "gradio", "peft")
ASK_PACKAGES = (
    "import importlib.metadata as m, json, sys\n"
    "def version(name):\n"
    "    try: return m.version(name)\n"
    "    except m.PackageNotFoundError: return None\n"
    "print(json.dumps({'python': sys.version.split()[0], **{n: version(n) for n in sys.argv[1:]}}))\n"
)


def packages_of(python: str) -> dict[str, str | None]:
    """Versions of the packages that matter in an interpreter's environment; empty where it cannot be asked."""
    try:
        run = subprocess.run(
            [python, "-c", ASK_PACKAGES, *PACKAGES], capture_output=True, text=True, timeout=60, check=True
        )
        return dict(json.loads(run.stdout))
    except (OSError, ValueError, subprocess.SubprocessError):
        return {}


def verdicts(versions: dict[str, str | None]) -> list[str]:
    """What works with these packages, a line each."""
    if not versions:
        return ["the interpreter cannot be asked for its packages; name the host's with --python"]
    told = [f"python {versions['python']}, " + ", ".join(f"{n} {versions[n] or 'missing'}" for n in PACKAGES)]
    if not _at_least(versions["torch"], (2, 4)):
        told.append("speaking: not with this torch; 2.4 or newer is needed")
    if versions["tokenizers"] is None or versions["safetensors"] is None:
        told.append("speaking: tokenizers and safetensors are needed")
    transformers = versions["transformers"]
    if transformers is None:
        told.append("Qwen2, Qwen3, Llama and Mistral stages: yes; other families: not without transformers")
    elif not _at_least(transformers, (5, 0)):
        told.append("Qwen2, Qwen3, Llama and Mistral stages: yes; other families need what this transformers knows")
    else:
        told.append("all stages: yes")
    return told


def _at_least(version: str | None, wanted: tuple[int, ...]) -> bool:
    if version is None:
        return False
    numbers = [int("".join(c for c in part if c.isdigit()) or 0) for part in version.split("+")[0].split(".")]
    return tuple(numbers[: len(wanted)]) >= wanted


def tell_status(found: dict[str, Any], versions: dict[str, str | None]) -> list[str]:
    """The lines of ``status``."""
    lines = [f"checkout {found['checkout']}"]
    lines.append(f"installed: {found['files']} files" if found["installed"] else "not installed")
    lines += [f"  {line}" for line in (*found["lines"], *found["changed_files"])]
    lines.append(f"inference pages: {', '.join(found['pages']) or 'none'}")
    lines += [f"lost with this host: {problem}" for problem in found["host_problems"]]
    if found["out_of_reach"]:
        lines.append(f"speaks without the plugin: {', '.join(found['out_of_reach'])} (copies of the AR model)")
    if found["training_by"]:
        lines.append(f"training is done by {found['training_by']}")
    lines.append(f"stages in {STAGES_FOLDER}: {', '.join(found['stages']) or 'none'}")
    return lines + verdicts(versions)


def build_parser() -> argparse.ArgumentParser:
    """The command line's arguments."""
    parser = argparse.ArgumentParser(description="The language model stage as a plugin of a GPT-SoVITS checkout.")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, told in (
        ("install", "put it in, or renew it"),
        ("status", "what is installed, what works, which stages are there"),
        ("remove", "take it out; every file of the checkout is as before"),
    ):
        command = commands.add_parser(name, help=told)
        command.add_argument("checkout", type=Path, help="root of the checkout")
        if name == "install":
            command.add_argument("--stage", type=Path, action="append", default=[], help="trained folder to copy along")
        if name == "remove":
            command.add_argument("--stages", action="store_true", help=f"delete {STAGES_FOLDER}/ too: trained stages")
        if name == "status":
            command.add_argument("--python", default=sys.executable, help="the host's interpreter (default: this one)")
            command.add_argument("--json", action="store_true", help="as one JSON line")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; 0 when it went well, 2 after an error of the user's."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    args = build_parser().parse_args(argv)
    try:
        if args.command == "install":
            host = install(args.checkout, args.stage)
            logger.info("installed in %s", host.root)
            for problem in host.problems():
                logger.info("lost with this host: %s", problem)
        elif args.command == "remove":
            done = remove(args.checkout, args.stages)
            logger.info("removed; as before: %s", ", ".join(done.restored) or "nothing had been changed")
            for file in done.changed:
                logger.info("%s was changed by others meanwhile; only the line was taken out", file)
            for file in done.left:
                logger.info("left, as it is not the plugin's: %s", file)
        else:
            found, versions = facts(args.checkout), packages_of(args.python)
            told = [json.dumps({**found, "packages": versions})] if args.json else tell_status(found, versions)
            for line in told:
                logger.info("%s", line)
    except GSVError as error:
        logger.error("%s", error)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
