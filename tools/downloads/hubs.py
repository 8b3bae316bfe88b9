"""What the hubs offer: the files of a repository with their sizes and checksums, and the files inside a zip of one.

Knows the listings of the Hugging Face hub (and of mirrors that speak like it) and of ModelScope. Transfers nothing but
listings: the files themselves are :mod:`tools.downloads.transfer`'s.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import IO, Any, Protocol
from urllib.parse import quote

from errors import DownloadError
from tools.downloads.transfer import NETWORK, RemoteFile, open_url

HF_ENDPOINT = "https://huggingface.co"
MODELSCOPE_ENDPOINT = "https://www.modelscope.cn"
PACKINGS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
LOCAL_HEADER = 30
"""Bytes before name and extra field of a file in a zip."""


@dataclass(frozen=True)
class Listing:
    """Files of a repository by their path in it, at one revision."""

    revision: str
    files: Mapping[str, RemoteFile]


class Hub(Protocol):
    """Something that lists repositories."""

    @property
    def endpoint(self) -> str:
        """Its address."""
        ...

    def listing(self, repo: str) -> Listing:
        """The files of ``repo`` ("owner/name").

        Raises:
            DownloadError: out of reach, or no such repository.
        """
        ...


@dataclass(frozen=True)
class HuggingFace:
    """The Hugging Face hub, or a mirror of it at ``endpoint``; ``token`` for models with terms."""

    endpoint: str = HF_ENDPOINT
    token: str | None = field(default=None, repr=False)

    def listing(self, repo: str) -> Listing:
        """As :class:`Hub`."""
        secrets = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        answer = _ask(f"{self.endpoint}/api/models/{quote(repo)}/revision/main?blobs=true", repo, secrets)
        revision = str(answer["sha"])
        files = {}
        for row in answer["siblings"]:
            name, lfs = _inside(row["rfilename"]), row.get("lfs") or {}
            url = f"{self.endpoint}/{quote(repo)}/resolve/{quote(revision)}/{quote(name)}"
            files[name] = RemoteFile(
                name,
                url,
                int(lfs.get("size") or row["size"]),
                sha256=lfs.get("sha256"),
                git_sha1=None if lfs else row.get("blobId"),
                secrets=secrets,
            )
        return Listing(revision, files)


@dataclass(frozen=True)
class ModelScope:
    """ModelScope at ``endpoint``; public repositories only."""

    endpoint: str = MODELSCOPE_ENDPOINT
    revision: str = "master"

    def listing(self, repo: str) -> Listing:
        """As :class:`Hub`."""
        path = f"{self.endpoint}/api/v1/models/{quote(repo)}/repo/files?Revision={self.revision}&Recursive=True"
        answer = _ask(path, repo)
        files = {}
        for row in answer["Data"]["Files"]:
            if row.get("Type") != "tree":
                name = _inside(row["Path"])
                url = f"{self.endpoint}/models/{quote(repo)}/resolve/{self.revision}/{quote(name)}"
                files[name] = RemoteFile(name, url, int(row["Size"]), sha256=row.get("Sha256") or None)
        return Listing(f"modelscope-{self.revision}", files)


def _inside(name: object) -> str:
    """``name``, if it is a path that stays where it is put."""
    path = str(name)
    if path.startswith("/") or ".." in path.split("/") or "\\" in path or ":" in path:
        raise DownloadError(
            f"a file is called {path!r}, which leads outside its folder",
            "plain relative names",
            "choose another source",
        )
    return path


class _Answer(dict[str, Any]):
    """A listing as it came; a key that is missing is the hub's fault and says so."""

    def __missing__(self, key: str) -> Any:
        raise DownloadError(f"the hub's listing has no {key!r}", "a hub that speaks as expected", "check the endpoint")


def _ask(url: str, repo: str, secrets: Mapping[str, str] | None = None) -> _Answer:
    """A JSON object from a hub."""
    try:
        with open_url(url, secrets) as answer:
            return json.load(answer, object_hook=_Answer)
    except DownloadError as error:
        raise DownloadError(
            f"{error.what}: {repo} is not there, or not for everybody", "a repository that may be fetched", error.fix
        ) from error
    except (*NETWORK, ValueError) as error:
        raise DownloadError(
            f"{url.split('/api/')[0]} is out of reach ({error})",
            "a hub that answers",
            "check the network, HF_ENDPOINT or --endpoint, or choose another --source",
        ) from error


# ---- inside a zip ---------------------------------------------------------------------------------------------------


class _RangeReader(io.RawIOBase):
    """A remote file, read by ranges."""

    def __init__(self, remote: RemoteFile) -> None:
        super().__init__()
        self._remote, self._at = remote, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._remote.size}[whence]
        self._at = start + offset
        return self._at

    def readinto(self, buffer: Any) -> int:
        begin, end = self._at, min(self._at + len(buffer), self._remote.size)
        if begin >= end:
            return 0
        with open_url(self._remote.url, self._remote.secrets, (begin, end)) as answer:
            if answer.status != 206:
                raise DownloadError(
                    f"{self._remote.url} cannot be read in parts", "a server that knows ranges", "choose another source"
                )
            content = answer.read(end - begin)
        buffer[: len(content)] = content
        self._at += len(content)
        return len(content)


def archive_files(archive: RemoteFile, prefix: str = "") -> dict[str, RemoteFile]:
    """The files of a zip whose path begins with ``prefix``, each as a stretch of the zip, without fetching the zip.

    Raises:
        DownloadError: out of reach, not a zip, or with a file that is packed in an unknown way, or leads outside.
    """
    files = {}
    try:
        with io.BufferedReader(_RangeReader(archive), 1 << 16) as reader, zipfile.ZipFile(reader) as opened:
            for entry in opened.infolist():
                if not entry.is_dir() and entry.filename.startswith(prefix):
                    files[entry.filename] = _member(archive, reader, entry)
    except (*NETWORK, zipfile.BadZipFile) as error:
        raise DownloadError(
            f"the table of contents of {archive.url} cannot be read ({error})",
            "a zip that is whole",
            "run the command again, or choose another source",
        ) from error
    return files


def _member(archive: RemoteFile, reader: IO[bytes], entry: zipfile.ZipInfo) -> RemoteFile:
    if entry.compress_type not in PACKINGS or entry.flag_bits & 1:
        raise DownloadError(
            f"{entry.filename} in {archive.url} is packed in an unknown way", "a plain zip", "choose another source"
        )
    reader.seek(entry.header_offset)
    header = reader.read(LOCAL_HEADER)
    begin = entry.header_offset + LOCAL_HEADER + sum(int.from_bytes(header[at : at + 2], "little") for at in (26, 28))
    packed = entry.compress_size if entry.compress_type == zipfile.ZIP_DEFLATED else None
    return replace(
        archive,
        name=_inside(entry.filename),
        size=entry.file_size,
        sha256=None,
        git_sha1=None,
        crc32=entry.CRC,
        offset=begin,
        packed_size=packed,
    )
