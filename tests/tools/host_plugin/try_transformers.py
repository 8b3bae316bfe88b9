"""The plugin's tests on the stand-in host under other versions of transformers; not part of the suite.

    python tests/tools/host_plugin/try_transformers.py 4.43.4 4.51.3 4.57.6
    python tests/tools/host_plugin/try_transformers.py --python ~/env39/bin/python        # an environment as it is
    python tests/tools/host_plugin/try_transformers.py --python ~/env39/bin/python 4.51.3

Each version is installed into a folder of its own (``--folder``), which the host's processes look into first.
``--python`` names another interpreter for them, with a torch of its own (2.4 or later); one that draws other numbers
than ours is asked for the likeliest tokens.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

from config import REPO_ROOT

TESTS = "tests/tools/host_plugin/test_host.py"

TOKENIZERS = (("4.56", ">=0.22,<0.23"), ("4.46", ">=0.21,<0.22"), ("4.0", ">=0.19,<0.20"))
"""From which transformers on which tokenizers belong to it, the newest first."""


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdigit())


def install(python: str, version: str, folder: Path) -> None:
    """transformers of a version with the packages whose versions it prescribes."""
    tokenizers = next(wanted for first, wanted in TOKENIZERS if _numbers(version) >= _numbers(first))
    packages = [f"transformers=={version}", f"tokenizers{tokenizers}", "huggingface_hub<1"]
    pip = [python, "-m", "pip", "install", "-q", "--no-deps", "--target", str(folder)]
    subprocess.run([*pip, *packages], check=True)


def main() -> int:
    """Install and test every version; the number of versions that failed."""
    parser = argparse.ArgumentParser(description="The plugin's tests under other versions of transformers.")
    parser.add_argument("versions", nargs="*", help="such as 4.43.4 4.51.3 4.57.6; none: what is installed")
    parser.add_argument("--python", default="", help="of the host's processes (default: this one)")
    parser.add_argument("--folder", type=Path, default=Path("/tmp/gsv-transformers"), help="where they are installed")
    parser.add_argument(
        "-k", default="own_tree or likeliest or missing_model or chunks", help="which tests (pytest -k)"
    )
    options = parser.parse_args()
    python = options.python or sys.executable
    failed = 0
    for version in options.versions or [""]:
        variables = {**os.environ, "GSV_HOST_PYTHON": options.python}
        if version:
            folder = options.folder / version
            if not (folder / "transformers").is_dir():
                install(python, version, folder)
            variables["GSV_HOST_SITE"] = str(folder)
        command = [sys.executable, "-m", "pytest", "-q", TESTS, "-k", options.k]
        run = subprocess.run(command, cwd=REPO_ROOT, env=variables, check=False)
        said = "passed" if run.returncode == 0 else "FAILED"
        sys.stdout.write(f"transformers {version or 'as installed'}, {python}: {said}\n")
        failed += run.returncode != 0
    return failed


if __name__ == "__main__":
    sys.exit(main())
