"""Which files of ``AR/`` the stage consists of, and how their text is changed to live in another package.

Knows Python source, nothing about checkouts. The copies have to run on Python 3.9: newer expressions that our tree uses
are written out (``zip(strict=...)``, unions in ``isinstance`` and in names for types); anything else that is too new is
an error here.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator, Sequence
from pathlib import Path

from errors import OutputError

OLDEST_PYTHON = (3, 9)
ROOT_PACKAGE = "AR"
ENTRY_MODULES = ("AR.models.qwen3_t2s_model", "AR.fallback", "AR.lm_loader")


def module_file(root: Path, name: str) -> Path | None:
    """File of module ``name`` below import root ``root``; None where there is none (an attribute, or a package)."""
    base = root.joinpath(*name.split("."))
    for path in (base.with_suffix(".py"), base / "__init__.py"):
        if path.is_file():
            return path
    return None


def imported_names(tree: ast.AST) -> Iterator[str]:
    """All that a module imports, by dotted name; ``from a import b`` gives ``a`` and ``a.b``."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def closure(root: Path, entries: Sequence[str] = ENTRY_MODULES) -> dict[str, Path]:
    """Modules of ``AR`` that ``entries`` need, with their files, parent packages included.

    Raises:
        OutputError: one of them imports another part of the tree, which a host does not have.
    """
    todo, found = list(entries), dict[str, Path]()
    while todo:
        name = todo.pop()
        path = module_file(root, name)
        if name in found or path is None:
            continue
        if name.split(".")[0] != ROOT_PACKAGE:
            raise OutputError(f"the stage imports {name}", "imports from AR/ and installed packages only")
        found[name] = path
        todo += [name.rpartition(".")[0], *imported_names(ast.parse(path.read_text(encoding="utf-8")))]
    found.pop("", None)
    return found


def rewritten(source: str, package: str, where: str = "source") -> str:
    """``source`` with ``AR`` imports made imports from ``package``, and its Python made that of ``OLDEST_PYTHON``.

    Raises:
        OutputError: it needs a newer Python in a way that is not known here.
    """
    tree = ast.parse(source)
    edits = [edit for node in ast.walk(tree) for edit in _edits(node, source, package)]
    lines = source.splitlines(keepends=True)
    for line, start, end, text in sorted(edits, reverse=True):  # from the back, so that earlier places stay true
        raw = lines[line - 1].encode()  # ast counts columns in UTF-8 bytes
        lines[line - 1] = (raw[:start] + text.encode() + raw[end:]).decode()
    changed = "".join(lines)
    try:
        ast.parse(changed, feature_version=OLDEST_PYTHON)
    except SyntaxError as error:
        raise OutputError(
            f"{where} line {error.lineno} cannot run on Python 3.9 ({error.msg})", "plainer Python"
        ) from error
    return changed


Edit = tuple[int, int, int, str]
"""Line, first and last column in bytes, and what stands there afterwards."""


def _edits(node: ast.AST, source: str, package: str) -> Iterator[Edit]:
    if isinstance(node, ast.ImportFrom | ast.Import):
        yield from _import_edits(node, source, package)
    elif isinstance(node, ast.Module):
        for statement in node.body:
            if isinstance(statement, ast.Assign):
                yield from _alias_edits(statement.value)
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        if node.func.id == "zip":
            yield from _strict_edits(node)
        elif node.func.id == "isinstance" and isinstance(node.args[1], ast.BinOp):
            kinds = node.args[1]
            text = f"({', '.join(ast.unparse(kind) for kind in _operands(kinds))},)"
            assert kinds.end_col_offset is not None
            yield kinds.lineno, kinds.col_offset, kinds.end_col_offset, text


def _import_edits(node: ast.ImportFrom | ast.Import, source: str, package: str) -> Iterator[Edit]:
    line = source.splitlines()[node.lineno - 1].encode()
    if isinstance(node, ast.Import):
        if any(alias.name.split(".")[0] == ROOT_PACKAGE for alias in node.names):
            raise OutputError(f"line {node.lineno} says import {ROOT_PACKAGE}...", f"from {ROOT_PACKAGE}... import")
        return
    if node.level or not node.module or node.module.split(".")[0] != ROOT_PACKAGE:
        return
    start = line.index(node.module.encode(), node.col_offset)
    yield node.lineno, start, start + len(ROOT_PACKAGE), package


def _strict_edits(node: ast.Call) -> Iterator[Edit]:
    """``strict=`` of zip goes: it checks lengths that are equal by construction."""
    for keyword in node.keywords:
        if keyword.arg == "strict":
            before = node.args[-1]
            if before.end_lineno != keyword.end_lineno:
                raise OutputError(f"line {keyword.lineno}: strict= stands on a line of its own", "zip(...) on one line")
            assert before.end_lineno is not None and before.end_col_offset is not None
            assert keyword.end_col_offset is not None
            yield before.end_lineno, before.end_col_offset, keyword.end_col_offset, ""


def _alias_edits(node: ast.AST) -> Iterator[Edit]:
    """Unions in a name for a type, such as ``Values = Tensor | float``: a string, which is never evaluated.

    Raises:
        OutputError: two names are joined of which nothing tells whether they are types.
    """
    if not (isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr)):
        for child in ast.iter_child_nodes(node):
            yield from _alias_edits(child)
        return
    operands = list(_operands(node))
    if any(isinstance(one, ast.Attribute | ast.Call) for one in operands):
        return  # flags
    if not any(_is_type(one) for one in operands):
        raise OutputError(f"line {node.lineno}: {ast.unparse(node)} may be types or values", "Union[...] for types")
    if node.end_lineno != node.lineno:
        raise OutputError(f"line {node.lineno}: a union of types over several lines", "one line")
    assert node.end_col_offset is not None
    yield node.lineno, node.col_offset, node.end_col_offset, repr(ast.unparse(node))


def _is_type(node: ast.expr) -> bool:
    if isinstance(node, ast.Constant):
        return node.value is None
    name = node.value if isinstance(node, ast.Subscript) else node
    return isinstance(name, ast.Name) and isinstance(getattr(builtins, name.id, None), type)


def _operands(node: ast.expr) -> Iterator[ast.expr]:
    if isinstance(node, ast.BinOp):
        yield from _operands(node.left)
        yield from _operands(node.right)
    else:
        yield node
