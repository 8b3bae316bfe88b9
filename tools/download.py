"""Fetch published weights by name into the places that GPT-SoVITS users know, or a language model into the hub's cache.

    python tools/download.py v2                       # all that v2 speaks with
    python tools/download.py sv g2pw                  # single parts; --list names them all
    python tools/download.py Qwen/Qwen2-0.5B          # a language model, where transformers looks for it
    python tools/download.py v4 --source modelscope
    HF_ENDPOINT=https://hf-mirror.com python tools/download.py v2

A transfer that broke off goes on when the same command runs again. Every file is compared with the checksum that the
hub announces; one that is wrong does not stay. With ``HF_HUB_OFFLINE=1`` nothing is asked: what is on disk is named,
and what is not is an error.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fnmatch import fnmatch
from pathlib import Path

from tqdm import tqdm

from config import read_environment
from errors import ConfigError, DownloadError, GSVError, OutputError
from published import ITEMS, SOURCES, Item, Source, expand, place, source_of
from tools.downloads.hubs import HF_ENDPOINT, MODELSCOPE_ENDPOINT, Hub, HuggingFace, Listing, ModelScope, archive_files
from tools.downloads.transfer import Progress, RemoteFile, fetch, silent

SKIPPED = (".gitattributes", "README.md", "*.py", ".*")
"""Files of a published folder that speaking does not read; code is never fetched."""
LM_PATTERNS = ("*.json", "*.safetensors", "*.model", "*.txt", "*.jinja")
"""Files of a language model that are read: weights in safetensors, settings, tokenizer."""
OFFLINE_NAMES = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")
Task = tuple[RemoteFile, Path]


class Downloader:
    """Fetches by name from one hub.

    Args:
        source: "hf" or "modelscope".
        endpoint: address of the hub or a mirror; None for HF_ENDPOINT, else the hub's own.
        repo: repository to take published files from in place of the usual one; they lie there as below
            ``pretrained_models/``.
        progress: told about every block that arrives.
        force: replace files that differ from the published ones.
    """

    def __init__(
        self,
        source: str = "hf",
        endpoint: str | None = None,
        repo: str | None = None,
        progress: Progress = silent,
        force: bool = False,
    ) -> None:
        self.offline = any(os.environ.get(name, "").upper() in ("1", "ON", "YES", "TRUE") for name in OFFLINE_NAMES)
        self._source, self._repo, self._progress, self._force = source, repo, progress, force
        self._hub = make_hub(source, endpoint)
        self._listings: dict[str, Listing] = {}

    def items(self, names: Sequence[str]) -> list[Path]:
        """Fetch published items with all that they need; returns their paths.

        Raises:
            ConfigError: an unknown name.
            DownloadError, OutputError: see :func:`tools.downloads.transfer.fetch`; also offline with parts missing.
        """
        wanted = expand(names)
        if self.offline:
            return self._offline_items(wanted)
        paths = [path for item in wanted for path in item.paths]
        self._run([task for path in paths for task in self._tasks(path)])
        return [place(path) for path in paths]

    def language_model(self, repo: str) -> Path:
        """Fetch a language model into the hub's cache, where transformers and this project find it by its name.

        Returns:
            the folder.

        Raises:
            DownloadError, OutputError: as :meth:`items`.
        """
        from huggingface_hub.constants import HF_HUB_CACHE

        cache = Path(HF_HUB_CACHE) / f"models--{repo.replace('/', '--')}"
        if self.offline:
            return _offline_model(repo, cache)
        listing = self._listing(repo)
        folder = cache / "snapshots" / listing.revision
        names = [name for name in listing.files if any(fnmatch(name, pattern) for pattern in LM_PATTERNS)]
        if not any(name.endswith(".safetensors") for name in names):
            raise DownloadError(f"{repo} holds no weights in safetensors", "a language model", "choose another one")
        self._run([(listing.files[name], folder / name) for name in names])
        _write(cache / "refs" / "main", listing.revision)
        return folder

    def _listing(self, repo: str) -> Listing:
        if repo not in self._listings:
            self._listings[repo] = self._hub.listing(repo)
        return self._listings[repo]

    def _files(self, source: Source) -> dict[str, RemoteFile]:
        """What a source holds, by its path relative to ``GPT_SoVITS/``."""
        listing = self._listing(source.repo)
        if not source.archive:
            return {source.root + name: remote for name, remote in listing.files.items()}
        if source.archive not in listing.files:
            raise DownloadError(
                f"{source.repo} holds no {source.archive}",
                "the published archive",
                "choose another --source, or name a --repo",
            )
        key = f"{source.repo}/{source.archive}"
        if key not in self._listings:
            self._listings[key] = Listing(listing.revision, archive_files(listing.files[source.archive]))
        return {source.root + name: remote for name, remote in self._listings[key].files.items()}

    def _tasks(self, path: str) -> Iterator[Task]:
        """The files of a published path, each with its place."""
        source = source_of(path, self._source)
        if self._repo:
            source = Source("pretrained_models/" if path.startswith("pretrained_models/") else source.root, self._repo)
        files = self._files(source)
        if path.endswith("/"):
            names = [name for name in files if name.startswith(path) and not _skipped(name)]
        else:
            names = [path] if path in files else []
        if not names:
            raise DownloadError(
                f"{source.repo} at {self._hub.endpoint} holds no {path}",
                "the published layout",
                "choose another --source, or name a --repo that has it",
            )
        yield from ((files[name], place(name)) for name in names)

    def _run(self, tasks: Sequence[Task]) -> None:
        need = sum(remote.size for remote, target in tasks if not target.is_file())
        if tasks:
            _check_room(tasks[0][1], need)
        for remote, target in tasks:
            fetch(remote, target, self._progress, self._force)

    def _offline_items(self, wanted: Sequence[Item]) -> list[Path]:
        missing = [item.name for item in wanted if not item.present]
        if missing:
            raise DownloadError(
                f"HF_HUB_OFFLINE is set, and {', '.join(missing)} is not on disk",
                "a network",
                "unset HF_HUB_OFFLINE (and TRANSFORMERS_OFFLINE)",
            )
        return [place(path) for item in wanted for path in item.paths]


def make_hub(source: str, endpoint: str | None = None) -> Hub:
    """The hub called ``source``; HF_ENDPOINT names a mirror of the Hugging Face hub where ``endpoint`` does not."""
    if source == "modelscope":
        return ModelScope((endpoint or MODELSCOPE_ENDPOINT).rstrip("/"))
    if source != "hf":
        raise ConfigError(f"unknown source {source!r}", "one of " + ", ".join(SOURCES))
    from huggingface_hub import get_token

    chosen = endpoint or read_environment(None, "hf_endpoint").get("hf_endpoint") or HF_ENDPOINT
    return HuggingFace(chosen.rstrip("/"), get_token())


def _skipped(name: str) -> bool:
    base = name.rsplit("/", 1)[-1]
    return any(fnmatch(base, pattern) for pattern in SKIPPED)


def _offline_model(repo: str, cache: Path) -> Path:
    main = cache / "refs" / "main"
    folder = cache / "snapshots" / main.read_text(encoding="utf-8").strip() if main.is_file() else cache
    if not (folder / "config.json").is_file():
        raise DownloadError(f"HF_HUB_OFFLINE is set, and {repo} is not on disk", "a network", "unset HF_HUB_OFFLINE")
    return folder


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise OutputError(f"{path} cannot be written ({error.strerror})", "a writable folder") from error


def _check_room(target: Path, need: int) -> None:
    """Refuse before the first byte what the disk cannot hold."""
    folder = next(parent for parent in target.parents if parent.exists())
    free = shutil.disk_usage(folder).free
    if need > free:
        raise OutputError(
            f"{need / 1e9:.1f} GB are to be fetched, {folder} has room for {free / 1e9:.1f} GB", "a disk with room"
        )


# ---- the command ----------------------------------------------------------------------------------------------------


@contextmanager
def progress_bars() -> Iterator[Progress]:
    """A :data:`Progress` that draws a bar per file on a terminal, and nothing elsewhere."""
    bars: dict[str, tqdm] = {}

    def show(name: str, done: int, total: int) -> None:
        if name not in bars:
            bars[name] = tqdm(
                total=total,
                initial=done,
                desc=name.rsplit("/", 1)[-1][:40],
                unit="B",
                unit_scale=True,
                unit_divisor=1024,
                disable=None,
                file=sys.stderr,
            )
        bars[name].update(done - bars[name].n)

    try:
        yield show
    finally:
        for bar in bars.values():
            bar.close()


def table() -> str:
    """The items, a line each, with what is on disk."""
    rows = [(item.name, "on disk" if item.present else "-", item.what) for item in ITEMS.values()]
    return "\n".join(f"{name:<16} {there:<8} {what}" for name, there, what in rows)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Fetch published weights by name; a broken transfer goes on.")
    parser.add_argument("names", nargs="*", metavar="name", help="items (see --list), all, or owner/name of an LM")
    parser.add_argument("--list", action="store_true", help="name the items and what is on disk")
    parser.add_argument("--source", choices=list(SOURCES), default="hf", help="where from (default hf)")
    parser.add_argument("--endpoint", help="address of the hub or a mirror (default: HF_ENDPOINT, else the hub's own)")
    parser.add_argument("--repo", help="take published files from this repository, laid out as pretrained_models/")
    parser.add_argument("--force", action="store_true", help="replace files that differ from the published ones")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code: 0, 2 for an error in one line, 130 where it was interrupted."""
    args = _parser().parse_args(argv)
    if args.list or not args.names:
        print(table())
        return 0
    models = [name for name in args.names if name.count("/") == 1]
    names = [name for name in args.names if name not in models]
    try:
        with progress_bars() as progress:
            downloader = Downloader(args.source, args.endpoint, args.repo, progress, args.force)
            paths = downloader.items(names) if names else []
            paths += [downloader.language_model(repo) for repo in models]
    except GSVError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted; the same command goes on from here", file=sys.stderr)
        return 130
    for path in paths:
        print(f"on disk: {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
