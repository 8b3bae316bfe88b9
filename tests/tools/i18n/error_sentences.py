"""The sentences of the project's errors, read out of the sources: which modules a page reaches, and what they raise.

A sentence is a template, in which ``{}`` stands for whatever is put in. What a function is given as ``expected`` or
``fix`` is looked for where the function is called. Nothing is imported; the sources are read by ``ast``.
"""

from __future__ import annotations

import ast
import itertools
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from config import REPO_ROOT

ROOTS = (REPO_ROOT / "GPT_SoVITS", REPO_ROOT)
FOLDERS = ("GPT_SoVITS", "tools")
FIELDS = ("what", "expected", "fix")
FIRST_FIELD = {"LMUnavailable": 1, "NotAllowedError": 1}
"""Kinds whose sentence is not the first argument."""
ONE_SENTENCE = {"T2SError", "LMUnavailable", "EngineFull", "EngineClosed", "SkippedClip"}
"""Kinds with one argument that is shown."""
DEEPEST = 3
"""How many calls back a sentence is looked for."""

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Sentence:
    """A part of an error.

    Attributes:
        text: with ``{}`` for what is put in.
        module: the file that raises it, below the repository.
    """

    text: str
    module: str


@dataclass(eq=False)
class Source:
    """A parsed file and what stands in it, collected in one walk.

    Attributes:
        path: of the file.
        name: as it is imported.
        imports: module and name of each ``from module import name``; modules alone with an empty name.
        parents: what each node stands in.
    """

    path: Path
    name: str
    top: list[ast.stmt] = field(default_factory=list)
    calls: list[ast.Call] = field(default_factory=list)
    functions: list[Function] = field(default_factory=list)
    classes: list[ast.ClassDef] = field(default_factory=list)
    strings: list[ast.Constant | ast.JoinedStr] = field(default_factory=list)
    imports: set[tuple[str, str]] = field(default_factory=set)
    parents: dict[ast.AST, ast.AST] = field(default_factory=dict)

    def __post_init__(self) -> None:
        tree = ast.parse(self.path.read_text(encoding="utf-8"))
        self.top = tree.body
        for node in ast.walk(tree):
            self.parents |= dict.fromkeys(ast.iter_child_nodes(node), node)
            if isinstance(node, ast.Call):
                self.calls.append(node)
            elif isinstance(node, Function):
                self.functions.append(node)
            elif isinstance(node, ast.ClassDef):
                self.classes.append(node)
            elif isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str)):
                self.strings.append(node)
            elif isinstance(node, ast.Import):
                self.imports |= {(alias.name, "") for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                self.imports |= {(node.module, alias.name) for alias in node.names}

    def function_around(self, node: ast.AST) -> Function | None:
        """The innermost function that a node stands in."""
        while (above := self.parents.get(node)) is not None:
            if isinstance(above, Function):
                return above
            node = above
        return None


@cache
def sources() -> dict[str, Source]:
    """Every module of the product by the name that it is imported under."""
    found: dict[str, Source] = {}
    for path in sorted(path for folder in FOLDERS for path in (REPO_ROOT / folder).rglob("*.py")):
        root = next(root for root in ROOTS if path.is_relative_to(root))
        parts = path.relative_to(root).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        found[name] = Source(path, name)
    return found


def reached_from(start: Iterable[Source], barred: tuple[str, ...]) -> set[Source]:
    """The modules that these import, at any depth, and the scripts whose names they hold: what a job runs.

    Args:
        start: files.
        barred: beginnings of paths below the repository that are not gone into.
    """
    scripts = {source.path.name: source for source in sources().values()}
    found: set[Source] = set()
    queue = list(start)
    while queue:
        source = queue.pop()
        if source in found or below(source).startswith(barred):
            continue
        found.add(source)
        modules = {name for pair in source.imports for name in (pair[0], ".".join(pair))}
        queue += [sources()[name] for name in modules & set(sources())]
        named = {str(node.value).rsplit("/", 1)[-1] for node in source.strings if isinstance(node, ast.Constant)}
        queue += [scripts[name] for name in named & set(scripts) if name != "__init__.py"]
    return found


def below(source: Source) -> str:
    """A file's path below the repository."""
    return source.path.relative_to(REPO_ROOT).as_posix()


@cache
def kinds() -> frozenset[str]:
    """Names of the project's error kinds, derived ones too, and of what says why a clip is left out."""
    found = {"GSVError", "T2SError", "SkippedClip"}
    classes = [node for source in sources().values() for node in source.classes]
    while more := {node.name for node in classes if found & {_name(base) for base in node.bases}} - found:
        found |= more
    return frozenset(found)


def sentences(source: Source) -> Iterator[Sentence]:
    """What the errors that this module makes may say."""
    for call in source.calls:
        if (kind := _name(call.func)) not in kinds():
            continue
        values = call.args[FIRST_FIELD.get(kind, 0) :][: 1 if kind in ONE_SENTENCE else len(FIELDS)]
        for value in (*values, *(word.value for word in call.keywords if word.arg in FIELDS)):
            for text in sorted(templates(source, value)):
                yield Sentence(" ".join(text.split()), below(source))


def templates(source: Source, node: ast.expr | None, depth: int = 0) -> set[str]:
    """Every text that an expression may be, as far as it can be read; ``{}`` where it cannot."""
    if isinstance(node, ast.Constant):
        return {node.value if isinstance(node.value, str) else "{}"}
    if isinstance(node, ast.JoinedStr):
        parts = [_put_in(source, part, depth) for part in node.values]
        return {"".join(texts) for texts in itertools.product(*parts)}
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        both = itertools.product(templates(source, node.left, depth), templates(source, node.right, depth))
        return {"".join(texts) for texts in both}
    if isinstance(node, ast.IfExp):
        return templates(source, node.body, depth) | templates(source, node.orelse, depth)
    if isinstance(node, ast.BoolOp):
        return set().union(*(templates(source, value, depth) for value in node.values))
    if isinstance(node, ast.Call) and depth < DEEPEST:
        return _returned(source, node, depth + 1) or {"{}"}
    if isinstance(node, ast.Name) and depth < DEEPEST:
        return _of_name(source, node, depth + 1) or {"{}"}
    return {"{}"}


def _put_in(source: Source, part: ast.expr, depth: int) -> set[str]:
    """A part of an f-string; what is put in is read too where it is in words, chosen here or by another function."""
    if not isinstance(part, ast.FormattedValue):
        return templates(source, part, depth)
    if isinstance(part.value, ast.IfExp):
        return templates(source, part.value, depth)
    named = isinstance(part.value, ast.Name | ast.Call) and source.function_around(part) is not None
    texts = templates(source, part.value, depth) if named else set()
    worded = {text for text in texts if len(text.replace("{}", "").split()) > 1}
    if worded and "" in texts:  # a clause that may be left out
        return texts
    return worded if worded and worded == texts else worded | {"{}"}


def _returned(source: Source, call: ast.Call, depth: int) -> set[str]:
    """What a function of the same file gives."""
    functions = [function for function in source.functions if function.name == _name(call.func)]
    returns = [node.value for function in functions for node in ast.walk(function) if isinstance(node, ast.Return)]
    return set().union(*(templates(source, value, depth) for value in returns))


def _of_name(source: Source, name: ast.Name, depth: int) -> set[str]:
    """What a name stands for: what is assigned to it here, what callers give, or a constant of the module."""
    function = source.function_around(name)
    while function is not None:
        given = _given(source, function, name.id, depth)
        own = _assigned(name.id, ast.walk(function))
        if own or given is not None:
            return (given or set()).union(*(templates(source, value, depth) for value in own))
        function = source.function_around(function)
    return set().union(*(templates(source, value, depth) for value in _assigned(name.id, source.top)))


def _assigned(name: str, nodes: Iterable[ast.AST]) -> list[ast.expr]:
    """What is assigned to a name, alone or in a row of names."""
    found = []
    for node in nodes:
        if isinstance(node, ast.AnnAssign) and node.value is not None and _name(node.target) == name:
            found.append(node.value)
        elif isinstance(node, ast.Assign):
            found += [node.value for target in node.targets if _name(target) == name]
            rows = [target.elts for target in node.targets if isinstance(target, ast.Tuple)]
            if rows and isinstance(node.value, ast.Tuple):
                found += [v for t, v in zip(rows[0], node.value.elts, strict=False) if _name(t) == name]
    return found


def _given(source: Source, function: Function, name: str, depth: int) -> set[str] | None:
    """What callers give as the argument ``name``, and its default; None if there is no such argument."""
    positional = [argument.arg for argument in (*function.args.posonlyargs, *function.args.args)]
    if name not in (*positional, *(argument.arg for argument in function.args.kwonlyargs)):
        return None
    found: set[str] = set()
    for caller, call in _calls_of(source, function):
        bound = isinstance(call.func, ast.Attribute) and positional[:1] in (["self"], ["cls"])
        arguments = dict(zip(positional[bound:], call.args, strict=False))
        arguments |= {str(word.arg): word.value for word in call.keywords}
        if name in arguments:
            found |= templates(caller, arguments[name], depth)
    defaults = dict(zip(reversed(positional), reversed(function.args.defaults), strict=False))
    defaults |= {a.arg: v for a, v in zip(function.args.kwonlyargs, function.args.kw_defaults, strict=True) if v}
    return found | (templates(source, defaults[name], depth) if name in defaults else set())


@cache
def _calls() -> dict[str, list[tuple[Source, ast.Call]]]:
    """Every call in the sources, with its file, by the name of what is called."""
    found: dict[str, list[tuple[Source, ast.Call]]] = defaultdict(list)
    for source in sources().values():
        for call in source.calls:
            found[_name(call.func)].append((source, call))
    return found


def _calls_of(source: Source, function: Function) -> Iterator[tuple[Source, ast.Call]]:
    """Calls of a function in its own file and in those that import it by name, or its class or another maker of it."""
    method = isinstance(source.parents.get(function), ast.ClassDef)
    for caller, call in _calls()[function.name]:
        imported = {name for module, name in caller.imports if module == source.name}
        if caller is source or (imported if method else function.name in imported):
            yield caller, call


def _name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
