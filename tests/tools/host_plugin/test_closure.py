"""Which files the stage consists of, and that their copies run on old Pythons."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from config import REPO_ROOT
from errors import OutputError
from tools.host_plugin.closure import closure, rewritten
from tools.host_plugin.install import package_files


def test_the_stage_imports_nothing_of_the_pipeline() -> None:
    found = closure(REPO_ROOT / "GPT_SoVITS")
    assert "AR.models.qwen3_t2s_model" in found and "AR.models" in found
    assert all(name.split(".")[0] == "AR" for name in found)
    assert not any("training" in name for name in found)


def test_every_copy_is_python_3_9_and_imports_from_its_own_package() -> None:
    for name, text in package_files().items():
        tree = ast.parse(text, filename=name, feature_version=(3, 9))
        modules = [node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.level == 0]
        assert not any(module and module.split(".")[0] == "AR" for module in modules), name


def test_newer_expressions_are_written_out() -> None:
    text = "from AR.x import y\nz = zip(ä, b, strict=True); w = isinstance(c, int | d.E | None)\n"
    assert rewritten(text, "p.s") == "from p.s.x import y\nz = zip(ä, b); w = isinstance(c, (int, d.E, None,))\n"


def test_names_for_types_are_written_out() -> None:
    text = "Item = tuple[list[int], Reason | None, Tensor | float]\nFLAGS = re.M | re.S\n"
    assert rewritten(text, "p.s") == "Item = tuple[list[int], 'Reason | None', 'Tensor | float']\nFLAGS = re.M | re.S\n"
    with pytest.raises(OutputError, match="may be types or values"):
        rewritten("Either = First | Second\n", "p.s")


def test_what_cannot_be_written_out_is_an_error() -> None:
    with pytest.raises(OutputError, match=r"Python 3\.9"):
        rewritten("match a:\n    case 1:\n        pass\n", "p")


def test_a_stage_that_imports_the_tree_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "AR").mkdir()
    (tmp_path / "AR" / "__init__.py").write_text("import config\n", encoding="utf-8")
    (tmp_path / "config.py").write_text("", encoding="utf-8")
    with pytest.raises(OutputError, match="imports config"):
        closure(tmp_path, ["AR"])
