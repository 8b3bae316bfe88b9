"""The house rules that a machine can check: package metadata, requirement files, targets, forbidden idioms."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter
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
    "a question for bfloat16 that emulation may answer (AR.hardware.has_fast_bfloat16)": re.compile(
        r"is_bf16_supported\((?!including_emulation=False)"
    ),
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


# -- who may import whom -----------------------------------------------------------------------------------------------

ROOTS = (REPO / "GPT_SoVITS", REPO)


def module_files() -> dict[str, Path]:
    """Every module of the project but its tests, by the name that it is imported under."""
    found: dict[str, Path] = {}
    for path in sources():
        root = next(root for root in ROOTS if path.is_relative_to(root))
        parts = path.relative_to(root).with_suffix("").parts
        if parts[0] in ("tests", "GPT_SoVITS") or not all(part.isidentifier() for part in parts):
            continue
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imported(path: Path) -> set[str]:
    """Dotted names that a module imports, at its top or in a function; ``from a import b`` gives a.b as well.

    What is imported for type checkers alone does not count.
    """
    tree = ast.parse(path.read_text(encoding="utf-8"))
    checks = [n for n in ast.walk(tree) if isinstance(n, ast.If) and "TYPE_CHECKING" in ast.unparse(n.test)]
    left_out = {id(node) for check in checks for node in ast.walk(check)}
    names: set[str] = set()
    for node in ast.walk(tree):
        if id(node) in left_out:
            continue
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


def imports_of(package: str, forbidden: set[str]) -> dict[str, list[str]]:
    """Which of the ``forbidden`` top-level names the modules of a package import."""
    files = {name: path for name, path in module_files().items() if name.partition(".")[0] == package}
    found = {name: {other.partition(".")[0] for other in imported(path)} & forbidden for name, path in files.items()}
    return {name: sorted(names) for name, names in found.items() if names}


def test_the_text_to_semantic_stage_imports_nothing_of_the_pipeline() -> None:
    """AR/ can be put into another checkout: neither the rest of this tree nor its settings and errors are needed."""
    own = {name.partition(".")[0] for name in module_files()} - {"AR"}
    assert not imports_of("AR", own)


@pytest.mark.parametrize(
    ("package", "forbidden"),
    [
        ("text", ("AR", "TTS_infer_pack", "pages", "prepare_datasets", "torch", "tools")),
        ("module", ("TTS_infer_pack", "pages", "prepare_datasets", "tools")),
        ("feature_extractor", ("TTS_infer_pack", "pages", "prepare_datasets")),
        ("TTS_infer_pack", ("pages", "prepare_datasets", "tools", "gradio")),
        ("prepare_datasets", ("pages", "tools", "gradio")),
    ],
)
def test_nothing_knows_what_is_downstream_of_it(package: str, forbidden: tuple[str, ...]) -> None:
    assert not imports_of(package, set(forbidden))


def test_modules_import_each_other_in_no_circle() -> None:
    """Not at the top of a file, and not hidden in a function either."""
    files = module_files()
    graph = {name: (imported(path) & files.keys()) - {name} for name, path in files.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


def test_a_model_version_is_a_row_and_its_name_stands_nowhere_else() -> None:
    """Code asks the row (``spec.needs_speaker_embedding``). "v1" and "v2" are names of phone symbols as well."""
    named = re.compile(r"""["'](v2Pro|v2ProPlus|v3|v4)["']""")
    files = {name: path for name, path in module_files().items() if name != "module.versions"}
    hits = [name for name, path in files.items() if named.search(path.read_text(encoding="utf-8"))]
    assert not hits


def test_weights_are_compared_with_a_network_in_one_place() -> None:
    """Every strict load tells what is missing and what is too much in the words of ``AR.key_report``."""
    own = re.compile(r"unexpected \{|f\"unexpected|f\"missing \{n")
    hits = [name for name, path in module_files().items() if own.search(path.read_text(encoding="utf-8"))]
    assert set(hits) <= {"AR.models.lm_backbone"}, "transformers reports what it has loaded itself"


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


def test_the_tests_that_the_design_names_are_there() -> None:
    """The table of faults in docs/design.md: a name without a file belongs to the file before it."""
    text = (REPO / "docs" / "design.md").read_text(encoding="utf-8")
    rows = text[text.index("| fault | test |") :].split("\n\n")[0]
    path = Path()
    for file, name in re.findall(r"`(?:([\w/]+\.py))?(?:::(\w+))?(?:\[\w+\])?`", rows):
        if not file and not name:
            continue
        if file:
            found = [p for p in (REPO / "tests").rglob("*.py") if str(p).endswith(f"/{file.removeprefix('tests/')}")]
            assert len(found) == 1, f"docs/design.md names {file}: {found}"
            path = found[0]
        assert not name or f"def {name}(" in path.read_text(encoding="utf-8"), f"{path} has no {name}"
