"""Paths that a client sends: files in the allowed folders only, found without regard to case, and none in an answer."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from config import REPO_ROOT
from errors import RequestError

MAX_PATH = 1024
_ABSOLUTE = re.compile(r"(?:(?<![\w/.:])|(?<=file:))/(?:[^\s/'\";,()\[\]]+/)+|\b[A-Za-z]:\\(?:[^\s\\'\";,()]+\\)*")


def find_file(text: str, roots: Iterable[Path], suffixes: tuple[str, ...]) -> Path | None:
    """The file that ``text`` names below one of ``roots``; None where there is none.

    A relative path starts at the repository, at a root, or beside it ("voices/alice/a.wav"). Links are followed before
    the place is judged, so that none leads out. Clients lower-case paths: where there is no such file, one is taken
    whose name differs in case only.

    Raises:
        RequestError: no path at all.
    """
    text = text.strip().strip("\"'").replace("\\", "/")
    if not text or len(text) > MAX_PATH or any(ord(char) < 32 for char in text):
        raise RequestError("the path is empty, too long, or holds control characters", "the path of a file")
    if not text.lower().endswith(suffixes):
        return None
    for root in roots:
        for parts in _below(text, root):
            found = _descend(root, parts)
            if found is not None and found.resolve().is_relative_to(root.resolve()):
                return found.resolve()
    return None


def _below(text: str, root: Path) -> list[tuple[str, ...]]:
    """Ways to read ``text`` as parts below ``root``; parts that climb are none."""
    parts = tuple(part for part in PurePosixPath(text).parts if part != ".")
    if ".." in parts:
        return []
    found = [parts] if not text.startswith("/") else []
    starts: set[tuple[str, ...]] = {root.absolute().parts, root.resolve().parts, (root.name,)}
    if root.is_relative_to(REPO_ROOT):
        starts.add(root.relative_to(REPO_ROOT).parts)
    for start in sorted(starts):
        head = tuple(part.casefold() for part in parts[: len(start)])
        if head and head == tuple(part.casefold() for part in start):
            found.append(parts[len(start) :])
    return found


def _descend(root: Path, parts: tuple[str, ...]) -> Path | None:
    """The file at ``parts`` below ``root``, each compared without case where it is not there as written."""
    here = root
    for part in parts:
        if not (here / part).exists():
            if not here.is_dir():
                return None
            part = next((p.name for p in here.iterdir() if p.name.casefold() == part.casefold()), "")
            if not part:
                return None
        here = here / part
    return here if here.is_file() else None


def stem(text: str) -> str:
    """The bare name of what a path names: "./voices/Alice.wav" is "Alice"."""
    return PurePosixPath(text.strip().replace("\\", "/")).stem


def without_paths(message: str) -> str:
    """``message`` with every absolute path cut down to its last part: nobody learns where things lie here."""
    message = message.replace(f"{REPO_ROOT}/", "")
    return _ABSOLUTE.sub("", message)
