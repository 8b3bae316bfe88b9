"""Install, describe and remove the plugin in a checkout. Every change is in the manifest, so that all can be undone."""

from __future__ import annotations

import ast
import json
import logging
import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from config import REPO_ROOT
from errors import OutputError
from tools.host_plugin.closure import ENTRY_MODULES, closure, imported_names, rewritten
from tools.host_plugin.host import GPT_SOVITS, Host, read_host
from tools.host_plugin.lines import MARK, InsertedLine, insert, sha256, take_out

logger = logging.getLogger(__name__)

PACKAGE = "gsv_lm"
STAGE = "stage"
SOURCES = REPO_ROOT / "plugins" / "host" / PACKAGE
MANIFEST = "manifest.json"
FORMAT = 1
STAGES_FOLDER = "GPT_weights_qwen3"
COLD_FILES = ("AR/__init__.py", "TTS_infer_pack/__init__.py")
"""Files of the host, below GPT_SoVITS/, that get the line: nearly empty, and untouched by its authors for years."""


@dataclass(frozen=True)
class Manifest:
    """What an installation consists of.

    Attributes:
        home, python: the tree and the interpreter that installed it; training is started with them.
        files: hashes of the package's files by path below it.
        lines: what was inserted into files of the host.
        stages: names of the trained stages that were copied along.
    """

    home: str
    python: str
    files: Mapping[str, str]
    lines: Sequence[InsertedLine] = ()
    stages: Sequence[str] = ()

    def write(self, package: Path) -> None:
        """Into the package's folder."""
        content = {"format": FORMAT, **self.__dict__, "lines": [line.as_dict() for line in self.lines]}
        (package / MANIFEST).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, package: Path) -> Manifest | None:
        """The manifest of an installed package; None where nothing is installed.

        Raises:
            OutputError: a folder of that name that is not ours.
        """
        if not package.exists():
            return None
        try:
            content = json.loads((package / MANIFEST).read_text(encoding="utf-8"))
            if content.pop("format") != FORMAT:
                raise ValueError("another format")
            lines = [InsertedLine(**line) for line in content.pop("lines")]
            return cls(**content, lines=lines)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise OutputError(
                f"{package} has no manifest that can be read ({error})",
                "no such folder, or an installed plugin",
                f"look what it is, and delete it; then remove lines marked {MARK.decode()} by hand",
            ) from error


def package_files() -> dict[str, str]:
    """Text of every file of the package by its path below it: the shim and the stage, imports rewritten."""
    shim = {path.relative_to(SOURCES).as_posix(): path for path in sorted(SOURCES.rglob("*.py"))}
    entries = {
        name
        for path in shim.values()
        for name in imported_names(ast.parse(path.read_text(encoding="utf-8")))
        if name.split(".")[0] == "AR"
    }
    stage = closure(REPO_ROOT / GPT_SOVITS, sorted(entries | set(ENTRY_MODULES)))
    for path in stage.values():
        inside = path.relative_to(REPO_ROOT / GPT_SOVITS / "AR").as_posix()
        shim[f"{STAGE}/{inside}"] = path
    inner = f"{PACKAGE}.{STAGE}"
    return {name: rewritten(path.read_text(encoding="utf-8"), inner, name) for name, path in shim.items()}


def install(checkout: Path, stages: Sequence[Path] = ()) -> Host:
    """Put the plugin into a checkout, or renew it; ``stages`` are trained folders that are copied along.

    Raises:
        OutputError: no host, a folder in the way, or nothing can be written.
    """
    host = read_host(checkout)
    package = host.library / PACKAGE
    before = Manifest.read(package)
    files = package_files()
    try:
        if before is not None:
            _delete_files(package, before)
        for name, text in files.items():
            target = package / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(text.encode())
        copied = [_copy_stage(host, stage) for stage in stages]
        hashes = {name: sha256(text.encode()) for name, text in files.items()}
        manifest = Manifest(str(REPO_ROOT), sys.executable, hashes)
        known = before.stages if before is not None else ()
        manifest = replace(manifest, stages=sorted({*known, *copied}), lines=before.lines if before is not None else ())
        manifest.write(package)
        for name in COLD_FILES:  # noted after every single one: what is written can always be undone
            manifest = _with_line(host, package, manifest, name)
    except OSError as error:
        raise OutputError(f"{host.root} cannot be written ({error})", "a writable checkout") from error
    return host


def _with_line(host: Host, package: Path, manifest: Manifest, name: str) -> Manifest:
    path, file = host.library / name, f"{GPT_SOVITS}/{name}"
    old = next((line for line in manifest.lines if line.file == file), None)
    if old is not None and path.exists() and old.inserted.encode() in path.read_bytes():
        return manifest
    if old is not None:
        take_out(path, old)
    if path.exists() and MARK in path.read_bytes():
        raise OutputError(
            f"{path} has a line marked {MARK.decode()} of an unknown installation", "none", "delete the line"
        )
    others = [line for line in manifest.lines if line.file != file]
    manifest = replace(manifest, lines=[*others, insert(path, file)])
    manifest.write(package)
    return manifest


def _copy_stage(host: Host, stage: Path) -> str:
    from AR.models.lm_folder import is_lm_folder

    if not is_lm_folder(stage):
        raise OutputError(f"{stage} is no trained stage", "a folder with t2s_config.json")
    name = stage.resolve().name
    target = host.root / STAGES_FOLDER / name
    if target.exists():
        logger.info("%s is there already and stays as it is", target)
    else:
        shutil.copytree(stage, target)
    return name


def _delete_files(package: Path, manifest: Manifest) -> None:
    """The files of the manifest, caches of compiled code, and folders that are empty then. Other files stay."""
    for name in manifest.files:
        (package / name).unlink(missing_ok=True)
    for cache in sorted(package.rglob("__pycache__")):
        shutil.rmtree(cache, ignore_errors=True)
    for folder in sorted((path for path in package.rglob("*") if path.is_dir()), reverse=True):
        if not any(folder.iterdir()):
            folder.rmdir()


@dataclass(frozen=True)
class Removed:
    """What removing did: files of the host that are as before, those that were changed since, and what was left."""

    restored: tuple[str, ...]
    changed: tuple[str, ...]
    left: tuple[str, ...]


def remove(checkout: Path, stages: bool = False) -> Removed:
    """Take the plugin out of a checkout, with ``stages`` also all trained stages.

    Raises:
        OutputError: nothing is installed there.
    """
    root = checkout.expanduser().resolve()
    package = root / GPT_SOVITS / PACKAGE
    manifest = Manifest.read(package)
    if manifest is None:
        raise OutputError(f"the plugin is not installed in {root}", "a checkout with it")
    results = {line.file: take_out(root / line.file, line) for line in manifest.lines}
    _delete_files(package, manifest)
    (package / MANIFEST).unlink()
    left = _left_over(package)
    if not left:
        package.rmdir()
    if stages:
        shutil.rmtree(root / STAGES_FOLDER, ignore_errors=True)
    restored = tuple(file for file, how in results.items() if how == "restored")
    changed = tuple(file for file, how in results.items() if how != "restored")
    return Removed(restored, changed, tuple(left))


def _left_over(folder: Path) -> list[str]:
    return sorted(str(path) for path in folder.rglob("*") if path.is_file())


def changed_files(package: Path, manifest: Manifest) -> list[str]:
    """Files of the package that are not as they were installed, each with what is the matter."""
    return list(_changes(package, manifest.files.items()))


def _changes(package: Path, files: Iterable[tuple[str, str]]) -> Iterable[str]:
    for name, digest in files:
        path = package / name
        if not path.is_file():
            yield f"{name} is missing"
        elif sha256(path.read_bytes()) != digest:
            yield f"{name} was changed"


def facts(checkout: Path) -> dict[str, Any]:
    """What ``status`` tells, as data: host, installation, stages."""
    host = read_host(checkout)
    package = host.library / PACKAGE
    manifest = Manifest.read(package)
    lines = [] if manifest is None else [_line_state(host.root, line) for line in manifest.lines]
    stages = sorted(path.parent.name for path in (host.root / STAGES_FOLDER).glob("*/t2s_config.json"))
    return {
        "checkout": str(host.root),
        "installed": manifest is not None,
        "files": 0 if manifest is None else len(manifest.files),
        "changed_files": [] if manifest is None else changed_files(package, manifest),
        "lines": lines,
        "host_problems": host.problems(),
        "pages": list(host.pages),
        "out_of_reach": list(host.out_of_reach),
        "training_by": None if manifest is None else manifest.home,
        "stages": stages,
    }


def _line_state(root: Path, line: InsertedLine) -> str:
    path = root / line.file
    there = path.is_file() and line.inserted.strip().encode() in path.read_bytes()
    return f"{line.file}: {'in place' if there else 'the line is gone; install again'}"
