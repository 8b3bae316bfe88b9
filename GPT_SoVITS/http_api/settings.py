"""How the server is started: arguments over environment over defaults, checked once.

Safe by default: the loopback address without a key, another one only with a key.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from config import LOOPBACK, PACK_DIR, REPO_ROOT, Config, is_loopback, parse_int, parse_port, resolve_path
from errors import ConfigError
from TTS_infer_pack.voice_library import weight_folders

LEAST_KEY = 8
MIB = 2**20


@dataclass(frozen=True)
class Limits:
    """What one server takes on.

    Attributes:
        running: requests that speak at the same time.
        queue: requests that wait for one of them to end; more are answered 429.
        queue_seconds: longest wait, then 503.
        request_seconds: longest time of a request from its admission to its last byte, then 504.
        body_bytes, upload_bytes: of a request, and of one that brings a recording.
        body_seconds: longest wait for the next part of a body.
        send_seconds: longest wait for a client that does not read.
        pending_bytes: of one request, made and not read yet.
    """

    running: int = 4
    queue: int = 64
    queue_seconds: float = 60.0
    request_seconds: float = 600.0
    body_bytes: int = MIB
    upload_bytes: int = 11 * MIB
    body_seconds: float = 20.0
    send_seconds: float = 30.0
    pending_bytes: int = 16 * MIB

    def __post_init__(self) -> None:
        for one in fields(self):
            if getattr(self, one.name) <= 0:
                raise ConfigError(f"limit {one.name} is {getattr(self, one.name)}", "more than 0")


@dataclass(frozen=True)
class ApiSettings:
    """One server's settings.

    Attributes:
        host, port: where it listens; port 0 takes a free one.
        config: settings file of the voice; None: the project's.
        key: what clients have to show; None on the loopback address.
        origins: web pages that may ask from a browser, "http://localhost:8000" each.
        hosts: further names under which the server is reached, for a server without a key.
        public_compatible: state may be changed by GET, as the public API has it.
        voices: folder of voices with names.
        allow: further folders of reference clips and weights.
        memory: bytes that the weights of loaded voices may take together.
        limits: what one server takes on.
    """

    host: str = LOOPBACK
    port: int = 9880
    config: str | None = None
    key: str | None = field(default=None, repr=False)
    origins: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    public_compatible: bool = False
    voices: Path = REPO_ROOT / "voices"
    allow: tuple[Path, ...] = ()
    memory: int = 4096 * MIB
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        if self.key is not None and len(self.key) < LEAST_KEY:
            raise ConfigError(f"the API key has {len(self.key)} characters", f"at least {LEAST_KEY}")
        if self.key is None and not is_loopback(self.host):
            raise ConfigError(
                f"--bind_addr {self.host} without a key",
                "a key for a server that others can reach",
                "set the variable api_key, or leave the server on this computer",
            )

    @property
    def reference_roots(self) -> tuple[Path, ...]:
        """Folders in which a reference clip may lie."""
        return (self.voices, PACK_DIR / "reference", *self.allow)

    @property
    def weight_roots(self) -> tuple[Path, ...]:
        """Folders in which weights may lie: those of the project, the voices' and the allowed ones."""
        return (*weight_folders(), self.voices, *self.allow)


def build_parser() -> argparse.ArgumentParser:
    """The command line's arguments."""
    parser = argparse.ArgumentParser(description="The HTTP API of GPT-SoVITS, by default for this computer only.")
    parser.add_argument("-a", "--bind_addr", default=LOOPBACK, metavar="ADDRESS", help="address (default: 127.0.0.1)")
    parser.add_argument("-p", "--port", help="port (default: 9880)")
    parser.add_argument("-c", "--tts_config", metavar="FILE", help="settings file (default: tts_infer.yaml)")
    parser.add_argument(
        "--origin", action="append", default=[], metavar="URL", help="web page that may ask from a browser; repeatable"
    )
    parser.add_argument(
        "--host", action="append", default=[], metavar="NAME", help="further name of this server; repeatable"
    )
    parser.add_argument(
        "--public-compatible", action="store_true", help="weights, reference and /control may be changed by GET"
    )
    parser.add_argument("--voices", metavar="FOLDER", help="folder of voices with names (default: voices/)")
    parser.add_argument(
        "--allow",
        action="append",
        default=[],
        metavar="FOLDER",
        help="folder of reference clips and weights; repeatable",
    )
    parser.add_argument("--memory", type=int, default=4096, metavar="MIB", help="for the weights of all loaded voices")
    parser.add_argument("--running", type=int, default=Limits.running, help="requests that speak at the same time")
    parser.add_argument("--queue", type=int, default=Limits.queue, help="requests that may wait, before 429")
    parser.add_argument(
        "--timeout", type=float, default=Limits.request_seconds, metavar="SECONDS", help="of a request, before 504"
    )
    return parser


def read_settings(argv: Sequence[str] | None = None) -> ApiSettings:
    """The command line and the environment as settings.

    Raises:
        ConfigError: a value that cannot be used, or a server open to others without a key.
    """
    arguments = build_parser().parse_args(argv)
    config = Config.from_environment(api_port=arguments.port, voices_root=arguments.voices)
    return ApiSettings(
        host="0.0.0.0" if arguments.bind_addr in ("None", "") else arguments.bind_addr,  # the public spelling of "all"
        port=parse_port("port", config.api_port),
        config=str(Path(arguments.tts_config).resolve()) if arguments.tts_config else None,
        key=config.api_key,
        origins=tuple(origin.rstrip("/") for origin in arguments.origin),
        hosts=tuple(arguments.host),
        public_compatible=arguments.public_compatible,
        voices=Path(config.voices_root),
        allow=tuple(_folder(name) for name in arguments.allow),
        memory=parse_int("--memory", arguments.memory, 1, 2**24) * MIB,
        limits=_limits(arguments),
    )


def _limits(arguments: argparse.Namespace) -> Limits:
    values: dict[str, Any] = {
        "running": arguments.running,
        "queue": arguments.queue,
        "request_seconds": arguments.timeout,
    }
    return Limits(**values)


def _folder(name: str) -> Path:
    folder = resolve_path(name)
    if not folder.is_dir():
        raise ConfigError(f"--allow {name} is no folder", "a folder that is there")
    return folder
