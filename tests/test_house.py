"""The house rules that a machine can check: package metadata, requirement files, targets, forbidden idioms."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

tomllib = pytest.importorskip("tomllib")

REPO = Path(__file__).resolve().parents[1]
SKIPPED_FOLDERS = {".venv", ".git", "work", "logs", "build", "dist", "node_modules"}
FORBIDDEN = {
    "a bare except": re.compile(r"^\s*except\s*:", re.M),
    "an unsafe torch.load": re.compile(r"weights_only\s*=\s*False"),
    "a shell string": re.compile(r"shell\s*=\s*True"),
    "an edit of sys.path": re.compile(r"sys\.path\.(insert|append|extend)|sys\.path\s*="),
    "remote code": re.compile(r"trust_remote_code\s*=\s*True"),
    "eval of the environment": re.compile(r"\beval\(\s*os"),
    "a lenient load": re.compile(r"load_state_dict\([^)]*strict\s*=\s*False"),
    "a write to HF_ENDPOINT": re.compile(r"environ\[\s*['\"]HF_ENDPOINT['\"]\s*\]\s*="),
}


def sources() -> list[Path]:
    """Every python file of the project itself."""
    found = []
    for folder, names, files in os.walk(REPO):
        names[:] = [name for name in names if name not in SKIPPED_FOLDERS and not name.startswith(".")]
        found += [Path(folder) / name for name in files if name.endswith(".py")]
    return found


def metadata() -> dict[str, Any]:
    return tomllib.loads((REPO / "pyproject.toml").read_text(encoding="utf-8"))


def requirement_names(lines: list[str]) -> set[str]:
    """Package names of requirement lines, lower-case; comments and options are left out."""
    bare = [line.split("#")[0].strip() for line in lines]
    return {re.split(r"[<>=~!\[; ]", line)[0].lower() for line in bare if line and not line.startswith("-")}


def test_requirements_and_metadata_name_the_same_packages() -> None:
    project = metadata()["project"]
    core = requirement_names((REPO / "requirements.txt").read_text(encoding="utf-8").splitlines())
    assert core == requirement_names(project["dependencies"])
    dev = requirement_names((REPO / "requirements-dev.txt").read_text(encoding="utf-8").splitlines())
    for extra in ("train", "web", "api"):
        assert requirement_names(project["optional-dependencies"][extra]) <= dev


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt"])
def test_every_requirement_is_pinned_and_names_no_host(name: str) -> None:
    for line in (REPO / name).read_text(encoding="utf-8").splitlines():
        bare = line.split("#")[0].strip()
        assert not bare or bare.startswith("-r ") or re.search(r"==|~=|,<", bare), f"{name}: {line} has no upper bound"
        assert "://" not in line, f"{name}: {line} names a host"


def test_torch_is_pinned_exactly() -> None:
    assert re.search(r"^torch==2\.13\.0\b", (REPO / "requirements.txt").read_text(encoding="utf-8"), re.M)


def test_both_import_roots_are_installed() -> None:
    assert metadata()["tool"]["hatch"]["build"]["dev-mode-dirs"] == [".", "GPT_SoVITS"]


@pytest.mark.parametrize("target", ["demo", "test", "webui", "api", "lint"])
def test_make_knows_the_targets_of_the_readme(target: str) -> None:
    run = subprocess.run(["make", "-n", target], cwd=REPO, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert f"make {target}" in (REPO / "README.md").read_text(encoding="utf-8")


def test_ci_is_a_script_that_can_be_started() -> None:
    script = REPO / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert subprocess.run(["bash", "-n", str(script)], check=False).returncode == 0


@pytest.mark.parametrize("rule", FORBIDDEN)
def test_no_source_uses(rule: str) -> None:
    hits = [
        str(path.relative_to(REPO))
        for path in sources()
        if path != Path(__file__).resolve() and FORBIDDEN[rule].search(path.read_text(encoding="utf-8"))
    ]
    assert not hits, f"{rule} in {hits}"


def test_readme_tree_is_true() -> None:
    """Every path in the README's tree exists."""
    text = (REPO / "README.md").read_text(encoding="utf-8")
    block = re.search(r"```tree\n(.*?)```", text, re.S)
    assert block, "README.md has no ```tree block"
    parents: list[tuple[int, str]] = []
    for line in block.group(1).splitlines():
        if not line.strip():
            continue
        depth = len(line) - len(line.lstrip())
        name = line.split()[0]
        parents = [(d, n) for d, n in parents if d < depth]
        path = REPO.joinpath(*[n for _, n in parents], name)
        assert path.exists(), f"README.md names {path.relative_to(REPO)}, which is not there"
        parents.append((depth, name))


SNIPPETS = [
    (document, number, code)
    for document in ("README.md", "docs/use.md", "docs/requests.md", "docs/text.md")
    for number, code in enumerate(
        re.findall(r"```python\n(.*?)```", (REPO / document).read_text(encoding="utf-8"), re.S), start=1
    )
]


@pytest.mark.parametrize(("document", "number", "code"), SNIPPETS, ids=[f"{d}-{n}" for d, n, _ in SNIPPETS])
def test_python_in_the_documents_runs(document: str, number: int, code: str, tmp_path: Path) -> None:
    """Each Python block runs as it stands, from a folder of its own."""
    if "TTS(" in code and not (REPO / "GPT_SoVITS/pretrained_models/gsv-tiny/pack.json").is_file():
        pytest.skip("the voice pack is not in this checkout")
    roots = os.pathsep.join([str(REPO), str(REPO / "GPT_SoVITS")])
    run = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": roots},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, f"{document}, block {number}: {run.stderr}"
