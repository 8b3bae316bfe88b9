"""Starts the server: settings, application, uvicorn. ``python api_v2.py`` and ``gsv api`` call :func:`main`."""

from __future__ import annotations

import logging
import os
import socket
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from errors import ConfigError, GSVError, MissingDependencyError
from http_api.settings import ApiSettings, read_settings

if TYPE_CHECKING:
    import uvicorn

logger = logging.getLogger(__name__)

MAX_MESSAGE = 64 * 1024
"""Bytes of a WebSocket message."""
KEEP_ALIVE_SECONDS = 30
CONNECTIONS_A_PLACE = 8
BACKLOG = 2048


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until interrupted. Returns the exit code (2 for an error of the user's)."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    try:
        settings = read_settings(argv)
        command = serve(settings)
    except GSVError as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    if command == "restart":
        arguments = sys.argv[1:] if argv is None else list(argv)
        os.execv(sys.executable, [sys.executable, "-m", "http_api.server", *arguments])
    return 0


def serve(settings: ApiSettings, started: Callable[[int], None] | None = None) -> str:
    """Run the server until it ends; returns the command that ended it, "" for a signal.

    Args:
        settings: of the server.
        started: told the port when the server listens.

    Raises:
        MissingDependencyError: the packages of the extra "api" are not installed.
        ConfigError: the address cannot be listened on.
    """
    try:
        import uvicorn

        from http_api.app import create_app
        from http_api.service import Service
    except ImportError as error:
        raise MissingDependencyError(
            f"the HTTP API needs {error.name}, which is not installed", "the extra api", 'pip install -e ".[api]"'
        ) from error
    ended_by: list[str] = []

    def shut_down(command: str) -> None:
        ended_by.append(command)
        server.should_exit = True

    service = Service(settings, shut_down=shut_down)
    server = uvicorn.Server(uvicorn_config(create_app(service), settings))
    listener = open_listener(settings)
    port = listener.getsockname()[1]
    logger.info("listening on http://%s:%d, %s", settings.host, port, _protection(settings))
    if started is not None:
        started(port)
    server.run(sockets=[listener])
    return ended_by[0] if ended_by else ""


def open_listener(settings: ApiSettings) -> socket.socket:
    """A socket that listens where the settings say.

    Raises:
        ConfigError: the address is taken, or not this computer's.
    """
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        return socket.create_server((settings.host, settings.port), family=family, backlog=BACKLOG)
    except OSError as error:
        raise ConfigError(
            f"{settings.host} port {settings.port} cannot be listened on ({error.strerror})",
            "a free port of this computer",
            "end the other server, or give -p another port",
        ) from error


def uvicorn_config(app: Any, settings: ApiSettings) -> uvicorn.Config:
    """How uvicorn runs the application: no access log (queries may hold a key), no server header."""
    import uvicorn

    limits = settings.limits
    return uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=5,
        ws_max_size=MAX_MESSAGE,
        limit_concurrency=CONNECTIONS_A_PLACE * (limits.running + limits.queue) + 1024,
    )


def _protection(settings: ApiSettings) -> str:
    return "with a key" if settings.key else "for this computer only"


if __name__ == "__main__":
    sys.exit(main())
